/** What was set aside: what kind, why and what to do; never what it says. */
import { Button, Card, Group, Stack, Text } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { DEAD_LETTER_KIND } from '../../../adapter/http/contract/index.js';
import type { DeskDeadLetter, DeskDeadLetters } from '../../../adapter/http/contract/index.js';
import { OWN, useOwn } from '../me/own-query.js';
import { useAct } from '../shell/act.js';
import { Instant } from '../shell/instant.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { Facts } from '../work/facts.js';
import { sendSigned } from '../work/signed-act.js';

export function Letters({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const [after, setAfter] = useState('');
  const path = after === '' ? '/desk/dead-letters' : `/desk/dead-letters?after=${after}`;
  const own = useOwn<DeskDeadLetters>(wallet, path);
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  const { letters, after: next } = own.data;
  return (
    <Stack>
      <Text>{t('desk.lettersIntro')}</Text>
      {letters.length === 0 && <Empty>{t('desk.noLetters')}</Empty>}
      {letters.map((one) => (
        <Letter key={one.letter} letter={one} wallet={wallet} />
      ))}
      <Group>
        {after !== '' && (
          <Button variant="default" onClick={() => setAfter('')}>
            {t('desk.first')}
          </Button>
        )}
        {next !== undefined && (
          <Button variant="default" onClick={() => setAfter(next)}>
            {t('desk.more')}
          </Button>
        )}
      </Group>
    </Stack>
  );
}

function Letter({ letter, wallet }: { letter: DeskDeadLetter; wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const { isBusy, failure, run } = useAct();
  const [isAgain, setAgain] = useState(false);
  const act = (what: 'replay' | 'discard'): void =>
    run(async () => {
      const answer = await sendSigned(wallet, '/desk/dead-letters', {
        kind: DEAD_LETTER_KIND,
        letter: letter.letter,
        act: what,
      });
      const { state } = (await answer.json()) as { state: 'gone' | 'dead-again' };
      setAgain(state === 'dead-again');
      if (state === 'gone') await queries.invalidateQueries({ queryKey: [OWN] });
    });
  const { type, source, code, expression, at, bytes, advice } = letter;
  return (
    <Card withBorder>
      <Text fw={700} mb="xs">
        {type}
      </Text>
      <Facts
        rows={[
          [t('desk.source'), source],
          [t('desk.why'), expression === undefined ? code : `${code}: ${expression}`],
          [t('desk.came'), <Instant key="at" at={at} />],
          [t('desk.size'), t('desk.bytes', { count: bytes })],
          [t('desk.advice'), advice],
        ]}
      />
      {isAgain && (
        <Text mt="sm" role="status">
          {t('desk.again')}
        </Text>
      )}
      <Group mt="sm">
        <Button loading={isBusy} onClick={() => act('replay')}>
          {t('desk.replay')}
        </Button>
        <Button variant="default" disabled={isBusy} onClick={() => act('discard')}>
          {t('desk.discard')}
        </Button>
      </Group>
      <Refused failure={failure} />
    </Card>
  );
}
