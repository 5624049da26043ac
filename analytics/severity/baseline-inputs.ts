/** What the published scores are made of, found among a study's features by what these read and not by their names. */
import {
  convert,
  conversion,
  type FeatureColumn,
  type FeatureTable,
  type Study,
  type StudyFeature,
} from '../features/index.js';
import type { BaselineValues } from './baselines.js';

type Input = keyof BaselineValues;

/** UCUM units that the scores count in, by the family of LOINC codes that is read. */
const MEASURED: Readonly<Partial<Record<Input, string>>> = {
  respiratoryRate: '/min',
  spo2: '%',
  gcs: '{score}',
  urea: 'mmol/L',
  crp: 'mg/L',
  lymphocytes: '10*9/L',
  systolic: 'mm[Hg]',
  heartRate: '/min',
  temperature: 'Cel',
};

/** SNOMED CT codes of what is present or not. */
const PRESENT: Readonly<Partial<Record<Input, string>>> = {
  oxygen: '57485005',
  infiltrates: '409609008',
  nosocomial: '19168005',
};

/** What a Glasgow coma score is taken for where only "below 15" is known: every score looks at that alone. */
const [GCS_ALERT, GCS_BELOW] = [15, 14];

/**
 * The inputs of the published scores, one a row; NaN where the study has no such feature or the patient no value.
 *
 * @param table - Of the study's features, in its order.
 */
export function baselineInputs({ features }: Study, { columns, keys }: FeatureTable): BaselineValues[] {
  const reads = (read: (feature: StudyFeature, column: FeatureColumn) => Read | undefined): Read =>
    features.reduce<Read | undefined>((found, feature, j) => {
      const column = columns[j];
      return found ?? (column === undefined ? undefined : read(feature, column));
    }, undefined) ?? UNKNOWN;
  const measured = Object.entries(MEASURED).map(([name, unit]): [string, Read] => [
    name,
    reads((feature, column) => measurement(feature, column, name, unit)),
  ]);
  const present = Object.entries(PRESENT).map(([name, code]): [string, Read] => [
    name,
    reads((feature, column) =>
      feature.kind === 'presence' && feature.codes.some((one) => one.code === code)
        ? asIs(column)
        : undefined,
    ),
  ]);
  const others: [string, Read][] = [
    ['age', reads((feature, column) => (feature.kind === 'age' ? asIs(column) : undefined))],
    ['male', reads((feature, column) => (feature.kind === 'sex' ? male(column) : undefined))],
    [
      'comorbidities',
      reads((feature, column) => (feature.kind === 'disease-count' ? asIs(column) : undefined)),
    ],
  ];
  const all = [...measured, ...present, ...others];
  return keys.map(
    (_, row) => Object.fromEntries(all.map(([name, read]) => [name, read(row)])) as unknown as BaselineValues,
  );
}

type Read = (row: number) => number;

const UNKNOWN: Read = () => NaN;

function asIs({ values }: FeatureColumn): Read {
  return (row) => values[row] ?? NaN;
}

function male({ values, levels }: FeatureColumn): Read {
  return (row) => {
    const code = values[row] ?? NaN;
    return Number.isNaN(code) ? NaN : Number(levels[code] === 'male');
  };
}

function measurement(
  feature: StudyFeature,
  { values, unit }: FeatureColumn,
  family: string,
  wanted: string,
): Read | undefined {
  if (
    feature.kind === 'below' &&
    family === 'gcs' &&
    feature.family === family &&
    feature.threshold === GCS_ALERT
  )
    return (row) => {
      const isBelow = values[row] ?? NaN;
      return Number.isNaN(isBelow) ? NaN : isBelow === 1 ? GCS_BELOW : GCS_ALERT;
    };
  if (feature.kind !== 'measurement' || feature.family !== family) return undefined;
  if (feature.pick === 'count' || feature.pick === 'slope') return undefined;
  const by = unit === wanted ? { slope: 1, offset: 0 } : conversion(unit, wanted);
  return by === undefined ? undefined : (row) => convert(values[row] ?? NaN, by);
}
