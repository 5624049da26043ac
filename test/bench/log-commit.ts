/**
 * Entries a second through the engine alone, of submissions that are signed already, at several sizes of a commit:
 * tree, tiles, bundles, synced batch, checkpoint. The state map is left out, for rows have none: `log-append` takes the
 * way through everything. Compared with writing the very same entries into a
 * LevelDB of their own, a row an entry, in synced batches of that size.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { buildSubmission, stampDraft, SUBMISSION_DRAFTS_MAX } from '../../ledger/log/index.js';
import type { Draft, Submission } from '../../ledger/log/index.js';
import type { Store } from '../../ledger/store.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { rate } from './bench.js';
import { openLedger, recordBodies } from './ledger.js';
import type { BenchLedger } from './ledger.js';

/** Entries in a commit, and how many commits make a round. */
const SIZES = [
  { batch: 1, commits: 500, least: undefined },
  { batch: 10, commits: 300, least: undefined },
  { batch: 100, commits: 120, least: undefined },
  { batch: 1000, commits: 40, least: 1 },
] as const;
const ROUNDS = 5;
/** Before the first round: the code is compiled only after some tens of thousands of entries. */
const WARM_UP_COMMITS = 40;

export const logCommit: Bench = {
  names: SIZES.map(({ batch }) => `log-commit-${batch}`),
  about: 'signed submissions through the engine by size of the commit, against raw synced batches of rows',
  run,
};

/** What one commit brings, and the same entries as they will stand in the log. */
interface Prepared {
  readonly submissions: readonly Submission[];
  readonly entries: readonly Buffer[];
}

async function run({ say }: BenchContext): Promise<Measured[]> {
  const ledger = await openLedger(false);
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-bench-'));
  const raw: Store = new Level<string, Buffer>(folder, { keyEncoding: 'utf8', valueEncoding: 'buffer' });
  try {
    await raw.open();
    let rows = 0;
    const round = async (batch: number, commits: number): Promise<[ours: number, theirs: number]> => {
      const prepared = Array.from({ length: commits }, () => prepare(ledger, batch));
      const ourStart = performance.now();
      for (const { submissions } of prepared) await ledger.engine.commit({ submissions, writes: [] });
      const ours = rate(batch * commits, ourStart);
      const theirStart = performance.now();
      for (const { entries } of prepared) {
        const puts = entries.map((value) => ({ type: 'put' as const, key: `entry/${rows++}`, value }));
        await raw.batch(puts, { sync: true });
      }
      return [ours, rate(batch * commits, theirStart)];
    };
    await round(1000, WARM_UP_COMMITS);
    const measured: Measured[] = [];
    for (const { batch, commits, least } of SIZES) {
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let i = 0; i < ROUNDS; i++) {
        const [our, their] = await round(batch, commits);
        ours.push(our);
        theirs.push(their);
        say(`${batch} a commit, round ${i + 1}: ${our.toFixed(0)} entries/s against ${their.toFixed(0)}`);
      }
      measured.push({
        bench: `log-commit-${batch}`,
        unit: 'entries/s',
        ours,
        against: { what: `raw rows, ${batch} a synced batch`, theirs },
        ...(least === undefined ? {} : { aim: { of: 'ratio', least } }),
      });
    }
    return measured;
  } finally {
    await raw.close();
    rmSync(folder, { recursive: true, force: true });
    await ledger.close();
  }
}

/** Submissions of a commit, of up to 256 drafts each. */
function prepare({ engine, signer }: BenchLedger, count: number): Prepared {
  const submissions: Submission[] = [];
  const entries: Buffer[] = [];
  const at = Date.now();
  for (let left = count; left > 0; left -= SUBMISSION_DRAFTS_MAX) {
    const drafts = recordBodies(Math.min(left, SUBMISSION_DRAFTS_MAX)).map((body): Draft => {
      const random = randomBytes(48);
      return {
        v: 1,
        type: 'record.stored',
        actor: signer.actor,
        tags: [random.toString('base64url', 0, 32)],
        nonce: random.toString('base64url', 32),
        body,
      };
    });
    const nonce = randomBytes(16).toString('base64url');
    const submission = buildSubmission({ origin: engine.origin, ...signer, drafts, nonce });
    submissions.push(submission);
    for (const bytes of submission.draftBytes) entries.push(stampDraft(bytes, at));
  }
  return { submissions, entries };
}
