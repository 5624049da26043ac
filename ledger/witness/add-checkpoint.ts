/**
 * The body of an `add-checkpoint` request.
 *
 * @see https://c2sp.org/tlog-witness
 */
import { decodeBase64, HASH_BYTES, parseCheckpoint, splitNote } from '../log/index.js';
import type { Checkpoint } from '../log/index.js';

/** Lines of proof that a request may have. */
export const PROOF_LINES_MAX = 63;

/** Larger requests are refused unread: 63 lines of proof and a checkpoint with a hundred signatures fit. */
export const REQUEST_BYTES_MAX = 64 * 1024;

/** A request to cosign. */
export interface AddCheckpoint {
  /** Size of the tree from which the proof leads. */
  readonly oldSize: number;
  /** 32 bytes each. @see RFC 6962 section 2.1.2 */
  readonly proof: readonly Buffer[];
  /** The signed checkpoint. */
  readonly note: Buffer;
}

/** A request as read; its signatures are unverified. */
export interface ReadAddCheckpoint extends AddCheckpoint {
  /** The checkpoint's text, extension lines included. */
  readonly text: string;
  readonly checkpoint: Checkpoint;
}

/** The body of a request. */
export function formatAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): Buffer {
  const lines = proof.map((hash) => `${hash.toString('base64')}\n`).join('');
  return Buffer.concat([Buffer.from(`old ${oldSize}\n${lines}\n`, 'latin1'), note]);
}

/** Reads a request; `undefined` when it is malformed. */
export function parseAddCheckpoint(body: Buffer): ReadAddCheckpoint | undefined {
  if (body.length > REQUEST_BYTES_MAX) return undefined;
  // The first blank line ends the proof; a checkpoint has blank lines of its own.
  const end = body.indexOf('\n\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = body.toString('latin1', 0, end).split('\n');
  const oldSize = /^old (0|[1-9]\d{0,15})$/.exec(first)?.[1];
  if (oldSize === undefined || !Number.isSafeInteger(Number(oldSize))) return undefined;
  if (lines.length > PROOF_LINES_MAX) return undefined;
  const proof: Buffer[] = [];
  for (const line of lines) {
    const hash = decodeBase64(line);
    if (hash?.length !== HASH_BYTES) return undefined;
    proof.push(hash);
  }
  const note = body.subarray(end + 2);
  const text = splitNote(note)?.text;
  const checkpoint = text === undefined ? undefined : parseCheckpoint(text);
  if (text === undefined || checkpoint === undefined) return undefined;
  return { oldSize: Number(oldSize), proof, note, text, checkpoint };
}
