/** What came for the record and waits for the patient's answer. */
import { Card, Code, Group, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { OwnWaiting, OwnWaitingList } from '../../../adapter/http/contract/index.js';
import { Instant } from '../shell/instant.js';
import { ButtonLink } from '../shell/links.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { happeningsOf } from '../timeline/lanes.js';
import type { Wallet } from '../wallet/wallet.js';
import { useOwn } from './own-query.js';
import { PatientPage } from './patient-page.js';

export function WaitingPage(): ReactNode {
  const { t } = useTranslation();
  return <PatientPage title={t('waiting.title')}>{(wallet) => <Waiting wallet={wallet} />}</PatientPage>;
}

function Waiting({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<OwnWaitingList>(wallet, '/me/waiting');
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  const { waiting, total } = own.data;
  if (total === 0) return <Empty>{t('waiting.empty')}</Empty>;
  return (
    <Stack>
      <Text>{t('waiting.intro', { count: total })}</Text>
      <div>
        <ButtonLink to="/me/permissions">{t('me.answer')}</ButtonLink>
      </div>
      {waiting.map((one, i) => (
        <One key={`${one.at} ${one.type} ${i}`} one={one} />
      ))}
    </Stack>
  );
}

function One({ one }: { one: OwnWaiting }): ReactNode {
  const { t } = useTranslation();
  const title = one.resource === undefined ? undefined : happeningsOf([one.resource])[0]?.title;
  return (
    <Card withBorder padding="sm">
      <Group justify="space-between">
        <Text fw={600}>{title === undefined ? one.type : `${one.type}: ${title}`}</Text>
        <Text size="sm">
          <Instant at={one.at} />
        </Text>
      </Group>
      {one.resource === undefined ? (
        <Text size="sm">{t(one.kind === 'delete' ? 'waiting.deleted' : 'waiting.unseen')}</Text>
      ) : (
        <details>
          <summary>{t('waiting.all')}</summary>
          <Code block className="whole">
            {JSON.stringify(one.resource, null, 2)}
          </Code>
        </details>
      )}
    </Card>
  );
}
