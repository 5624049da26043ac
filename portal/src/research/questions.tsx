/** Questions without rows: noisy counts of a cohort by the bins of a column, and what is left of the budget. */
import { Button, Group, Stack, Table, Text, TextInput, Title } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type {
  AggregateAnswer,
  AggregateQuestion,
  ShownCohort,
} from '../../../adapter/http/contract/index.js';
import { useAct } from '../shell/act.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { aggregate } from './cohort-acts.js';

/** What one question costs, unless the asker says otherwise. */
const EPSILON = '0.5';

export function Questions({ cohort, wallet }: { cohort: ShownCohort; wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const { isBusy, failure, run } = useAct();
  const [view, setView] = useState('patient');
  const [column, setColumn] = useState('gender');
  const [bins, setBins] = useState('female, male, other, unknown');
  const [epsilon, setEpsilon] = useState(EPSILON);
  const [answer, setAnswer] = useState<AggregateAnswer>();
  const question: AggregateQuestion = {
    kind: 'histogram',
    view: view.trim(),
    columns: [column.trim()],
    bins: [binsOf(bins)],
    epsilon: Number(epsilon),
  };
  const isReady =
    view.trim() !== '' && column.trim() !== '' && Number(epsilon) > 0 && binsOf(bins).length > 0;
  return (
    <section aria-label={t('research.questions')}>
      <Stack gap="sm">
        <Title order={4} size="h5">
          {t('research.questions')}
        </Title>
        <Group align="end">
          <TextInput
            label={t('research.view')}
            value={view}
            onChange={(event) => setView(event.currentTarget.value)}
          />
          <TextInput
            label={t('research.column')}
            value={column}
            onChange={(event) => setColumn(event.currentTarget.value)}
          />
          <TextInput
            label={t('research.bins')}
            miw={240}
            value={bins}
            onChange={(event) => setBins(event.currentTarget.value)}
          />
          <TextInput
            label={t('research.epsilon')}
            inputMode="decimal"
            maw={120}
            value={epsilon}
            onChange={(event) => setEpsilon(event.currentTarget.value)}
          />
          <Button
            disabled={!isReady || isBusy}
            onClick={() => run(async () => setAnswer(await aggregate(wallet, cohort, question)))}
          >
            {t('research.askThis')}
          </Button>
        </Group>
        <Refused failure={failure} />
        <div aria-live="polite">{answer !== undefined && <Answered answer={answer} />}</div>
      </Stack>
    </section>
  );
}

function Answered({ answer }: { answer: AggregateAnswer }): ReactNode {
  const { t } = useTranslation();
  const rows = Object.entries(answer.counts);
  const most = Math.max(1, ...rows.map(([, count]) => count ?? 0));
  return (
    <Stack gap="xs">
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('research.bin')}</Table.Th>
            <Table.Th>{t('research.aboutSo')}</Table.Th>
            <Table.Th w="50%">
              <span aria-hidden />
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(([bin, count]) => (
            <Table.Tr key={bin}>
              <Table.Td>{bin}</Table.Td>
              <Table.Td>{count === null ? t('research.few') : count.toLocaleString()}</Table.Td>
              <Table.Td>
                {count !== null && (
                  <div className="track" aria-hidden>
                    <div
                      className="bar"
                      style={{ left: 0, width: `${(Math.max(0, count) / most) * 100}%` }}
                    />
                  </div>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Text size="sm">
        {t(answer.repeated ? 'research.again' : 'research.cost', { epsilon: answer.epsilon })}{' '}
        {t('research.left', { left: answer.left.toLocaleString() })}
      </Text>
    </Stack>
  );
}

/** Texts, or the lower ends of bands of numbers. */
function binsOf(text: string): (string | number)[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return parts.every((part) => /^-?\d+(?:\.\d+)?$/.test(part)) ? parts.map(Number) : parts;
}
