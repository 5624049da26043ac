import { DiscreteLaplace } from './discrete-laplace.js';
import type { RandomBytes } from './discrete-laplace.js';
import { scaleOf } from './epsilon.js';
import type { MicroEpsilon } from './epsilon.js';
import { PrivacyError } from './errors.js';

/** Bins of one answer. */
export const BINS_MAX = 10_000;

/** What is asked of {@link noisyHistogram}. */
export interface HistogramQuestion {
  /** All bins, said in advance: bins that are made of the data tell what there is. For a contingency table all pairs. */
  readonly bins: readonly string[];
  /** Bins that one patient counts in at most. */
  readonly perPatientMax: number;
  readonly epsilonMicro: MicroEpsilon;
  /** Noisy counts under this are not shown. */
  readonly least: number;
}

/** A count by bin; null is not shown. */
export type NoisyCounts = Readonly<Record<string, number | null>>;

/**
 * Counts patients by bin with noise that hides whether any one patient is among them. Each counts once in a bin, and in
 * as many as the question allows: of more, in those that come first in the question. Whether a count is shown hangs
 * on the noisy count alone.
 *
 * @param patients - For each patient the bins that it falls in; bins not asked for are passed over.
 * @throws PrivacyError PRIVACY_BAD_INPUT, PRIVACY_RANDOM.
 */
export function noisyHistogram(
  patients: Iterable<Iterable<string>>,
  question: HistogramQuestion,
  randomBytes: RandomBytes,
): NoisyCounts {
  const { bins, perPatientMax, epsilonMicro, least } = question;
  if (bins.length === 0 || bins.length > BINS_MAX || new Set(bins).size !== bins.length)
    throw new PrivacyError('PRIVACY_BAD_INPUT', `there are 1 to ${BINS_MAX} bins, each once`);
  if (!isCount(perPatientMax) || perPatientMax === 0 || !isCount(least))
    throw new PrivacyError('PRIVACY_BAD_INPUT', 'bounds of counts are whole numbers');
  const places = new Map(bins.map((bin, i) => [bin, i]));
  const counts = bins.map(() => 0n);
  for (const patient of patients)
    for (const i of clamped(patient, places, perPatientMax)) counts[i] = (counts[i] ?? 0n) + 1n;
  const most = Math.min(perPatientMax, bins.length);
  const noise = new DiscreteLaplace(...scaleOf(BigInt(most), epsilonMicro), randomBytes);
  return Object.fromEntries(
    bins.map((bin, i) => {
      const noisy = (counts[i] ?? 0n) + noise.draw();
      return [bin, noisy < BigInt(least) ? null : Math.max(0, Number(noisy))];
    }),
  );
}

/** The bins that a patient counts in, by place: chosen by that patient's own data alone. */
function clamped(patient: Iterable<string>, places: ReadonlyMap<string, number>, most: number): number[] {
  const own = new Set<number>();
  for (const bin of patient) {
    const place = places.get(bin);
    if (place !== undefined) own.add(place);
  }
  return [...own].toSorted((a, b) => a - b).slice(0, most);
}

/** What is asked of {@link noisySum}: bounds are whole numbers of the unit that is summed. */
export interface SumQuestion {
  readonly low: number;
  readonly high: number;
  readonly epsilonMicro: MicroEpsilon;
}

/**
 * Sums one number a patient, each clamped to the bounds and rounded, with noise that hides any one patient.
 *
 * @throws PrivacyError PRIVACY_BAD_INPUT, PRIVACY_RANDOM.
 */
export function noisySum(values: Iterable<number>, question: SumQuestion, randomBytes: RandomBytes): bigint {
  const { low, high, epsilonMicro } = question;
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || low >= high)
    throw new PrivacyError('PRIVACY_BAD_INPUT', 'bounds of a sum are whole numbers, the lower first');
  let sum = 0n;
  for (const value of values) {
    // A failure for one value would tell that there is such a patient.
    const own = Number.isFinite(value) ? Math.round(Math.min(high, Math.max(low, value))) : low;
    sum += BigInt(own);
  }
  const most = Math.max(Math.abs(low), Math.abs(high));
  return sum + new DiscreteLaplace(...scaleOf(BigInt(most), epsilonMicro), randomBytes).draw();
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
