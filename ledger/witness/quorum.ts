/**
 * Whether a checkpoint is valid under a witness policy.
 *
 * @see https://c2sp.org/tlog-policy
 */
import { openCheckpoint, openNote } from '../log/index.js';
import type { Checkpoint, NoteVerifier } from '../log/index.js';
import { findCosignature } from './cosignature.js';
import { quorumIsMet } from './policy.js';
import type { PolicyWitness, WitnessPolicy } from './policy.js';

/** A witness's good cosignature on a checkpoint. */
export interface Witnessed {
  readonly witness: PolicyWitness;
  /** Seconds since the epoch, by the witness's clock. */
  readonly timeS: number;
}

/** A checkpoint under a policy. */
export type PolicyVerdict =
  | {
      readonly ok: true;
      readonly checkpoint: Checkpoint;
      /** Keys of the log that signed it. */
      readonly signedBy: readonly NoteVerifier[];
      readonly witnessed: readonly Witnessed[];
    }
  | { readonly ok: false; readonly code: 'malformed' | 'bad-signature' | 'not-signed-by-log' }
  | {
      readonly ok: false;
      readonly code: 'quorum-not-met';
      readonly witnessed: readonly Witnessed[];
    };

/**
 * Judges a checkpoint: signed by a log of the policy, and cosigned by a quorum. A known key, of a log or a witness,
 * whose signature fails rejects it.
 *
 * @param logs - Keys of logs that are accepted besides the policy's, which may name none.
 */
export function checkPolicy(
  note: Buffer,
  policy: WitnessPolicy,
  logs: readonly NoteVerifier[] = [],
): PolicyVerdict {
  const logKeys = [...policy.logs.map(({ verifier }) => verifier), ...logs];
  const opened = openCheckpoint(note, logKeys);
  if (!opened.ok) {
    const known = opened.code === 'malformed' || opened.code === 'bad-signature';
    return { ok: false, code: known ? opened.code : 'not-signed-by-log' };
  }
  const cosigned = openNote(
    note,
    policy.witnesses.map(({ verifier }) => verifier),
  );
  if (!cosigned.ok && cosigned.code === 'bad-signature') return { ok: false, code: 'bad-signature' };
  const witnessed = policy.witnesses.flatMap((witness): Witnessed[] => {
    const found = findCosignature(note, witness.verifier);
    return found === undefined ? [] : [{ witness, timeS: found.timeS }];
  });
  if (!quorumIsMet(policy, new Set(witnessed.map(({ witness }) => witness.name))))
    return { ok: false, code: 'quorum-not-met', witnessed };
  return { ok: true, checkpoint: opened.checkpoint, signedBy: opened.signedBy, witnessed };
}
