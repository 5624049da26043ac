/**
 * The labelling service: which security labels a resource has by its codes, where nobody, or somebody else, labelled it.
 * Labels are only ever added.
 */
import { UNREADABLE } from '../../ledger/consent/index.js';
import sets from './value-sets.json' with { type: 'json' };

/** The categories that value sets are kept of. */
export type SensitiveCategory = keyof typeof sets.categories;
export const SENSITIVE_CATEGORIES = Object.keys(sets.categories) as readonly SensitiveCategory[];

interface Category {
  readonly labels: readonly string[];
  /** `F20-F99`, `B20`, `Z31.5`, `R78.0-R78.5`. */
  readonly icd: readonly string[];
  readonly codes: Readonly<Record<string, readonly { readonly code: string }[]>>;
}

const CATEGORIES: readonly Category[] = Object.values(sets.categories);

/** Restricted: what is of a sensitive category is not merely normal. */
const RESTRICTED = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R';

const ICD_SYSTEMS: ReadonlySet<string> = new Set(sets.icdSystems);

/** Labels by the code's system, then its code. */
const BY_CODE: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>> = byCode();

interface Range {
  readonly from: string;
  readonly to: string;
  readonly labels: readonly string[];
}

/** ICD ranges by the letter that they begin with; those from one letter to another stand under each. */
const BY_LETTER: ReadonlyMap<string, readonly Range[]> = byLetter();

/** Deeper than this nothing is looked for: JSON of a sender is bounded before it comes here. */
const DEPTH_MAX = 200;

/**
 * Labels that a resource has by the codes in it: of a category, and `R` beside. All codings count, at any depth: those
 * of contained resources and of a Bundle's entries too.
 *
 * @param resource - Parsed JSON.
 * @returns Tokens, each once, in a fixed order; empty where nothing sensitive was found, which is no proof that it is not.
 */
export function sensitivityOf(resource: unknown): readonly string[] {
  const found = new Set<string>();
  collect(resource, found, 0);
  return found.size === 0 ? NONE : [...[...found].toSorted(), RESTRICTED];
}

const NONE: readonly string[] = Object.freeze([]);

/**
 * A resource's labels: its source's and those of its codes.
 *
 * @param given - By who knew it; empty or `undefined`: nobody labelled it. What was then found by codes may not be all
 * that there is, and the gate is told so.
 * @returns `undefined` where there are none.
 */
export function labelled(
  given: readonly string[] | undefined,
  found: readonly string[],
): readonly string[] | undefined {
  const isGiven = given !== undefined && given.length > 0;
  if (found.length === 0) return isGiven ? given : undefined;
  return isGiven ? [...new Set([...given, ...found])] : [...found, UNREADABLE];
}

function collect(value: unknown, found: Set<string>, depth: number): void {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return;
  if (Array.isArray(value)) {
    for (const item of value) collect(item, found, depth + 1);
    return;
  }
  const { system, code } = value as { system?: unknown; code?: unknown };
  if (typeof system === 'string' && typeof code === 'string') {
    for (const label of labelsOf(system, code)) found.add(label);
  }
  for (const name in value) collect((value as Record<string, unknown>)[name], found, depth + 1);
}

function labelsOf(system: string, code: string): readonly string[] {
  const listed = BY_CODE.get(system)?.get(code);
  if (listed !== undefined) return listed;
  return ICD_SYSTEMS.has(system) ? icdLabels(code) : NONE;
}

/** Codes are written with and without their dot. */
function icdLabels(code: string): readonly string[] {
  const plain = code.replace('.', '').toUpperCase();
  const labels: string[] = [];
  for (const { from, to, labels: some } of BY_LETTER.get(plain.slice(0, 1)) ?? []) {
    // A code lies within a range by as many characters as the range's ends have.
    if (plain.slice(0, from.length) >= from && plain.slice(0, to.length) <= to && plain.length >= from.length)
      labels.push(...some);
  }
  return labels;
}

function byCode(): Map<string, Map<string, readonly string[]>> {
  const systems = new Map<string, Map<string, readonly string[]>>();
  for (const category of CATEGORIES) {
    for (const [system, codes] of Object.entries(category.codes)) {
      const known = systems.get(system) ?? new Map<string, readonly string[]>();
      systems.set(system, known);
      for (const { code } of codes) known.set(code, [...(known.get(code) ?? []), ...tokensOf(category)]);
    }
  }
  return systems;
}

function byLetter(): Map<string, Range[]> {
  const letters = new Map<string, Range[]>();
  for (const category of CATEGORIES) {
    for (const entry of category.icd) {
      const [from = '', to = from] = entry.replaceAll('.', '').split('-');
      for (let letter = from.charCodeAt(0); letter <= to.charCodeAt(0); letter++) {
        const name = String.fromCharCode(letter);
        const ranges = letters.get(name) ?? [];
        ranges.push({ from, to, labels: tokensOf(category) });
        letters.set(name, ranges);
      }
    }
  }
  return letters;
}

function tokensOf({ labels }: Category): string[] {
  return labels.map((code) => `${sets.labelSystem}|${code}`);
}
