/**
 * On which leaf of the log each record version stands. The log itself says so; the rows spare reading it from its end
 * each time. They follow the log whenever they are asked, so they may be lost and are made anew, and what they say is
 * compared with the leaf before it is used.
 */
import type { Engine } from '../../../ledger/engines/index.js';
import { LedgerError } from '../../../ledger/errors.js';
import { decodeBundle, entriesPath, TILE_WIDTH } from '../../../ledger/log/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { ProofLeaves } from '../proof-leaves.js';
import type { FoundEntry } from '../proof-leaves.js';

const PREFIX = 'record-leaf/';
/** Leaves that were read so far. */
const NEXT = 'record-leaf-next';
/** Written at once: some 16,000 leaves, about 1 MiB of rows. */
const BATCH_BUNDLES = 64;
const TYPE = '"type":"record.stored"';
const HANDLE = '"handle":"';
const HANDLE_CHARS = 43;

export class RecordLeaves {
  readonly #store: Store;
  readonly #engine: Engine;
  #following: Promise<void> | undefined;

  constructor(store: Store, engine: Engine) {
    this.#store = store;
    this.#engine = engine;
  }

  /**
   * The entries that stored these versions, in their order; `undefined` for one that is not on the newest checkpoint's
   * tree.
   */
  async find(handles: readonly string[]): Promise<(FoundEntry | undefined)[]> {
    const leaves = new ProofLeaves(this.#store, this.#engine);
    if (!handles.every((handle) => this.#known(leaves, handle) !== undefined))
      await this.#follow(leaves.size);
    return Promise.all(
      handles.map(
        async (handle) =>
          this.#known(leaves, handle) ??
          // Its row is wrong: the log is read for it.
          leaves.find(`${HANDLE}${handle}"`, ({ type, body }) => isStored(type, body, handle)),
      ),
    );
  }

  #known(leaves: ProofLeaves, handle: string): FoundEntry | undefined {
    const row = this.#store.getSync(PREFIX + handle);
    const found = row === undefined ? undefined : leaves.at(Number(row.toString('latin1')));
    const { type, body } = found?.entry ?? {};
    return isStored(type, body, handle) ? found : undefined;
  }

  /** One reader at a time; who comes meanwhile waits for it, and looks whether it went far enough. */
  async #follow(size: number): Promise<void> {
    while (this.#next() < size) {
      this.#following ??= this.#read(size).finally(() => (this.#following = undefined));
      await this.#following;
    }
  }

  #next(): number {
    return Number(this.#store.getSync(NEXT)?.toString('latin1') ?? '0');
  }

  /** A crash leaves rows without the mark at most: they are written again. */
  async #read(size: number): Promise<void> {
    let writes: StoreWrite[] = [];
    for (let from = this.#next(); from < size;) {
      const bundle = Math.floor(from / TILE_WIDTH);
      const first = bundle * TILE_WIDTH;
      const width = Math.min(TILE_WIDTH, size - first);
      const bytes = await this.#engine.read(entriesPath(bundle, width));
      if (bytes === undefined) throw new Error('the log has lost a bundle');
      for (const [i, leaf] of decodeBundle(bytes, width).entries()) {
        const handle = first + i < from ? undefined : handleOf(leaf);
        if (handle !== undefined)
          writes.push({ type: 'put', key: PREFIX + handle, value: Buffer.from(String(first + i), 'latin1') });
      }
      from = first + width;
      if (bundle % BATCH_BUNDLES !== BATCH_BUNDLES - 1 && from < size) continue;
      writes.push({ type: 'put', key: NEXT, value: Buffer.from(String(from), 'latin1') });
      try {
        await this.#store.batch(writes);
      } catch (cause) {
        throw new LedgerError('LEDGER_WRITE_FAILED', 'the store takes no rows', { cause });
      }
      writes = [];
    }
  }
}

function isStored(
  type: string | undefined,
  body: Readonly<Record<string, unknown>> | undefined,
  handle: string,
): boolean {
  return type === 'record.stored' && body?.['handle'] === handle;
}

/** Of a version that an entry stores; canonical JSON has one way to write it. */
function handleOf(leaf: Buffer): string | undefined {
  if (!leaf.includes(TYPE)) return undefined;
  const at = leaf.indexOf(HANDLE);
  return at === -1
    ? undefined
    : leaf.toString('latin1', at + HANDLE.length, at + HANDLE.length + HANDLE_CHARS);
}
