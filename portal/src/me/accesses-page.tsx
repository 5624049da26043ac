/** The account of accesses: a picture of who and when, and the list with a proof for each. */
import { Button, Stack, Table, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { OwnAccess, OwnAccesses } from '../../../adapter/http/contract/index.js';
import { askAs } from '../session/session.js';
import { useAct } from '../shell/act.js';
import { Instant } from '../shell/instant.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import { saveFile } from '../shell/save-file.js';
import type { Wallet } from '../wallet/wallet.js';
import { usePurpose, useWhat, useWho } from './access-line.js';
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
  const what = useWhat();
  const purpose = usePurpose();
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
      <div className="scroll" tabIndex={0} role="region" aria-label={t('accesses.title')}>
        <Table striped>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('accesses.when')}</Table.Th>
              <Table.Th>{t('accesses.who')}</Table.Th>
              <Table.Th>{t('accesses.why')}</Table.Th>
              <Table.Th>{t('accesses.what')}</Table.Th>
              <Table.Th>{t('accesses.proof')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {accesses.map((access) => (
              <Table.Tr key={access.handle}>
                <Table.Td>
                  <Instant at={access.at} />
                </Table.Td>
                <Table.Td>{who(access, self)}</Table.Td>
                <Table.Td>{purpose(access.purpose)}</Table.Td>
                <Table.Td>
                  {what(access)}
                  {access.type !== undefined && ` (${access.type})`}
                </Table.Td>
                <Table.Td>
                  <Button
                    variant="default"
                    size="compact-sm"
                    disabled={isBusy}
                    onClick={() => run(() => saveProof(access))}
                  >
                    {t('accesses.save')}
                  </Button>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </Stack>
  );
}
