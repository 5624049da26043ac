/**
 * The verifier's state as bytes: how far a log was verified, and all that the rules must remember of it, so that a
 * later run judges new entries as fully as a run over the whole log would.
 */
import { LedgerError } from '../errors.js';
import { HASH_BYTES, schemaFiles, sha256 } from '../log/index.js';
import type { Checkpoint } from '../log/index.js';
import type { EntryRules } from './entry-rules.js';
import { SnapshotReader, SnapshotWriter } from './snapshot.js';

const MAGIC = 'firebreak-verifier-state/v1\n';
/** To be raised with each change of a rule, or of what the rules write down. */
const RULES_VERSION = 2;

/** A state as read; the rules' part is still to be restored. */
export interface VerifierState {
  readonly checkpoint: Checkpoint;
  readonly rules: Buffer;
}

/**
 * Writes a state down. It has some 33 bytes for each handle, tag and submission, and 64 for each key of the state map.
 *
 * @returns Parts to be written one after the other.
 */
export function encodeState({ origin, size, root }: Checkpoint, rules: EntryRules): readonly Buffer[] {
  const out = new SnapshotWriter();
  out.text(rulesId());
  out.json({ origin, size, root: root.toString('base64') });
  rules.save(out);
  const body = Buffer.concat(out.parts());
  return [Buffer.from(MAGIC), sha256(body), body];
}

/**
 * Reads a state.
 *
 * @returns `undefined` for a state that other rules have left: the log is then to be verified from its first entry on.
 * @throws LedgerError LEDGER_CORRUPT for bytes that are damaged or no state.
 */
export function decodeState(bytes: Buffer): VerifierState | undefined {
  const start = MAGIC.length + HASH_BYTES;
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC)
    throw new LedgerError('LEDGER_CORRUPT', 'not a verifier’s state');
  const body = bytes.subarray(start);
  if (!sha256(body).equals(bytes.subarray(MAGIC.length, start)))
    throw new LedgerError('LEDGER_CORRUPT', 'the verifier’s state is damaged');
  const from = new SnapshotReader(body);
  if (from.text() !== rulesId()) return undefined;
  const { origin, size, root } = from.json() as { origin: string; size: number; root: string };
  return { checkpoint: { origin, size, root: Buffer.from(root, 'base64') }, rules: from.rest() };
}

/** Names the rules: their version, and the schemas. */
function rulesId(): string {
  const schemas = Buffer.concat([...schemaFiles.values()]);
  return `${RULES_VERSION} ${sha256(schemas).toString('base64url')}`;
}
