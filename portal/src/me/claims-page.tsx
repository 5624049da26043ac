/** What insurers had compared with the own record: each claim, and why a line was not supported. */
import { Badge, Button, Card, Group, List, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type {
  OwnClaim,
  OwnClaimDetails,
  OwnClaims,
  OwnExpenses,
} from '../../../adapter/http/contract/index.js';
import { Instant } from '../shell/instant.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import type { Wallet } from '../wallet/wallet.js';
import { useOwn } from './own-query.js';
import { PatientPage } from './patient-page.js';

export function OwnClaimsPage(): ReactNode {
  const { t } = useTranslation();
  return <PatientPage title={t('claims.own')}>{(wallet) => <Claims wallet={wallet} />}</PatientPage>;
}

function Claims({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<OwnClaims>(wallet, '/me/claims');
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  const { claims, expenses, tries } = own.data;
  return (
    <Stack>
      <Text>{t('claims.ownIntro')}</Text>
      {claims.length === 0 && <Empty>{t('claims.none')}</Empty>}
      {tries.map(({ to, answered, missed }) => (
        <Text key={to} size="sm">
          {t('claims.tries', { to, count: answered, missed })}
        </Text>
      ))}
      {claims.map((claim) => (
        <Claim key={claim.handle} claim={claim} wallet={wallet} />
      ))}
      {expenses.length > 0 && (
        <>
          <Title order={2} size="h3">
            {t('claims.expenses')}
          </Title>
          <Text>{t('claims.expensesIntro')}</Text>
          {expenses.map((one) => (
            <Expenses key={one.handle} asked={one} />
          ))}
        </>
      )}
    </Stack>
  );
}

function Claim({ claim, wallet }: { claim: OwnClaim; wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const { handle, at, to, claim: name, supported, notSupported, undecidable } = claim;
  return (
    <Card withBorder component="article" aria-label={name}>
      <Stack gap="xs">
        <Group justify="space-between">
          <Title order={2} size="h4">
            {name}
          </Title>
          <Text size="sm">
            <Instant at={at} />
          </Text>
        </Group>
        <Text size="sm" className="hash">
          {t('claims.askedBy', { to })}
        </Text>
        <Text>{t('claims.sum', { supported, not: notSupported, open: undecidable })}</Text>
        {isOpen ? (
          <Lines wallet={wallet} handle={handle} />
        ) : (
          <Group>
            <Button size="compact-md" variant="default" onClick={() => setOpen(true)}>
              {t('claims.why')}
            </Button>
          </Group>
        )}
      </Stack>
    </Card>
  );
}

/** A question of a bank that the patient signed. */
function Expenses({ asked }: { asked: OwnExpenses }): ReactNode {
  const { t } = useTranslation();
  const { at, to, atLeast, currency, start, end, says, records } = asked;
  return (
    <Card withBorder component="article" aria-label={`${atLeast} ${currency}`}>
      <Stack gap="xs">
        <Group justify="space-between">
          <Text>{t('claims.expensesAsked', { amount: atLeast, currency, start, end })}</Text>
          <Text size="sm">
            <Instant at={at} />
          </Text>
        </Group>
        <Text size="sm" className="hash">
          {t('claims.askedBy', { to })}
        </Text>
        <Text>{t(`claims.expensesSays.${says}`, { count: records })}</Text>
      </Stack>
    </Card>
  );
}

function Lines({ wallet, handle }: { wallet: Wallet; handle: string }): ReactNode {
  const { t } = useTranslation();
  const own = useOwn<OwnClaimDetails>(wallet, `/me/claims/${handle}`);
  if (own.isPending) return <Loading />;
  if (own.isError) return <Failed error={own.error} retry={own.refetch} />;
  return (
    <List listStyleType="none" spacing="xs">
      {own.data.lines.map(({ sequence, finding, failed, open }) => (
        <List.Item key={sequence}>
          <Group gap="xs">
            <Text>{t('claims.lineNumber', { sequence })}</Text>
            <Badge variant="outline" color="gray">
              {t(`claims.findings.${finding}`)}
            </Badge>
            {failed.length > 0 && (
              <Text size="sm">
                {t('claims.failed', { what: failed.map((one) => t(`claims.part.${one}`)).join(', ') })}
              </Text>
            )}
            {open.length > 0 && <Text size="sm">{t('claims.open', { what: open.join(', ') })}</Text>}
            {finding === 'not-supported' && failed.length === 0 && (
              <Text size="sm">{t('claims.noRecord')}</Text>
            )}
          </Group>
        </List.Item>
      ))}
    </List>
  );
}
