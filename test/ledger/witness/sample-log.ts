/** A log of made-up leaves, with its key: signs any head and publishes its tiles. */
import {
  consistencyProof,
  encodeVkey,
  HASH_BYTES,
  leafHash,
  noteSigner,
  parseTilePath,
  parseVkey,
  publicKey,
  rootOf,
  signCheckpoint,
} from '../../../ledger/log/index.js';
import type { NodeReader, NoteSigner, NoteVerifier } from '../../../ledger/log/index.js';
import type { LogReader } from '../../../ledger/verify/index.js';
import { prefixPath } from '../../../ledger/witness/index.js';
import type { SignedHead } from '../../../ledger/witness/index.js';

export class SampleLog {
  readonly origin: string;
  readonly vkey: string;
  readonly verifier: NoteVerifier;
  readonly #seed: Uint8Array;
  readonly #signer: NoteSigner;
  readonly #leaves: Buffer[] = [];

  constructor(origin = 'log.example/sample', seed: Uint8Array = Buffer.alloc(32, 7)) {
    this.origin = origin;
    this.#seed = seed;
    this.#signer = noteSigner(origin, seed);
    this.vkey = encodeVkey(origin, publicKey(seed));
    this.verifier = parseVkey(this.vkey);
  }

  get size(): number {
    return this.#leaves.length;
  }

  grow(count: number, what = 'a'): this {
    for (let i = 0; i < count; i++)
      this.#leaves.push(leafHash(Buffer.from(`${what} ${this.#leaves.length}`, 'utf8')));
    return this;
  }

  /** A log of the same key that shares the first leaves and goes on otherwise. */
  fork(shared: number, more: number): SampleLog {
    const other = new SampleLog(this.origin, this.#seed);
    for (const leaf of this.#leaves.slice(0, shared)) other.#leaves.push(leaf);
    return other.grow(more, 'b');
  }

  root(size = this.size): Buffer {
    return rootOf(this.#leaves.slice(0, size));
  }

  head(size = this.size): SignedHead {
    const checkpoint = { origin: this.origin, size, root: this.root(size) };
    return { checkpoint, note: signCheckpoint(checkpoint, [this.#signer]) };
  }

  note(size = this.size): Buffer {
    return this.head(size).note;
  }

  readonly nodes: NodeReader = (height, index) =>
    rootOf(this.#leaves.slice(index * 2 ** height, (index + 1) * 2 ** height));

  proof(size1: number, size2 = this.size): Buffer[] {
    return consistencyProof(size1, size2, this.nodes);
  }

  path(size1: number, size2 = this.size): Buffer[] {
    return prefixPath(size1, size2, this.nodes);
  }

  /** What the log publishes now, or did at an earlier size. */
  reader(at: () => number = () => this.size): LogReader {
    return {
      read: async (path) => {
        const size = at();
        if (path === 'checkpoint') return this.note(size);
        if (path === 'vkey') return Buffer.from(`${this.vkey}\n`, 'utf8');
        const tile = parseTilePath(path);
        if (tile?.kind !== 'hashes') return undefined;
        const span = 256 ** tile.level;
        const first = tile.index * 256;
        if ((first + tile.width) * span > size) return undefined;
        const hashes = Buffer.alloc(tile.width * HASH_BYTES);
        for (let i = 0; i < tile.width; i++)
          this.nodes(8 * tile.level, first + i).copy(hashes, i * HASH_BYTES);
        return hashes;
      },
    };
  }
}
