/** The certification authority: who asks for a certificate, who has one and until when, and the revocation list. */
import {
  Badge,
  Button,
  Card,
  Code,
  Group,
  Modal,
  NativeSelect,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import {
  ENROLMENT_APPROVAL_KIND,
  ENROLMENT_REFUSAL_KIND,
  REVOCATION_KIND,
  SHOWN_REASONS,
} from '../../../adapter/http/contract/index.js';
import type { AuthorityDesk, ShownApplication, ShownMember } from '../../../adapter/http/contract/index.js';
import { OWN, useOwn } from '../me/own-query.js';
import { useAct } from '../shell/act.js';
import { Instant } from '../shell/instant.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { Refused } from '../shell/refused.js';
import type { Wallet } from '../wallet/wallet.js';
import { sendSigned } from '../work/signed-act.js';
import { WorkPage } from '../work/work-page.js';

const DAY_MS = 86_400_000;
/** Told of from then on, days. */
const SOON_DAYS = 30;
const COMPARED = 16;

export function AuthorityPage(): ReactNode {
  const { t } = useTranslation();
  return (
    <WorkPage title={t('work.authority')} role="officer">
      {(wallet) => <Authority wallet={wallet} />}
    </WorkPage>
  );
}

function Authority({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const desk = useOwn<AuthorityDesk>(wallet, '/pki/authority');
  const [ending, setEnding] = useState<ShownMember>();
  if (desk.isPending) return <Loading />;
  if (desk.isError) return <Failed error={desk.error} retry={desk.refetch} />;
  const { applications, members, list, authority } = desk.data;
  return (
    <Stack>
      <Title order={2}>{t('authority.requests')}</Title>
      <Text>{t('authority.intro')}</Text>
      {applications.length === 0 && <Empty>{t('authority.none')}</Empty>}
      {applications.map((one) => (
        <Asked key={one.id} asked={one} wallet={wallet} />
      ))}
      <Title order={2}>{t('authority.members')}</Title>
      <Stack gap="xs">
        {members.map((one) => (
          <Member key={one.handle} member={one} onEnd={() => setEnding(one)} />
        ))}
      </Stack>
      <Title order={2}>{t('authority.list')}</Title>
      <Card withBorder>
        <Table variant="vertical" layout="fixed">
          <Table.Tbody>
            <Row name={t('authority.number')}>{list.number}</Row>
            <Row name={t('authority.listed')}>{list.revoked}</Row>
            <Row name={t('authority.next')}>
              <Instant at={Date.parse(list.nextUpdate)} />
            </Row>
            <Row name={t('authority.until')}>
              <Instant at={Date.parse(authority.notAfter)} />
            </Row>
            <Row name={t('authority.issuing')}>
              <span className="hash">{authority.fingerprint}</span>
            </Row>
          </Table.Tbody>
        </Table>
        <Group mt="sm">
          <Button component="a" variant="default" href="/pki/issuing.crl" download="issuing.crl">
            {t('authority.save')}
          </Button>
        </Group>
      </Card>
      <Ending member={ending} wallet={wallet} onClose={() => setEnding(undefined)} />
    </Stack>
  );
}

function Row({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <Table.Tr>
      <Table.Th w="40%">{name}</Table.Th>
      <Table.Td>{children}</Table.Td>
    </Table.Tr>
  );
}

function useChanged(): () => Promise<void> {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: [OWN] });
}

function Asked({ asked, wallet }: { asked: ShownApplication; wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const changed = useChanged();
  const { isBusy, failure, run } = useAct();
  const [reason, setReason] = useState('');
  const { id, role, group, name, applicant, askedAt, csrSha256, approvedBy, isMine } = asked;
  const send = (path: string, more: Readonly<Record<string, string>> & { readonly kind: string }): void =>
    run(async () => {
      await sendSigned(wallet, `/pki/authority/${path}`, { request: id, csr: csrSha256, ...more });
      await changed();
    });
  return (
    <Card withBorder>
      <Group justify="space-between" mb="xs">
        <Text fw={700}>{applicant ?? name}</Text>
        <Badge variant="outline" color="gray">
          {t(approvedBy === undefined ? 'authority.first' : 'authority.second')}
        </Badge>
      </Group>
      <Table variant="vertical" layout="fixed">
        <Table.Tbody>
          <Row name={t('authority.what')}>{t(`join.roles.${role}`)}</Row>
          <Row name={t('join.of')}>
            {name} ({t(`requests.group.${group}`)})
          </Row>
          <Row name={t('authority.asked')}>
            <Instant at={Date.parse(askedAt)} />
          </Row>
          <Row name={t('authority.compare')}>
            <Code className="hash">{csrSha256.slice(0, COMPARED).replaceAll(/(.{4})(?=.)/g, '$1 ')}</Code>
          </Row>
          {approvedBy !== undefined && (
            <Row name={t('authority.approvedBy')}>
              <span className="hash">{approvedBy}</span>
            </Row>
          )}
        </Table.Tbody>
      </Table>
      <Stack gap="sm" mt="sm">
        <Text>{t(isMine ? 'authority.means' : 'authority.notYou')}</Text>
        <Group>
          <Button
            loading={isBusy}
            disabled={!isMine}
            onClick={() => send('approvals', { kind: ENROLMENT_APPROVAL_KIND })}
          >
            {t('authority.approve')}
          </Button>
        </Group>
        <TextInput
          label={t('authority.why')}
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <Group>
          <Button
            variant="default"
            disabled={isBusy || reason.trim() === ''}
            onClick={() => send('refusals', { kind: ENROLMENT_REFUSAL_KIND, reason: reason.trim() })}
          >
            {t('authority.refuse')}
          </Button>
        </Group>
        <Refused failure={failure} />
      </Stack>
    </Card>
  );
}

function Member({ member, onEnd }: { member: ShownMember; onEnd: () => void }): ReactNode {
  const { t } = useTranslation();
  const { name, role, id, state, notAfter, isEndable, revoked } = member;
  const days = Math.floor((Date.parse(notAfter) - Date.now()) / DAY_MS);
  const isSoon = state === 'active' && days < SOON_DAYS;
  return (
    <Card withBorder padding="sm">
      <Group justify="space-between" align="start">
        <div>
          <Text fw={600}>
            {name}: {t(`authority.role.${ROLES.find((one) => one === role) ?? 'instance'}`)}
          </Text>
          <Text size="sm" className="hash">
            {id}
          </Text>
          <Text size="sm">
            {revoked === undefined
              ? t('authority.validUntil', { day: notAfter.slice(0, 10) })
              : t('authority.revokedAt', { day: revoked.at.slice(0, 10), reason: revoked.reason })}
          </Text>
        </div>
        <Group gap="xs">
          {isSoon && <Badge color="yellow.9">{t('authority.soon', { count: days })}</Badge>}
          <Badge
            variant={state === 'active' ? 'filled' : 'outline'}
            color={state === 'active' ? 'teal.9' : 'gray'}
          >
            {t(`authority.state.${state}`)}
          </Badge>
          {isEndable && (
            <Button variant="default" size="xs" onClick={onEnd} aria-label={t('authority.endOf', { id })}>
              {t('authority.end')}
            </Button>
          )}
        </Group>
      </Group>
    </Card>
  );
}

const ROLES = ['clinician', 'staff', 'officer', 'organisation'] as const;

function Ending({
  member,
  wallet,
  onClose,
}: {
  member: ShownMember | undefined;
  wallet: Wallet;
  onClose: () => void;
}): ReactNode {
  const { t } = useTranslation();
  const changed = useChanged();
  const { isBusy, failure, run } = useAct();
  const [reason, setReason] = useState('cessationOfOperation');
  return (
    <Modal
      opened={member !== undefined}
      onClose={onClose}
      title={t('authority.ending')}
      closeButtonProps={{ 'aria-label': t('state.close') }}
    >
      {member !== undefined && (
        <Stack>
          <Text>{t('authority.endingText', { name: member.name })}</Text>
          <Text className="hash">{member.id}</Text>
          <NativeSelect
            label={t('authority.reason')}
            data={SHOWN_REASONS.map((value) => ({ value, label: t(`authority.reasons.${value}`) }))}
            value={reason}
            onChange={({ currentTarget }) => setReason(currentTarget.value)}
          />
          <Group>
            <Button
              color="red.9"
              loading={isBusy}
              onClick={() =>
                run(async () => {
                  await sendSigned(wallet, '/pki/authority/revocations', {
                    kind: REVOCATION_KIND,
                    participant: member.handle,
                    reason,
                  });
                  await changed();
                  onClose();
                })
              }
            >
              {t('authority.signEnd')}
            </Button>
            <Button variant="default" onClick={onClose}>
              {t('authority.keep')}
            </Button>
          </Group>
          <Refused failure={failure} />
        </Stack>
      )}
    </Modal>
  );
}
