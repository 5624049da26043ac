/** All text of the pages, by keys that the compiler knows. */
import { createInstance } from 'i18next';
import { initReactI18next } from 'react-i18next';
import general from './en.json' with { type: 'json' };
import work from './en-work.json' with { type: 'json' };

const en = { ...general, ...work };

/** Makes the texts ready; called once, before the first page is drawn. */
export function prepareText(): void {
  void createInstance()
    .use(initReactI18next)
    .init({
      lng: 'en',
      resources: { en: { translation: en } },
      interpolation: { escapeValue: false },
      initAsync: false,
    });
}

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}
