/**
 * Pages in memory: those changed and not yet stored, and of the others as many as a bound allows.
 */
import { LedgerError } from '../errors.js';
import type { Store, StoreWrite } from '../store.js';
import { Page, PAGE_BYTES } from './page.js';
import type { Region } from './page.js';
import { pageKey } from './rows.js';

/** Fewer pages than this would not hold the path from the root to a leaf. */
const PAGES_MIN = 16;

/** See the top of the file. */
export class PageCache {
  readonly #store: Store;
  readonly #pagesMax: number;
  /** Unchanged pages by row, the least recently used first. */
  readonly #clean = new Map<string, Page>();
  readonly #changed = new Map<string, Page>();
  /** Memory of pages that were dropped. */
  readonly #free: Buffer[] = [];

  /** @param bytesMax - Memory of unchanged pages. */
  constructor(store: Store, bytesMax: number) {
    this.#store = store;
    this.#pagesMax = Math.max(PAGES_MIN, Math.floor(bytesMax / PAGE_BYTES));
  }

  /** Count of changed pages. */
  get changedCount(): number {
    return this.#changed.size;
  }

  /** Count of unchanged pages. */
  get cleanCount(): number {
    return this.#clean.size;
  }

  /** Memory for a new page; its content is undefined. */
  allocate = (): Buffer => this.#free.pop() ?? Buffer.allocUnsafeSlow(PAGE_BYTES);

  /**
   * A page to be read at once: the next call may drop it.
   *
   * @throws LedgerError LEDGER_CORRUPT when its row is missing or does not give the hash.
   */
  read(region: Region, epoch: number, hash: Buffer): Page {
    const key = pageKey(region, epoch);
    const changed = this.#changed.get(key);
    if (changed !== undefined) return changed;
    const page = this.#taken(key) ?? this.#load(key, region, epoch, hash);
    this.#keep(key, page);
    return page;
  }

  /** A page to be changed; the caller gives it back by {@link put}. @throws as {@link read} does. */
  take(region: Region, epoch: number, hash: Buffer): Page {
    const key = pageKey(region, epoch);
    return this.#changed.get(key) ?? this.#taken(key) ?? this.#load(key, region, epoch, hash);
  }

  /** Takes a changed page, which stays in memory until {@link stored}. */
  put(page: Page): void {
    this.#changed.set(pageKey(page.region, page.epoch), page);
  }

  /** Gives the memory of a page that is no longer in use back. */
  release(page: Page): void {
    if (page.data.length === PAGE_BYTES && this.#free.length < this.#pagesMax) this.#free.push(page.data);
  }

  /** Rows of all changed pages. */
  rows(): StoreWrite[] {
    const rows: StoreWrite[] = [];
    for (const [key, page] of this.#changed) rows.push({ type: 'put', key, value: page.encode() });
    return rows;
  }

  /** To be called once the rows are in the store. */
  stored(): void {
    for (const [key, page] of this.#changed) this.#keep(key, page);
    this.#changed.clear();
  }

  /** Forgets everything, changes too. */
  clear(): void {
    this.#clean.clear();
    this.#changed.clear();
  }

  #taken(key: string): Page | undefined {
    const page = this.#clean.get(key);
    if (page !== undefined) this.#clean.delete(key);
    return page;
  }

  #keep(key: string, page: Page): void {
    this.#clean.set(key, page);
    if (this.#clean.size <= this.#pagesMax) return;
    for (const [oldest, dropped] of this.#clean) {
      this.#clean.delete(oldest);
      this.release(dropped);
      break;
    }
  }

  #load(key: string, region: Region, epoch: number, hash: Buffer): Page {
    const row = this.#store.getSync(key);
    if (row === undefined) throw new LedgerError('LEDGER_CORRUPT', 'a row of the state map is missing');
    return Page.decode(row, region, epoch, hash, this.allocate());
  }
}
