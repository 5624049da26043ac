/** Entries a second that `firebreak verify` re-derives from a data folder's log, against hashing their bytes alone. */
import { entriesPath, leafHash, rootOf, splitBundle, TILE_WIDTH } from '../../ledger/log/index.js';
import { storeReader, verifyLog } from '../../ledger/verify/index.js';
import type { LogReader } from '../../ledger/verify/index.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { rate } from './bench.js';
import { openLedger, recordBodies } from './ledger.js';

const ENTRIES = 100_000;
const ROUNDS = 3;
const BUNDLE_BYTES_MAX = 16 * 1024 * 1024;

export const verifyBench: Bench = {
  names: ['verify'],
  about: 'tree, checkpoint, form, signatures and sequences of a whole log',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const ledger = await openLedger();
  try {
    await ledger.append(recordBodies(ENTRIES));
    const reader = storeReader(ledger.store);
    const rates: number[] = [];
    const hashed: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const startedMs = performance.now();
      const { ok, size } = await verifyLog(reader, { nowMs: Date.now() });
      const perS = rate(size, startedMs);
      if (!ok) throw new Error('the log does not verify');
      const hashedMs = performance.now();
      await hashAll(reader, size);
      const hashedPerS = rate(size, hashedMs);
      if (round > 0) {
        rates.push(perS);
        hashed.push(hashedPerS);
      }
      say(`${round === 0 ? 'warm-up' : `round ${round}`}: ${size} entries, ${perS.toFixed(0)}/s`);
    }
    return [
      {
        bench: 'verify',
        unit: 'entries/s',
        ours: rates,
        against: { what: 'leaf and node hashes alone, one thread', theirs: hashed },
        aim: { of: 'ours', least: 100_000 },
      },
    ];
  } finally {
    await ledger.close();
  }
}

/** Reads and hashes all full bundles: what no verifier can do without. */
async function hashAll(reader: LogReader, size: number): Promise<void> {
  for (let index = 0; (index + 1) * TILE_WIDTH <= size; index++) {
    const bundle = await reader.read(entriesPath(index), BUNDLE_BYTES_MAX);
    rootOf(splitBundle(bundle ?? Buffer.alloc(0), TILE_WIDTH).found.map(leafHash));
  }
}
