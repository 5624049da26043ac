/** Emergencies that clinicians declared: another person of the hospital says of each whether it was one. */
import { Badge, Button, Card, Group, Stack, Text, Textarea } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ShownEmergency } from '../../../adapter/http/contract/index.js';
import { OWN, useOwn } from '../me/own-query.js';
import { useAct } from '../shell/act.js';
import { Instant } from '../shell/instant.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { Facts } from '../work/facts.js';
import { sendSigned } from '../work/signed-act.js';

const REVIEW_KIND = 'firebreak emergency review';
const TEXT_CHARS_MAX = 1000;

export function Emergencies({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<{ emergencies: ShownEmergency[] }>(wallet, '/emergencies');
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  const { emergencies } = own.data;
  const waiting = emergencies.filter(({ state }) => state !== 'reviewed');
  return (
    <Stack>
      <Text>{t('desk.emergenciesIntro')}</Text>
      {emergencies.length === 0 && <Empty>{t('desk.noEmergencies')}</Empty>}
      {[...waiting, ...emergencies.filter((one) => !waiting.includes(one))].map((one) => (
        <Emergency key={one.id} emergency={one} wallet={wallet} />
      ))}
    </Stack>
  );
}

function Emergency({ emergency, wallet }: { emergency: ShownEmergency; wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [text, setText] = useState('');
  const { isBusy, failure, run } = useAct();
  const { id, patient, by, reason, opened, until, state, reviewBy, isOverdue, review } = emergency;
  const say = (outcome: 'justified' | 'unjustified'): void =>
    run(async () => {
      const more = { kind: REVIEW_KIND, emergency: id, outcome, text: text.trim() };
      await sendSigned(wallet, '/emergencies/reviews', more);
      await queries.invalidateQueries({ queryKey: [OWN] });
    });
  return (
    <Card withBorder>
      <Group justify="space-between" mb="xs">
        <Text fw={700}>{reason}</Text>
        <Badge color={isOverdue ? 'red.9' : state === 'reviewed' ? 'gray.8' : 'teal.9'}>
          {t(isOverdue ? 'desk.overdue' : `desk.emergency.${state}`)}
        </Badge>
      </Group>
      <Facts
        rows={[
          [t('desk.patient'), patient],
          [t('desk.clinician'), by.id],
          [t('desk.opened'), <Instant key="opened" at={Date.parse(opened)} />],
          [t('desk.until'), <Instant key="until" at={Date.parse(until)} />],
          ...(review === undefined
            ? [[t('desk.reviewBy'), <Instant key="by" at={Date.parse(reviewBy)} />] as const]
            : [
                [
                  t('desk.verdict'),
                  t(review.outcome === 'justified' ? 'desk.justified' : 'desk.unjustified'),
                ] as const,
                [t('desk.words'), review.text] as const,
              ]),
        ]}
      />
      {review === undefined && (
        <Stack gap="sm" mt="sm">
          <Textarea
            label={t('desk.words')}
            description={t('desk.wordsHint')}
            maxLength={TEXT_CHARS_MAX}
            autosize
            minRows={2}
            value={text}
            onChange={({ currentTarget }) => setText(currentTarget.value)}
          />
          <Group>
            <Button loading={isBusy} disabled={text.trim() === ''} onClick={() => say('justified')}>
              {t('desk.signJustified')}
            </Button>
            <Button
              variant="default"
              disabled={isBusy || text.trim() === ''}
              onClick={() => say('unjustified')}
            >
              {t('desk.signUnjustified')}
            </Button>
          </Group>
          <Refused failure={failure} />
        </Stack>
      )}
    </Card>
  );
}
