/** Home: what waits, who may see the record now, what happened lately. */
import { Alert, Anchor, Card, Group, List, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { OwnAccesses, OwnConsent, OwnHome, ShownAccess } from '../../../adapter/http/contract/index.js';
import { ConsentInWords } from '../consent/in-words.js';
import { consentBytes } from '../consent/signed-bundle.js';
import { readConsentBytes } from '../consent/reading.js';
import { ButtonLink, PageLink } from '../shell/links.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { RecordChoice } from '../wallet/hospitals.js';
import type { Wallet } from '../wallet/wallet.js';
import { AccessLine } from './access-line.js';
import { useOwn } from './own-query.js';
import { PatientPage } from './patient-page.js';

const LATELY = 5;

export function HomePage(): ReactNode {
  const { t } = useTranslation();
  return <PatientPage title={t('me.home')}>{(wallet) => <Home wallet={wallet} />}</PatientPage>;
}

function Home({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const home = useOwn<OwnHome>(wallet, '/me');
  if (home.isPending) return <Loading />;
  if (home.isError) return <Failed error={home.error} retry={home.refetch} />;
  const { waiting, hospital } = home.data;
  return (
    <Stack>
      <RecordChoice wallet={wallet} />
      <Text>{t('me.hospital', { name: hospital.display })}</Text>
      {waiting > 0 && (
        <Alert color="yellow" title={t('me.waiting', { count: waiting })}>
          <Text mb="sm">{t('me.waitingText')}</Text>
          <Group>
            <ButtonLink to="/me/permissions">{t('me.answer')}</ButtonLink>
            <PageLink to="/me/waiting">{t('me.look')}</PageLink>
          </Group>
        </Alert>
      )}
      <AskedFor wallet={wallet} />
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <WhoMay wallet={wallet} />
        <Lately wallet={wallet} />
      </SimpleGrid>
      <Group>
        <ButtonLink to="/me/timeline">{t('timeline.title')}</ButtonLink>
        <ButtonLink to="/me/requests" variant="default">
          {t('requests.title')}
        </ButtonLink>
        <ButtonLink to="/me/measures" variant="default">
          {t('measures.title')}
        </ButtonLink>
        <ButtonLink to="/me/claims" variant="default">
          {t('claims.own')}
        </ButtonLink>
        <ButtonLink to="/me/take" variant="default">
          {t('take.title')}
        </ButtonLink>
        <ButtonLink to="/me/erase" variant="default">
          {t('erase.title')}
        </ButtonLink>
      </Group>
    </Stack>
  );
}

function AskedFor({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<{ requests: ShownAccess[] }>(wallet, '/requests');
  const open = own.data?.requests.filter(({ state }) => state === 'custodian-approved') ?? [];
  if (open.length === 0) return null;
  return (
    <Alert color="yellow" title={t('me.asked', { count: open.length })}>
      <ButtonLink to="/me/requests">{t('me.answer')}</ButtonLink>
    </Alert>
  );
}

function WhoMay({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<{ consents: OwnConsent[] }>(wallet, '/me/consents');
  const inForce = own.data?.consents.filter(({ standing }) => standing === 'in-force');
  return (
    <Card withBorder>
      <Title order={2} size="h3" mb="sm">
        {t('me.whoMay')}
      </Title>
      {own.isPending && <Loading />}
      {own.isError && <Failed error={own.error} retry={own.refetch} />}
      {inForce?.length === 0 && <Empty>{t('me.nobody')}</Empty>}
      <Stack>
        {inForce?.map(({ handle, document }) => {
          const reading = readConsentBytes(consentBytes(document));
          return reading === undefined ? null : <ConsentInWords key={handle} reading={reading} />;
        })}
      </Stack>
      <Anchor component={PageLink} to="/me/permissions" mt="sm">
        {t('permissions.title')}
      </Anchor>
    </Card>
  );
}

function Lately({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<OwnAccesses>(wallet, '/me/accesses');
  return (
    <Card withBorder>
      <Title order={2} size="h3" mb="sm">
        {t('me.lately')}
      </Title>
      {own.isPending && <Loading />}
      {own.isError && <Failed error={own.error} retry={own.refetch} />}
      {own.data?.total === 0 && <Empty>{t('accesses.empty')}</Empty>}
      <List spacing="xs" listStyleType="none">
        {own.data?.accesses.slice(0, LATELY).map((access) => (
          <List.Item key={access.handle}>
            <AccessLine access={access} own={wallet.enrolled?.patient.reference} />
          </List.Item>
        ))}
      </List>
      <Anchor component={PageLink} to="/me/accesses" mt="sm">
        {t('accesses.title')}
      </Anchor>
    </Card>
  );
}
