import type { DateMethod } from './dates.js';
import { DeidentifyError } from './errors.js';
import table from './rules.json' with { type: 'json' };
import { METHODS } from './rules.js';
import type { Method, Rule } from './rules.js';

/** How much a profile lets out. */
export interface Profile {
  readonly name: ProfileName;
  readonly dates: DateMethod;
  /** Random for Safe Harbor, which allows no code derived from the person; else keyed by project. */
  readonly pseudonyms: 'random' | 'keyed';
  /** Whether birth dates are let out by the year alone, whatever other dates are. */
  readonly birthYearOnly: boolean;
  /** Whether what tells an age over 89 is left out. */
  readonly capsAges: boolean;
  readonly geography: 'country' | 'zip3' | 'zip5';
  readonly rules: readonly Rule[];
}

/** The profiles that come with the engine. */
export const PROFILE_NAMES = ['safe-harbor', 'shifted', 'limited', 'gdpr'] as const;
/** One of {@link PROFILE_NAMES}. */
export type ProfileName = (typeof PROFILE_NAMES)[number];

const RULES = readRules(table);

const PROFILES: Readonly<Record<ProfileName, Omit<Profile, 'name' | 'rules'>>> = {
  'safe-harbor': {
    dates: 'year',
    pseudonyms: 'random',
    birthYearOnly: true,
    capsAges: true,
    geography: 'zip3',
  },
  shifted: { dates: 'shift', pseudonyms: 'keyed', birthYearOnly: false, capsAges: true, geography: 'zip3' },
  limited: { dates: 'real', pseudonyms: 'keyed', birthYearOnly: false, capsAges: false, geography: 'zip5' },
  gdpr: { dates: 'shift', pseudonyms: 'keyed', birthYearOnly: true, capsAges: true, geography: 'country' },
};

/**
 * A profile by its name.
 *
 * @throws DeidentifyError DEIDENTIFY_UNKNOWN_PROFILE.
 * @see 45 CFR 164.514(b) and (e)
 */
export function profileNamed(name: string): Profile {
  const known = PROFILE_NAMES.find((one) => one === name);
  if (known === undefined)
    throw new DeidentifyError('DEIDENTIFY_UNKNOWN_PROFILE', `the profiles are ${PROFILE_NAMES.join(', ')}`);
  return { name: known, ...PROFILES[known], rules: RULES };
}

/** `"Patient": {"gender!": "code male female"}`: type, path, `!` where it may not be absent, `~` where what holds it goes with it, method and its values. */
function readRules(types: Readonly<Record<string, Readonly<Record<string, string>>>>): Rule[] {
  return Object.entries(types).flatMap(([type, elements]) =>
    Object.entries(elements).map(([path, text]) => {
      const [word = '', ...values] = text.split(' ');
      const method = METHODS.find((one) => one === word);
      if (method === undefined)
        throw new DeidentifyError('DEIDENTIFY_BAD_RULE', `there is no method ${word}`);
      return {
        path: `${type}.${path.replace(/[!~]$/, '')}`,
        method: method satisfies Method,
        values,
        ...(path.endsWith('!') ? { required: 'always' } : path.endsWith('~') ? { required: 'kept' } : {}),
      };
    }),
  );
}
