/** One cohort: how it stands with the hospitals, how many it would be, its exports, and questions without rows. */
import { Badge, Button, Card, Code, Group, Stack, Table, Text, Title } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { AggregateAnswer, ShownCohort, ShownExport } from '../../../adapter/http/contract/index.js';
import { useAct } from '../shell/act.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { countOf, exportCohort, saveExported, signCohort } from './cohort-acts.js';
import { Questions } from './questions.js';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const KIB = 1024;

export function CohortCard({
  cohort,
  wallet,
  isResearcher,
  onChanged,
}: {
  cohort: ShownCohort;
  wallet: Wallet;
  isResearcher: boolean;
  onChanged: () => Promise<void>;
}): ReactNode {
  const { t } = useTranslation();
  const { isBusy, failure, run } = useAct();
  const [count, setCount] = useState<AggregateAnswer>();
  const [progress, setProgress] = useState<string>();
  const { state, requester, approvals, exports, definition, definedAt } = cohort;
  const { title, study, types } = definition as { title: string; study: string; types: readonly string[] };
  const act = (work: () => Promise<unknown>): void =>
    run(async () => {
      try {
        await work();
      } finally {
        // What failed may have changed something, too.
        await onChanged();
      }
    });
  const isAsked = approvals.some((one) => one.state === 'requested');
  return (
    <Card withBorder component="article" aria-label={title}>
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={3} size="h4">
            {title}
          </Title>
          <Badge
            variant={state === 'approved' ? 'filled' : 'outline'}
            color={state === 'approved' ? 'teal.9' : 'gray'}
          >
            {t(`research.state.${state}`)}
          </Badge>
        </Group>
        <Text size="sm">
          {t('research.line', {
            name: requester.name,
            study,
            types: types.join(', '),
            at: DAY.format(Date.parse(definedAt)),
          })}
        </Text>
        {approvals.map((one) => (
          <Text key={one.custodian} size="sm">
            {t('research.approval', { name: one.name, state: t(`research.state.${one.state}`) })}
          </Text>
        ))}
        <details>
          <summary>{t('research.asText')}</summary>
          <Code block className="whole">
            {JSON.stringify(definition, null, 2)}
          </Code>
        </details>
        <Group>
          {isResearcher && (
            <Button
              variant="default"
              disabled={isBusy}
              onClick={() => act(async () => setCount(await countOf(wallet, cohort)))}
            >
              {t('research.count')}
            </Button>
          )}
          {isResearcher && state === 'defined' && (
            <Button disabled={isBusy} onClick={() => act(() => signCohort(wallet, cohort))}>
              {t('research.ask')}
            </Button>
          )}
          {isResearcher && state === 'approved' && (
            <Button
              disabled={isBusy}
              onClick={() =>
                act(async () => {
                  setProgress(t('research.begun'));
                  await exportCohort(wallet, cohort, setProgress).finally(() => setProgress(undefined));
                })
              }
            >
              {t('research.export')}
            </Button>
          )}
          {!isResearcher && isAsked && (
            <>
              <Button disabled={isBusy} onClick={() => act(() => signCohort(wallet, cohort, 'approved'))}>
                {t('research.approve')}
              </Button>
              <Button
                variant="default"
                disabled={isBusy}
                onClick={() => act(() => signCohort(wallet, cohort, 'refused'))}
              >
                {t('research.refuse')}
              </Button>
            </>
          )}
          {!isResearcher && state === 'approved' && (
            <Button
              variant="default"
              disabled={isBusy}
              onClick={() => act(() => signCohort(wallet, cohort, 'ended'))}
            >
              {t('research.end')}
            </Button>
          )}
        </Group>
        <div aria-live="polite">
          {progress !== undefined && <Text>{t('research.progress', { text: progress })}</Text>}
          {count !== undefined && <Counted answer={count} />}
        </div>
        <Refused failure={failure} />
        {exports.map((one) => (
          <Exported key={one.id} exported={one} wallet={wallet} />
        ))}
        {isResearcher && state === 'approved' && <Questions cohort={cohort} wallet={wallet} />}
      </Stack>
    </Card>
  );
}

function Counted({ answer }: { answer: AggregateAnswer }): ReactNode {
  const { t } = useTranslation();
  const [count] = Object.values(answer.counts);
  return (
    <Text>
      {count === null || count === undefined
        ? t('research.few')
        : t('research.about', { count, shown: count.toLocaleString() })}{' '}
      {t('research.left', { left: answer.left.toLocaleString() })}
    </Text>
  );
}

function Exported({ exported, wallet }: { exported: ShownExport; wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const { isBusy, failure, run } = useAct();
  const { id, state, files = [], patients, expiresAt, error } = exported;
  return (
    <Stack gap={4}>
      <Text fw={600}>
        {t('research.exported', {
          state: t(`research.exportState.${state}`),
          until: DAY.format(Date.parse(expiresAt)),
        })}
        {patients === undefined ? '' : `, ${t('research.patients', { count: patients })}`}
      </Text>
      {error !== undefined && <Text>{error}</Text>}
      {files.length > 0 && (
        <div className="scroll">
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('research.file')}</Table.Th>
                <Table.Th>{t('research.lines')}</Table.Th>
                <Table.Th>{t('research.size')}</Table.Th>
                <Table.Th>{t('research.save')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {files.map(({ name, count, bytes }) => (
                <Table.Tr key={name}>
                  <Table.Td>{name}</Table.Td>
                  <Table.Td>{count.toLocaleString()}</Table.Td>
                  <Table.Td>{t('research.kib', { size: Math.ceil(bytes / KIB).toLocaleString() })}</Table.Td>
                  <Table.Td>
                    <Button
                      size="compact-md"
                      variant="default"
                      disabled={isBusy}
                      aria-label={t('research.saveNamed', { name })}
                      onClick={() => run(() => saveExported(wallet, id, name))}
                    >
                      {t('research.save')}
                    </Button>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
      <Refused failure={failure} />
    </Stack>
  );
}
