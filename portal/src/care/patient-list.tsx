/** The patients whose permission the clinician has. */
import { Button, Card, Group, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Bundle, Patient } from 'fhir/r4.js';
import { useOwn } from '../me/own-query.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import type { Wallet } from '../wallet/wallet.js';
import { nameOf } from './patient-name.js';

const FIRST = '/fhir/Patient?_count=100';

export function PatientList({
  wallet,
  onOpen,
}: {
  wallet: Wallet;
  onOpen: (reference: string) => void;
}): ReactNode {
  const { t } = useTranslation();
  const [path, setPath] = useState(FIRST);
  const [text, setText] = useState('');
  const own = useOwn<Bundle<Patient>>(wallet, path);
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  const patients = (own.data.entry ?? []).flatMap(({ resource }) =>
    resource?.resourceType === 'Patient' ? [resource] : [],
  );
  const next = own.data.link?.find(({ relation }) => relation === 'next')?.url;
  const wanted = text.trim().toLocaleLowerCase();
  const shown = patients.filter((one) =>
    `${nameOf(one) ?? ''} ${one.birthDate ?? ''}`.toLocaleLowerCase().includes(wanted),
  );
  return (
    <Stack>
      <Text>{t('care.intro')}</Text>
      {patients.length === 0 && <Empty>{t('care.none')}</Empty>}
      {patients.length > 0 && (
        <TextInput
          label={t('care.find')}
          maw={480}
          autoComplete="off"
          value={text}
          onChange={({ currentTarget }) => setText(currentTarget.value)}
        />
      )}
      {patients.length > 0 && shown.length === 0 && <Empty>{t('care.noneFound')}</Empty>}
      {shown.map((one) => {
        const name = nameOf(one) ?? t('care.unnamed');
        return (
          <Card key={one.id} withBorder padding="sm">
            <Group justify="space-between">
              <div>
                <Text fw={600}>{name}</Text>
                {one.birthDate !== undefined && (
                  <Text size="sm">{t('care.born', { day: one.birthDate })}</Text>
                )}
              </div>
              <Button
                aria-label={t('care.openOf', { name })}
                onClick={() => onOpen(`Patient/${one.id ?? ''}`)}
              >
                {t('care.open')}
              </Button>
            </Group>
          </Card>
        );
      })}
      {next !== undefined && (
        <Group>
          <Button
            variant="default"
            onClick={() => {
              // Wherever the link points: asked is this server.
              const { pathname, search } = new URL(next);
              setPath(pathname + search);
            }}
          >
            {t('care.more')}
          </Button>
        </Group>
      )}
    </Stack>
  );
}
