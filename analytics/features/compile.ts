import { compileView, SHIPPED_VIEWS } from '../../mappings/views/index.js';
import { AnalyticsError } from '../errors.js';
import { codingKey } from './fhir-access.js';
import { shippedDiseases, type Family, type FamilyCode, type Study } from './study.js';
import { viewFeature, type ViewFeature } from './view-feature.js';

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
  /** For each feature, the indexes of the diseases that it asks for. */
  readonly asked: readonly ReadonlySet<number>[];
  /** For each exclusion of the study, what it looks for. */
  readonly exclusions: readonly CompiledExclusion[];
  /** Features that come from views, by index of the feature. */
  readonly views: ReadonlyMap<number, ViewFeature>;
}

/** Who is left out by the study. */
export interface CompiledExclusion {
  readonly label: string;
  readonly codes: ReadonlySet<string>;
  readonly diseases: ReadonlySet<number>;
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
    asked: study.features.map((feature) =>
      feature.kind === 'disease' || feature.kind === 'disease-count'
        ? diseaseIndexes(study, feature.diseases ?? shippedDiseases.map(({ name }) => name))
        : new Set<number>(),
    ),
    exclusions: (study.cohort.exclude ?? []).map(({ label, conditions = [], diseases = [] }) => ({
      label,
      codes: new Set(conditions.map((c) => codingKey(c.system, c.code))),
      diseases: diseaseIndexes(study, diseases),
    })),
    views: compileViews(study),
  };
  compiled.set(study, made);
  return made;
}

function diseaseIndexes(study: Study, names: readonly string[]): Set<number> {
  const wanted = new Set(names);
  return new Set(study.diseases.flatMap(({ name }, index) => (wanted.has(name) ? [index] : [])));
}

function compileViews(study: Study): Map<number, ViewFeature> {
  const made = new Map<number, ViewFeature>();
  study.features.forEach((feature, index) => {
    if (feature.kind !== 'column') return;
    const definition = study.views?.[feature.view] ?? SHIPPED_VIEWS.get(feature.view);
    if (definition === undefined) {
      throw new AnalyticsError('ANALYTICS_STUDY_INVALID', `feature ${feature.name}: no view ${feature.view}`);
    }
    made.set(index, viewFeature(compileView(definition), feature));
  });
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
