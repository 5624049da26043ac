/**
 * What a witness decides on a request, by the order of the specification's text: is the log known, is the
 * checkpoint signed by it, does the old size fit, does the proof hold.
 *
 * @see https://c2sp.org/tlog-witness
 */
import { emptyRoot, openCheckpoint, verifyConsistency } from '../log/index.js';
import type { Checkpoint, NoteVerifier } from '../log/index.js';
import { parseAddCheckpoint } from './add-checkpoint.js';
import type { ReadAddCheckpoint } from './add-checkpoint.js';

/** A log that a witness cosigns. */
export interface WitnessedLog {
  readonly origin: string;
  /** Trusted keys of the log, all bearing its origin's name; two of them while its key is rotated. */
  readonly verifiers: readonly NoteVerifier[];
}

/** Why a request is refused, and the status that says so. */
export type WitnessRefusal =
  | { readonly status: 400; readonly code: 'malformed' | 'old-size-beyond-checkpoint' }
  | { readonly status: 403; readonly code: 'not-signed-by-log' }
  | { readonly status: 404; readonly code: 'unknown-log' }
  | {
      readonly status: 409;
      readonly code: 'other-old-size' | 'other-root';
      /** What the witness cosigned last. */
      readonly size: number;
    }
  | { readonly status: 422; readonly code: 'proof-does-not-verify' };

/** A request whose checkpoint is signed by a known log. */
export type SignedRequest<L extends WitnessedLog> =
  | { readonly ok: true; readonly request: ReadAddCheckpoint; readonly log: L }
  | { readonly ok: false; readonly refusal: WitnessRefusal };

/**
 * Reads a request and checks whose it is. Says nothing on whether the log kept to its history.
 *
 * @param findLog - The known log of an origin.
 */
export function readSignedRequest<L extends WitnessedLog>(
  body: Buffer,
  findLog: (origin: string) => L | undefined,
): SignedRequest<L> {
  const request = parseAddCheckpoint(body);
  if (request === undefined) return { ok: false, refusal: { status: 400, code: 'malformed' } };
  const log = findLog(request.checkpoint.origin);
  if (log === undefined) return { ok: false, refusal: { status: 404, code: 'unknown-log' } };
  if (!openCheckpoint(request.note, log.verifiers).ok)
    return { ok: false, refusal: { status: 403, code: 'not-signed-by-log' } };
  return { ok: true, request, log };
}

/**
 * Whether a log's signed checkpoint extends what the witness cosigned last. The caller decides and persists under
 * one lock.
 *
 * @param latest - What was cosigned last; `undefined` when nothing of this log was.
 * @returns `undefined` when it does: persist, then cosign.
 */
export function judgeCheckpoint(
  { oldSize, proof, checkpoint }: ReadAddCheckpoint,
  latest: Checkpoint | undefined,
): WitnessRefusal | undefined {
  const { size, root } = checkpoint;
  if (oldSize > size) return { status: 400, code: 'old-size-beyond-checkpoint' };
  const known = latest ?? { size: 0, root: emptyRoot() };
  if (oldSize !== known.size) return { status: 409, code: 'other-old-size', size: known.size };
  if (oldSize === size && !known.root.equals(root))
    return { status: 409, code: 'other-root', size: known.size };
  if (!verifyConsistency(oldSize, size, known.root, root, proof))
    return { status: 422, code: 'proof-does-not-verify' };
  return undefined;
}
