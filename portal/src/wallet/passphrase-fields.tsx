import { PasswordInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

/** Shorter ones are guessed by machines that try them on a stolen copy. */
const PASSPHRASE_CHARS_MIN = 12;

export interface Passphrase {
  readonly first: string;
  readonly again: string;
}

export const NO_PASSPHRASE: Passphrase = { first: '', again: '' };

/** A new passphrase, typed twice. */
export function isGoodPassphrase({ first, again }: Passphrase): boolean {
  return first.length >= PASSPHRASE_CHARS_MIN && first === again;
}

export function PassphraseFields({
  value,
  onChange,
}: {
  value: Passphrase;
  onChange: (value: Passphrase) => void;
}): ReactNode {
  const { t } = useTranslation();
  const { first, again } = value;
  const isShort = first !== '' && first.length < PASSPHRASE_CHARS_MIN;
  return (
    <>
      <PasswordInput
        label={t('passphrase.new')}
        description={t('passphrase.hint', { count: PASSPHRASE_CHARS_MIN })}
        autoComplete="new-password"
        required
        value={first}
        error={isShort ? t('passphrase.short', { count: PASSPHRASE_CHARS_MIN }) : undefined}
        onChange={(event) => onChange({ ...value, first: event.currentTarget.value })}
      />
      <PasswordInput
        label={t('passphrase.again')}
        autoComplete="new-password"
        required
        value={again}
        error={again !== '' && again !== first ? t('passphrase.differs') : undefined}
        onChange={(event) => onChange({ ...value, again: event.currentTarget.value })}
      />
    </>
  );
}
