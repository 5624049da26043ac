import { createHmac } from 'node:crypto';
import { isJsonObject } from '../json/index.js';
import type { JsonObject, JsonValue } from '../json/index.js';
import { dateOut } from './dates.js';
import { DeidentifyError } from './errors.js';
import type { Profile } from './profiles.js';
import { compileRules } from './rules.js';
import type { Place } from './rules.js';
import { tellsAge, valueOut } from './values.js';
import type { Surroundings } from './values.js';

/** What an export is made with. */
export interface DeidentifyOptions {
  readonly profile: Profile;
  /** The project's key, 32 bytes or more: two projects with two keys cannot be joined by pseudonym. */
  readonly key: Uint8Array;
  /** `size` random bytes; called for Safe Harbor's pseudonyms. */
  readonly randomBytes: (size: number) => Uint8Array;
  /** Year by which ages are judged: that of the export. */
  readonly asOfYear: number;
  /** Addresses, each with its last slash, under which the source is known: absolute references to them hold. */
  readonly bases?: readonly string[];
}

/** What was done, by FHIRPath without indices. */
export interface DeidentifyReport {
  readonly resourcesIn: number;
  readonly resourcesOut: number;
  /** Left out whole: types that no rule names, and resources without an id or with a status that FHIR does not know. */
  readonly typesLeftOut: Readonly<Record<string, number>>;
  /** Elements dropped: a rule let nothing out, or no rule names them. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly masked: Readonly<Record<string, number>>;
}

/** An age over this is told as one more than it. */
const AGE_TOLD_MAX = 89;
const SHIFT_DAYS_MAX = 50;
const MASKED: JsonObject = {
  extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' }],
};
const PRIMITIVES = new Set([
  'code',
  'boolean',
  'date',
  'instant',
  'birth-date',
  'deceased-date',
  'number',
  'zip',
]);

interface Subject {
  /** The patient's birth date is such that no age may be told, or unknown. */
  readonly old: boolean;
  readonly shiftDays: number;
}

/**
 * De-identifies the resources of one export. First all are announced, so that references between them hold whatever
 * their order; then each is turned into another. Elements that no rule names never leave, so one that a later
 * version of FHIR adds cannot leak.
 *
 * @see 45 CFR 164.514(b)(2)
 */
export class Deidentifier {
  readonly #options: DeidentifyOptions;
  readonly #types: ReadonlyMap<string, Place>;
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #fullUrls = new Map<string, string>();
  readonly #subjects = new Map<string, Subject>();
  readonly #counts = { in: 0, out: 0 };
  readonly #leftOut = new Map<string, number>();
  readonly #dropped = new Map<string, number>();
  readonly #masked = new Map<string, number>();

  /** @throws DeidentifyError DEIDENTIFY_BAD_KEY, DEIDENTIFY_BAD_RULE. */
  constructor(options: DeidentifyOptions) {
    if (options.key.length < 32)
      throw new DeidentifyError('DEIDENTIFY_BAD_KEY', 'a project’s key has 32 bytes or more');
    this.#options = options;
    this.#types = compileRules(options.profile.rules);
  }

  /**
   * Takes note of a resource that is part of the export.
   *
   * @param fullUrl - By which other entries of its Bundle may refer to it.
   */
  announce(resource: JsonObject, fullUrl?: string): void {
    const name = nameOf(resource);
    if (name === undefined || !this.#types.has(name.type)) return;
    const own = `${name.type}/${name.id}`;
    if (!this.#names.has(own)) this.#names.set(own, this.#pseudonym(own));
    if (fullUrl !== undefined) this.#fullUrls.set(fullUrl, own);
    if (name.type !== 'Patient') return;
    const subject = this.#subject(own, resource);
    // Of several versions of a patient, one that tells of a great age holds for all.
    const old = subject.old || this.#subjects.get(own)?.old === true;
    this.#subjects.set(own, { ...subject, old });
  }

  /**
   * The resource as it may leave.
   *
   * @returns undefined for a type that no rule names, a resource without an id, or one without a code that must be
   * there and cannot be masked.
   * @throws DeidentifyError DEIDENTIFY_NOT_ANNOUNCED.
   */
  transform(resource: JsonObject): JsonObject | undefined {
    this.#counts.in++;
    const name = nameOf(resource);
    const place = name === undefined ? undefined : this.#types.get(name.type);
    if (name === undefined || place === undefined) {
      count(this.#leftOut, name?.type ?? 'unknown');
      return undefined;
    }
    const own = `${name.type}/${name.id}`;
    const id = this.#names.get(own);
    if (id === undefined)
      throw new DeidentifyError('DEIDENTIFY_NOT_ANNOUNCED', `a ${name.type} was not announced`);
    const subject = this.#subjects.get(name.type === 'Patient' ? own : this.#subjectOf(resource));
    const around: Surroundings = {
      profile: this.#options.profile,
      shiftDays: subject?.shiftDays,
      old: subject?.old ?? true,
      oldestYear: this.#options.profile.capsAges ? this.#options.asOfYear - AGE_TOLD_MAX : undefined,
      tellsAge: name.type === 'Observation' && tellsAge(resource),
      reference: (text) => this.#reference(text),
    };
    const out = this.#group(resource, place, around, new Set(['resourceType', 'id']));
    if (out === undefined) {
      count(this.#leftOut, name.type);
      return undefined;
    }
    this.#counts.out++;
    return { resourceType: name.type, id, ...out };
  }

  /** The name under which an announced resource leaves, of `Type/id`; undefined for one that was not announced. */
  pseudonymOf(own: string): string | undefined {
    return this.#names.get(own);
  }

  /** What was done so far; counts only. */
  report(): DeidentifyReport {
    return {
      resourcesIn: this.#counts.in,
      resourcesOut: this.#counts.out,
      typesLeftOut: sorted(this.#leftOut),
      dropped: sorted(this.#dropped),
      masked: sorted(this.#masked),
    };
  }

  #group(
    from: JsonObject,
    place: Place,
    around: Surroundings,
    known: ReadonlySet<string>,
  ): Record<string, JsonValue> | undefined {
    const out: Record<string, JsonValue> = {};
    let lostValue = false;
    for (const [name, value] of Object.entries(from)) {
      if (value === undefined || known.has(name)) continue;
      const below = place.below.get(name);
      const kept = below === undefined ? undefined : this.#element(value, below, around);
      if (kept !== undefined) out[name] = kept;
      else {
        // Names of elements that no rule knows may be anything, a patient's name too: they are counted together.
        count(this.#dropped, below?.path ?? `${place.path}.*`);
        if (name.startsWith('value')) lostValue = true;
      }
    }
    for (const [name, below] of place.below) {
      if (!isMissing(name, below, place, from, out)) continue;
      if (below.required === 'kept') return undefined;
      count(this.#masked, below.path);
      if (below.method === 'code') {
        // Bound to a list, it may not be masked.
        if (!below.values.has('unknown')) return undefined;
        out[name] = 'unknown';
      } else if (PRIMITIVES.has(below.method)) out[`_${name}`] = MASKED;
      else out[name] = REPEATS.has(below.path) ? [MASKED] : MASKED;
    }
    if (lostValue && OBSERVED.has(place.path) && !Object.keys(out).some((name) => name.startsWith('value'))) {
      out['dataAbsentReason'] = {
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/data-absent-reason', code: 'masked' }],
      };
    }
    return out;
  }

  #element(value: JsonValue, place: Place, around: Surroundings): JsonValue | undefined {
    if (Array.isArray(value)) {
      const kept = (value as readonly JsonValue[]).flatMap((item) => {
        const one = Array.isArray(item) ? undefined : this.#element(item, place, around);
        return one === undefined ? [] : [one];
      });
      return kept.length === 0 ? undefined : kept;
    }
    if (place.method !== 'group') return valueOut(value, place, around);
    if (!isJsonObject(value)) return undefined;
    const out = this.#group(value, place, around, new Set());
    return out === undefined || Object.keys(out).length === 0 ? undefined : out;
  }

  #reference(text: string): string | undefined {
    const own = this.#target(text);
    const id = own === undefined ? undefined : this.#names.get(own);
    return own === undefined || id === undefined ? undefined : `${own.slice(0, own.indexOf('/'))}/${id}`;
  }

  /**
   * `Type/id` of a reference: relative, by version, by a Bundle's fullUrl, or under one of the source's addresses.
   * Another server's `Patient/1` is not ours, so other absolute references lead nowhere.
   */
  #target(text: string): string | undefined {
    const plain = text.replace(/\/_history\/[^/]+$/, '');
    const byUrl = this.#fullUrls.get(text) ?? this.#fullUrls.get(plain);
    if (byUrl !== undefined) return byUrl;
    const base = this.#options.bases?.find((one) => plain.startsWith(one)) ?? '';
    const own = plain.slice(base.length);
    return /^[A-Z][A-Za-z]+\/[A-Za-z0-9.-]{1,64}$/.test(own) ? own : undefined;
  }

  #subjectOf(resource: JsonObject): string {
    const to = resource['subject'] ?? resource['patient'];
    const text = isJsonObject(to) ? to['reference'] : undefined;
    return (typeof text === 'string' ? this.#target(text) : undefined) ?? '';
  }

  #subject(own: string, patient: JsonObject): Subject {
    const birth = patient['birthDate'];
    const year = typeof birth === 'string' ? dateOut(birth, 'year', undefined, undefined) : undefined;
    const mac = createHmac('sha256', this.#options.key).update(`shift\0${own}`).digest();
    const days = 1 + Number(mac.readBigUInt64BE(0) % BigInt(SHIFT_DAYS_MAX));
    return {
      old: year === undefined || this.#options.asOfYear - Number(year) > AGE_TOLD_MAX,
      shiftDays: ((mac[8] ?? 0) & 1) === 0 ? days : -days,
    };
  }

  #pseudonym(own: string): string {
    const { profile, key, randomBytes } = this.#options;
    const bytes =
      profile.pseudonyms === 'random'
        ? Buffer.from(randomBytes(16))
        : createHmac('sha256', key).update(`name\0${own}`).digest().subarray(0, 16);
    const name = bytes.toString('hex');
    if (this.#taken.has(name))
      throw new DeidentifyError('DEIDENTIFY_BAD_KEY', 'the random bytes given repeat themselves');
    this.#taken.add(name);
    return name;
  }
}

/** Whether an element has to be said to be masked. */
function isMissing(
  name: string,
  place: Place,
  parent: Place,
  from: JsonObject,
  out: Readonly<Record<string, JsonValue>>,
): boolean {
  if (place.required === undefined || name in out) return false;
  if (place.required === 'kept' && from[name] === undefined) return false;
  if (place.choice === undefined) return true;
  return ![...parent.below].some(([other, { choice }]) => choice === place.choice && other in out);
}

/** Elements that repeat among those that may not be absent. */
const REPEATS = new Set(['AllergyIntolerance.reaction.manifestation']);
const OBSERVED = new Set(['Observation', 'Observation.component']);

function nameOf(resource: JsonObject): { readonly type: string; readonly id: string } | undefined {
  const { resourceType: type, id } = resource;
  return typeof type === 'string' && typeof id === 'string' && /^[A-Za-z0-9.-]{1,64}$/.test(id)
    ? { type, id }
    : undefined;
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
