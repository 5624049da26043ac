/** What the patient has permitted: given by form, read before it is signed, withdrawn in one click. */
import { Alert, Badge, Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Consent } from 'fhir/r4.js';
import type { OwnConsent } from '../../../adapter/http/contract/index.js';
import { ConsentInWords } from '../consent/in-words.js';
import { readConsentBytes } from '../consent/reading.js';
import { SignSheet } from '../consent/sign-sheet.js';
import { consentBytes } from '../consent/signed-bundle.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import type { Wallet } from '../wallet/wallet.js';
import { OWN, useOwn } from './own-query.js';
import { NewPermission } from './new-permission.js';
import { PatientPage } from './patient-page.js';

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'long', timeStyle: 'short' });

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

/** The document that takes a consent back: the same, no longer active, dated now. */
function withdrawalOf({ id: _id, meta: _meta, text: _text, ...consent }: Consent): Consent {
  return { ...consent, status: 'inactive', dateTime: new Date().toISOString() };
}
