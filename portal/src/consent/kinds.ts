/** Words for kinds of records; a kind without words stands for itself. */
import { useTranslation } from 'react-i18next';

export function useKind(): (type: string) => string {
  const { t, i18n } = useTranslation();
  return (type) => {
    const key = `kind.${type}`;
    return i18n.exists(key) ? t(key as 'kind.Observation') : type;
  };
}
