/** The builder of a cohort: its fields make the definition, which can be seen and changed as text before it is sent. */
import {
  Button,
  Card,
  Checkbox,
  Group,
  JsonInput,
  NativeSelect,
  Stack,
  Text,
  Textarea,
  TextInput,
  Title,
} from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ShownCohort } from '../../../adapter/http/contract/index.js';
import { useAct } from '../shell/act.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { define } from './cohort-acts.js';

const PROFILES = ['shifted', 'safe-harbor', 'gdpr'] as const;
const TYPES = [
  'Patient',
  'Observation',
  'Condition',
  'Encounter',
  'MedicationRequest',
  'Procedure',
  'Immunization',
  'DiagnosticReport',
] as const;
const DAYS_OPEN = 90;
const DAY_MS = 86_400_000;

interface Fields {
  readonly title: string;
  readonly study: string;
  readonly profile: (typeof PROFILES)[number];
  /** `system|code` a line. */
  readonly codes: string;
  readonly types: readonly string[];
  readonly expires: string;
}

function definitionOf({ title, study, profile, codes, types, expires }: Fields): object {
  const include = codes
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const at = line.lastIndexOf('|');
      return { codes: [{ system: line.slice(0, Math.max(0, at)), code: line.slice(at + 1) }] };
    });
  const name = title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, 60);
  return {
    cohort: name === '' ? 'cohort' : name,
    title,
    study,
    purpose: 'HRESCH',
    profile,
    ...(include.length === 0 ? {} : { include }),
    types,
    expires,
  };
}

export function NewCohort({
  wallet,
  onMade,
}: {
  wallet: Wallet;
  onMade: (cohort: ShownCohort) => void;
}): ReactNode {
  const { t } = useTranslation();
  const { isBusy, failure, run } = useAct();
  const [fields, setFields] = useState<Fields>(() => ({
    title: '',
    study: '',
    profile: 'shifted',
    codes: '',
    types: ['Patient', 'Observation'],
    expires: new Date(Date.now() + DAYS_OPEN * DAY_MS).toISOString().slice(0, 10),
  }));
  const [own, setOwn] = useState<string>();
  const text = own ?? JSON.stringify(definitionOf(fields), null, 2);
  const change = (more: Partial<Fields>): void => {
    setFields({ ...fields, ...more });
    setOwn(undefined);
  };
  const isReady =
    own !== undefined || (fields.title !== '' && fields.study !== '' && fields.types.length > 0);
  return (
    <Card withBorder>
      <Stack gap="sm">
        <Title order={2} size="h3">
          {t('research.new')}
        </Title>
        <Group grow align="start" preventGrowOverflow={false}>
          <TextInput
            label={t('research.name')}
            required
            miw={240}
            value={fields.title}
            onChange={(event) => change({ title: event.currentTarget.value })}
          />
          <TextInput
            label={t('research.study')}
            description={t('research.studyHint')}
            required
            miw={240}
            value={fields.study}
            onChange={(event) => change({ study: event.currentTarget.value })}
          />
        </Group>
        <Textarea
          label={t('research.codes')}
          description={t('research.codesHint')}
          autosize
          minRows={2}
          spellCheck={false}
          value={fields.codes}
          onChange={(event) => change({ codes: event.currentTarget.value })}
        />
        <Checkbox.Group
          label={t('research.types')}
          value={[...fields.types]}
          onChange={(types) => change({ types })}
        >
          <Group mt={4}>
            {TYPES.map((type) => (
              <Checkbox key={type} value={type} label={type} />
            ))}
          </Group>
        </Checkbox.Group>
        <Group align="end">
          <NativeSelect
            label={t('research.profile')}
            value={fields.profile}
            onChange={(event) => change({ profile: event.currentTarget.value as Fields['profile'] })}
            data={PROFILES.map((value) => ({ value, label: t(`research.profiles.${value}`) }))}
          />
          <TextInput
            type="date"
            label={t('research.expires')}
            value={fields.expires}
            onChange={(event) => change({ expires: event.currentTarget.value })}
          />
        </Group>
        <details>
          <summary>{t('research.asText')}</summary>
          <JsonInput
            aria-label={t('research.asText')}
            autosize
            minRows={6}
            spellCheck={false}
            value={text}
            onChange={setOwn}
          />
        </details>
        <Text size="sm">{t('research.whoIsIn')}</Text>
        <Group>
          <Button
            loading={isBusy}
            disabled={!isReady}
            onClick={() => run(async () => onMade(await define(wallet, text)))}
          >
            {t('research.define')}
          </Button>
        </Group>
        <Refused failure={failure} />
      </Stack>
    </Card>
  );
}
