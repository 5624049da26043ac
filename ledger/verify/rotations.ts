/**
 * From a key of the log that somebody knows to the one that signs today. Each rotation leaves a file: the key before,
 * the key after, and a checkpoint that both have signed. Who believes the former key believes that checkpoint, and in
 * its tree must stand the `key.rotated` entry that names the two: the file is a hint, and the log bears it out.
 */
import { encodeVkey, openCheckpoint, parseVkey } from '../log/index.js';
import type { Checkpoint, Entry, NoteVerifier } from '../log/index.js';
import { LedgerError } from '../errors.js';
import type { LogReader } from './reader.js';
import type { Checks, Failure } from './report.js';
import { readEdge, UpperTiles } from './upper-tiles.js';

/** A rotation that was followed. */
interface Link {
  readonly path: string;
  readonly from: string;
  readonly to: string;
  readonly checkpoint: Checkpoint;
}

/** Keys to judge the head by. */
export interface KeyChain {
  /** Those that sign today, as far as the log says. */
  readonly inForce: readonly NoteVerifier[];
  readonly links: readonly Link[];
  readonly broken?: Failure;
}

const FILE_BYTES_MAX = 16_384;
const ROTATIONS_MAX = 1000;

/** Follows the log's rotations from the keys that are known. @throws LedgerError LEDGER_UNREADABLE */
export async function followRotations(reader: LogReader, known: readonly NoteVerifier[]): Promise<KeyChain> {
  const inForce = new Map(known.map((verifier) => [encodeVkey(verifier.name, verifier.publicKey), verifier]));
  const links: Link[] = [];
  for (let index = 0; index < ROTATIONS_MAX; index++) {
    const path = `rotations/${index}`;
    const file = await reader.read(path, FILE_BYTES_MAX);
    if (file === undefined) break;
    const link = readLink(path, file);
    if (link === undefined) return { inForce: [...inForce.values()], links, broken: refused(path) };
    // One that was made before the keys known is passed over.
    if (!inForce.has(link.from)) continue;
    inForce.delete(link.from);
    inForce.set(link.to, parseVkey(link.to));
    links.push(link);
  }
  return { inForce: [...inForce.values()], links };
}

/** A file whose checkpoint both keys have signed. */
function readLink(path: string, file: Buffer): Link | undefined {
  const [from = '', to = ''] = file.subarray(0, FILE_BYTES_MAX).toString('utf8').split('\n', 2);
  const note = file.subarray(Buffer.byteLength(`${from}\n${to}\n`, 'utf8'));
  try {
    const [before, after] = [parseVkey(from), parseVkey(to)];
    const opened = openCheckpoint(note, [before, after]);
    if (!opened.ok || opened.signedBy.length !== 2 || from === to) return undefined;
    return { path, from, to, checkpoint: opened.checkpoint };
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

function refused(path: string): Failure {
  return { code: 'bad-rotation', path, rule: 'a rotation that not both of its keys have signed' };
}

interface Seen {
  readonly leaf: number;
  readonly from: string;
  readonly to: string;
  readonly overlapUntil: number;
}

/** The head that is judged, as it was read. */
export interface SignedHead {
  readonly note: Buffer;
  readonly checkpoint: Checkpoint;
  /** Known keys that signed it. */
  readonly signedBy: readonly NoteVerifier[];
}

function hasSigned(note: Buffer, vkey: string): boolean {
  try {
    return openCheckpoint(note, [parseVkey(vkey)]).ok;
  } catch (error) {
    if (error instanceof LedgerError) return false;
    throw error;
  }
}

/** Rotations as the entries tell them. */
export class SeenRotations {
  readonly #seen: Seen[] = [];
  #at = 0;

  next(leaf: number, { type, at, body }: Entry): void {
    this.#at = Math.max(this.#at, at);
    if (type !== 'key.rotated' || body['key'] !== 'log') return;
    const { from, to, overlapUntil } = body;
    if (typeof from === 'string' && typeof to === 'string')
      this.#seen.push({ leaf, from, to, overlapUntil: Number(overlapUntil) });
  }

  /**
   * Judges what was followed by what the entries say, behind the last of them.
   *
   * @param signedBy - Known keys that signed the head.
   */
  async judge(
    reader: LogReader,
    { note, checkpoint, signedBy }: SignedHead,
    links: readonly Link[],
    checks: Checks,
  ): Promise<void> {
    for (const link of links) {
      const failure = await this.#judgeLink(reader, checkpoint, link);
      checks.expect('checkpoint', failure === undefined, failure ?? { rule: '' });
    }
    const signers = new Set(signedBy.map(({ name, publicKey }) => encodeVkey(name, publicKey)));
    for (const { leaf, from, to, overlapUntil } of this.#seen) {
      if (this.#at <= overlapUntil || !signers.delete(from)) continue;
      // The log ends an overlap a little after its time; until then the next key signs beside the former.
      if (hasSigned(note, to)) signers.add(to);
      if (signers.size > 0) continue;
      const rule = 'the checkpoint is signed by a key that was rotated away';
      checks.expect('checkpoint', false, { code: 'rotated-away', leaf, rule, found: from });
    }
  }

  async #judgeLink(
    reader: LogReader,
    head: Checkpoint,
    { path, from, to, checkpoint }: Link,
  ): Promise<Failure | undefined> {
    const { origin, size, root } = checkpoint;
    const code = 'bad-rotation';
    if (origin !== head.origin || size > head.size || size === 0)
      return { code, path, rule: 'a rotation of another log, or ahead of this one' };
    const isSaid = this.#seen.some((seen) => seen.from === from && seen.to === to && seen.leaf < size);
    if (!isSaid) return { code, path, rule: 'a rotation that no entry tells of' };
    if (size === head.size) {
      return root.equals(head.root) ? undefined : { code: 'fork', path, rule: 'another root than the log’s' };
    }
    const { edge, missing } = await readEdge(reader, size, head.size);
    if (missing !== undefined) return { path: missing, rule: 'the tile is missing or short' };
    const found = new UpperTiles(size, edge).root();
    if (found.equals(root)) return undefined;
    return {
      code: 'fork',
      path,
      rule: `another root at ${size} entries than the log’s`,
      expected: root.toString('base64'),
      found: found.toString('base64'),
    };
  }
}
