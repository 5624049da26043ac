/** Beginning where an earlier verification ended. */
import { openCheckpoint } from '../log/index.js';
import type { Checkpoint, NoteVerifier } from '../log/index.js';
import type { LogReader } from './reader.js';
import { CHECK_NAMES } from './report.js';
import type { Checks, Failure } from './report.js';
import type { VerifierState } from './state-file.js';
import { readEdge, UpperTiles } from './upper-tiles.js';
import type { TreeStart } from './verify-tree.js';

/** What an earlier verification left: its signed checkpoint alone, or its state. */
export interface Earlier {
  readonly note?: Buffer | undefined;
  readonly state?: VerifierState | undefined;
}

/**
 * Checks that the log has grown out of the tree that was verified before: the hashes along the earlier tree's right
 * edge, read from the later one's tiles, must give the earlier root. The later root is then computed out of that edge
 * and of the new entries, which is what a consistency proof shows.
 *
 * @returns Where to begin; `undefined` where there is no going on, which `consistency` then says.
 * @throws LedgerError LEDGER_UNREADABLE
 * @see RFC 6962 section 2.1.2
 */
export async function startAt(
  reader: LogReader,
  checkpoint: Checkpoint,
  checks: Checks,
  verifiers: readonly NoteVerifier[],
  { note, state }: Earlier,
): Promise<TreeStart | undefined> {
  if (note === undefined && state === undefined) return { size: 0, edge: [] };
  const refuse = (failure: Failure): undefined => {
    checks.expect('consistency', false, failure);
    for (const name of CHECK_NAMES) {
      if (!['checkpoint', 'consistency', 'openings'].includes(name))
        checks.leaveOut(name, 'all of it: not reached');
    }
  };
  const opened = note === undefined ? undefined : openCheckpoint(note, verifiers);
  if (opened?.ok === false) {
    return refuse({ code: opened.code, rule: `the checkpoint verified before is refused: ${opened.code}` });
  }
  const known = opened?.checkpoint ?? state?.checkpoint;
  if (known === undefined) return { size: 0, edge: [] };
  if (known.origin !== checkpoint.origin) {
    const rule = 'what was verified before is another log';
    return refuse({ code: 'other-log', rule, expected: known.origin, found: checkpoint.origin });
  }
  if (checkpoint.size < known.size) {
    const [expected, found] = [`at least ${known.size}`, `${checkpoint.size}`];
    const rule = 'the log has fewer entries than were verified before';
    return refuse({ code: 'rollback', path: 'checkpoint', rule, expected, found });
  }
  const expected = known.root.toString('base64');
  if (checkpoint.size === known.size && !checkpoint.root.equals(known.root)) {
    const found = checkpoint.root.toString('base64');
    const rule = `another root at ${known.size} entries than the one verified before`;
    return refuse({ code: 'fork', path: 'checkpoint', rule, expected, found });
  }
  const { edge, missing } = await readEdge(reader, known.size, checkpoint.size);
  if (missing !== undefined) return refuse({ path: missing, rule: 'the tile is missing or short' });
  const found = new UpperTiles(known.size, edge).root();
  if (!found.equals(known.root)) {
    const rule = `the tiles give another root at ${known.size} entries than the one verified before`;
    return refuse({ code: 'fork', rule, expected, found: found.toString('base64') });
  }
  checks.count('consistency');
  return { size: known.size, edge };
}
