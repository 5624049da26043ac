import { AnalyticsError } from '../errors.js';
import { chiSquaredTail, logistic, logit, quantile, sum } from '../math/index.js';
import { designFromColumns, fitLogistic, type ChiSquaredTest, type LogisticFit } from '../models/index.js';
import { Z_95 } from './roc.js';

/** One point of a calibration curve: what is observed where the model says `predicted`, with a pointwise 95 % band. */
export interface CalibrationPoint {
  readonly predicted: number;
  readonly observed: number;
  readonly band: readonly [low: number, high: number];
}

/** A flexible calibration curve. Plain JSON. */
export interface CalibrationCurve {
  /** From the 1 % to the 99 % quantile of the predictions. */
  readonly points: readonly CalibrationPoint[];
  /** Mean distance of curve and diagonal over the patients: the integrated calibration index. */
  readonly meanDistance: number;
  readonly medianDistance: number;
  /** 90 % quantile of the distance. */
  readonly largeDistance: number;
}

/** Harrell's knots for restricted cubic splines, as quantiles. */
const KNOTS_5 = [0.05, 0.275, 0.5, 0.725, 0.95];
const KNOTS_3 = [0.1, 0.5, 0.9];
/** Fewer than this in the smaller class, and five knots would follow noise. */
const EVENTS_FOR_5 = 50;
const POINTS = 51;

/**
 * Flexible calibration curve: outcome on a restricted cubic spline of the predicted log-odds.
 *
 * @param p - Probabilities.
 * @param y - 0 or 1.
 * @returns Null where no such curve exists: separated outcomes, or too few different predictions.
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_NOT_FINITE, ANALYTICS_ONE_CLASS.
 * @see Van Calster B et al., J Clin Epidemiol 2016; 74: 167-176; Austin PC & Steyerberg EW, Stat Med 2019; 38: 4051-4065
 */
export function calibrationCurve(p: Float64Array, y: Uint8Array): CalibrationCurve | null {
  const logits = p.map(logit);
  const sorted = logits.toSorted();
  const events = y.reduce((total, value) => total + value, 0);
  const shares = Math.min(events, y.length - events) >= EVENTS_FOR_5 ? KNOTS_5 : KNOTS_3;
  const knots = shares.map((share) => quantile(sorted, share));
  if (new Set(knots).size < knots.length) return null;
  const fit = splineFit(logits, y, knots);
  if (fit === undefined) return null;
  const distances = Float64Array.from(logits, (l, i) =>
    Math.abs(pointOf(fit, knots, l).observed - (p[i] ?? NaN)),
  ).toSorted();
  const low = quantile(sorted, 0.01);
  const high = quantile(sorted, 0.99);
  return {
    points: Array.from({ length: POINTS }, (_, k) =>
      pointOf(fit, knots, low + ((high - low) * k) / (POINTS - 1)),
    ),
    meanDistance: sum(distances) / distances.length,
    medianDistance: quantile(distances, 0.5),
    largeDistance: quantile(distances, 0.9),
  };
}

const NO_CURVE: ReadonlySet<string> = new Set([
  'ANALYTICS_SEPARATION',
  'ANALYTICS_COLLINEAR',
  'ANALYTICS_CONSTANT_COLUMN',
  'ANALYTICS_TOO_FEW_ROWS',
]);

function splineFit(logits: Float64Array, y: Uint8Array, knots: readonly number[]): LogisticFit | undefined {
  const columns = Array.from({ length: knots.length - 1 }, (_, j) =>
    logits.map((l) => basis(l, knots)[j] ?? NaN),
  );
  try {
    return fitLogistic(
      designFromColumns(
        columns,
        columns.map((_, j) => `spline ${j}`),
      ),
      y,
      { penalty: 0, standardErrors: true },
    );
  } catch (error) {
    if (error instanceof AnalyticsError && NO_CURVE.has(error.code)) return undefined;
    throw error;
  }
}

function cube(v: number): number {
  return v > 0 ? v * v * v : 0;
}

/** Linear term, then the cubic ones that are linear beyond the outer knots, scaled to the square of their distance. */
function basis(x: number, knots: readonly number[]): number[] {
  const last = knots.at(-1) ?? NaN;
  const before = knots.at(-2) ?? NaN;
  const scale = (last - (knots[0] ?? NaN)) ** 2;
  const out = [x];
  for (const knot of knots.slice(0, -2)) {
    const a = (last - knot) / (last - before);
    const b = (before - knot) / (last - before);
    out.push((cube(x - knot) - a * cube(x - before) + b * cube(x - last)) / scale);
  }
  return out;
}

function pointOf(fit: LogisticFit, knots: readonly number[], l: number): CalibrationPoint {
  const x = [1, ...basis(l, knots)];
  const n = x.length;
  let eta = fit.intercept;
  let variance = 0;
  for (let j = 0; j < n; j++) {
    if (j > 0) eta += (fit.coefficients[j - 1] ?? NaN) * (x[j] ?? NaN);
    for (let k = 0; k < n; k++)
      variance += (x[j] ?? NaN) * (x[k] ?? NaN) * (fit.covariance[j * n + k] ?? NaN);
  }
  const half = Z_95 * Math.sqrt(Math.max(0, variance));
  return {
    predicted: logistic(l),
    observed: logistic(eta),
    band: [logistic(eta - half), logistic(eta + half)],
  };
}

/** Calibration by ten groups. Plain JSON. */
export interface GroupedCalibration {
  /** Mean over ten intervals of equal width of |observed − predicted|, weighted by patients. */
  readonly expectedError: number;
  /** The largest of those. */
  readonly largestError: number;
  /** Hosmer and Lemeshow's test on tenths of the patients; of little use by itself in small and in very large samples. */
  readonly hosmerLemeshow: ChiSquaredTest;
}

const GROUPS = 10;

/**
 * Grouped measures of calibration, for comparison with older reports.
 *
 * @param p - Probabilities; equal ones keep their order.
 * @throws AnalyticsError ANALYTICS_SHAPE for fewer than ten rows.
 */
export function groupedCalibration(p: Float64Array, y: Uint8Array): GroupedCalibration {
  const n = p.length;
  if (n !== y.length || n < GROUPS)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'grouped calibration wants ten rows at least');
  const bins = Array.from({ length: GROUPS }, () => ({ p: 0, y: 0, n: 0 }));
  for (let i = 0; i < n; i++) {
    const bin = bins[Math.min(GROUPS - 1, Math.floor((p[i] ?? NaN) * GROUPS))];
    if (bin === undefined) continue;
    bin.p += p[i] ?? NaN;
    bin.y += y[i] ?? NaN;
    bin.n++;
  }
  const errors = bins.filter((bin) => bin.n > 0).map((bin) => Math.abs(bin.y - bin.p) / bin.n);
  const order = Uint32Array.from(p, (_, i) => i).toSorted((i, k) => (p[i] ?? NaN) - (p[k] ?? NaN) || i - k);
  let statistic = 0;
  let from = 0;
  for (let g = 0; g < GROUPS; g++) {
    const size = Math.floor(n / GROUPS) + (g < n % GROUPS ? 1 : 0);
    let expected = 0;
    let observed = 0;
    for (const row of order.subarray(from, from + size)) {
      expected += p[row] ?? NaN;
      observed += y[row] ?? NaN;
    }
    from += size;
    const spread = expected * (1 - expected / size);
    if (spread > 0) statistic += (observed - expected) ** 2 / spread;
  }
  const df = GROUPS - 2;
  return {
    expectedError: bins.reduce((total, bin) => total + Math.abs(bin.y - bin.p), 0) / n,
    largestError: Math.max(...errors),
    hosmerLemeshow: { statistic, df, p: chiSquaredTail(statistic, df) },
  };
}
