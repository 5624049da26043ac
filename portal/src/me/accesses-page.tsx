/** The account of accesses: a picture of who and when, and the list with a proof for each. */
import { Button, Card, Group, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { OwnAccess, OwnAccesses } from '../../../adapter/http/contract/index.js';
import { askAs } from '../session/session.js';
import { useAct } from '../shell/act.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import { saveFile } from '../shell/save-file.js';
import type { Wallet } from '../wallet/wallet.js';
import { AccessLine, useWho } from './access-line.js';
import { AccessPicture } from './access-picture.js';
import { useOwn } from './own-query.js';
import { PatientPage } from './patient-page.js';

export function AccessesPage(): ReactNode {
  const { t } = useTranslation();
  return <PatientPage title={t('accesses.title')}>{(wallet) => <Accesses wallet={wallet} />}</PatientPage>;
}

function Accesses({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<OwnAccesses>(wallet, '/me/accesses');
  const { isBusy, failure, run } = useAct();
  const who = useWho();
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  const { accesses, total } = own.data;
  if (total === 0) return <Empty>{t('accesses.empty')}</Empty>;
  const self = wallet.enrolled?.patient.reference;
  const saveProof = async ({ handle }: OwnAccess): Promise<void> => {
    const response = await askAs(wallet, `/me/accesses/${handle}/proof`);
    saveFile('firebreak-access.proof.json', await response.text(), 'application/json');
  };
  return (
    <Stack>
      <Text>{t('accesses.intro')}</Text>
      <AccessPicture accesses={accesses} nameOf={(access) => who(access, self)} />
      {accesses.length < total && (
        <Text c="dimmed">{t('accesses.cut', { shown: accesses.length, total })}</Text>
      )}
      <Refused failure={failure} />
      {accesses.map((access) => (
        <Card key={access.handle} withBorder padding="sm">
          <Group justify="space-between">
            <div>
              <AccessLine access={access} own={self} />
            </div>
            <Button
              variant="default"
              size="compact-sm"
              disabled={isBusy}
              onClick={() => run(() => saveProof(access))}
            >
              {t('accesses.save')}
            </Button>
          </Group>
        </Card>
      ))}
    </Stack>
  );
}
