import { codingKey } from './fhir-access.js';
import type { Family, FamilyCode, Study } from './study.js';

const LOINC = 'http://loinc.org';
const SNOMED = 'http://snomed.info/sct';
const ICD10_SYSTEMS: readonly string[] = [
  'http://hl7.org/fhir/sid/icd-10',
  'http://hl7.org/fhir/sid/icd-10-cm',
];
const HOUR_MS = 3_600_000;

/** What a LOINC code stands for in a study. */
export interface CompiledCode {
  readonly name: string;
  readonly family: Family;
  readonly code: FamilyCode;
}

/** What a coding says about a presence feature. */
export interface CompiledPresence {
  /** Index of the feature. */
  readonly feature: number;
  /** The value that an Observation must exceed; undefined for codes whose presence is enough. */
  readonly above: number | undefined;
}

/** A study made ready for looking things up while reading patients. */
export interface CompiledStudy {
  readonly study: Study;
  readonly lookBackMs: number;
  readonly scoringMs: number;
  readonly horizonMs: number;
  readonly classes: ReadonlySet<string>;
  readonly cohort: ReadonlySet<string>;
  readonly outcome: ReadonlySet<string>;
  readonly measured: ReadonlyMap<string, CompiledCode>;
  readonly presence: ReadonlyMap<string, readonly CompiledPresence[]>;
  /** Index of the disease that a coding names, or -1. */
  readonly disease: (key: string) => number;
}

const compiled = new WeakMap<Study, CompiledStudy>();

/**
 * The study's lookup tables, made once for each study object.
 *
 * @param study - Not changed afterwards.
 */
export function compileStudy(study: Study): CompiledStudy {
  const known = compiled.get(study);
  if (known !== undefined) return known;
  const measured = new Map<string, CompiledCode>();
  for (const [name, family] of Object.entries(study.families)) {
    for (const code of family.codes) measured.set(codingKey(LOINC, code.code), { name, family, code });
  }
  const made: CompiledStudy = {
    study,
    lookBackMs: study.window.lookBackHours * HOUR_MS,
    scoringMs: study.window.scoringHours * HOUR_MS,
    horizonMs: study.window.horizonDays * 24 * HOUR_MS,
    classes: new Set(study.cohort.encounterClasses),
    cohort: new Set(study.cohort.conditions.map((c) => codingKey(c.system, c.code))),
    outcome: new Set(study.outcome.codes.map((c) => codingKey(c.system, c.code))),
    measured,
    presence: compilePresence(study),
    disease: compileDiseases(study),
  };
  compiled.set(study, made);
  return made;
}

function compilePresence(study: Study): Map<string, CompiledPresence[]> {
  const table = new Map<string, CompiledPresence[]>();
  const add = (key: string, entry: CompiledPresence): void => {
    const list = table.get(key);
    if (list === undefined) table.set(key, [entry]);
    else list.push(entry);
  };
  study.features.forEach((spec, feature) => {
    if (spec.kind !== 'presence') return;
    for (const { system, code } of spec.codes) add(codingKey(system, code), { feature, above: undefined });
    for (const { system, code, value } of spec.above) add(codingKey(system, code), { feature, above: value });
  });
  return table;
}

function compileDiseases(study: Study): (key: string) => number {
  const exact = new Map<string, number>();
  const prefixes: (readonly [prefix: string, disease: number])[] = [];
  study.diseases.forEach((disease, index) => {
    for (const code of disease.snomed) exact.set(codingKey(SNOMED, code), index);
    for (const category of disease.icd10) {
      for (const system of ICD10_SYSTEMS) prefixes.push([codingKey(system, category), index]);
    }
  });
  return (key) => exact.get(key) ?? prefixes.find(([prefix]) => key.startsWith(prefix))?.[1] ?? -1;
}
