/**
 * Entries of this very log that were published elsewhere, taken back into a store that lacks them: after a restore the
 * log then goes on where the world saw it last, and nothing is forked.
 */
import { LedgerError } from '../errors.js';
import {
  BUNDLE_BYTES_MAX,
  entriesPath,
  atMember,
  splitBundle,
  TILE_WIDTH,
  unstampEntry,
} from '../log/index.js';
import type { Entry } from '../log/index.js';
import type { Store, StoreWrite } from '../store.js';
import { CHECKPOINT_KEY, decodeHead, HEAD_KEY, submissionKey } from './log-rows.js';
import { Tail } from './tail.js';

/** What was published, verified before by the caller: signature, tree and entries. */
export interface PublishedTree {
  readonly size: number;
  /** 32 bytes. */
  readonly root: Buffer;
  /** Reads `tile/entries/…`. */
  readonly read: (path: string, bytesMax: number) => Promise<Buffer | undefined>;
}

/** Bundles in one batch. */
const BUNDLES_IN_BATCH = 16;

/**
 * Appends the entries that the store lacks, byte by byte as they were published; rows as the engine would have written
 * them: bundles, tiles, head and the marks of submissions. The state map catches up by `catchUpState`, the checkpoint
 * is signed by the engine when it opens.
 *
 * The store must be open here alone. After a crash, call it again: it goes on where it was.
 *
 * @returns How many entries were taken.
 * @throws LedgerError LEDGER_CORRUPT when entries are missing or do not give the published root, and then the store is
 * of no use any more; LEDGER_WRITE_FAILED.
 */
export async function adoptEntries(store: Store, published: PublishedTree): Promise<number> {
  const row = store.getSync(HEAD_KEY);
  if (row === undefined) throw new LedgerError('LEDGER_CORRUPT', 'the tree head’s row is missing');
  const head = decodeHead(row);
  let tail = Tail.load(store, head);
  const { size, root, read } = published;
  let next = head.size;
  while (next < size) {
    const grown = tail.copy();
    const rows: StoreWrite[] = [];
    let at = grown.head.at;
    const first = Math.floor(next / TILE_WIDTH);
    const end = Math.min(size, (first + BUNDLES_IN_BATCH) * TILE_WIDTH);
    for (let index = first; index * TILE_WIDTH < end; index++) {
      const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
      const { found } = splitBundle(
        (await read(entriesPath(index, width), BUNDLE_BYTES_MAX)) ?? Buffer.alloc(0),
        width,
      );
      if (found.length < width)
        throw new LedgerError('LEDGER_CORRUPT', 'entries of the published log are missing');
      for (const [i, bytes] of found.entries()) {
        const leaf = index * TILE_WIDTH + i;
        if (leaf < next) continue;
        const entry = JSON.parse(bytes.toString('utf8')) as Entry;
        grown.append(unstampEntry(bytes, entry.at), atMember(entry.at));
        at = entry.at;
        const mark = entry.type === 'submission' ? entry.body['root'] : undefined;
        if (typeof mark !== 'string') continue;
        rows.push({
          type: 'put',
          key: submissionKey(Buffer.from(mark, 'base64url')),
          value: leafValue(leaf),
        });
      }
    }
    rows.push(...grown.finish(at));
    // Signed anew when the log is opened: the same bytes, for one key signs one text in one way.
    rows.push({ type: 'del', key: CHECKPOINT_KEY });
    if (end === size && !grown.head.root.equals(root))
      throw new LedgerError('LEDGER_CORRUPT', 'the published entries do not give the published root');
    try {
      await store.batch(rows, { sync: true });
    } catch (cause) {
      throw new LedgerError('LEDGER_WRITE_FAILED', 'the store did not take the batch', { cause });
    }
    tail = grown;
    next = end;
  }
  return next - head.size;
}

/** Leaf index of a submission, as the engine marks it: u64-BE. */
function leafValue(leaf: number): Buffer {
  const value = Buffer.allocUnsafe(8);
  value.writeBigUInt64BE(BigInt(leaf));
  return value;
}
