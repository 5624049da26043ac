/**
 * The engine of one process: sequences batches into the store's LevelDB and signs the checkpoint.
 */
import { LedgerError } from '../errors.js';
import {
  atMember,
  emptyRoot,
  encodeVkey,
  noteSigner,
  openCheckpoint,
  parseVkey,
  publicKey,
  signCheckpoint,
} from '../log/index.js';
import type { NodeReader, NoteSigner, NoteVerifier } from '../log/index.js';
import { catchUpState } from '../state/index.js';
import type { PlacedEntry, StateMap } from '../state/index.js';
import type { Store, StoreWrite } from '../store.js';
import { checkBatch, leafCount } from './batch-check.js';
import type { Committed, Engine, EngineBatch, TreeHead } from './engine.js';
import {
  CHECKPOINT_KEY,
  decodeHead,
  encodeHead,
  HEAD_KEY,
  readEntry,
  readLogFile,
  rotationKey,
  storedNodes,
  submissionKey,
  VKEY_KEY,
  vkeyFile,
} from './log-rows.js';
import { Tail } from './tail.js';

/** Commits that may wait for their turn; more mean that callers are faster than the disk, so memory is bounded. */
export const COMMITS_WAITING_MAX = 1024;

/** Waiting commits are merged into one synced batch up to about this many leaves: some 8 MB of rows. */
const GROUP_LEAVES_MAX = 8192;

/** What an embedded log needs. */
export interface EmbeddedOptions {
  /** Names the log for ever: a schema-less URL, without white space or plus. */
  readonly origin: string;
  /** Seed of the log's Ed25519 key: 32 bytes. */
  readonly logKeySeed: Uint8Array;
  /** While the key is rotated: the one that takes its place. Which of the two sign, the store's `vkey` row says. */
  readonly nextLogKeySeed?: Uint8Array;
  /** The clock, ms since the epoch. It may step back; the log's times do not. */
  readonly nowMs: () => number;
  /** The state map of the same store, which then takes each batch's entries; made by `openStateMap`. */
  readonly state?: StateMap;
  /** Told of each newly signed checkpoint, before the callers are. Must return at once and not throw. */
  readonly onPublish?: (note: Buffer) => void;
}

interface Waiting {
  readonly batch: EngineBatch;
  readonly resolve: (committed: Committed) => void;
  readonly reject: (error: unknown) => void;
}

interface Sequenced {
  readonly waiting: Waiting;
  readonly first: number;
}

/**
 * Opens, or begins, the log in a store.
 *
 * @throws LedgerError LEDGER_OTHER_LOG when the store holds a log of another origin or key, LEDGER_CORRUPT when
 * its rows contradict one another or are behind what was published, LEDGER_BAD_KEY, LEDGER_WRITE_FAILED.
 */
export async function openEmbedded(store: Store, options: EmbeddedOptions): Promise<EmbeddedEngine> {
  const { origin, logKeySeed } = options;
  if (store.getSync(VKEY_KEY) === undefined) {
    const head: TreeHead = { size: 0, root: emptyRoot(), at: 0 };
    await write(store, [
      { type: 'put', key: VKEY_KEY, value: vkeyFile([encodeVkey(origin, publicKey(logKeySeed))]) },
      { type: 'put', key: HEAD_KEY, value: encodeHead(head) },
    ]);
  }
  const engine = new EmbeddedEngine(store, options);
  await engine.reload();
  return engine;
}

/** See {@link Engine} for the contract; made by {@link openEmbedded}. */
export class EmbeddedEngine implements Engine {
  readonly origin: string;
  readonly #store: Store;
  readonly #nowMs: () => number;
  readonly #state: StateMap | undefined;
  readonly #onPublish: (note: Buffer) => void;
  #keys: SigningKeys;
  #tail: Tail;
  #checkpoint: Buffer = Buffer.alloc(0);
  /** The store may hold more than the tail: a batch failed, and it is unknown whether it took effect. */
  #stale = true;
  /** The checkpoint in memory is newer than the stored one. */
  #unstored = false;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  /** Made by {@link openEmbedded}, which also reloads. */
  constructor(store: Store, options: EmbeddedOptions) {
    this.origin = options.origin;
    this.#store = store;
    this.#nowMs = options.nowMs;
    this.#state = options.state;
    this.#onPublish = options.onPublish ?? (() => undefined);
    const { logKeySeed, nextLogKeySeed } = options;
    const seeds = [logKeySeed, ...(nextLogKeySeed === undefined ? [] : [nextLogKeySeed])];
    const vkeys = (store.getSync(VKEY_KEY)?.toString('utf8') ?? '').split('\n').filter((line) => line !== '');
    this.#keys = signingKeys(options.origin, vkeys, seeds);
    this.#tail = Tail.load(store, { size: 0, root: emptyRoot(), at: 0 });
  }

  /** The log's public key as C2SP vkey; while it is rotated, the one that was there before. */
  get vkey(): string {
    return this.#keys.vkeys[0] ?? '';
  }

  /**
   * Has other keys sign from now on, and publishes the present checkpoint so signed.
   *
   * A crash leaves the former keys signing, or the others.
   *
   * @param vkeys - Keys that are to sign; the first is the one that the log is known by.
   * @param seeds - Of all of them, in any order.
   * @param rotation - What leads from a former key to the next: published as `rotations/…` by the same batch.
   * @throws LedgerError LEDGER_OTHER_LOG when a key's seed is not there; LEDGER_WRITE_FAILED when the stored checkpoint
   * bears none of these keys, so that a crash would leave a log that no key opens; else as {@link commit}.
   */
  async rekey(
    vkeys: readonly string[],
    seeds: readonly Uint8Array[],
    rotation?: { readonly index: number; readonly file: Buffer },
  ): Promise<void> {
    const keys = signingKeys(this.origin, vkeys, seeds);
    const stored = this.#store.getSync(CHECKPOINT_KEY);
    if (stored === undefined || !openCheckpoint(stored, keys.verifiers).ok)
      throw new LedgerError('LEDGER_WRITE_FAILED', 'the stored checkpoint bears none of the keys to come');
    const writes: StoreWrite[] = [{ type: 'put', key: VKEY_KEY, value: vkeyFile(vkeys) }];
    if (rotation !== undefined)
      writes.push({ type: 'put', key: rotationKey(rotation.index), value: rotation.file });
    await this.#enqueue({ submissions: [], writes });
    this.#keys = keys;
    this.#unstored = true;
    await this.#enqueue({ submissions: [], writes: [] });
  }

  async commit(batch: EngineBatch): Promise<Committed> {
    checkBatch(this.origin, batch);
    return this.#enqueue(batch);
  }

  #enqueue(batch: EngineBatch): Promise<Committed> {
    if (this.#closed) return Promise.reject(new LedgerError('LEDGER_CLOSED', 'the log is closed'));
    if (this.#waiting.length >= COMMITS_WAITING_MAX) {
      return Promise.reject(
        new LedgerError('LEDGER_BUSY', `more than ${COMMITS_WAITING_MAX} commits are waiting`),
      );
    }
    return new Promise<Committed>((resolve, reject) => {
      this.#waiting.push({ batch, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  head(): TreeHead {
    return this.#tail.head;
  }

  checkpoint(): Buffer {
    return this.#checkpoint;
  }

  async read(path: string): Promise<Buffer | undefined> {
    return path === 'checkpoint' ? this.#checkpoint : readLogFile(this.#store, path);
  }

  /** One entry's bytes, or `undefined` at or beyond the log's end. */
  entry(index: number): Buffer | undefined {
    return readEntry(this.#store, index);
  }

  /** Nodes of the tree, for `inclusionProof` and `consistencyProof`. */
  nodes(): NodeReader {
    return storedNodes(this.#store);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  /**
   * Takes the state from the store, and signs and stores the checkpoint if it is behind the head.
   *
   * @throws LedgerError LEDGER_CORRUPT, also when the published checkpoint is ahead of the head or of another root:
   * the store lost what others may have seen, and going on would fork the log.
   */
  async reload(): Promise<void> {
    this.#stale = true;
    const row = this.#store.getSync(HEAD_KEY);
    if (row === undefined) throw new LedgerError('LEDGER_CORRUPT', 'the tree head’s row is missing');
    const tail = Tail.load(this.#store, decodeHead(row));
    const published = this.#store.getSync(CHECKPOINT_KEY);
    const behind = published === undefined || this.#isBehind(published, tail.head);
    await this.#reloadState(tail.head.size);
    this.#tail = tail;
    if (behind) await this.#publish();
    else this.#checkpoint = published;
    this.#stale = false;
  }

  /** A map that is behind, since it was begun later than the log, takes the entries that it lacks. */
  async #reloadState(size: number): Promise<void> {
    if (this.#state === undefined) return;
    await this.#state.reload();
    await catchUpState(this.#state, this.#store, (path) => readLogFile(this.#store, path), size);
  }

  /** Also a checkpoint that lacks the signature of a key in force, for it was signed before a rotation. */
  #isBehind(published: Buffer, head: TreeHead): boolean {
    const opened = openCheckpoint(published, this.#keys.verifiers);
    if (!opened.ok)
      throw new LedgerError('LEDGER_CORRUPT', `the stored checkpoint is refused: ${opened.code}`);
    const { size, root } = opened.checkpoint;
    if (size > head.size || (size === head.size && !root.equals(head.root))) {
      throw new LedgerError('LEDGER_CORRUPT', 'the published checkpoint is not of the stored tree');
    }
    return size < head.size || opened.signedBy.length < this.#keys.verifiers.length;
  }

  /** One group after the other, until none waits. Commits that arrive during a sync share the next one. */
  async #run(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const group = this.#takeGroup();
        try {
          // After a failed write the store decides what is true; nothing is sequenced before it was asked.
          if (this.#stale) await this.reload();
          await this.#commitGroup(group);
        } catch (cause) {
          const error = cause instanceof LedgerError ? cause : writeFailed(cause);
          for (const { reject } of group) reject(error);
        }
      }
    } finally {
      this.#running = undefined;
    }
  }

  #takeGroup(): Waiting[] {
    let leaves = 0;
    let count = 0;
    while (count < this.#waiting.length && leaves < GROUP_LEAVES_MAX) {
      leaves += leafCount(this.#waiting[count]?.batch);
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /**
   * Makes a group durable and public.
   *
   * A crash or failure before step 2 has taken effect leaves the store as it was; callers were told nothing, and
   * retry. Step 2 is atomic. A crash after it leaves all of the group's rows with an older checkpoint: `reload`
   * at the next start signs the newer one, and the callers' retries are refused as duplicates.
   */
  async #commitGroup(group: readonly Waiting[]): Promise<void> {
    // 1. In memory only, on a copy of the tail. Nothing is visible, nothing to undo.
    const tail = this.#tail.copy();
    const at = Math.max(tail.head.at, Math.floor(this.#nowMs()));
    const member = atMember(at);
    const rows: StoreWrite[] = [];
    const sequenced: Sequenced[] = [];
    const placed: PlacedEntry[] = [];
    const accepted = new Set<string>();
    let size = tail.head.size;
    for (const waiting of group) {
      const { submissions, writes } = waiting.batch;
      const keys = submissions.map(({ root }) => submissionKey(root));
      if (this.#anyAccepted(keys, accepted)) {
        waiting.reject(
          new LedgerError('LEDGER_DUPLICATE_SUBMISSION', 'the submission is in the log already'),
        );
        continue;
      }
      if (!this.#areAnchorsPresent(submissions)) {
        waiting.reject(
          new LedgerError('LEDGER_BAD_SUBMISSION', 'an anchor that is not of the present state'),
        );
        continue;
      }
      sequenced.push({ waiting, first: size });
      for (const [i, { leaf, leafBytes, drafts, draftBytes }] of submissions.entries()) {
        rows.push({ type: 'put', key: keys[i] ?? '', value: leafIndexValue(size) });
        tail.append(leafBytes, member);
        for (const draft of draftBytes) tail.append(draft, member);
        placed.push({ leaf: size, entry: leaf });
        for (const [j, entry] of drafts.entries()) placed.push({ leaf: size + 1 + j, entry });
        size += 1 + draftBytes.length;
      }
      for (const row of writes) rows.push(row);
    }
    if (sequenced.length === 0) return;
    const grew = size > tail.head.size;
    if (grew) for (const row of tail.finish(at)) rows.push(row);

    // Until the batch is down, neither tail nor map may be believed; `reload` asks the store.
    this.#stale = true;
    const staged = this.#state?.stage(placed, size);
    for (const row of staged?.writes ?? []) rows.push(row);

    // 2. One synced batch: tiles, bundles, head, submission marks and the callers' rows, all or none.
    if (rows.length > 0) await write(this.#store, rows);
    this.#stale = false;
    staged?.commit();
    this.#tail = tail;

    // 3. Durable. Signing and publishing cannot lose anything any more.
    if (grew || this.#unstored) await this.#publish();

    // 4. The callers hear of it.
    const { root } = tail.head;
    for (const { waiting, first } of sequenced) waiting.resolve({ first, at, size, root });
  }

  #areAnchorsPresent(submissions: EngineBatch['submissions']): boolean {
    const state = this.#state;
    if (state === undefined) return true;
    return submissions.every(({ drafts }) =>
      drafts.every(({ type, body }) => type !== 'state.anchored' || state.isPresent(body)),
    );
  }

  #anyAccepted(keys: readonly string[], accepted: Set<string>): boolean {
    const fresh = new Set(keys);
    if (fresh.size < keys.length) return true;
    for (const key of keys) {
      if (accepted.has(key) || this.#store.getSync(key) !== undefined) return true;
    }
    for (const key of keys) accepted.add(key);
    return false;
  }

  /**
   * Signs the head and shows it. The row is not synced, and a failure to store it is borne: the tree is durable,
   * the checkpoint is served from memory, stored with the next commit, and signed again at the next start.
   */
  async #publish(): Promise<void> {
    const { size, root } = this.#tail.head;
    this.#checkpoint = signCheckpoint({ origin: this.origin, size, root }, this.#keys.signers);
    this.#unstored = true;
    try {
      await this.#store.put(CHECKPOINT_KEY, this.#checkpoint);
      this.#unstored = false;
    } catch {
      // `#unstored` stays set, which is all that this failure means.
    }
    this.#onPublish(this.#checkpoint);
  }
}

/** Keys that sign checkpoints, in the order of the store's `vkey` row. */
interface SigningKeys {
  readonly vkeys: readonly string[];
  readonly signers: readonly NoteSigner[];
  readonly verifiers: readonly NoteVerifier[];
}

/** @throws LedgerError LEDGER_OTHER_LOG */
function signingKeys(origin: string, vkeys: readonly string[], seeds: readonly Uint8Array[]): SigningKeys {
  const signers = new Map(
    seeds.map((seed) => [encodeVkey(origin, publicKey(seed)), noteSigner(origin, seed)] as const),
  );
  const known = vkeys.map((vkey) => signers.get(vkey));
  if (vkeys.length === 0 || known.includes(undefined)) {
    throw new LedgerError('LEDGER_OTHER_LOG', 'the store holds a log of another origin or key');
  }
  return {
    vkeys,
    signers: known.filter((signer) => signer !== undefined),
    verifiers: vkeys.map((vkey) => parseVkey(vkey)),
  };
}

/** Leaf index of an accepted submission, u64-BE. */
function leafIndexValue(index: number): Buffer {
  const value = Buffer.allocUnsafe(8);
  value.writeBigUInt64BE(BigInt(index));
  return value;
}

async function write(store: Store, rows: StoreWrite[]): Promise<void> {
  try {
    await store.batch(rows, { sync: true });
  } catch (cause) {
    throw writeFailed(cause);
  }
}

function writeFailed(cause: unknown): LedgerError {
  return new LedgerError('LEDGER_WRITE_FAILED', 'the store did not take the batch', { cause });
}
