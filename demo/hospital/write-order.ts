/** The order of writes of one resource type: what paging by `_lastUpdated` walks along. */

/** The newest version of one resource. */
export interface Written {
  readonly id: string;
  /** Grows with each write of the whole server; the cursor of a page. */
  readonly sequence: number;
  readonly lastUpdatedMs: number;
}

/**
 * Newest versions in the order of their writes. A resource that is written again moves to the end, so a reader that
 * walks by sequence misses nothing, however much is written meanwhile.
 */
export class WriteOrder {
  /** Holds outdated places too; they are passed over, and dropped once they are most. */
  #places: Written[] = [];
  readonly #newest = new Map<string, Written>();

  get size(): number {
    return this.#newest.size;
  }

  has(id: string): boolean {
    return this.#newest.has(id);
  }

  /** Sequence of the newest version; 0 when there is none. */
  sequenceOf(id: string): number {
    return this.#newest.get(id)?.sequence ?? 0;
  }

  put(written: Written): void {
    this.#newest.set(written.id, written);
    this.#places.push(written);
    if (this.#places.length > 2 * this.#newest.size + 1024) {
      this.#places = this.#places.filter((place) => this.#newest.get(place.id) === place);
    }
  }

  delete(id: string): void {
    this.#newest.delete(id);
  }

  /** Newest versions, oldest write first. */
  *[Symbol.iterator](): Generator<Written, void, undefined> {
    for (const place of this.#places) if (this.#newest.get(place.id) === place) yield place;
  }
}
