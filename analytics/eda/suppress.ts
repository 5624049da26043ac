import type { EdaReport, FeatureReport, LevelCount, Summary } from './report.js';

/** Cells of fewer patients than this are not shown. @see 45 CFR 164.514, as practised for published counts (1 to 10) */
export const SMALL_CELL = 11;

/** A count rounded to a multiple of {@link SMALL_CELL}, where an exact one would let a small one be computed. */
export function toSmallCells(count: number): number {
  return Math.round(count / SMALL_CELL) * SMALL_CELL;
}

const HIDDEN: Summary = {
  count: NaN,
  missing: NaN,
  mean: null,
  sd: null,
  min: null,
  q25: null,
  median: null,
  q75: null,
  max: null,
};

/**
 * A report fit to be shown: where a cell counts 1 to 10 patients it is left out together with its complement, from
 * which it could be computed, and extremes, which are single patients' values, always are.
 *
 * @returns Suppressed counts are NaN (null in JSON).
 */
export function suppressSmallCells(report: EdaReport): EdaReport {
  return { ...report, features: report.features.map(suppressFeature) };
}

function suppressFeature(feature: FeatureReport): FeatureReport {
  const { all, events, nonEvents } = feature;
  const small = [events, nonEvents].some(({ count, missing }) => isSmall(count) || isSmall(missing));
  return {
    ...feature,
    all: isSmall(all.count) || isSmall(all.missing) ? HIDDEN : withoutExtremes(all),
    events: small ? HIDDEN : withoutExtremes(events),
    nonEvents: small ? HIDDEN : withoutExtremes(nonEvents),
    levels: feature.levels.some(hasSmall) ? feature.levels.map(hideLevel) : feature.levels,
    aloneAuroc: small ? null : feature.aloneAuroc,
    standardisedDifference: small ? null : feature.standardisedDifference,
    missingDifference: small ? null : feature.missingDifference,
  };
}

function isSmall(count: number): boolean {
  return count > 0 && count < SMALL_CELL;
}

function hasSmall({ all, events, nonEvents }: LevelCount): boolean {
  return isSmall(all) || isSmall(events) || isSmall(nonEvents);
}

function hideLevel({ level }: LevelCount): LevelCount {
  return { level, all: NaN, events: NaN, nonEvents: NaN };
}

function withoutExtremes(summary: Summary): Summary {
  return { ...summary, min: null, max: null };
}
