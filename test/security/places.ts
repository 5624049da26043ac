/** Where nothing secret may stand, and the bytes that stood there. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Store } from '../../ledger/store.js';
import { found } from './needles.js';
import type { Needle } from './needles.js';

/** Files below a folder. */
export function filesUnder(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile());
}

/** What stood where. */
export class Places {
  readonly #held = new Map<string, Buffer[]>();

  note(place: string, bytes: Buffer | string): void {
    const held = this.#held.get(place) ?? [];
    held.push(Buffer.from(bytes));
    this.#held.set(place, held);
  }

  /** Notes all files below a folder. */
  noteFiles(place: string, dir: string): void {
    for (const path of filesUnder(dir)) this.note(place, readFileSync(path));
  }

  /** Notes all rows: the files of LevelDB are compressed. @returns The keys. */
  async noteRows(store: Store): Promise<string[]> {
    const keys: string[] = [];
    for await (const [key, value] of store.iterator()) {
      this.note('store', key);
      this.note('store', value);
      keys.push(key);
    }
    return keys;
  }

  /** What stood in a place, piece by piece. */
  of(place: string): readonly Buffer[] {
    return this.#held.get(place) ?? [];
  }

  /** Needles that stand anywhere: `place: name`. */
  leaks(needles: readonly Needle[]): string[] {
    return [...this.#held].flatMap(([place, pieces]) =>
      found(Buffer.concat(pieces.flatMap((piece) => [piece, Buffer.from('\n')])), needles).map(
        (name) => `${place}: ${name}`,
      ),
    );
  }
}
