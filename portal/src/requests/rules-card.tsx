/** What the patient says in advance to requests: refusals of a group or somebody, leave for one requester. */
import {
  Badge,
  Button,
  Card,
  Checkbox,
  Group,
  NativeSelect,
  Radio,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ACCESS_RULE_END_KIND, ACCESS_RULE_KIND } from '../../../adapter/http/contract/index.js';
import type { ShownAccess, ShownRule } from '../../../adapter/http/contract/index.js';
import { useKind } from '../consent/kinds.js';
import { usePurpose } from '../me/access-line.js';
import { OWN, useOwn } from '../me/own-query.js';
import { useAct } from '../shell/act.js';
import { Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { sendSigned } from '../work/signed-act.js';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const DATE_CHARS = 10;
const DAY_MS = 86_400_000;
const USUAL_DAYS = 180;
const DAYS_MAX = 364;
const GROUPS = ['payer', 'authority', 'provider'] as const;

type Requester = ShownAccess['requester'];

const dayIn = (days: number): string =>
  new Date(Date.now() + days * DAY_MS).toISOString().slice(0, DATE_CHARS);

export function RulesCard({
  wallet,
  requests,
}: {
  wallet: Wallet;
  requests: readonly ShownAccess[];
}): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<{ rules: ShownRule[] }>(wallet, '/requests/rules');
  const known = new Map(requests.map(({ requester }) => [requester.id, requester]));
  const inForce = own.data?.rules.filter(({ state }) => state === 'in-force') ?? [];
  return (
    <Card withBorder component="section" aria-label={t('rules.title')}>
      <Stack gap="sm">
        <Title order={2} size="h3">
          {t('rules.title')}
        </Title>
        <Text>{t('rules.intro')}</Text>
        {own.isPending && <Loading />}
        {own.isError && <Failed error={own.error} retry={own.refetch} />}
        {own.isSuccess && inForce.length === 0 && <Text c="dimmed">{t('rules.none')}</Text>}
        {inForce.map((rule) => (
          <Rule key={rule.id} rule={rule} wallet={wallet} known={known} />
        ))}
        {own.isSuccess && <NewRule wallet={wallet} requests={requests} known={known} />}
      </Stack>
    </Card>
  );
}

/** A rule in a sentence. */
function useSentence(): (rule: Said, known: Known) => string {
  const { t } = useTranslation();
  const purpose = usePurpose();
  const kind = useKind();
  return ({ answer, group, requester, purpose: code, types, until }, known) => {
    const whom =
      group === undefined
        ? (known.get(requester ?? '')?.name ?? requester ?? '')
        : t(`rules.every.${GROUPS.find((one) => one === group) ?? 'provider'}`);
    const what = code === undefined ? t('consent.anyPurpose') : purpose(code);
    if (answer === 'refuse') return t('rules.refuses', { whom, purpose: what });
    const end = DAY.format(Date.parse(until ?? ''));
    return t('rules.allows', { whom, purpose: what, types: types?.map(kind).join(', ') ?? '', until: end });
  };
}

/** What a rule says, also of one that is not made yet. */
type Said = {
  readonly [K in 'answer' | 'group' | 'requester' | 'purpose' | 'types' | 'until']?: ShownRule[K] | undefined;
};

type Known = ReadonlyMap<string, Requester>;

function Rule({ rule, wallet, known }: { rule: ShownRule; wallet: Wallet; known: Known }): ReactNode {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const sentence = useSentence();
  const { isBusy, failure, run } = useAct();
  const end = async (): Promise<void> => {
    const patient = wallet.enrolled?.patient.reference;
    await sendSigned(wallet, '/requests/rules', { kind: ACCESS_RULE_END_KIND, patient, rule: rule.id });
    await queries.invalidateQueries({ queryKey: [OWN] });
  };
  const isRefusal = rule.answer === 'refuse';
  return (
    <Group justify="space-between" align="flex-start">
      <Stack gap={4} align="flex-start">
        <Badge color={isRefusal ? 'red.9' : 'teal.9'}>
          {t(isRefusal ? 'rules.answer.refuse' : 'rules.answer.allow')}
        </Badge>
        <Text>{sentence(rule, known)}</Text>
      </Stack>
      <Button variant="default" loading={isBusy} onClick={() => run(end)}>
        {t('rules.end')}
      </Button>
      <Refused failure={failure} />
    </Group>
  );
}

function NewRule({
  wallet,
  requests,
  known,
}: {
  wallet: Wallet;
  requests: readonly ShownAccess[];
  known: Known;
}): ReactNode {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const purposeText = usePurpose();
  const sentence = useSentence();
  const kind = useKind();
  const { isBusy, failure, run } = useAct();
  const [answer, setAnswer] = useState<'refuse' | 'allow'>('refuse');
  // Nothing is chosen until the patient chooses it: what comes in meanwhile must change nothing of what is signed.
  const [whom, setWhom] = useState('');
  const [types, setTypes] = useState<readonly string[]>([]);
  const [until, setUntil] = useState(() => dayIn(USUAL_DAYS));
  const isLeave = answer === 'allow';
  // Leave is for somebody who has asked before, for that purpose: a name that was not mistyped.
  const asked = new Map(requests.map((one) => [`${one.requester.id} ${one.purpose}`, one]));
  const choices = isLeave
    ? [...asked].map(([value, { requester, purpose }]) => ({
        value,
        label: t('rules.somebody', { name: requester.name, purpose: purposeText(purpose) }),
      }))
    : [
        ...GROUPS.map((value) => ({ value: value as string, label: t(`rules.every.${value}`) })),
        ...[...known.values()].map(({ id, name }) => ({ value: id, label: name })),
      ];
  const chosen = choices.some(({ value }) => value === whom) ? whom : '';
  const [requester, purpose] = chosen.split(' ');
  const offered = isLeave
    ? [
        ...new Set(
          requests
            .filter((one) => `${one.requester.id} ${one.purpose}` === chosen)
            .flatMap(({ task }) => typesOf(task)),
        ),
      ]
    : [];
  const granted = types.filter((type) => offered.includes(type));
  const isGroup = GROUPS.some((one) => one === chosen);
  const isWhole = chosen !== '' && (!isLeave || (granted.length > 0 && until !== ''));
  const more = {
    answer,
    ...(isGroup ? { group: chosen } : { requester }),
    ...(isLeave ? { purpose, types: granted, until: `${until}T23:59:59Z` } : {}),
  };
  const make = async (): Promise<void> => {
    const patient = wallet.enrolled?.patient.reference;
    await sendSigned(wallet, '/requests/rules', { kind: ACCESS_RULE_KIND, patient, ...more });
    await queries.invalidateQueries({ queryKey: [OWN] });
    setTypes([]);
    setWhom('');
  };
  return (
    <Stack gap="sm" maw={560}>
      <Radio.Group
        label={t('rules.new')}
        value={answer}
        onChange={(value) => setAnswer(value === 'allow' ? 'allow' : 'refuse')}
      >
        <Group mt={4}>
          <Radio value="refuse" label={t('rules.answer.refuse')} />
          <Radio value="allow" label={t('rules.answer.allow')} disabled={known.size === 0} />
        </Group>
      </Radio.Group>
      <NativeSelect
        label={t('rules.whom')}
        value={chosen}
        data={[{ value: '', label: t('rules.choose') }, ...choices]}
        onChange={({ currentTarget }) => setWhom(currentTarget.value)}
      />
      {isLeave && (
        <>
          <Checkbox.Group label={t('requests.types')} value={[...granted]} onChange={setTypes}>
            <Group mt={4}>
              {offered.map((type) => (
                <Checkbox key={type} value={type} label={kind(type)} />
              ))}
            </Group>
          </Checkbox.Group>
          <TextInput
            type="date"
            label={t('rules.until')}
            maw={240}
            min={dayIn(1)}
            max={dayIn(DAYS_MAX)}
            value={until}
            onChange={({ currentTarget }) => setUntil(currentTarget.value)}
          />
        </>
      )}
      {isWhole && <Text fw={600}>{t('rules.signs', { sentence: sentence(more, known) })}</Text>}
      <Group>
        <Button variant="default" loading={isBusy} disabled={!isWhole} onClick={() => run(make)}>
          {t('rules.do')}
        </Button>
      </Group>
      <Refused failure={failure} />
    </Stack>
  );
}

function typesOf({ input = [] }: ShownAccess['task']): string[] {
  return input.flatMap(({ valueCode }) => valueCode ?? []);
}
