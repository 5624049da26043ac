import { Alert, Button, Group, Modal, PasswordInput, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useAct } from '../shell/act.js';
import { Refused } from '../shell/refused.js';
import { holder, useHeld } from './holder.js';

/** Asks for the passphrase of this browser's wallet. */
export function UnlockForm(): ReactNode {
  const { t } = useTranslation();
  const [passphrase, setPassphrase] = useState('');
  const [isWrong, setWrong] = useState(false);
  const { isBusy, failure, run } = useAct();
  const held = useHeld();
  const by = held.state === 'locked' ? held.by : undefined;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        run(async () => setWrong(!(await holder.open(passphrase))));
      }}
    >
      <Stack maw={480}>
        <Text>{t(by === undefined ? 'wallet.locked' : `wallet.lockedBy.${by}`)}</Text>
        <PasswordInput
          label={t('passphrase.old')}
          autoComplete="current-password"
          data-autofocus
          value={passphrase}
          error={isWrong ? t('passphrase.wrong') : undefined}
          onChange={(event) => {
            setWrong(false);
            setPassphrase(event.currentTarget.value);
          }}
        />
        <Group>
          <Button type="submit" loading={isBusy} disabled={passphrase === ''}>
            {t('wallet.unlock')}
          </Button>
          <RemoveButton />
        </Group>
        <Refused failure={failure} />
      </Stack>
    </form>
  );
}

/** Removes the wallet from this browser, after asking. */
export function RemoveButton(): ReactNode {
  const { t } = useTranslation();
  const [isAsking, setAsking] = useState(false);
  const { isBusy, failure, run } = useAct();
  return (
    <>
      <Button variant="default" onClick={() => setAsking(true)}>
        {t('wallet.remove.open')}
      </Button>
      <Modal
        opened={isAsking}
        onClose={() => setAsking(false)}
        title={t('wallet.remove.title')}
        closeButtonProps={{ 'aria-label': t('state.close') }}
      >
        <Stack>
          <Alert color="red">{t('wallet.remove.text')}</Alert>
          <Group>
            <Button variant="default" onClick={() => setAsking(false)}>
              {t('wallet.remove.keep')}
            </Button>
            <Button color="red.9" loading={isBusy} onClick={() => run(() => holder.remove())}>
              {t('wallet.remove.do')}
            </Button>
          </Group>
          <Refused failure={failure} />
        </Stack>
      </Modal>
    </>
  );
}
