/**
 * The growing end of the log: what the next leaf is appended to. The engine grows a copy, and keeps it once the
 * rows it gave are durable; on a failure the copy is dropped and the tail before it is as it was.
 */
import {
  AT_OFFSET,
  ENTRY_BYTES_MAX,
  fullTiles,
  HASH_BYTES,
  partialWidth,
  sha256,
  splitBundle,
  TILE_HEIGHT,
  TILE_LEVEL_MAX,
  TILE_WIDTH,
} from '../log/index.js';
import type { CompactRange } from '../log/index.js';
import { LedgerError } from '../errors.js';
import type { Store, StoreWrite } from '../store.js';
import type { TreeHead } from './engine.js';
import { bundleKey, encodeHead, HEAD_KEY, loadStoredRange, tileKey } from './log-rows.js';

/** A partial row in memory: bytes are only ever added behind `length`, so older tails may share the buffer. */
interface Growing {
  readonly buffer: Buffer;
  readonly length: number;
}

const NOTHING: Growing = { buffer: Buffer.alloc(0), length: 0 };
const BUNDLE_START_BYTES = 128 * 1024;
const LENGTH_BYTES = 2;

/** The end of a log of some size. */
export class Tail {
  #head: TreeHead;
  readonly #range: CompactRange;
  #bundle: Growing;
  /** Partial hash tile of each level. */
  readonly #tiles: Growing[];
  /** Rows of tiles and bundles that became full since the copy was made. */
  readonly #full: StoreWrite[] = [];

  private constructor(head: TreeHead, range: CompactRange, bundle: Growing, tiles: readonly Growing[]) {
    this.#head = head;
    this.#range = range;
    this.#bundle = bundle;
    this.#tiles = [...tiles];
  }

  /**
   * Reads the end of a stored log.
   *
   * @throws LedgerError LEDGER_CORRUPT when rows are missing, short or do not give the head's root.
   */
  static load(store: Store, head: TreeHead): Tail {
    const range = loadStoredRange(store, head);
    const tiles: Growing[] = [];
    for (let level = 0; level <= TILE_LEVEL_MAX; level++) {
      const length = partialWidth(head.size, level) * HASH_BYTES;
      // loadStoredRange has read each of these rows, so they exist and are long enough.
      const row = length === 0 ? undefined : store.getSync(tileKey(level, fullTiles(head.size, level)));
      tiles.push(
        row === undefined ? NOTHING : grown(NOTHING, row.subarray(0, length), TILE_WIDTH * HASH_BYTES),
      );
    }
    const width = partialWidth(head.size, 0);
    if (width === 0) return new Tail(head, range, NOTHING, tiles);
    const row = store.getSync(bundleKey(fullTiles(head.size, 0))) ?? Buffer.alloc(0);
    const { found, rest } = splitBundle(row, width);
    if (found.length !== width)
      throw new LedgerError('LEDGER_CORRUPT', 'the last bundle of entries is short');
    return new Tail(
      head,
      range,
      grown(NOTHING, row.subarray(0, row.length - rest), BUNDLE_START_BYTES),
      tiles,
    );
  }

  /** Size, root and time. */
  get head(): TreeHead {
    return this.#head;
  }

  /** A tail that grows by itself. */
  copy(): Tail {
    return new Tail(this.#head, this.#range.clone(), this.#bundle, this.#tiles);
  }

  /**
   * Adds a leaf.
   *
   * @param draft - Canonical bytes of the draft.
   * @param at - The `at` member that makes it an entry, as `atMember` gives it.
   * @throws LedgerError LEDGER_ENTRY_TOO_LARGE
   */
  append(draft: Buffer, at: Buffer): void {
    const size = draft.length + at.length;
    if (size > ENTRY_BYTES_MAX) {
      throw new LedgerError('LEDGER_ENTRY_TOO_LARGE', `an entry has at most ${ENTRY_BYTES_MAX} bytes`);
    }
    const { length } = this.#bundle;
    const end = length + LENGTH_BYTES + size;
    const buffer = withRoom(this.#bundle, end, BUNDLE_START_BYTES);
    const start = length + LENGTH_BYTES;
    draft.copy(buffer, start, 0, AT_OFFSET);
    at.copy(buffer, start + AT_OFFSET);
    draft.copy(buffer, start + AT_OFFSET + at.length, AT_OFFSET);
    // The byte before the entry serves as the 0x00 of its leaf hash, and then becomes half of its length.
    buffer[start - 1] = 0;
    const leaf = sha256(buffer.subarray(start - 1, end));
    buffer.writeUInt16BE(size, length);
    this.#bundle = { buffer, length: end };
    const bundleIndex = Math.floor(this.#range.size / TILE_WIDTH);
    this.#range.append(leaf, this.#onNode);
    if (this.#range.size % TILE_WIDTH === 0) {
      this.#full.push({ type: 'put', key: bundleKey(bundleIndex), value: buffer.subarray(0, end) });
      this.#bundle = NOTHING;
    }
  }

  /**
   * Ends the growth: takes the time of the leaves added and computes the root.
   *
   * @returns All rows that changed since the copy, the head's among them.
   */
  finish(at: number): StoreWrite[] {
    const { size } = this.#range;
    this.#head = { size, root: this.#range.root(), at };
    const rows = this.#full.splice(0);
    if (this.#bundle.length > 0) {
      rows.push({ type: 'put', key: bundleKey(fullTiles(size, 0)), value: valueOf(this.#bundle) });
    }
    for (const [level, tile] of this.#tiles.entries()) {
      if (tile.length === 0) continue;
      rows.push({ type: 'put', key: tileKey(level, fullTiles(size, level)), value: valueOf(tile) });
    }
    rows.push({ type: 'put', key: HEAD_KEY, value: encodeHead(this.#head) });
    return rows;
  }

  /** Nodes at heights 0, 8, 16 … are those that tiles hold. */
  readonly #onNode = (height: number, index: number, node: Buffer): void => {
    if (height % TILE_HEIGHT !== 0) return;
    const level = height / TILE_HEIGHT;
    const tile = grown(this.#tiles[level] ?? NOTHING, node, TILE_WIDTH * HASH_BYTES);
    if (tile.length < TILE_WIDTH * HASH_BYTES) {
      this.#tiles[level] = tile;
      return;
    }
    this.#full.push({
      type: 'put',
      key: tileKey(level, Math.floor(index / TILE_WIDTH)),
      value: valueOf(tile),
    });
    this.#tiles[level] = NOTHING;
  };
}

function valueOf({ buffer, length }: Growing): Buffer {
  return buffer.subarray(0, length);
}

function grown(row: Growing, bytes: Buffer, startBytes: number): Growing {
  const length = row.length + bytes.length;
  const buffer = withRoom(row, length, startBytes);
  bytes.copy(buffer, row.length);
  return { buffer, length };
}

/** The row's own buffer if `length` bytes fit, else a larger one with its content. */
function withRoom(row: Growing, length: number, startBytes: number): Buffer {
  if (length <= row.buffer.length) return row.buffer;
  const larger = Buffer.allocUnsafeSlow(Math.max(length, startBytes, 2 * row.buffer.length));
  row.buffer.copy(larger, 0, 0, row.length);
  return larger;
}
