import type { Permitted } from './permitted.js';
import type { Obligation } from './policy.js';

/** A provision that an answer rests on. */
export interface Because {
  readonly handle: string;
  /** Path from the policy's root, such as `provision.provision[0]`. */
  readonly path: string;
}

/**
 * Why the gate denies.
 *
 * - `one-purpose`: the request names no purpose or several.
 * - `error`: the request or a policy is malformed, or judging it failed.
 * - `unknown-element`: a policy holds an element that could change its meaning and is not understood.
 * - `ambiguous`: which version of a consent is the later one cannot be told.
 * - `refused`: a denial of the patient matches, or a consent that was withdrawn, replaced or rejected would have.
 * - `custodian`: the custodian denies, or has not permitted.
 * - `expired`, `not-yet-valid`: a consent of the patient's would match at another time.
 * - `no-answer`: nothing the patient ever signed speaks to the request; the data may wait for an answer.
 */
export type DenyReason =
  | 'one-purpose'
  | 'error'
  | 'unknown-element'
  | 'ambiguous'
  | 'refused'
  | 'custodian'
  | 'expired'
  | 'not-yet-valid'
  | 'no-answer';

/** The gate's answer; the same for the same policies in any order. */
export type Decision =
  | {
      readonly outcome: 'permit';
      readonly permit: Permitted;
      readonly because: readonly Because[];
      /** What the permit is bound to; the permit has them too, so that nothing is opened without them. */
      readonly obligations: readonly Obligation[];
    }
  | { readonly outcome: 'deny'; readonly reason: DenyReason; readonly because: readonly Because[] };
