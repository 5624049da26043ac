import { SMALL_CELL } from '../eda/index.js';
import type { ProblemCount, UnitCount } from '../features/index.js';

/** One unit of a measurement as it came, and what is odd about its values. */
export interface UnitReview {
  readonly family: string;
  /** As the source wrote it. */
  readonly unit: string;
  /** Values used; null under 11. */
  readonly count: number | null;
  /** Of the values used, after conversion; null with few. */
  readonly median: number | null;
  /** Values beyond three quartile ranges of the measurement's; null under 11 and where 11 or fewer are left. */
  readonly outliers: number | null;
  /** Values outside what is plausible, which were not used; null under 11. */
  readonly impossible: number | null;
  /** Told where the unit's median is far from that of the measurement's other units: it may be written wrongly. */
  readonly suspect: boolean;
}

/** Laboratories differ, though not by this factor. */
const SUSPECT_RATIO = 4;

/** The units of all measurements, with what is odd about them; small counts are hidden. */
export function reviewUnits(units: readonly UnitCount[], problems: readonly ProblemCount[]): UnitReview[] {
  const impossible = new Map(
    problems
      .filter(({ problem }) => problem === 'implausible')
      .map(({ family, unit, count }) => [`${family}\n${unit}`, count]),
  );
  const used = new Set(units.map(({ family, unit }) => `${family}\n${unit}`));
  const unused = problems.filter(
    ({ family, unit, problem }) => problem === 'implausible' && !used.has(`${family}\n${unit}`),
  );
  return [
    ...units.map(({ family, unit, count, median, outliers, ratio }): UnitReview => {
      const isFew = isSmall(count);
      return {
        family,
        unit,
        count: isFew ? null : count,
        median: isFew ? null : median,
        outliers: isFew || isSmall(outliers) || isSmall(count - outliers) ? null : outliers,
        impossible: shown(impossible.get(`${family}\n${unit}`) ?? 0),
        suspect:
          !isFew && ratio !== undefined && median > 0 && (ratio > SUSPECT_RATIO || ratio < 1 / SUSPECT_RATIO),
      };
    }),
    ...unused.map(({ family, unit, count }): UnitReview => ({
      family,
      unit,
      count: 0,
      median: null,
      outliers: 0,
      impossible: shown(count),
      suspect: true,
    })),
  ].toSorted((a, b) => (a.family === b.family ? 0 : a.family < b.family ? -1 : 1));
}

function shown(count: number): number | null {
  return isSmall(count) ? null : count;
}

function isSmall(count: number): boolean {
  return count > 0 && count < SMALL_CELL;
}
