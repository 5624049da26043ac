/**
 * Bodies that are too large to be held: sealed into files as they come, each named by one row for as long as an event
 * or a record needs it. The row goes down in the batch of what needs the file, so after a crash a file without a row is
 * nobody's, and a row without a file is a loss that is told.
 */
import type { Store, StoreWrite } from '../../ledger/store.js';
import { sealedLength, VaultError } from '../../ledger/vault/index.js';
import type { Blobs } from '../../ledger/vault/index.js';
import { AdapterError } from '../errors.js';
import type { LargeBody } from '../inbound/event.js';

const PREFIX = 'blob/';

/** Row by which a file is somebody's. */
function largeBodyKey(name: string): string {
  return PREFIX + name;
}

/** Row that keeps a file. */
export function keepLargeBody({ name, plainBytes }: Pick<LargeBody, 'name' | 'plainBytes'>): StoreWrite {
  return { type: 'put', key: largeBodyKey(name), value: Buffer.from(String(plainBytes), 'latin1') };
}

/** Row that lets go of a file. */
export function dropLargeBody({ name }: Pick<LargeBody, 'name'>): StoreWrite {
  return { type: 'del', key: largeBodyKey(name) };
}

export interface LargeBodiesOptions {
  readonly store: Store;
  readonly blobs: Blobs;
  /** Largest body. */
  readonly bytesMax: number;
  /** Throws when the disk is short. */
  readonly requireSpace: () => Promise<void>;
}

/** What a look through the files found. */
export interface LargeBodiesReport {
  /** Files that nothing named; they are gone. */
  readonly removed: number;
  /** Files that something names and that are not there, or not whole. */
  readonly missing: readonly string[];
}

/** Sealed at once; more wait their turn, so that memory and open files have a bound. */
const AT_ONCE = 4;

export class LargeBodies {
  readonly #options: LargeBodiesOptions;
  #running = 0;
  readonly #turns: (() => void)[] = [];

  constructor(options: LargeBodiesOptions) {
    this.#options = options;
  }

  get blobs(): Blobs {
    return this.#options.blobs;
  }

  get bytesMax(): number {
    return this.#options.bytesMax;
  }

  /**
   * Seals a body as it comes. It is on the disk when this returns, and is to be {@link settle}d when what needs it has
   * been written, or was not.
   *
   * @throws AdapterError ADAPTER_BODY_TOO_LARGE, ADAPTER_DISK_FULL; whatever `pieces` or `onPiece` throw.
   */
  async take(
    pieces: AsyncIterable<Uint8Array>,
    onPiece: (piece: Uint8Array) => void,
  ): Promise<Omit<LargeBody, 'contentType' | 'dataDigests'>> {
    const { blobs, bytesMax, requireSpace } = this.#options;
    await this.#enter();
    try {
      const sealed = await blobs.write(pieces, { bytesMax, onPiece, checkSpace: requireSpace });
      return {
        name: sealed.name,
        dataKey: sealed.dataKey.toString('base64url'),
        plainBytes: sealed.plainBytes,
        plainHash: sealed.plainHash.toString('base64url'),
        ciphertextHash: sealed.ciphertextHash.toString('base64url'),
      };
    } catch (cause) {
      if (!(cause instanceof VaultError)) throw cause;
      if (cause.code === 'VAULT_BLOB_TOO_LARGE') throw tooLarge(bytesMax);
      if (cause.code === 'VAULT_BLOB_IO')
        throw new AdapterError(
          'ADAPTER_DISK_FULL',
          'the disk did not take the body; nothing was acknowledged',
          {
            cause,
          },
        );
      throw cause;
    } finally {
      this.#leave();
    }
  }

  /** Lets a file go that no row names; call it when the batch that decides so is on the disk. */
  async settle(name: string): Promise<void> {
    const { store, blobs } = this.#options;
    blobs.release(name);
    if (store.getSync(largeBodyKey(name)) === undefined) await blobs.remove(name);
  }

  /** Removes the files that no row names. */
  sweep(): Promise<number> {
    const { store, blobs } = this.#options;
    return blobs.sweep((name) => store.getSync(largeBodyKey(name)) !== undefined);
  }

  /** Sweeps, and looks whether every row has its file. */
  async check(): Promise<LargeBodiesReport> {
    const { store, blobs } = this.#options;
    const removed = await this.sweep();
    const missing: string[] = [];
    for await (const [key, value] of store.iterator({ gte: PREFIX, lt: `${PREFIX}~` })) {
      const name = key.slice(PREFIX.length);
      const size = await blobs.size(name);
      if (size !== sealedLength(Number(value.toString('latin1')))) missing.push(name);
    }
    return { removed, missing };
  }

  async #enter(): Promise<void> {
    if (this.#running < AT_ONCE) {
      this.#running += 1;
      return;
    }
    // Whoever leaves hands its place over.
    await new Promise<void>((resolve) => this.#turns.push(resolve));
  }

  #leave(): void {
    const next = this.#turns.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}

export function tooLarge(bytesMax: number): AdapterError {
  return new AdapterError(
    'ADAPTER_BODY_TOO_LARGE',
    `the body is larger than the ${bytesMax} bytes this instance takes`,
  );
}
