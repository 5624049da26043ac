/** An insurer's page: a claim is entered or uploaded, asked about, and answered line by line, with a proof to keep. */
import { Badge, Button, Card, FileButton, Group, Stack, Table, Text, Textarea, Title } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ClaimResponse, Provenance } from 'fhir/r4.js';
import { askAs } from '../session/session.js';
import { useAct } from '../shell/act.js';
import { PageLink } from '../shell/links.js';
import { Refused } from '../shell/refused.js';
import { saveFile } from '../shell/save-file.js';
import type { Wallet } from '../wallet/wallet.js';
import { WorkPage } from '../work/work-page.js';

/** Bytes of a claim that are read. */
const CLAIM_BYTES_MAX = 4 * 1024 * 1024;
const FINDINGS = ['supported', 'not-supported', 'undecidable'] as const;
const COLOURS = { supported: 'teal.9', 'not-supported': 'red.9', undecidable: 'gray.7' } as const;

export function ClaimsPage(): ReactNode {
  const { t } = useTranslation();
  return (
    <WorkPage title={t('claims.title')} role="payer">
      {(wallet) => <Ask wallet={wallet} />}
    </WorkPage>
  );
}

function Ask({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const { isBusy, failure, run } = useAct();
  const [text, setText] = useState('');
  const [answer, setAnswer] = useState<ClaimResponse>();
  const isJson = isObject(text);
  const read = (file: File | null): void => {
    if (file === null) return;
    run(async () => {
      if (file.size > CLAIM_BYTES_MAX) throw new Error(t('claims.large'));
      setText(await file.text());
      setAnswer(undefined);
    });
  };
  const ask = async (): Promise<void> => {
    setAnswer(undefined);
    const response = await askAs(wallet, '/fhir/Claim/$submit', {
      method: 'POST',
      headers: { 'Content-Type': 'application/fhir+json' },
      body: text,
    });
    setAnswer((await response.json()) as ClaimResponse);
  };
  return (
    <Stack>
      <Text>{t('claims.intro')}</Text>
      <Card withBorder>
        <Stack gap="sm">
          <Group>
            <FileButton onChange={read} accept="application/json,application/fhir+json,.json">
              {(props) => (
                <Button variant="default" {...props}>
                  {t('claims.upload')}
                </Button>
              )}
            </FileButton>
          </Group>
          <Textarea
            label={t('claims.claim')}
            description={t('claims.hint')}
            autosize
            minRows={6}
            maxRows={24}
            spellCheck={false}
            value={text}
            error={text.trim() !== '' && !isJson ? t('claims.notJson') : undefined}
            onChange={(event) => {
              setText(event.currentTarget.value);
              setAnswer(undefined);
            }}
          />
          <Group>
            <Button loading={isBusy} disabled={!isJson} onClick={() => run(ask)}>
              {t('claims.ask')}
            </Button>
          </Group>
          <Refused failure={failure} />
        </Stack>
      </Card>
      <div aria-live="polite">{answer !== undefined && <Answer answer={answer} />}</div>
    </Stack>
  );
}

function Answer({ answer }: { answer: ClaimResponse }): ReactNode {
  const { t } = useTranslation();
  const provenance = answer.contained?.find((one): one is Provenance => one.resourceType === 'Provenance');
  const proof = provenance?.signature?.[0]?.data;
  const lines = answer.item ?? [];
  const count = (wanted: string): number => lines.filter((line) => findingOf(line) === wanted).length;
  return (
    <Card withBorder>
      <Stack gap="sm">
        <Title order={2} size="h3">
          {t('claims.answer', { claim: answer.request?.reference ?? '' })}
        </Title>
        <Text>
          {t('claims.sum', {
            supported: count('supported'),
            not: count('not-supported'),
            open: count('undecidable'),
          })}
        </Text>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('claims.line')}</Table.Th>
              <Table.Th>{t('claims.finding')}</Table.Th>
              <Table.Th>{t('claims.note')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {lines.map((line) => {
              const finding = findingOf(line);
              return (
                <Table.Tr key={line.itemSequence}>
                  <Table.Td>{line.itemSequence}</Table.Td>
                  <Table.Td>
                    <Badge color={COLOURS[finding]}>{t(`claims.findings.${finding}`)}</Badge>
                  </Table.Td>
                  <Table.Td>{(line.noteNumber ?? []).length > 0 ? t('claims.before') : ''}</Table.Td>
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
        <Text size="sm">{t('claims.says')}</Text>
        {proof !== undefined && (
          <Group>
            <Button
              variant="default"
              onClick={() => saveFile('claim.proof.json', bytesOf(proof), 'application/json')}
            >
              {t('claims.save')}
            </Button>
            <PageLink to="/check">{t('nav.check')}</PageLink>
          </Group>
        )}
      </Stack>
    </Card>
  );
}

function findingOf({ adjudication }: NonNullable<ClaimResponse['item']>[number]): (typeof FINDINGS)[number] {
  const code = adjudication[0]?.category.coding?.[0]?.code;
  return FINDINGS.find((one) => one === code) ?? 'undecidable';
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
