import type { FeatureColumn, FeatureTable, Study } from '../features/index.js';
import { AnalyticsError } from '../errors.js';
import { splitByKey, type Split } from '../validation/index.js';
import { fitPreparation, type Preparation } from './fit.js';

/**
 * Learns the preparation that a study asks for: its transformations, winsorising quantiles and interactions.
 *
 * @param columns - The training part, in the study's order.
 * @throws AnalyticsError as {@link fitPreparation}.
 */
export function fitStudyPreparation(columns: readonly FeatureColumn[], study: Study): Preparation {
  return fitPreparation(
    columns,
    study.features.map((feature) => ('transform' in feature ? feature.transform : 'none')),
    {
      ...(study.fitting.winsor === undefined ? {} : { winsor: study.fitting.winsor }),
      ...(study.interactions === undefined ? {} : { interactions: study.interactions }),
    },
  );
}

/**
 * Divides patients as a study asks: by patient (drawn by key with the same share of outcomes in both parts), by time (who
 * was admitted last is held out) or by hospital (those of the hospitals named are held out).
 *
 * Each patient stands in one part only, since a table has one row a patient.
 *
 * @throws AnalyticsError ANALYTICS_STUDY_INVALID where times or hospitals are not known, or no patient is in a hospital named.
 */
export function splitStudy(table: FeatureTable, study: Study): Split {
  const { seed, testShare, split } = study.fitting;
  if (split === undefined || split.by === 'patient')
    return splitByKey(table.keys, table.outcome, testShare, seed);
  const { stays } = table;
  if (stays === undefined)
    throw new AnalyticsError('ANALYTICS_STUDY_INVALID', 'when and where patients were admitted is not known');
  if (split.by === 'hospital') {
    const held = new Set(split.hold);
    const missing = split.hold.filter((name) => !stays.hospitals.includes(name));
    if (missing.length > 0) {
      throw new AnalyticsError('ANALYTICS_STUDY_INVALID', `no patient is in ${missing.join(', ')}`);
    }
    return divided(table, (row) => held.has(stays.hospitals[stays.hospital[row] ?? 0] ?? ''));
  }
  // Patients of one instant stay together, so that the cut is a time and nobody's key decides.
  const times = stays.t0Ms.toSorted();
  const from = times[Math.min(times.length - 1, Math.round(times.length * (1 - testShare)))] ?? Infinity;
  return divided(table, (row) => (stays.t0Ms[row] ?? NaN) >= from);
}

function divided(table: FeatureTable, isHeld: (row: number) => boolean): Split {
  const rows = table.keys.map((_, row) => row);
  return {
    train: Int32Array.from(rows.filter((row) => !isHeld(row))),
    test: Int32Array.from(rows.filter(isHeld)),
  };
}
