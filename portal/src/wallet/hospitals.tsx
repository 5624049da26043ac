/** The hospitals of a patient's wallet: whose record is looked at, another one linked, one ended. */
import {
  Alert,
  Badge,
  Button,
  Card,
  Group,
  List,
  Modal,
  NativeSelect,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Enrolled } from '../../../adapter/http/contract/index.js';
import { useAct } from '../shell/act.js';
import type { Act } from '../shell/act.js';
import { Refused } from '../shell/refused.js';
import { INVITATION } from './enrol.js';
import { holder } from './holder.js';
import { completeLink, hospitalsOf, linkHospital, lookAt, unlinkHospital } from './links.js';
import type { Wallet } from './wallet.js';

export function Hospitals({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const [ending, setEnding] = useState<Enrolled>();
  const act = useAct();
  return (
    <Card withBorder>
      <Stack gap="sm">
        <Title order={2} size="h3">
          {t('hospitals.title')}
        </Title>
        <Text>{t('hospitals.text')}</Text>
        <List listStyleType="none" spacing="sm">
          {hospitalsOf(wallet).map((one) => (
            <List.Item key={one.participant}>
              <Group gap="xs">
                <Text fw={600}>{one.custodian.display}</Text>
                {one === wallet.enrolled ? (
                  <Badge variant="outline" color="gray">
                    {t('hospitals.shown')}
                  </Badge>
                ) : (
                  <Button size="compact-md" variant="default" onClick={() => lookAt(wallet, one)}>
                    {t('hospitals.look', { name: one.custodian.display })}
                  </Button>
                )}
                <Button size="compact-md" variant="default" onClick={() => setEnding(one)}>
                  {t('hospitals.end', { name: one.custodian.display })}
                </Button>
              </Group>
            </List.Item>
          ))}
        </List>
        {wallet.linking === undefined || act.isBusy ? (
          <Another wallet={wallet} act={act} />
        ) : (
          <Unfinished wallet={wallet} act={act} />
        )}
        <Refused failure={act.failure} />
      </Stack>
      {ending !== undefined && <Ending wallet={wallet} ended={ending} onClose={() => setEnding(undefined)} />}
    </Card>
  );
}

/** Which of several records the pages show. */
export function RecordChoice({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const all = hospitalsOf(wallet).toSorted((a, b) => (a.participant < b.participant ? -1 : 1));
  if (all.length < 2) return null;
  return (
    <NativeSelect
      label={t('hospitals.which')}
      maw={320}
      value={wallet.enrolled?.participant}
      data={all.map(({ participant, custodian }) => ({ value: participant, label: custodian.display }))}
      onChange={(event) => {
        const chosen = all.find(({ participant }) => participant === event.currentTarget.value);
        if (chosen !== undefined) lookAt(wallet, chosen);
      }}
    />
  );
}

function Another({ wallet, act }: { wallet: Wallet; act: Act }): ReactNode {
  const { t } = useTranslation();
  const [typed, setTyped] = useState('');
  const code = typed.trim();
  const isCode = INVITATION.test(code);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        act.run(async () => {
          await linkHospital(wallet, code);
          setTyped('');
        });
      }}
    >
      <Stack gap="xs">
        <TextInput
          label={t('hospitals.code')}
          description={t('hospitals.codeHint')}
          autoComplete="off"
          spellCheck={false}
          maw={480}
          value={typed}
          error={code !== '' && !isCode ? t('wallet.invited.bad') : undefined}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <div>
          <Button type="submit" variant="default" loading={act.isBusy} disabled={!isCode}>
            {t('hospitals.link')}
          </Button>
        </div>
      </Stack>
    </form>
  );
}

/** The answer to a link did not arrive. */
function Unfinished({ wallet, act }: { wallet: Wallet; act: Act }): ReactNode {
  const { t } = useTranslation();
  const { linking: _linking, ...without } = wallet;
  return (
    <Alert color="yellow" title={t('hospitals.unfinished')}>
      <Text mb="sm">{t('hospitals.unfinishedText')}</Text>
      <Group>
        <Button loading={act.isBusy} onClick={() => act.run(() => completeLink(wallet))}>
          {t('wallet.unfinished.do')}
        </Button>
        <Button variant="default" disabled={act.isBusy} onClick={() => act.run(() => holder.keep(without))}>
          {t('hospitals.forget')}
        </Button>
      </Group>
    </Alert>
  );
}

function Ending({
  wallet,
  ended,
  onClose,
}: {
  wallet: Wallet;
  ended: Enrolled;
  onClose: () => void;
}): ReactNode {
  const { t } = useTranslation();
  const { isBusy, failure, run } = useAct();
  const name = ended.custodian.display;
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('hospitals.endTitle', { name })}
      closeButtonProps={{ 'aria-label': t('state.close') }}
    >
      <Stack>
        <List spacing="xs">
          <List.Item>{t('hospitals.endConsents', { name })}</List.Item>
          <List.Item>{t('hospitals.endKeeps', { name })}</List.Item>
          <List.Item>{t('hospitals.endBack', { name })}</List.Item>
        </List>
        <Group>
          <Button variant="default" onClick={onClose}>
            {t('hospitals.stay')}
          </Button>
          <Button
            color="red.9"
            loading={isBusy}
            onClick={() =>
              run(async () => {
                await unlinkHospital(wallet, ended);
                onClose();
              })
            }
          >
            {t('hospitals.endDo')}
          </Button>
        </Group>
        <Refused failure={failure} />
      </Stack>
    </Modal>
  );
}
