import { compileView, SHIPPED_VIEWS, ViewError, type View } from '../../mappings/views/index.js';
import {
  conversion,
  diseasesOf,
  families,
  familiesOf,
  familyOf,
  modelFaults,
  unitOf,
  type StudyDefinition,
  type StudyFeature,
} from '../features/index.js';
import { canBeCode } from './code-check.js';
import { didYouMean } from './nearest.js';

/** A place in a study and what is wrong there. */
export interface StudyFault {
  /** Member names and indexes from the root. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const SYSTEMS = [
  'http://loinc.org',
  'http://snomed.info/sct',
  'http://hl7.org/fhir/sid/icd-10',
  'http://hl7.org/fhir/sid/icd-10-cm',
];
/** v3-ActEncounterCode. */
const CLASSES = ['AMB', 'EMER', 'FLD', 'HH', 'IMP', 'ACUTE', 'NONAC', 'OBSENC', 'PRENC', 'SS', 'VR'];

type Path = readonly (string | number)[];

/**
 * Names in a study that mean nothing: families, codes, units, views, columns, diseases, classes.
 *
 * @param study - Of the schema's shape.
 */
export function namesAtFault(study: StudyDefinition): StudyFault[] {
  const faults: StudyFault[] = [];
  const fault = (path: Path, message: string): void => {
    faults.push({ path, message });
  };
  study.cohort.encounterClasses.forEach((name, i) => {
    if (!CLASSES.includes(name))
      fault(
        ['cohort', 'encounterClasses', i],
        `no class of Encounter is called ${name}${didYouMean(name, CLASSES)}`,
      );
  });
  codeFaults(study, fault);
  for (const { path, message } of modelFaults(study)) fault(path, message);
  const views = viewsOf(study, fault);
  const known = [...Object.keys(study.families ?? {}), ...families.keys()];
  const diseases = diseasesOf(study).map(({ name }) => name);
  (study.cohort.exclude ?? []).forEach((rule, i) => {
    rule.diseases?.forEach((name, j) => {
      if (!diseases.includes(name))
        fault(
          ['cohort', 'exclude', i, 'diseases', j],
          `no disease is called ${name}${didYouMean(name, diseases)}`,
        );
    });
  });
  const seen = new Set<string>();
  study.features.forEach((feature, i) => {
    const at: Path = ['features', i];
    if (seen.has(feature.name)) fault([...at, 'name'], `the name ${feature.name} stands twice`);
    seen.add(feature.name);
    for (const family of familiesOf(feature)) {
      if (familyOf(study, family) !== undefined) continue;
      const member =
        feature.kind === 'ratio' ? (feature.numerator === family ? 'numerator' : 'denominator') : 'family';
      fault([...at, member], `no family is called ${family}${didYouMean(family, known)}`);
    }
    if (feature.kind === 'disease' || feature.kind === 'disease-count') {
      feature.diseases?.forEach((name, j) => {
        if (!diseases.includes(name))
          fault([...at, 'diseases', j], `no disease is called ${name}${didYouMean(name, diseases)}`);
      });
    }
    if (feature.kind === 'measurement') unitFault(study, feature, at, fault);
    if (feature.kind === 'column') columnFaults(feature, at, views, fault);
  });
  const numeric = study.features.filter(({ kind }) => kind !== 'sex').map(({ name }) => name);
  study.interactions?.forEach((pair, i) => {
    pair.forEach((name, j) => {
      if (!numeric.includes(name))
        fault(['interactions', i, j], `no numeric feature is called ${name}${didYouMean(name, numeric)}`);
    });
  });
  return faults;
}

function codeFaults(study: StudyDefinition, fault: (path: Path, message: string) => void): void {
  const check = (system: string, code: string, path: Path): void => {
    const near = SYSTEMS.find((known) => known !== system && known.replace(/^http/, 'https') === system);
    if (near !== undefined)
      fault([...path, 'system'], `no code system is called ${system}; did you mean ${near}?`);
    else if (!canBeCode(system, code)) {
      const loinc = [...families.values()].flatMap((family) => family.codes.map((entry) => entry.code));
      const hint = system === 'http://loinc.org' ? didYouMean(code, loinc) : '';
      fault([...path, 'code'], `${code} is no code of ${system}: its check digit is wrong${hint}`);
    }
  };
  study.cohort.conditions.forEach((c, i) => check(c.system, c.code, ['cohort', 'conditions', i]));
  study.outcome.codes.forEach((c, i) => check(c.system, c.code, ['outcome', 'codes', i]));
  study.outcome.defining?.forEach((c, i) => check(c.system, c.code, ['outcome', 'defining', i]));
  study.cohort.exclude?.forEach((rule, i) =>
    rule.conditions?.forEach((c, j) => check(c.system, c.code, ['cohort', 'exclude', i, 'conditions', j])),
  );
  study.features.forEach((feature, i) => {
    if (feature.kind !== 'presence') return;
    feature.codes.forEach((c, j) => check(c.system, c.code, ['features', i, 'codes', j]));
    feature.above.forEach((c, j) => check(c.system, c.code, ['features', i, 'above', j]));
  });
  for (const [name, family] of Object.entries(study.families ?? {})) {
    if (conversion(family.unit, family.unit) === undefined)
      fault(['families', name, 'unit'], `${family.unit} is no unit`);
    family.codes.forEach(({ code }, i) => check('http://loinc.org', code, ['families', name, 'codes', i]));
  }
}

function unitFault(
  study: StudyDefinition,
  feature: StudyFeature & { readonly kind: 'measurement' },
  at: Path,
  fault: (path: Path, message: string) => void,
): void {
  const family = familyOf(study, feature.family);
  if (feature.unit === undefined || family === undefined) return;
  if (unitOf(family, feature.unit) !== undefined) return;
  const units = [
    ...new Set([family.unit, ...[...families.values()].map(({ unit }) => unit), 'mg/dL', 'g/L']),
  ].filter((unit) => unitOf(family, unit) !== undefined);
  fault(
    [...at, 'unit'],
    `${feature.family} is in ${family.unit}, which does not convert to ${feature.unit}${didYouMean(feature.unit, units)}`,
  );
}

function viewsOf(
  study: StudyDefinition,
  fault: (path: Path, message: string) => void,
): Map<string, View | undefined> {
  const views = new Map<string, View | undefined>();
  for (const [name, definition] of [...SHIPPED_VIEWS, ...Object.entries(study.views ?? {})]) {
    try {
      views.set(name, compileView(definition));
    } catch (error) {
      if (!(error instanceof ViewError)) throw error;
      views.set(name, undefined);
      fault(['views', name], `view ${name}: ${error.message} (${error.code})`);
    }
  }
  return views;
}

function columnFaults(
  feature: StudyFeature & { readonly kind: 'column' },
  at: Path,
  views: ReadonlyMap<string, View | undefined>,
  fault: (path: Path, message: string) => void,
): void {
  if (!views.has(feature.view)) {
    fault([...at, 'view'], `no view is called ${feature.view}${didYouMean(feature.view, views.keys())}`);
    return;
  }
  const view = views.get(feature.view);
  if (view === undefined) return;
  const names = view.columns.map(({ name }) => name);
  for (const member of ['column', 'time', 'issued'] as const) {
    const name = feature[member];
    if (name !== undefined && !names.includes(name))
      fault([...at, member], `view ${feature.view} has no column ${name}${didYouMean(name, names)}`);
  }
  const kind = view.columns.find(({ name }) => name === feature.column)?.kind;
  if (kind === 'text' || kind === 'json')
    fault([...at, 'column'], `column ${feature.column} is no number and no boolean`);
  if (feature.time === undefined && view.resource !== 'Patient')
    fault(at, `feature ${feature.name} names no column of time`);
}
