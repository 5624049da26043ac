/**
 * The trie over its pages: merging sorted records into it, and searching it.
 */
import { HASH_BYTES } from '../log/index.js';
import { Page, PAGE_ITEMS_MAX, RECORD_BYTES } from './page.js';
import type { Merged, Region } from './page.js';
import type { PageCache } from './page-cache.js';
import { encodeStateProof } from './proof.js';
import type { StateProofStep } from './proof.js';
import { pageKey } from './rows.js';
import type { Top } from './rows.js';

/** What merging into a state gave. */
export interface Grown {
  readonly top: Top;
  /** Rows of earlier epochs that the present state no longer uses. */
  readonly outdated: readonly string[];
}

const ZERO = Buffer.alloc(HASH_BYTES);

/** The state without keys. */
export const EMPTY_TOP: Top = { height: 0, epoch: 0, hash: ZERO, keys: 0 };

/**
 * Merges records: pages on their way change in memory, each once.
 *
 * @param records - Sorted by key, no key twice.
 * @param epoch - In which changed pages will be stored.
 * @throws LedgerError LEDGER_CORRUPT
 */
export function grow(cache: PageCache, top: Top, epoch: number, records: Buffer): Grown {
  const count = records.length / RECORD_BYTES;
  const outdated: string[] = [];
  if (count === 0) return { top, outdated };
  let keys = top.keys;

  /** Cuts what became too large, and computes the hashes over what changed. */
  function settle(before: Page | undefined, { page, touched }: Merged): Page[] {
    const isCut = page.count > PAGE_ITEMS_MAX;
    const parts = isCut ? page.cut(touched, cache.allocate) : [{ page, touched }];
    // A larger page or parts took its place; the parts have memory of their own.
    if (before !== undefined && parts[0]?.page !== before) cache.release(before);
    return parts.map((part) => {
      part.page.rehash(part.touched);
      if (part.page.epoch !== epoch) {
        if (part.page.epoch !== 0) outdated.push(pageKey(part.page.region, part.page.epoch));
        part.page.epoch = epoch;
      }
      cache.put(part.page);
      return part.page;
    });
  }

  function mergeInto(page: Page, run: Buffer, from: number, to: number): Page[] {
    if (page.region.height === 0) {
      const merged = page.merge(run, from, to, epoch);
      keys += merged.added;
      return settle(page, merged);
    }
    const changed: Page[] = [];
    for (let first = from; first < to;) {
      const item = page.itemOf(run, first * RECORD_BYTES);
      const end = page.recordsEnd(run, first, to, item);
      const below = cache.take(...placeOf(page, item));
      changed.push(...mergeInto(below, run, first, end));
      first = end;
    }
    return settle(page, page.merge(recordsOf(changed), 0, changed.length, epoch));
  }

  const root =
    top.epoch === 0
      ? new Page(rootRegion(0), 0, cache.allocate())
      : cache.take(rootRegion(top.height), top.epoch, top.hash);
  let pages = mergeInto(root, records, 0, count);
  let height = top.height;
  while (pages.length > 1) {
    height += 1;
    const above = new Page(rootRegion(height), 0, cache.allocate());
    pages = settle(above, above.merge(recordsOf(pages), 0, pages.length, epoch));
  }
  return { top: { height, epoch, hash: Buffer.from(pages[0]?.hash ?? ZERO), keys }, outdated };
}

/**
 * A proof of what a state says of a key.
 *
 * @returns As `checkStateProof` takes it.
 * @throws LedgerError LEDGER_CORRUPT
 */
export function proveIn(cache: PageCache, top: Top, key: Buffer): Uint8Array {
  const path: StateProofStep[] = [];
  if (top.keys === 0) return encodeStateProof({ end: { kind: 'empty' }, path });
  let place: Place = [rootRegion(top.height), top.epoch, top.hash];
  for (;;) {
    const page = cache.read(...place);
    const item = page.search(key, path);
    if (page.region.height === 0) return encodeStateProof({ end: page.leaf(item, key), path });
    place = placeOf(page, item);
  }
}

type Place = [region: Region, epoch: number, hash: Buffer];

function rootRegion(height: number): Region {
  return { height, depth: 0, low: ZERO };
}

/** Where the page below an item is found. */
function placeOf(page: Page, item: number): Place {
  const { low, hash, epoch } = page.child(item);
  return [{ height: page.region.height - 1, depth: page.childDepth(item), low }, epoch, hash];
}

/** Pages as records of the page above: lowest key and hash. */
function recordsOf(pages: readonly Page[]): Buffer {
  const records = Buffer.allocUnsafe(pages.length * RECORD_BYTES);
  for (const [i, { region, hash }] of pages.entries()) {
    region.low.copy(records, i * RECORD_BYTES);
    hash.copy(records, i * RECORD_BYTES + HASH_BYTES);
  }
  return records;
}
