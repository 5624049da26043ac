/** The whole record to take along: as FHIR for the next hospital's system, as a document for people. */
import { Button, Group, Stack, Table, Text, Title } from '@mantine/core';
import { useMemo } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Bundle, FhirResource } from 'fhir/r4.js';
import { useEverything } from '../me/everything.js';
import { PatientPage } from '../me/patient-page.js';
import { useAct } from '../shell/act.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import { saveFile } from '../shell/save-file.js';
import type { Wallet } from '../wallet/wallet.js';
import { documentOf } from './document.js';
import type { DocumentTable, RecordDocument } from './document.js';

/** No language's words are as long; what is must not widen the page. */
const LONG_WORD = /\S{25}/;

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
  if (whole.isPending) return <Loading />;
  if (whole.isError) return <Failed error={whole.error} retry={whole.refetch} />;
  const { resources } = whole.data;
  if (resources.length === 0) return <Empty>{t('timeline.empty')}</Empty>;
  return <Taken wallet={wallet} resources={resources} at={whole.dataUpdatedAt} />;
}

function Taken({
  wallet,
  resources,
  at,
}: {
  wallet: Wallet;
  resources: readonly FhirResource[];
  /** When it was read, ms since the epoch. */
  at: number;
}): ReactNode {
  const { t } = useTranslation();
  const { isBusy, failure, run } = useAct();
  const read = useMemo(() => new Date(at), [at]);
  const hospital = wallet.enrolled?.custodian.display ?? '';
  const document = useMemo(
    () => documentOf(resources, { hospital, at: read, t }),
    [resources, hospital, read, t],
  );
  const name = `record-${read.toISOString().slice(0, 10)}`;
  const save = (): void => {
    const text = JSON.stringify(bundleOf(resources, read), null, 1);
    saveFile(`${name}.json`, text, 'application/fhir+json');
  };
  const savePdf = (): void =>
    run(async () => {
      // What makes it is loaded when somebody wants it.
      const [{ pdfOf }, { picturesOf }, { readHead }] = await Promise.all([
        import('./pdf.js'),
        import('./pictures.js'),
        import('../ledger/head.js'),
      ]);
      const [pictures, head] = await Promise.all([
        picturesOf(wallet, resources),
        readHead().catch(() => undefined),
      ]);
      saveFile(`${name}.pdf`, await pdfOf({ document, pictures, head, at: read, t }), 'application/pdf');
    });
  return (
    <Stack>
      <Text className="no-print">{t('take.intro', { count: resources.length })}</Text>
      <Group className="no-print">
        <Button onClick={save}>{t('take.fhir')}</Button>
        <Button loading={isBusy} onClick={savePdf}>
          {t('take.pdf')}
        </Button>
        <Button variant="default" onClick={() => print()}>
          {t('take.print')}
        </Button>
      </Group>
      <Refused failure={failure} />
      <DocumentShown document={document} />
    </Stack>
  );
}

function DocumentShown({ document }: { document: RecordDocument }): ReactNode {
  const { t } = useTranslation();
  const { name, born, from, tables } = document;
  return (
    <article className="document" aria-label={t('take.document')}>
      <Text fw={700} size="lg">
        {name}
        {born === undefined ? '' : `, ${born}`}
      </Text>
      <Text mb="md">{from}</Text>
      {tables.map((table) => (
        <TableShown key={table.key} table={table} />
      ))}
    </article>
  );
}

function TableShown({ table: { title, head, rows } }: { table: DocumentTable }): ReactNode {
  return (
    <section>
      <Title order={2} size="h4" mt="md">
        {title}
      </Title>
      <Table>
        <Table.Thead>
          <Table.Tr>
            {head.map((text) => (
              <Table.Th key={text}>{text}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row, i) => (
            <Table.Tr key={i}>
              {row.map((text, j) => (
                <Table.Td key={j} {...(LONG_WORD.test(text) ? { className: 'breaks' } : {})}>
                  {text}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  );
}
