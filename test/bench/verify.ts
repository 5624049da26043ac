/** Entries a second that `firebreak verify` re-derives from a data folder's log. */
import { storeReader, verifyLog } from '../../ledger/verify/index.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { rate } from './bench.js';
import { openLedger, recordBodies } from './ledger.js';

const ENTRIES = 40_000;
const ROUNDS = 3;

export const verifyBench: Bench = {
  names: ['verify'],
  about: 'tree, checkpoint, form, signatures and sequences of a whole log',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const ledger = await openLedger();
  try {
    await ledger.append(recordBodies(ENTRIES));
    const rates: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const startedMs = performance.now();
      const { ok, size } = await verifyLog(storeReader(ledger.store), { nowMs: Date.now() });
      const perS = rate(size, startedMs);
      if (!ok) throw new Error('the log does not verify');
      if (round > 0) rates.push(perS);
      say(`${round === 0 ? 'warm-up' : `round ${round}`}: ${size} entries, ${perS.toFixed(0)}/s`);
    }
    return [{ bench: 'verify', unit: 'entries/s', ours: rates }];
  } finally {
    await ledger.close();
  }
}
