/** One access in a sentence: who, what, why, when. */
import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { OwnAccess } from '../../../adapter/http/contract/index.js';
import { Instant } from '../shell/instant.js';

export function AccessLine({ access, own }: { access: OwnAccess; own: string | undefined }): ReactNode {
  const { t } = useTranslation();
  const who = useWho()(access, own);
  return (
    <>
      <Text fw={600}>{who}</Text>
      <Text size="sm">
        {t('accesses.line', { what: useWhat()(access), purpose: usePurpose()(access.purpose) })},{' '}
        <Instant at={access.at} />
      </Text>
    </>
  );
}

/** Who got something, in words. */
export function useWho(): (access: OwnAccess, own: string | undefined) => string {
  const { t } = useTranslation();
  return ({ to, name }, own) => (to === own ? t('accesses.you') : (name ?? to));
}

/** What was shown, in words. */
function useWhat(): (access: OwnAccess) => string {
  const { t, i18n } = useTranslation();
  return ({ records, type, interaction = '' }) => {
    const key = `accesses.shown.${interaction}`;
    // Of the bills that were added up nothing was shown.
    if ((records === 0 || interaction === 'expenses') && i18n.exists(key))
      return t(key as 'accesses.shown.waiting');
    const count = t('accesses.count', { count: records });
    // Of a whole record it is the patient's own.
    return type === undefined || type === 'Patient' ? count : `${count} (${type})`;
  };
}

/** What for, in words; a code without words stands for itself. */
export function usePurpose(): (code: string) => string {
  const { t, i18n } = useTranslation();
  return (code) => {
    const key = `consent.purpose.${code}`;
    return i18n.exists(key) ? t(key as 'consent.purpose.TREAT') : code;
  };
}
