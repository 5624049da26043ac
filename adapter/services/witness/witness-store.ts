/** What a witness remembers of each log: the head it cosigned last, those before it, and keys believed at first sight. */
import { sha256 } from '../../../ledger/log/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';

/**
 * The heads that a witness cosigned, as notes that bear its cosignature.
 *
 * Contract: `put` resolves once the head is durable; when it throws, the head may be durable or not, and `latest`
 * says which after the store was opened again. One process has it at a time.
 */
export interface HeadStore {
  /** The head cosigned last, or `undefined`. */
  latest(origin: string): Buffer | undefined;
  /** The head cosigned at a size, where it is still remembered. */
  at(origin: string, size: number): Buffer | undefined;
  put(origin: string, size: number, note: Buffer): Promise<void>;
}

/** What is remembered of a log's address. */
export interface PinStore {
  /** The log's key that was believed at first sight. */
  pinned(url: string): string | undefined;
  pin(url: string, vkey: string): Promise<void>;
  /** The largest size that was served there; 0 when nothing was. */
  servedSize(url: string): number;
  served(url: string, size: number): Promise<void>;
}

/** Heads remembered of one log, some 400 bytes each; a fork at one of these sizes is proven at once. */
const PAST_MAX = 4096;

/** Digits of the largest size. */
const SIZE_DIGITS = 16;

/** Both stores as rows of one LevelDB, which is also the lock that keeps a second process away. */
export class WitnessStore implements HeadStore, PinStore {
  readonly #store: Store;
  readonly #pastMax: number;
  readonly #pastCounts = new Map<string, number>();

  constructor(store: Store, pastMax: number = PAST_MAX) {
    this.#store = store;
    this.#pastMax = pastMax;
  }

  latest(origin: string): Buffer | undefined {
    return this.#store.getSync(latestKey(origin));
  }

  at(origin: string, size: number): Buffer | undefined {
    return this.#store.getSync(pastKey(origin, size));
  }

  async put(origin: string, size: number, note: Buffer): Promise<void> {
    const prefix = pastPrefix(origin);
    let count = this.#pastCounts.get(origin) ?? (await this.#keys(prefix, this.#pastMax + 1)).length;
    const rows: StoreWrite[] = [
      { type: 'put', key: latestKey(origin), value: note },
      { type: 'put', key: pastKey(origin, size), value: note },
    ];
    if (this.at(origin, size) === undefined) count += 1;
    if (count > this.#pastMax) {
      for (const key of await this.#keys(prefix, count - this.#pastMax)) rows.push({ type: 'del', key });
      count = this.#pastMax;
    }
    // One synced batch: the head and its place among the past ones are there together or not at all.
    await this.#store.batch(rows, { sync: true });
    this.#pastCounts.set(origin, count);
  }

  pinned(url: string): string | undefined {
    return this.#store.getSync(pinKey(url))?.toString('utf8');
  }

  async pin(url: string, vkey: string): Promise<void> {
    await this.#store.batch([{ type: 'put', key: pinKey(url), value: Buffer.from(vkey, 'utf8') }], {
      sync: true,
    });
  }

  servedSize(url: string): number {
    const size = Number(this.#store.getSync(servedKey(url))?.toString('latin1') ?? 0);
    return Number.isSafeInteger(size) && size > 0 ? size : 0;
  }

  async served(url: string, size: number): Promise<void> {
    // Not synced: what a crash forgets is one alarm, which the heads themselves raise later.
    await this.#store.batch([{ type: 'put', key: servedKey(url), value: Buffer.from(`${size}`, 'latin1') }], {
      sync: false,
    });
  }

  async #keys(prefix: string, limit: number): Promise<string[]> {
    return this.#store.keys({ gte: prefix, lt: `${prefix}~`, limit }).all();
  }
}

/** Origins may hold anything but white space and plus, so rows go by their hash. */
function latestKey(origin: string): string {
  return `witness/head/${hashOf(origin)}`;
}

function pastPrefix(origin: string): string {
  return `witness/past/${hashOf(origin)}/`;
}

function pastKey(origin: string, size: number): string {
  return pastPrefix(origin) + String(size).padStart(SIZE_DIGITS, '0');
}

function pinKey(url: string): string {
  return `witness/vkey/${hashOf(url)}`;
}

function servedKey(url: string): string {
  return `witness/served/${hashOf(url)}`;
}

function hashOf(text: string): string {
  return sha256(Buffer.from(text, 'utf8')).toString('hex');
}
