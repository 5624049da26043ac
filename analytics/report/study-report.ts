import {
  coverageOf,
  distributionsOf,
  driftBetween,
  edaReport,
  missingMap,
  SMALL_CELL,
  suppressSmallCells,
  type Bin,
  type Distribution,
  type Drift,
  type EdaReport,
  type FeatureReport,
  type MissingMap,
} from '../eda/index.js';
import { AnalyticsError } from '../errors.js';
import type { Features, Flow, ProblemCount, Study } from '../features/index.js';
import { validationOf, type StudyValidation } from './validation.js';
import { reviewUnits, type UnitReview } from './unit-review.js';
import { associationsOf, collinearityOf, type Association, type Collinearity } from './associations.js';

/** A step of the flow: how many patients left for a reason; null where the number is too small to show. */
export interface FlowStep {
  readonly reason: string;
  readonly patients: number | null;
}

/** Who was looked at, left out and kept. */
export interface FlowReport {
  readonly patients: number | null;
  readonly excluded: readonly FlowStep[];
  readonly included: number;
  readonly events: number | null;
}

/** A report fit to be shown: small cells are suppressed. Plain JSON. */
export interface StudyReport {
  readonly format: 'firebreak.study-report';
  readonly formatVersion: 1;
  readonly study: { readonly name: string; readonly version: string; readonly title: string };
  readonly outcome: string;
  readonly flow: FlowReport;
  readonly eda: EdaReport;
  readonly associations: readonly Association[];
  /** The same at the landmark; absent where the study has none. */
  readonly landmark?: { readonly hours: number; readonly associations: readonly Association[] };
  readonly collinearity: Collinearity;
  /** Values that were not used; counts under 11 are null. */
  readonly problems: readonly (Omit<ProblemCount, 'count'> & { readonly count: number | null })[];
  /** Values by unit as written: used, far out, impossible; counts under 11 are null. */
  readonly units: readonly UnitReview[];
  readonly distributions: readonly Distribution[];
  readonly missing: MissingMap;
  /** Admissions by time; absent where it is not known. */
  readonly coverage?: readonly Bin[];
  /** Hospitals against each other; absent where there is but one. */
  readonly hospitals?: Drift;
  readonly dropped: readonly string[];
  /** How the study's model does on held-out patients, or why there is none. */
  readonly validation: StudyValidation | { readonly why: string };
}

/**
 * The report of a study: what is in the data, and how a model of it does.
 *
 * @param samples - Of the bootstrap.
 * @throws AnalyticsError ANALYTICS_NO_PATIENTS where fewer than 11 patients are left, since every cell would be small.
 */
export function studyReport(study: Study, features: Features, samples?: number): StudyReport {
  const { table, landmark, problems, units = [] } = features;
  if (table.keys.length < SMALL_CELL)
    throw new AnalyticsError('ANALYTICS_NO_PATIENTS', 'fewer than 11 patients are left after the exclusions');
  const eda = edaReport(table);
  const others = eda.patients - eda.events;
  const { stays } = table;
  const hospitals = stays === undefined ? undefined : driftBetween(table, stays.hospital, stays.hospitals);
  const hasSmallClass = isSmall(eda.events) || isSmall(others);
  const suppressed = suppressSmallCells(eda);
  const shown = {
    ...suppressed,
    features: suppressed.features.map((shownFeature, i) => {
      const raw = eda.features[i];
      return raw?.kind === 'binary' && [raw.events, raw.nonEvents].some(hasSmallShare)
        ? withoutShares(shownFeature)
        : shownFeature;
    }),
  };
  return {
    format: 'firebreak.study-report',
    formatVersion: 1,
    study: { name: study.name, version: study.version, title: study.title },
    outcome: study.outcome.label,
    flow: flowReport(features.flow),
    eda: hasSmallClass ? { ...shown, events: NaN } : shown,
    associations: associationsOf(table),
    ...(landmark === undefined
      ? {}
      : { landmark: { hours: study.landmarkHours ?? 0, associations: associationsOf(landmark) } }),
    collinearity: collinearityOf(table, study),
    problems: problems.map((p) => ({ ...p, count: isSmall(p.count) ? null : p.count })),
    units: reviewUnits(units, problems),
    distributions: distributionsOf(table),
    missing: missingMap(table),
    ...(stays === undefined ? {} : { coverage: coverageOf(stays, table.outcome) }),
    ...(hospitals === undefined ? {} : { hospitals }),
    dropped: (study.dropped ?? []).map(({ name }) => name),
    validation: validationOf(study, features, samples),
  };
}

/**
 * The flow fit to be shown. Small groups are told together; where even they are few, neither their number nor the total,
 * from which it could be computed, is shown.
 */
export function flowReport({ patients, excluded, included, events }: Flow): FlowReport {
  const steps = Object.entries(excluded)
    .map(([reason, count = 0]) => ({ reason, patients: count }))
    .filter((step) => step.patients > 0)
    .toSorted((a, b) => b.patients - a.patients || (a.reason < b.reason ? -1 : 1));
  const large = steps.filter((step) => !isSmall(step.patients));
  let rest = steps.filter((step) => isSmall(step.patients)).reduce((sum, step) => sum + step.patients, 0);
  let isHidden = false;
  if (rest > 0 && isSmall(rest)) {
    const next = large.pop();
    if (next === undefined) isHidden = true;
    else rest += next.patients;
  }
  return {
    patients: isHidden ? null : patients,
    excluded: [
      ...large,
      ...(rest > 0 ? [{ reason: 'other reasons', patients: isHidden ? null : rest }] : []),
    ],
    included,
    events: isSmall(events) || isSmall(included - events) ? null : events,
  };
}

function isSmall(count: number): boolean {
  return count > 0 && count < SMALL_CELL;
}

/** Whether few have a yes-or-no predictor, or few have it not: its mean would tell how many. */
function hasSmallShare({ count, mean }: FeatureReport['all']): boolean {
  const yes = Math.round(count * (mean ?? 0));
  return isSmall(yes) || isSmall(count - yes);
}

function withoutShares(feature: FeatureReport): FeatureReport {
  const bare = { mean: null, sd: null, q25: null, median: null, q75: null };
  return {
    ...feature,
    all: { ...feature.all, ...bare },
    events: { ...feature.events, ...bare },
    nonEvents: { ...feature.nonEvents, ...bare },
    standardisedDifference: null,
    aloneAuroc: null,
  };
}
