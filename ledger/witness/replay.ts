/**
 * What an auditor does beyond a witness: it reads every entry, follows all rules, and rebuilds the state map, so that
 * each anchor is compared with what the entries give. It goes on from where it was.
 */
import {
  BUNDLE_BYTES_MAX,
  CompactRange,
  entriesPath,
  HASH_BYTES,
  splitBundle,
  TILE_WIDTH,
} from '../log/index.js';
import type { Checkpoint } from '../log/index.js';
import { LedgerError } from '../errors.js';
import { Checks, entryHashes, EntryRules, hashBundle, openHasher, readAhead } from '../verify/index.js';
import type { CheckName, Failure, LogReader } from '../verify/index.js';
import { fromTiles, prefixPath, rootsOfPath } from './prefix-path.js';

/** A rule that an entry breaks. */
export interface BrokenRule extends Failure {
  readonly check: CheckName;
  readonly leaf: number;
}

/** What a replay found. */
export type ReplayVerdict =
  | { readonly ok: true }
  /** The entries are those of the signed tree, and one of them breaks a rule. */
  | { readonly ok: false; readonly code: 'rule-broken'; readonly broken: BrokenRule }
  /** What was read is not what the log signed: that is whoever served it. */
  | { readonly ok: false; readonly code: 'other-entries' };

export interface ReplayOptions {
  /** Told after each bundle. */
  readonly onProgress?: (read: number, size: number) => void;
}

/** A head whose entries break a rule: whatever extends it does so too. */
interface Broken {
  readonly size: number;
  readonly root: Buffer;
  readonly broken: BrokenRule;
}

/** Bundles that are in memory at once: some 8 MB of entries of 500 bytes. */
const CHUNK_BUNDLES = 64;
/** One hasher for all: an auditor has time, and waits for nobody. */
const hasher = openHasher(0);

/**
 * One log, from its first entry on. Entries come a chunk at a time, and no rule sees one before its chunk was found to
 * be of the signed tree: what somebody serves wrong, or not at all, costs nothing of what was read before. Memory grows
 * with the count of handles, tags and state keys, not with the log's bytes; nothing is stored, so a new start reads the
 * log anew. One call at a time.
 */
export class LogReplay {
  readonly #origin: string;
  #checks = new Checks();
  #rules: EntryRules;
  /** Over the entries that the rules have seen. */
  #range = new CompactRange();
  /** A head whose entries keep all rules. */
  #known: { readonly size: number; readonly root: Buffer } | undefined;
  #broken: Broken | undefined;

  constructor(origin: string) {
    this.#origin = origin;
    this.#rules = new EntryRules(this.#checks, origin, undefined, hasher);
  }

  /** Entries that the rules have seen. */
  get size(): number {
    return this.#range.size;
  }

  /**
   * Reads what is new up to a checkpoint.
   *
   * @param checkpoint - Signed by the log; that it extends what came before is checked here anew, by the entries.
   * @throws LedgerError LEDGER_UNREADABLE; the next call goes on from there.
   */
  async upTo(reader: LogReader, checkpoint: Checkpoint, options: ReplayOptions = {}): Promise<ReplayVerdict> {
    const foretold = await this.#foretold(reader, checkpoint);
    if (foretold !== undefined) return foretold;
    const { size, root } = checkpoint;
    if (size < this.#range.size) this.#reset();
    const resumed = this.#range.size > 0;
    let isSigned = await this.#read(reader, checkpoint, options);
    if (!isSigned && resumed) {
      // What was read before may be of another history than this one.
      this.#reset();
      isSigned = await this.#read(reader, checkpoint, options);
    }
    if (!isSigned) return { ok: false, code: 'other-entries' };
    await this.#rules.end();
    const broken = firstBroken(this.#checks);
    if (broken === undefined) {
      this.#known = { size, root };
      return { ok: true };
    }
    this.#reset();
    this.#broken = { size, root, broken };
    return { ok: false, code: 'rule-broken', broken };
  }

  /** What is known without reading any entry. */
  async #foretold(reader: LogReader, { size, root }: Checkpoint): Promise<ReplayVerdict | undefined> {
    if (this.#known?.size === size && this.#known.root.equals(root)) return { ok: true };
    const before = this.#broken;
    if (before === undefined || size < before.size) return undefined;
    const rootThere = size === before.size ? root : await rootAt(reader, before.size, { size, root });
    if (rootThere?.equals(before.root) !== true) return undefined;
    return { ok: false, code: 'rule-broken', broken: before.broken };
  }

  /** @returns `false` when what is served is not of the signed tree. */
  async #read(reader: LogReader, checkpoint: Checkpoint, { onProgress }: ReplayOptions): Promise<boolean> {
    const { size } = checkpoint;
    while (this.#range.size < size) {
      const end = Math.min(size, (Math.floor(this.#range.size / TILE_WIDTH) + CHUNK_BUNDLES) * TILE_WIDTH);
      const bundles = await readBundles(reader, this.#range.size, end, size);
      const range = this.#range.clone();
      const hashed = bundles.map(({ bytes, width, start }) => {
        const hashes = hashBundle(bytes, width);
        for (let i = Math.max(0, range.size - start); i < width; i++)
          range.append(Buffer.from(hashes.leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)));
        return hashes;
      });
      const root = end === size ? checkpoint.root : await rootAt(reader, end, checkpoint);
      if (root === undefined || !range.root().equals(root)) return false;
      const known = this.#range.size;
      for (const [b, { bytes, width, start }] of bundles.entries()) {
        const { found } = splitBundle(bytes, width);
        const hashes = hashed[b];
        if (hashes === undefined) continue;
        for (let i = Math.max(0, known - start); i < width; i++)
          this.#rules.next(start + i, found[i] ?? Buffer.alloc(0), entryHashes(hashes, i));
      }
      this.#range = range;
      onProgress?.(end, size);
    }
    return this.#range.root().equals(checkpoint.root);
  }

  #reset(): void {
    this.#checks = new Checks();
    this.#rules = new EntryRules(this.#checks, this.#origin, undefined, hasher);
    this.#range = new CompactRange();
    this.#known = undefined;
  }
}

interface ReadBundle {
  readonly bytes: Buffer;
  /** Leaf of its first entry. */
  readonly start: number;
  /** Entries that it has. */
  readonly width: number;
}

/** The bundles that hold the leaves from `from` to `end`, each whole as far as the tree has it. */
async function readBundles(
  reader: LogReader,
  from: number,
  end: number,
  size: number,
): Promise<ReadBundle[]> {
  const indices: number[] = [];
  for (let index = Math.floor(from / TILE_WIDTH); index * TILE_WIDTH < end; index++) indices.push(index);
  const bundles: ReadBundle[] = [];
  for await (const bundle of readAhead(indices, (index) => readBundle(reader, index, size)))
    bundles.push(bundle);
  return bundles;
}

async function readBundle(reader: LogReader, index: number, size: number): Promise<ReadBundle> {
  const start = index * TILE_WIDTH;
  const width = Math.min(TILE_WIDTH, size - start);
  const exact = entriesPath(index, width);
  const full = entriesPath(index);
  const bytes =
    (await reader.read(exact, BUNDLE_BYTES_MAX)) ??
    // A log that grew meanwhile may have put the full bundle in the partial one's place.
    (exact === full ? undefined : await reader.read(full, BUNDLE_BYTES_MAX));
  if (bytes === undefined || splitBundle(bytes, width).found.length < width)
    throw new LedgerError('LEDGER_UNREADABLE', `${exact} is missing or short`);
  return { bytes, start, width };
}

/** The broken rule that comes first on the log. */
function firstBroken(checks: Checks): BrokenRule | undefined {
  let first: BrokenRule | undefined;
  for (const { name, failure } of checks.results()) {
    if (failure?.leaf === undefined) continue;
    if (first === undefined || failure.leaf < first.leaf)
      first = { ...failure, check: name, leaf: failure.leaf };
  }
  return first;
}

/** The root of a signed tree's first leaves, by its tiles; `undefined` when those are not of that tree. */
async function rootAt(
  reader: LogReader,
  at: number,
  { size, root }: Pick<Checkpoint, 'size' | 'root'>,
): Promise<Buffer | undefined> {
  const path = await fromTiles(
    (file, bytesMax) => reader.read(file, bytesMax),
    size,
    (nodes) => prefixPath(at, size, nodes),
  );
  const roots = rootsOfPath(at, size, path);
  return roots?.root2.equals(root) === true ? roots.root1 : undefined;
}
