/** The data dictionary of an export: what each element and column may hold, by the rules it was made by. */
import type { Profile } from '../../../mappings/deidentify/index.js';
import { viewNamed } from './definition.js';
import type { CohortDefinition } from './definition.js';

const WORDS: Readonly<Record<string, string>> = {
  year: 'years only',
  shift: 'moved by one offset a patient, 1 to 50 days: intervals hold',
  real: 'as they were',
};

export function dictionaryOf(definition: CohortDefinition, profile: Profile): object {
  const resources = Object.fromEntries(
    definition.types.map((type) => [
      type,
      profile.rules
        .filter(({ path }) => path.startsWith(`${type}.`))
        .map(({ path, method, values }) => ({ path, method, ...(values === undefined ? {} : { values }) })),
    ]),
  );
  const { table } = definition;
  const columns =
    table === undefined
      ? undefined
      : viewNamed(table.view)
          .columns.filter(({ name }) => table.columns.includes(name))
          .map(({ name, type }) => ({
            name,
            type: type ?? 'json',
            isQuasiIdentifier: Object.hasOwn(table.quasiIdentifiers, name),
            ...(Object.hasOwn(table.quasiIdentifiers, name) ? { widened: table.quasiIdentifiers[name] } : {}),
          }));
  return {
    profile: profile.name,
    dates: WORDS[profile.dates] ?? profile.dates,
    birthYearOnly: profile.birthYearOnly,
    agesOver89: profile.capsAges ? 'not told' : 'as they were',
    geography: profile.geography,
    pseudonyms: profile.pseudonyms,
    resources,
    ...(columns === undefined ? {} : { table: columns }),
  };
}
