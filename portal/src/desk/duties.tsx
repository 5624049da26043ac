/** What laws command this hospital to tell, and whom. */
import { Badge, Card, Group, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ShownDuty } from '../../../adapter/http/contract/index.js';
import { useOwn } from '../me/own-query.js';
import { Instant } from '../shell/instant.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import type { Wallet } from '../wallet/wallet.js';
import { Facts } from '../work/facts.js';

export function Duties({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<{ duties: ShownDuty[] }>(wallet, '/duties');
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  const { duties } = own.data;
  return (
    <Stack>
      <Text>{t('desk.dutiesIntro')}</Text>
      {duties.length === 0 && <Empty>{t('desk.noDuties')}</Empty>}
      {duties.map((one) => (
        <Card key={one.id} withBorder>
          <Group justify="space-between" mb="xs">
            <Text fw={700} className="fact">
              {one.basis}
            </Text>
            <Badge variant="outline" color="gray">
              {t(`desk.duty.${one.state}`)}
            </Badge>
          </Group>
          <Facts
            rows={[
              [t('desk.recipient'), one.recipient],
              [t('desk.source'), one.source],
              [t('consent.what'), one.types.join(', ')],
              [t('desk.codes'), one.codes.join(', ')],
              [t('consent.from'), <Instant key="from" at={Date.parse(one.start)} />],
              [t('consent.to'), <Instant key="to" at={Date.parse(one.end)} />],
            ]}
          />
        </Card>
      ))}
    </Stack>
  );
}
