/** A consent in words, from its reading: what is permitted, to whom, for what, how long, and what not. */
import { List, Stack, Table, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConsentReading, ReadParty, ReadProvision } from './reading.js';

export function ConsentInWords({ reading }: { reading: ConsentReading }): ReactNode {
  const { t } = useTranslation();
  const { provision, status, isOptIn } = reading;
  return (
    <Stack gap="xs">
      {status !== 'active' && <Text fw={700}>{t('consent.withdrawn')}</Text>}
      {provision === undefined
        ? !isOptIn && <Text>{t('consent.optOut')}</Text>
        : status === 'active' && <Provision provision={provision} />}
    </Stack>
  );
}

function Provision({ provision }: { provision: ReadProvision }): ReactNode {
  const { t } = useTranslation();
  const words = useCodeWords();
  const { actors, actions, purposes, classes, codes, labels, data, obligations, except } = provision;
  const what = [
    ...classes,
    ...codes,
    ...data.map(({ meaning, reference }) =>
      t(meaning === 'instance' ? 'consent.instance' : 'consent.related', { reference }),
    ),
    ...labels.map((code) => words('label', code)),
  ];
  const rows: (readonly [string, ReactNode])[] = [
    [t('consent.who'), actors.length === 0 ? t('consent.everybody') : <Parties parties={actors} />],
    [
      t('consent.may'),
      actions.length === 0
        ? t('consent.everything')
        : actions.map((code) => words('action', code)).join(', '),
    ],
    [
      t('consent.for'),
      purposes.length === 0
        ? t('consent.anyPurpose')
        : purposes.map((code) => words('purpose', code)).join(', '),
    ],
    [t('consent.what'), what.length === 0 ? t('consent.whole') : what.join(', ')],
  ];
  if (provision.from !== undefined) rows.push([t('consent.from'), day(provision.from)]);
  if (provision.from !== undefined || provision.to !== undefined)
    rows.push([t('consent.to'), provision.to === undefined ? t('consent.unbounded') : day(provision.to)]);
  if (provision.dataFrom !== undefined || provision.dataTo !== undefined)
    rows.push([t('consent.dataPeriod'), `${day(provision.dataFrom)} – ${day(provision.dataTo)}`]);
  if (obligations.length > 0)
    rows.push([
      t('consent.bound'),
      obligations.map(({ code, elements }) => words('obligation', code, elements.join(', '))).join('; '),
    ]);
  return (
    <div>
      <Text fw={700}>{t(provision.type === 'permit' ? 'consent.permits' : 'consent.denies')}</Text>
      <Table variant="vertical" layout="fixed">
        <Table.Tbody>
          {rows.map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Th w="30%">{name}</Table.Th>
              <Table.Td>{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {except.length > 0 && (
        <>
          <Text mt="xs">{t('consent.except')}</Text>
          <List listStyleType="none" withPadding>
            {except.map((one) => (
              <List.Item key={JSON.stringify(one)}>
                <Provision provision={one} />
              </List.Item>
            ))}
          </List>
        </>
      )}
    </div>
  );
}

/** Who is meant, the reference says; a display text alone could name anybody. */
function Parties({ parties }: { parties: readonly ReadParty[] }): ReactNode {
  return parties.map(({ display, reference }) => (
    <div key={reference}>
      {display}
      {reference !== '' && (
        <Text size="xs" c="dimmed" className="hash">
          {reference}
        </Text>
      )}
    </div>
  ));
}

/** Words for codes; a code without words stands for itself. */
function useCodeWords(): (
  kind: 'action' | 'purpose' | 'label' | 'obligation',
  code: string,
  elements?: string,
) => string {
  const { t, i18n } = useTranslation();
  return (kind, code, elements = '') => {
    const key = `consent.${kind}.${code}`;
    return i18n.exists(key) ? t(key as 'consent.action.access', { elements }) : code;
  };
}

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });

function day(text: string | undefined): string {
  if (text === undefined) return '';
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? text : DAY.format(ms);
}
