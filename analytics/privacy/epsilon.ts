import { PrivacyError } from './errors.js';

/** A privacy loss ε in millionths: whole numbers add up without rounding. */
export type MicroEpsilon = number;

const MICRO = 1_000_000;
const EPSILON_MAX = 100;

/**
 * Checks an ε in millionths.
 *
 * @throws PrivacyError PRIVACY_BAD_INPUT unless it is a whole number above 0 and of 100 ε at most.
 */
export function checkedEpsilon(micro: MicroEpsilon): bigint {
  if (!Number.isSafeInteger(micro) || micro <= 0 || micro > EPSILON_MAX * MICRO)
    throw new PrivacyError(
      'PRIVACY_BAD_INPUT',
      `ε is counted in millionths, from 1 to ${EPSILON_MAX * MICRO}`,
    );
  return BigInt(micro);
}

/** The scale of noise that hides a change of `sensitivity`, as a ratio. */
export function scaleOf(sensitivity: bigint, micro: MicroEpsilon): readonly [bigint, bigint] {
  const [a, b] = [sensitivity * BigInt(MICRO), checkedEpsilon(micro)];
  const divisor = greatest(a, b);
  return [a / divisor, b / divisor];
}

function greatest(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatest(b, a % b);
}
