import { AnalyticsError } from '../errors.js';

/**
 * Area under the precision-recall curve as average precision: Σ (recall gained) · precision, equal scores together. Its floor
 * is the share of events.
 *
 * @param scores - Higher means the outcome is more likely. Finite.
 * @param y - 0 or 1, one a score.
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_NOT_FINITE, ANALYTICS_ONE_CLASS when there is no event.
 */
export function averagePrecision(scores: Float64Array, y: Uint8Array): number {
  if (scores.length !== y.length)
    throw new AnalyticsError('ANALYTICS_SHAPE', 'scores and outcomes differ in number');
  if (!scores.every(Number.isFinite))
    throw new AnalyticsError('ANALYTICS_NOT_FINITE', 'a score is not finite');
  const events = y.reduce((total, value) => total + value, 0);
  if (events === 0) throw new AnalyticsError('ANALYTICS_ONE_CLASS', 'average precision wants an event');
  const order = Uint32Array.from(scores, (_, i) => i).toSorted(
    (i, k) => (scores[k] ?? NaN) - (scores[i] ?? NaN),
  );
  let area = 0;
  let hits = 0;
  for (let i = 0; i < order.length;) {
    const score = scores[order[i] ?? 0];
    const before = hits;
    for (; i < order.length && scores[order[i] ?? 0] === score; i++) hits += y[order[i] ?? 0] ?? 0;
    area += ((hits - before) / events) * (hits / i);
  }
  return area;
}
