/** The state at an anchor that the map no longer keeps: built anew from the entries before it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { readLogFile } from '../../../ledger/engines/index.js';
import { catchUpState, openStateMap } from '../../../ledger/state/index.js';
import type { Store } from '../../../ledger/store.js';
import { AdapterError } from '../../errors.js';
import type { PlacedAnchor } from '../../instance/anchoring.js';
import type { Instance } from '../../instance/instance.js';

/** What is asked of a state. */
export interface AnchoredState {
  /** Proof of what it says of a key; `undefined` when it is no longer kept. */
  readonly prove: (key: Buffer) => Uint8Array | undefined;
  /** Of a value: see `StateMap.statement`. */
  readonly statement: (value: Uint8Array) => Buffer | undefined;
}

/** Each takes memory, disk and a processor for as long as its log is long, so they wait for each other. */
const building = new WeakMap<Instance, Promise<unknown>>();

/**
 * Gives the state at an anchor: the map's own where it keeps that anchor, and otherwise one in a store of its own that
 * is removed again. It holds what the published entries say, and nothing besides.
 *
 * @param use - The state is gone when it resolves.
 * @throws AdapterError ADAPTER_CONFLICT when the entries do not lead to what was anchored; LedgerError LEDGER_CORRUPT
 * when entries are missing.
 */
export async function withStateAt<T>(
  instance: Instance,
  anchor: PlacedAnchor,
  use: (state: AnchoredState) => Promise<T>,
): Promise<T> {
  if (instance.state.anchors.some(({ size }) => size === anchor.size))
    return use(keptState(instance, anchor));
  const before = building.get(instance) ?? Promise.resolve();
  const built = before.then(() => withBuilt(instance, anchor, use));
  building.set(
    instance,
    built.catch(() => undefined),
  );
  return built;
}

/** The instance's own map at an anchor that it keeps. */
export function keptState({ state }: Instance, { size }: PlacedAnchor): AnchoredState {
  return { prove: (key) => state.prove(key, size), statement: (value) => state.statement(value) };
}

async function withBuilt<T>(
  { store }: Instance,
  { size, root }: PlacedAnchor,
  use: (state: AnchoredState) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-state-'));
  try {
    const own: Store = new Level<string, Buffer>(dir, { keyEncoding: 'utf8', valueEncoding: 'buffer' });
    await own.open();
    try {
      const map = await openStateMap(own);
      await catchUpState(map, own, (path) => readLogFile(store, path), size);
      if (!map.present().root.equals(root))
        throw new AdapterError(
          'ADAPTER_CONFLICT',
          `the entries do not lead to the state anchored at ${size}`,
        );
      return await use({ prove: (key) => map.prove(key), statement: (value) => map.statement(value) });
    } finally {
      await own.close();
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
