/**
 * Updates a second into the state map, durable: each batch is one synced LevelDB batch, and the map has as many keys
 * as the bench's name says before the clock starts. Memory is what the process holds beside them.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { checkStateProof, openStateMap, stateKey } from '../../ledger/state/index.js';
import type { PlacedEntry, StateMap } from '../../ledger/state/index.js';
import { sha256 } from '../../ledger/log/index.js';
import type { Store } from '../../ledger/store.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { rate } from './bench.js';

const BATCH = 1000;
const ROUNDS = 5;
const UPDATES = 40_000;
/** More than the map keeps back, so that each round merges as many updates as it brings. */
const WARM_UP = 150_000;
const PROOFS = 1000;
/** Updates a second. */
const AIM = 20_000;

const SIZES = [
  { bench: 'state-map-100k', proof: 'state-proof-100k', keys: 100_000 },
  { bench: 'state-map-1m', proof: 'state-proof-1m', keys: 1_000_000 },
] as const;

export const stateMapBench: Bench = {
  names: SIZES.flatMap(({ bench, proof }) => [bench, proof]),
  about:
    'updates of the state map at 100,000 and 1,000,000 keys, in synced batches of 1,000; bytes of a proof',
  run: async (context) => {
    const measured: Measured[] = [];
    for (const size of SIZES) measured.push(...(await run(size, context)));
    return measured;
  },
};

async function run(
  { bench, proof, keys }: (typeof SIZES)[number],
  { say }: BenchContext,
): Promise<readonly Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-bench-'));
  const store: Store = new Level<string, Buffer>(folder, { keyEncoding: 'utf8', valueEncoding: 'buffer' });
  try {
    await store.open();
    const map = await openStateMap(store);
    await update(map, store, keys);
    await settle(map, store);
    const bytes = proofBytes(map);
    const rates: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const count = round === 0 ? WARM_UP : UPDATES;
      const startedMs = performance.now();
      await update(map, store, count);
      const perS = rate(count, startedMs);
      if (round > 0) rates.push(perS);
      const mib = Math.round(process.memoryUsage().rss / 2 ** 20);
      say(
        `${bench} ${round === 0 ? 'warm-up' : `round ${round}`}: ${perS.toFixed(0)}/s, ${mib} MiB resident`,
      );
    }
    const anchorMs = performance.now();
    await settle(map, store);
    const { keys: found } = map.present();
    say(`${bench}: ${found} keys; the root of all after ${(performance.now() - anchorMs).toFixed(0)} ms`);
    return [
      { bench, unit: 'updates/s', ours: rates, aim: { of: 'ours', least: AIM } },
      { bench: proof, unit: 'bytes', ours: bytes },
    ];
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Merges what is pending, as is done before an anchor. */
async function settle(map: StateMap, store: Store): Promise<void> {
  map.hurry();
  while (map.pendingCount > 0) {
    const staged = map.stage([], map.size);
    await store.batch([...staged.writes], { sync: true });
    staged.commit();
  }
}

function proofBytes(map: StateMap): number[] {
  const { root } = map.present();
  return Array.from({ length: PROOFS }, () => {
    const key = stateKey('tag', randomBytes(32).toString('base64url'));
    const proof = map.prove(key) ?? new Uint8Array(0);
    if (!checkStateProof(root, key, proof, sha256).ok) throw new Error('a proof does not verify');
    return proof.length;
  });
}

async function update(map: StateMap, store: Store, count: number): Promise<void> {
  for (let done = 0; done < count; done += BATCH) {
    const first = map.size;
    const entries: PlacedEntry[] = [];
    const names = randomBytes(32 * BATCH);
    for (let i = 0; i < BATCH; i++) {
      const tag = names.toString('base64url', i * 32, (i + 1) * 32);
      entries.push({ leaf: first + i, entry: { type: 'record.stored', tags: [tag], body: {} } });
    }
    const staged = map.stage(entries, first + BATCH);
    await store.batch([...staged.writes], { sync: true });
    staged.commit();
  }
}
