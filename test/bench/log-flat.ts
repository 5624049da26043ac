/**
 * What an entry costs as the log grows: entries a second at 10,000, 100,000 and 1,000,000 entries (and, when asked for
 * by name, 10,000,000), each compared with the first. `log-flat` is the log; `log-map-flat` has the state map beside it,
 * whose work an entry is a path of the trie: none at all while the first updates gather, and some of it reading from disk
 * once the pages outgrow their cache.
 */
import type { Bench, BenchContext, Measured } from './bench.js';
import { rate } from './bench.js';
import { openLedger, recordBodies } from './ledger.js';

const SIZES = [
  { name: '10k', entries: 10_000 },
  { name: '100k', entries: 100_000 },
  { name: '1m', entries: 1_000_000 },
  { name: '10m', entries: 10_000_000 },
] as const;
/** Rounds of so many entries are timed from each size on. */
const WINDOW = 16_384;
const ROUNDS = 5;
/** Entries of the log before it is timed at all: the code is compiled only after some tens of thousands. */
const WARM_UP = 65_536;
const FILL = 65_536;
/** At most 1.2 times the cost. */
const FLAT = 1 / 1.2;

export const logFlat = flat(
  'log-flat',
  false,
  'entries through permit, appender and engine as the log grows',
);
export const logMapFlat = flat('log-map-flat', true, 'the same with the state map beside the log');

function flat(prefix: string, withMap: boolean, about: string): Bench {
  return {
    names: SIZES.slice(0, 3).map(({ name }) => `${prefix}-${name}`),
    namesOnRequest: [`${prefix}-10m`],
    about,
    run: (context) => run(prefix, withMap, context),
  };
}

async function run(prefix: string, withMap: boolean, { say, asked }: BenchContext): Promise<Measured[]> {
  const warm = await openLedger(withMap);
  await warm.append(recordBodies(WARM_UP));
  await warm.close();
  const ledger = await openLedger(withMap);
  try {
    const measured: Measured[] = [];
    let first: number[] | undefined;
    for (const { name, entries } of SIZES) {
      if (name === '10m' && !asked.includes(`${prefix}-10m`)) continue;
      while (ledger.engine.head().size < entries)
        await ledger.append(recordBodies(Math.min(FILL, entries - ledger.engine.head().size)));
      const rates: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const bodies = recordBodies(WINDOW);
        const startedMs = performance.now();
        await ledger.append(bodies);
        rates.push(rate(WINDOW, startedMs));
      }
      say(`${name}: ${rates.map((each) => each.toFixed(0)).join(', ')} entries/s`);
      measured.push({
        bench: `${prefix}-${name}`,
        unit: 'entries/s',
        ours: rates,
        ...(first === undefined
          ? {}
          : {
              against: { what: 'the same at 10,000 entries', theirs: first },
              ...(withMap ? {} : { aim: { of: 'ratio', least: FLAT } as const }),
            }),
      });
      first ??= rates;
    }
    return measured;
  } finally {
    await ledger.close();
  }
}
