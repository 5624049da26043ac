import { isJsonObject } from '../json/index.js';
import type { JsonObject, JsonValue } from '../json/index.js';
import systems from './code-systems.json' with { type: 'json' };
import { dateOut } from './dates.js';
import { exactNumber, numberText } from './exact-json.js';
import type { Profile } from './profiles.js';
import type { Method, Place } from './rules.js';
import { zip3 } from './zip3.js';

/** What a value's fate hangs on beside its rule. */
export interface Surroundings {
  readonly profile: Profile;
  /** The patient's offset; undefined for a resource of no patient of the export. */
  readonly shiftDays: number | undefined;
  /** No age of this patient may be told. */
  readonly old: boolean;
  /** Years before it would tell an age over 89. */
  readonly oldestYear: number | undefined;
  /** The resource is an Observation whose code says that its value is an age. */
  readonly tellsAge: boolean;
  readonly reference: (text: string) => string | undefined;
}

const UCUM = 'http://unitsofmeasure.org';
/**
 * Code systems that are the same everywhere, for a code of a local system may name a person: the codes let out, or
 * how they look, so that a telephone number or a name is not taken for one.
 */
const SYSTEMS: ReadonlyMap<string, { readonly has: (code: string) => boolean }> = new Map(
  Object.entries(systems).map(([system, codes]) => {
    const pattern = codes.startsWith('/') ? new RegExp(codes.slice(1, -1)) : undefined;
    return [
      system,
      pattern === undefined ? new Set(codes.split(' ')) : { has: (code: string) => pattern.test(code) },
    ];
  }),
);
const SNOMED = 'http://snomed.info/sct';
/** LOINC: age, reported, estimated, calculated, current or at death, at collection, at release. */
const AGE_CODES = new Set('30525-0 21612-7 21611-9 29553-5 63900-5 35659-2 39016-1'.split(' '));
/** Years in one unit of UCUM that an age may have. */
const YEARS: ReadonlyMap<string, number> = new Map([
  ['a', 1],
  ['a_j', 1],
  ['a_g', 1],
  ['a_t', 1],
  ['mo', 1 / 12],
  ['mo_j', 1 / 12],
  ['mo_g', 1 / 12],
  ['wk', 7 / 365.25],
  ['d', 1 / 365.25],
]);
const UNIT = /^[A-Za-z0-9.%/*{}#[\]'^_()+-]{1,40}$/;
/** Annotations of UCUM are free text but for these; no unit has so long a word or number. */
const ANNOTATION = /\{(?:score|nominal|count|cells|copies|ratio|INR|pH|beats|breaths|1\.73_m2|T|#)\}/g;
const NO_UNIT = /[{}]|[A-Za-z]{6}|\d{4}/;
const COMPARATORS = new Set(['<', '<=', '>=', '>']);
/** Postal letters of states and territories, and their names. */
const STATES = new Map(
  `AL Alabama, AK Alaska, AZ Arizona, AR Arkansas, CA California, CO Colorado, CT Connecticut, DE Delaware,
DC District of Columbia, FL Florida, GA Georgia, HI Hawaii, ID Idaho, IL Illinois, IN Indiana, IA Iowa, KS Kansas,
KY Kentucky, LA Louisiana, ME Maine, MD Maryland, MA Massachusetts, MI Michigan, MN Minnesota, MS Mississippi,
MO Missouri, MT Montana, NE Nebraska, NV Nevada, NH New Hampshire, NJ New Jersey, NM New Mexico, NY New York,
NC North Carolina, ND North Dakota, OH Ohio, OK Oklahoma, OR Oregon, PA Pennsylvania, RI Rhode Island,
SC South Carolina, SD South Dakota, TN Tennessee, TX Texas, UT Utah, VT Vermont, VA Virginia, WA Washington,
WV West Virginia, WI Wisconsin, WY Wyoming, AS American Samoa, GU Guam, MP Northern Mariana Islands, PR Puerto Rico,
VI Virgin Islands`
    .split(/,\s/)
    .flatMap((text): [string, string][] => {
      const letters = text.slice(0, 2);
      return [
        [letters, letters],
        [text.slice(3), letters],
      ];
    }),
);
const AGE_TOLD_MAX = 89;

/** The value as its rule lets it out, built anew member by member; undefined where nothing is let out. */
export function valueOut(value: JsonValue, place: Place, around: Surroundings): JsonValue | undefined {
  switch (place.method) {
    case 'code':
      return typeof value === 'string' && place.values.has(value) ? value : undefined;
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'number':
      return wholeNumber(value, around);
    case 'zip':
      return typeof value === 'string' ? zip3(value) : undefined;
    case 'date':
    case 'deceased-date':
      return dateOf(value, around);
    case 'instant':
      return around.profile.dates === 'year' ? undefined : dateOf(value, around);
    case 'birth-date':
      return birthDate(value, around);
    case 'period':
    case 'concept':
    case 'coding':
    case 'quantity':
    case 'range':
    case 'age':
    case 'reference':
    case 'address':
      return isJsonObject(value) ? objectOut(value, place.method, place.values, around) : undefined;
    case 'redact':
    case 'group':
    default:
      return undefined;
  }
}

type ObjectMethod = Extract<
  Method,
  'period' | 'concept' | 'coding' | 'quantity' | 'range' | 'age' | 'reference' | 'address'
>;

function objectOut(
  value: JsonObject,
  method: ObjectMethod,
  types: ReadonlySet<string>,
  around: Surroundings,
): JsonValue | undefined {
  switch (method) {
    case 'period':
      return some({ start: dateOf(value['start'], around), end: dateOf(value['end'], around) });
    case 'concept': {
      const codings = value['coding'];
      if (!Array.isArray(codings)) return undefined;
      const kept = (codings as readonly JsonValue[]).map(coding).filter((one) => one !== undefined);
      return kept.length === 0 ? undefined : { coding: kept };
    }
    case 'coding':
      return coding(value);
    case 'quantity':
      return quantity(value, around);
    case 'range': {
      const { low, high } = value;
      return some({
        low: isJsonObject(low) ? quantity(low, around) : undefined,
        high: isJsonObject(high) ? quantity(high, around) : undefined,
      });
    }
    case 'age':
      // With the year of the event it would tell the year of birth.
      return around.old && around.profile.capsAges ? undefined : quantity(value, around);
    case 'reference': {
      const text = value['reference'];
      const to = typeof text === 'string' ? around.reference(text) : undefined;
      return to !== undefined && types.has(to.slice(0, to.indexOf('/'))) ? { reference: to } : undefined;
    }
    case 'address':
      return address(value, around.profile.geography);
    default:
      return undefined;
  }
}

function dateOf(value: JsonValue | undefined, around: Surroundings): string | undefined {
  if (typeof value !== 'string') return undefined;
  return dateOut(value, around.profile.dates, around.shiftDays, around.oldestYear);
}

function birthDate(value: JsonValue, around: Surroundings): string | undefined {
  if (typeof value !== 'string' || (around.profile.capsAges && around.old)) return undefined;
  const method = around.profile.birthYearOnly ? 'year' : around.profile.dates;
  return dateOut(value, method, around.shiftDays, around.oldestYear);
}

function coding(value: JsonValue): JsonObject | undefined {
  if (!isJsonObject(value)) return undefined;
  const { system, code } = value;
  if (typeof system !== 'string' || typeof code !== 'string') return undefined;
  if (SYSTEMS.get(system)?.has(code) !== true) return undefined;
  return system === SNOMED && !hasCheckDigit(code) ? undefined : { system, code };
}

const DIHEDRAL =
  '0123456789 1234067895 2340178956 3401289567 4012395678 5987604321 6598710432 7659821043 8765932104 9876543210'.split(
    ' ',
  );
const ROTATED =
  '0123456789 1576283094 5803796142 8916043527 9453126870 4286573901 2793806415 7046913258'.split(' ');

/** Whether Verhoeff's check digit of a SNOMED CT identifier is right: nine in ten other numbers fail. */
function hasCheckDigit(code: string): boolean {
  let check = 0;
  for (let i = 0; i < code.length; i++) {
    const digit = Number(ROTATED[i % 8]?.[Number(code[code.length - 1 - i])]);
    check = Number(DIHEDRAL[check]?.[digit]);
  }
  return check === 0;
}

/** Whether an Observation's code, or a component's, is one of an age. */
export function tellsAge(resource: JsonObject): boolean {
  const { component } = resource;
  const holders = [resource, ...(Array.isArray(component) ? (component as readonly JsonValue[]) : [])];
  return holders.some((holder) => {
    const concept = isJsonObject(holder) ? holder['code'] : undefined;
    const codings = isJsonObject(concept) ? concept['coding'] : undefined;
    return (
      Array.isArray(codings) &&
      (codings as readonly JsonValue[]).some(
        (one) => isJsonObject(one) && typeof one['code'] === 'string' && AGE_CODES.has(one['code']),
      )
    );
  });
}

function wholeNumber(value: JsonValue, around: Surroundings): string | undefined {
  const number = plainNumber(value);
  const isAge = around.profile.capsAges && around.tellsAge && Number(numberText(number)) > AGE_TOLD_MAX;
  return isAge ? undefined : number;
}

/** Numbers of many digits are identifiers, such as a telephone number in a field for values. */
function plainNumber(value: JsonValue | undefined): string | undefined {
  const text = numberText(value);
  if (text === undefined || !/^-?\d{1,7}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?$/.test(text)) return undefined;
  return exactNumber(text);
}

function quantity(value: JsonObject, around: Surroundings): JsonObject | undefined {
  const number = plainNumber(value['value']);
  if (number === undefined) return undefined;
  const { comparator, system, code } = value;
  const unit =
    system === UCUM && typeof code === 'string' && isUnit(code) ? { system: UCUM, code } : undefined;
  if (around.profile.capsAges) {
    const size = Number(numberText(number));
    const factor = unit === undefined ? undefined : YEARS.get(unit.code);
    if (factor !== undefined && size * factor > AGE_TOLD_MAX)
      return {
        value: exactNumber(String(AGE_TOLD_MAX + 1)),
        comparator: '>=',
        system: UCUM,
        code: 'a',
      };
    // Without a unit of UCUM, its text or the code says that the number may be an age.
    const { unit: words } = value;
    const isYears = typeof words === 'string' && /^\s*(?:y|yr|year|age|jahr|an)/i.test(words);
    if (factor === undefined && size > AGE_TOLD_MAX && (isYears || around.tellsAge)) return undefined;
  }
  return {
    value: number,
    ...(typeof comparator === 'string' && COMPARATORS.has(comparator) ? { comparator } : {}),
    ...unit,
  };
}

function isUnit(code: string): boolean {
  return UNIT.test(code) && !NO_UNIT.test(code.replaceAll(ANNOTATION, ''));
}

function address(value: JsonObject, geography: Profile['geography']): JsonValue | undefined {
  const { state, postalCode, country } = value;
  const isUs = country === 'US' || country === 'USA';
  const zip = typeof postalCode === 'string' ? postalCode : '';
  const isWhole = geography === 'zip5' && isUs && /^\d{5}(?:-\d{4})?$/.test(zip);
  return some({
    state: geography !== 'country' && isUs && typeof state === 'string' ? STATES.get(state) : undefined,
    postalCode: geography === 'country' || !isUs ? undefined : isWhole ? zip.slice(0, 5) : zip3(zip),
    country: typeof country === 'string' && /^[A-Z]{2,3}$/.test(country) ? country : undefined,
  });
}

function some(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject | undefined {
  const kept = Object.entries(members).filter(([, value]) => value !== undefined);
  return kept.length === 0 ? undefined : Object.fromEntries<JsonValue | undefined>(kept);
}
