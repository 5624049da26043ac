/** A form filled in: what for, to whom, how long. It is read before it is signed. */
import { Button, Card, Checkbox, Group, NativeSelect, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Consent } from 'fhir/r4.js';
import { consentFromTemplate } from '../../../adapter/http/contract/index.js';
import type { ConsentTemplate, Enrolled, KnownOrganisations } from '../../../adapter/http/contract/index.js';
import { askJson } from '../session/ask.js';
import { Failed, Loading } from '../shell/notices.js';

const TEMPLATES = [
  'treatment',
  'update',
  'research',
  'claim',
  'emergency',
] as const satisfies readonly ConsentTemplate[];
/** Who may be permitted something by a form that names a recipient. */
const GROUPS = { research: 'authority', claim: 'payer' } as const;
const CLAIM = /^(?:Claim\/)?([A-Za-z0-9.-]{1,64})$/;
const DATE_CHARS = 10;

export function NewPermission({
  enrolled,
  onRead,
}: {
  enrolled: Enrolled;
  onRead: (consent: Consent) => void;
}): ReactNode {
  const { t } = useTranslation();
  const [template, setTemplate] = useState<(typeof TEMPLATES)[number]>('treatment');
  const [until, setUntil] = useState(inYears(5));
  const [isSensitive, setSensitive] = useState(false);
  const [isAbroad, setAbroad] = useState(false);
  const [recipient, setRecipient] = useState('');
  const [claim, setClaim] = useState('');
  const known = useQuery({
    queryKey: ['organisations'],
    queryFn: () => askJson<KnownOrganisations>('/pki/organisations'),
  });
  const { custodian, patient, instance } = enrolled;
  const service = {
    reference: instance.reference,
    name: t('permissions.service', { hospital: custodian.display }),
  };
  const parties =
    template === 'research' || template === 'claim'
      ? (known.data?.recipients ?? [])
          .filter(({ group }) => group === GROUPS[template])
          .map(({ id, name }) => ({ reference: `Organization/${id}`, name }))
      : [];
  const offered = template === 'research' ? [service, ...parties] : parties;
  const chosen = offered.find(({ reference }) => reference === recipient) ?? offered[0];
  const claimId = CLAIM.exec(claim.trim())?.[1];
  const isReady =
    until >= inYears(0) && (template !== 'claim' || (chosen !== undefined && claimId !== undefined));
  const read = (): void =>
    onRead(
      consentFromTemplate(template, {
        patient: patient.reference,
        hospital: { reference: custodian.reference, name: custodian.display },
        ...(chosen === undefined ? {} : { recipient: chosen }),
        ...(template === 'claim' && claimId !== undefined ? { claim: `Claim/${claimId}` } : {}),
        contact: t('permissions.contact'),
        identifier: crypto.randomUUID(),
        dateTime: new Date().toISOString(),
        until: `${until}T23:59:59Z`,
        isSensitiveIncluded: isSensitive,
        isAbroadAllowed: isAbroad,
      }),
    );
  return (
    <Card withBorder>
      <Stack gap="sm">
        <Title order={2} size="h3">
          {t('permissions.new')}
        </Title>
        <NativeSelect
          label={t('permissions.form')}
          value={template}
          onChange={(event) =>
            setTemplate(TEMPLATES.find((one) => one === event.currentTarget.value) ?? 'treatment')
          }
          data={TEMPLATES.map((value) => ({
            value,
            label: t(`permissions.template.${value}`, { hospital: custodian.display }),
          }))}
        />
        {(template === 'research' || template === 'claim') && (
          <>
            {known.isPending && <Loading />}
            {known.isError && <Failed error={known.error} retry={known.refetch} />}
            {offered.length > 0 && (
              <NativeSelect
                label={t(`permissions.to.${template}`)}
                value={chosen?.reference ?? ''}
                onChange={(event) => setRecipient(event.currentTarget.value)}
                data={offered.map(({ reference, name }) => ({ value: reference, label: name }))}
              />
            )}
            {known.isSuccess && offered.length === 0 && <Text>{t('permissions.noInsurer')}</Text>}
          </>
        )}
        {template === 'claim' && (
          <TextInput
            label={t('permissions.claim')}
            description={t('permissions.claimHint')}
            maw={480}
            autoComplete="off"
            spellCheck={false}
            value={claim}
            error={claim.trim() !== '' && claimId === undefined ? t('permissions.claimBad') : undefined}
            onChange={(event) => setClaim(event.currentTarget.value)}
          />
        )}
        <TextInput
          type="date"
          label={t('permissions.until')}
          maw={240}
          min={inYears(0)}
          value={until}
          onChange={(event) => setUntil(event.currentTarget.value)}
        />
        <Checkbox
          label={t('permissions.sensitive')}
          description={t('permissions.sensitiveHint')}
          checked={isSensitive}
          onChange={(event) => setSensitive(event.currentTarget.checked)}
        />
        <Checkbox
          label={t('permissions.abroad')}
          checked={isAbroad}
          onChange={(event) => setAbroad(event.currentTarget.checked)}
        />
        <Group>
          <Button disabled={!isReady} onClick={read}>
            {t('permissions.read')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}

/** A day so many years from now, as a date field has it. */
function inYears(years: number): string {
  const date = new Date();
  date.setFullYear(date.getFullYear() + years);
  return date.toISOString().slice(0, DATE_CHARS);
}
