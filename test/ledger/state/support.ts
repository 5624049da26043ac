import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { sha256 } from '../../../ledger/log/index.js';
import { checkStateProof, openStateMap } from '../../../ledger/state/index.js';
import type { PlacedEntry, StateMap, StateMapOptions, StateProofCheck } from '../../../ledger/state/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openStore } from '../log/fixture.js';

/** A map in a store of its own, which can be closed and opened again. */
export interface MapBench {
  map: StateMap;
  store: Store;
  reopen(): Promise<void>;
  /** Stages entries behind those before, writes and commits. */
  append(entries: readonly PlacedEntry['entry'][]): Promise<void>;
  /** Anchors the present state, by an entry of its own. @returns The anchor's size. */
  anchor(): Promise<number>;
}

export async function openBench(context: TestContext, options: StateMapOptions = {}): Promise<MapBench> {
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-state-'));
  const store = await openStore(dir);
  const bench: MapBench = {
    store,
    map: await openStateMap(store, options),
    reopen: async () => {
      await bench.store.close();
      bench.store = await openStore(dir);
      bench.map = await openStateMap(bench.store, options);
    },
    append: async (entries) => {
      const first = bench.map.size;
      const placed = entries.map((entry, i) => ({ leaf: first + i, entry }));
      const staged = bench.map.stage(placed, first + entries.length);
      await write(bench.store, staged.writes);
      staged.commit();
    },
    anchor: async () => {
      const { size, root, keys } = bench.map.present();
      await bench.append([
        { type: 'state.anchored', tags: [], body: { size, keys, root: root.toString('base64url') } },
      ]);
      return size;
    },
  };
  context.after(async () => {
    await bench.store.close();
    await rm(dir, { recursive: true, force: true });
  });
  return bench;
}

export async function write(store: Store, writes: readonly StoreWrite[]): Promise<void> {
  await store.batch([...writes], { sync: true });
}

/** 32 bytes that a seed determines. */
export function name(seed: string): string {
  return createHash('sha256').update(seed).digest('base64url');
}

export function tagged(...seeds: readonly string[]): PlacedEntry['entry'] {
  return { type: 'record.stored', tags: seeds.map(name), body: {} };
}

export function check(root: Uint8Array, key: Uint8Array, proof: Uint8Array | undefined): StateProofCheck {
  return checkStateProof(root, key, proof ?? new Uint8Array(0), sha256);
}

function bitsOf(key: string): string {
  return [...Buffer.from(key, 'hex')].map((byte) => byte.toString(2).padStart(8, '0')).join('');
}

/** The root by the definition alone: split a set of sorted keys at the first bit in which they differ. */
export function rootByDefinition(values: ReadonlyMap<string, Buffer>): Buffer {
  const keys = [...values.keys()].toSorted();
  if (keys.length === 0) return sha256(Buffer.alloc(0));
  const all = keys.map((key) => ({ key, bits: bitsOf(key) }));
  const over = (part: typeof all): Buffer => {
    const [first] = part;
    const last = part.at(-1);
    if (first === undefined || last === undefined) throw new Error('a node has keys');
    if (first === last) {
      const value = values.get(first.key) ?? Buffer.alloc(0);
      return sha256(Buffer.concat([Buffer.of(2), Buffer.from(first.key, 'hex'), value]));
    }
    let bit = 0;
    while (first.bits[bit] === last.bits[bit]) bit += 1;
    const left = part.filter((each) => each.bits[bit] === '0');
    const right = part.filter((each) => each.bits[bit] === '1');
    return sha256(Buffer.concat([Buffer.of(3, bit), over(left), over(right)]));
  };
  return over(all);
}
