/** The whole record to take along: as FHIR for the next hospital's system, as a document for people. */
import { Button, Group, Stack, Table, Text, Title } from '@mantine/core';
import { useMemo } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Bundle, FhirResource, Patient } from 'fhir/r4.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { saveFile } from '../shell/save-file.js';
import { happeningsOf, LANES } from '../timeline/lanes.js';
import type { Happening } from '../timeline/lanes.js';
import { seriesOf } from '../timeline/measures.js';
import { WhenWords } from '../timeline/when-words.js';
import type { Wallet } from '../wallet/wallet.js';
import { useEverything } from './everything.js';
import { PatientPage } from './patient-page.js';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const INSTANT = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'short' });

export function TakePage(): ReactNode {
  const { t } = useTranslation();
  return <PatientPage title={t('take.title')}>{(wallet) => <Take wallet={wallet} />}</PatientPage>;
}

/** All resources as they were served, in one file. */
function bundleOf(resources: readonly FhirResource[], at: Date): Bundle {
  return {
    resourceType: 'Bundle',
    type: 'collection',
    timestamp: at.toISOString(),
    entry: resources.map((resource) => ({
      fullUrl: `${location.origin}/fhir/${resource.resourceType}/${resource.id ?? ''}`,
      resource,
    })),
  };
}

function Take({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const whole = useEverything(wallet);
  const now = useMemo(() => new Date(), []);
  if (whole.isPending) return <Loading />;
  if (whole.isError) return <Failed error={whole.error} retry={whole.refetch} />;
  const { resources } = whole.data;
  if (resources.length === 0) return <Empty>{t('timeline.empty')}</Empty>;
  const save = (): void => {
    const text = JSON.stringify(bundleOf(resources, now), null, 1);
    saveFile(`record-${now.toISOString().slice(0, 10)}.json`, text, 'application/fhir+json');
  };
  return (
    <Stack>
      <Text className="no-print">{t('take.intro', { count: resources.length })}</Text>
      <Group className="no-print">
        <Button onClick={save}>{t('take.fhir')}</Button>
        <Button variant="default" onClick={() => print()}>
          {t('take.print')}
        </Button>
      </Group>
      <RecordAsDocument resources={resources} now={now} hospital={wallet.enrolled?.custodian.display ?? ''} />
    </Stack>
  );
}

function RecordAsDocument({
  resources,
  now,
  hospital,
}: {
  resources: readonly FhirResource[];
  now: Date;
  hospital: string;
}): ReactNode {
  const { t } = useTranslation();
  const happenings = useMemo(() => happeningsOf(resources), [resources]);
  const series = useMemo(() => seriesOf(resources), [resources]);
  const patient = resources.find((one): one is Patient => one.resourceType === 'Patient');
  return (
    <article className="document" aria-label={t('take.document')}>
      <Text fw={700} size="lg">
        {nameOf(patient)}
        {patient?.birthDate === undefined ? '' : `, ${t('take.born', { day: patient.birthDate })}`}
      </Text>
      <Text mb="md">{t('take.from', { hospital, at: INSTANT.format(now) })}</Text>
      {LANES.map((lane) => (
        <LaneTable
          key={lane}
          title={t(`timeline.lane.${lane}`)}
          happenings={happenings.filter((one) => one.lane === lane)}
          nowMs={now.getTime()}
        />
      ))}
      {series.length > 0 && (
        <section>
          <Title order={2} size="h4" mt="md">
            {t('measures.title')}
          </Title>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('take.what')}</Table.Th>
                <Table.Th>{t('take.latest')}</Table.Th>
                <Table.Th>{t('take.when')}</Table.Th>
                <Table.Th>{t('take.range')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {series.map(({ key, title, unit, low, high, points }) => {
                const latest = points.at(-1);
                return latest === undefined ? null : (
                  <Table.Tr key={key}>
                    <Table.Td>{title}</Table.Td>
                    <Table.Td>
                      {latest.value.toLocaleString()} {unit}
                    </Table.Td>
                    <Table.Td>{DAY.format(latest.at)}</Table.Td>
                    <Table.Td>
                      {low === undefined && high === undefined
                        ? ''
                        : `${low?.toLocaleString() ?? ''} – ${high?.toLocaleString() ?? ''}`}
                    </Table.Td>
                  </Table.Tr>
                );
              })}
            </Table.Tbody>
          </Table>
        </section>
      )}
    </article>
  );
}

function LaneTable({
  title,
  happenings,
  nowMs,
}: {
  title: string;
  happenings: readonly Happening[];
  nowMs: number;
}): ReactNode {
  const { t } = useTranslation();
  if (happenings.length === 0) return null;
  return (
    <section>
      <Title order={2} size="h4" mt="md">
        {title}
      </Title>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('take.what')}</Table.Th>
            <Table.Th>{t('take.when')}</Table.Th>
            <Table.Th>{t('take.status')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {happenings.map((happening) => (
            <Table.Tr key={happening.reference}>
              <Table.Td>{happening.title}</Table.Td>
              <Table.Td>
                <WhenWords happening={happening} nowMs={nowMs} />
              </Table.Td>
              <Table.Td>{happening.status ?? ''}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  );
}

function nameOf(patient: Patient | undefined): string {
  const name = patient?.name?.[0];
  return name?.text ?? [...(name?.given ?? []), name?.family ?? ''].join(' ').trim();
}
