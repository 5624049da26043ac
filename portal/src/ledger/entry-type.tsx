import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import en from '../text/en.json' with { type: 'json' };

type Known = keyof typeof en.type;

const isKnown = (name: string): name is Known => Object.hasOwn(en.type, name);

/** What happened, in words; a type that these pages do not know is shown as it stands. */
export function EntryTypeName({ type }: { type: string }): ReactNode {
  const { t } = useTranslation();
  // Dots part keys of the catalogue.
  const name = type.replaceAll('.', '_');
  return isKnown(name) ? t(`type.${name}`) : type;
}
