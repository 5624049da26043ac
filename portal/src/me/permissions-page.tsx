/** What the patient has permitted: given by form, read before it is signed, withdrawn in one click. */
import {
  Alert,
  Badge,
  Button,
  Card,
  Checkbox,
  Group,
  NativeSelect,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Consent } from 'fhir/r4.js';
import { consentFromTemplate } from '../../../adapter/http/contract/index.js';
import type { ConsentTemplate, Enrolled, OwnConsent } from '../../../adapter/http/contract/index.js';
import { ConsentInWords } from '../consent/in-words.js';
import { readConsentBytes } from '../consent/reading.js';
import { SignSheet } from '../consent/sign-sheet.js';
import { consentBytes } from '../consent/signed-bundle.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import type { Wallet } from '../wallet/wallet.js';
import { OWN, useOwn } from './own-query.js';
import { PatientPage } from './patient-page.js';

/** Forms that need no other recipient than the hospital and its service. */
const TEMPLATES = [
  'treatment',
  'update',
  'research',
  'emergency',
] as const satisfies readonly ConsentTemplate[];
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'short' });
const DATE_CHARS = 10;

export function PermissionsPage(): ReactNode {
  const { t } = useTranslation();
  return (
    <PatientPage title={t('permissions.title')}>{(wallet) => <Permissions wallet={wallet} />}</PatientPage>
  );
}

function Permissions({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const own = useOwn<{ consents: OwnConsent[] }>(wallet, '/me/consents');
  const [toSign, setToSign] = useState<Uint8Array>();
  const [isSigned, setSigned] = useState(false);
  const { enrolled } = wallet;
  if (enrolled === undefined) return null;
  if (toSign !== undefined) {
    return (
      <SignSheet
        bytes={toSign}
        wallet={wallet}
        onBack={() => setToSign(undefined)}
        onDone={() => {
          setToSign(undefined);
          setSigned(true);
          void queries.invalidateQueries({ queryKey: [OWN] });
        }}
      />
    );
  }
  const show = (consent: Consent): void => {
    setSigned(false);
    setToSign(consentBytes(consent));
    scrollTo(0, 0);
  };
  const inForce = own.data?.consents.filter(({ standing }) => standing === 'in-force') ?? [];
  const ended = own.data?.consents.filter(({ standing }) => standing !== 'in-force') ?? [];
  return (
    <Stack>
      <Text>{t('permissions.intro')}</Text>
      <div aria-live="polite">{isSigned && <Alert color="teal">{t('permissions.signed')}</Alert>}</div>
      {own.isPending && <Loading />}
      {own.isError && <Failed error={own.error} retry={own.refetch} />}
      {own.isSuccess && (
        <>
          <Title order={2} size="h3">
            {t('permissions.inForce')}
          </Title>
          {inForce.length === 0 && <Empty>{t('permissions.none')}</Empty>}
          {inForce.map((one) => (
            <Signed key={one.handle} own={one} onWithdraw={() => show(withdrawalOf(one.document))} />
          ))}
          <NewPermission enrolled={enrolled} onRead={show} />
          {ended.length > 0 && (
            <Title order={2} size="h3">
              {t('permissions.ended')}
            </Title>
          )}
          {ended.map((one) => (
            <Signed key={one.handle} own={one} />
          ))}
        </>
      )}
    </Stack>
  );
}

function Signed({ own, onWithdraw }: { own: OwnConsent; onWithdraw?: () => void }): ReactNode {
  const { t } = useTranslation();
  const { document, standing } = own;
  const reading = readConsentBytes(consentBytes(document));
  const isInForce = standing === 'in-force';
  return (
    <Card withBorder>
      <Group justify="space-between" mb="xs">
        <Text>{t('permissions.signedAt', { at: DAY.format(Date.parse(document.dateTime ?? '')) })}</Text>
        <Badge variant={isInForce ? 'filled' : 'outline'} color={isInForce ? 'teal.9' : 'gray'}>
          {t(`permissions.state.${standing}`)}
        </Badge>
      </Group>
      {reading !== undefined && <ConsentInWords reading={reading} />}
      {onWithdraw !== undefined && (
        <Button mt="sm" variant="default" onClick={onWithdraw}>
          {t('permissions.withdraw')}
        </Button>
      )}
    </Card>
  );
}

function NewPermission({
  enrolled,
  onRead,
}: {
  enrolled: Enrolled;
  onRead: (consent: Consent) => void;
}): ReactNode {
  const { t } = useTranslation();
  const [template, setTemplate] = useState<ConsentTemplate>('treatment');
  const [until, setUntil] = useState(inYears(5));
  const [isSensitive, setSensitive] = useState(false);
  const [isAbroad, setAbroad] = useState(false);
  const { custodian, patient, instance } = enrolled;
  const read = (): void => {
    const now = new Date().toISOString();
    onRead(
      consentFromTemplate(template, {
        patient: patient.reference,
        hospital: { reference: custodian.reference, name: custodian.display },
        recipient: { reference: instance.reference, name: custodian.display },
        contact: t('permissions.contact'),
        identifier: crypto.randomUUID(),
        dateTime: now,
        until: `${until}T23:59:59Z`,
        isSensitiveIncluded: isSensitive,
        isAbroadAllowed: isAbroad,
      }),
    );
  };
  return (
    <Card withBorder>
      <Stack gap="sm">
        <Title order={2} size="h3">
          {t('permissions.new')}
        </Title>
        <NativeSelect
          label={t('permissions.form')}
          value={template}
          onChange={(event) => setTemplate(event.currentTarget.value as ConsentTemplate)}
          data={TEMPLATES.map((value) => ({
            value,
            label: t(`permissions.template.${value}`, { hospital: custodian.display }),
          }))}
        />
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
          <Button disabled={until < inYears(0)} onClick={read}>
            {t('permissions.read')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}

/** The document that takes a consent back: the same, no longer active, dated now. */
function withdrawalOf({ id: _id, meta: _meta, text: _text, ...consent }: Consent): Consent {
  return { ...consent, status: 'inactive', dateTime: new Date().toISOString() };
}

/** A day so many years from now, as a date field has it. */
function inYears(years: number): string {
  const date = new Date();
  date.setFullYear(date.getFullYear() + years);
  return date.toISOString().slice(0, DATE_CHARS);
}
