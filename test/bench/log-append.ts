/**
 * Entries a second into the log, from the permit to the callback: gate's check, tags, canonical JSON, signature, tree,
 * tiles, synced batch, checkpoint. Compared with writing the very same entries into a LevelDB of their own, a row an
 * entry, in synced batches of the appender's size.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { decodeBundle, entriesPath, TILE_WIDTH } from '../../ledger/log/index.js';
import { GROUP_UNITS_MAX } from '../../ledger/custody/index.js';
import type { Store } from '../../ledger/store.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { rate } from './bench.js';
import { openLedger, recordBodies } from './ledger.js';
import type { BenchLedger } from './ledger.js';

/** Entries before the first round: the tree's code is compiled only after some tens of thousands. */
const WARM_UP = 49_152;
const ROUNDS = 7;
const ENTRIES = 16_384;
/** Of the raw rate. */
const RATIO = 0.5;

export const logAppend: Bench = {
  names: ['log-append'],
  about:
    'entries through permit, appender and engine, against raw synced LevelDB batches of the same entries',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const ledger = await openLedger();
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-bench-'));
  const raw: Store = new Level<string, Buffer>(folder, { keyEncoding: 'utf8', valueEncoding: 'buffer' });
  try {
    await raw.open();
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const count = round === 0 ? WARM_UP : ENTRIES;
      const from = ledger.engine.head().size;
      const bodies = recordBodies(count);
      const ourStart = performance.now();
      await ledger.append(bodies);
      const ourRate = rate(count, ourStart);
      const entries = await entriesFrom(ledger.engine, from, ledger.engine.head().size);
      const theirStart = performance.now();
      for (let at = 0; at < count; at += GROUP_UNITS_MAX) {
        const rows = entries
          .slice(at, at + GROUP_UNITS_MAX)
          .map((value, i) => ({ type: 'put' as const, key: `entry/${from + at + i}`, value }));
        await raw.batch(rows, { sync: true });
      }
      const theirRate = rate(count, theirStart);
      if (round === 0) continue;
      ours.push(ourRate);
      theirs.push(theirRate);
      say(`round ${round}: ${ourRate.toFixed(0)} entries/s against ${theirRate.toFixed(0)}`);
    }
    return [
      {
        bench: 'log-append',
        unit: 'entries/s',
        ours,
        against: { what: 'raw synced LevelDB batches', theirs },
        aim: { of: 'ratio', least: RATIO },
      },
    ];
  } finally {
    await raw.close();
    rmSync(folder, { recursive: true, force: true });
    await ledger.close();
  }
}

/** The log's entries from one leaf up to another, out of its published bundles. */
async function entriesFrom(engine: BenchLedger['engine'], from: number, to: number): Promise<Buffer[]> {
  const entries: Buffer[] = [];
  for (let bundle = Math.floor(from / TILE_WIDTH); bundle * TILE_WIDTH < to; bundle++) {
    const width = Math.min(TILE_WIDTH, to - bundle * TILE_WIDTH);
    const found = decodeBundle((await engine.read(entriesPath(bundle, width))) ?? Buffer.alloc(0), width);
    entries.push(...found.slice(Math.max(0, from - bundle * TILE_WIDTH)));
  }
  return entries;
}
