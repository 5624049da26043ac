import { LedgerError } from '../errors.js';
import { entriesPath, splitBundle, TILE_WIDTH } from '../log/index.js';
import type { Entry } from '../log/index.js';
import type { Store } from '../store.js';
import type { PlacedEntry, StateMap } from './state-map.js';

/** Bundles taken by one batch. */
const BUNDLES_IN_BATCH = 16;

/**
 * Brings a map that is behind its log up to a size: one that is begun beside a log of some age, or one in a store of
 * its own that is to give proofs at an anchor no longer kept. Anchors on the way are not taken.
 *
 * @param map - Of the store given.
 * @param readFile - Bytes of the log's published files, such as `tile/entries/000.p/7`.
 * @param size - Count of entries.
 * @throws LedgerError LEDGER_CORRUPT when entries are missing or the map is ahead of the log.
 */
export async function catchUpState(
  map: StateMap,
  store: Store,
  readFile: (path: string) => Buffer | undefined,
  size: number,
): Promise<void> {
  if (map.size > size) throw new LedgerError('LEDGER_CORRUPT', 'the state map is ahead of its log');
  while (map.size < size) {
    const first = Math.floor(map.size / TILE_WIDTH);
    const end = Math.min(size, (first + BUNDLES_IN_BATCH) * TILE_WIDTH);
    const placed: PlacedEntry[] = [];
    for (let index = first; index * TILE_WIDTH < end; index++) {
      const width = Math.min(TILE_WIDTH, end - index * TILE_WIDTH);
      const { found } = splitBundle(readFile(entriesPath(index, width)) ?? Buffer.alloc(0), width);
      if (found.length < width) throw new LedgerError('LEDGER_CORRUPT', 'entries of the log are missing');
      for (const [i, bytes] of found.entries()) {
        const leaf = index * TILE_WIDTH + i;
        if (leaf >= map.size) placed.push({ leaf, entry: read(bytes) });
      }
    }
    const staged = map.stage(placed, end, 'skip');
    try {
      await store.batch([...staged.writes], { sync: true });
    } catch (cause) {
      staged.discard();
      throw new LedgerError('LEDGER_WRITE_FAILED', 'the store did not take the batch', { cause });
    }
    staged.commit();
  }
}

function read(bytes: Buffer): Entry {
  try {
    return JSON.parse(bytes.toString('utf8')) as Entry;
  } catch (cause) {
    throw new LedgerError('LEDGER_CORRUPT', 'an entry of the log cannot be read', { cause });
  }
}
