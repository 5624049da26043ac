/** What a proof file takes from the log: leaves with their ways up to the published root. */
import type { Engine } from '../../ledger/engines/index.js';
import { readEntry, storedNodes } from '../../ledger/engines/index.js';
import {
  decodeBundle,
  entriesPath,
  inclusionProof,
  leafHash,
  parseCheckpoint,
  rootOf,
  splitNote,
  SUBMISSION_DRAFTS_MAX,
  TILE_WIDTH,
  unstampEntry,
} from '../../ledger/log/index.js';
import type { Entry } from '../../ledger/log/index.js';
import type { LeafProof, SignedLeaf } from '../../ledger/proofs/index.js';
import type { Store } from '../../ledger/store.js';
import type { Instance } from '../instance/instance.js';

/** Witnesses get this long to cosign what was committed just before, ms. */
const COSIGNED_MS_MAX = 10_000;

/** An entry where it stands. */
export interface FoundEntry {
  readonly index: number;
  readonly bytes: Buffer;
  readonly entry: Entry;
}

/** A published tree: all leaves of a proof hang on this one root. */
export class ProofLeaves {
  readonly #store: Store;
  readonly #engine: Engine;
  /** Hashes of submissions' drafts, by the leaf of the submission: many proofs are of one. */
  readonly #draftHashes = new Map<number, Buffer[]>();
  /** The signed note. */
  readonly checkpoint: string;
  /** Count of its leaves. */
  readonly size: number;

  /** @param note - Signed; without it, the newest checkpoint. */
  constructor(store: Store, engine: Engine, note: Buffer = engine.checkpoint()) {
    this.#store = store;
    this.#engine = engine;
    const head = parseCheckpoint(splitNote(note)?.text ?? '');
    if (head === undefined) throw new Error('the log publishes no checkpoint');
    this.checkpoint = note.toString('utf8');
    this.size = head.size;
  }

  /** The published tree that holds a leaf: cosigned, where witnesses are configured and answer in time. */
  static async covering(instance: Instance, leaf: number, ms = COSIGNED_MS_MAX): Promise<ProofLeaves> {
    const { store, engine, witnessing } = instance;
    return new ProofLeaves(store, engine, await witnessing.covering(leaf + 1, ms));
  }

  /**
   * The newest entry that fits. Looks through bundles from the end, and only into those that hold the text, so it takes
   * as long as reading that part of the log.
   *
   * @param text - What the entry's bytes contain.
   */
  async find(text: string, fits: (entry: Entry) => boolean): Promise<FoundEntry | undefined> {
    for (let bundle = Math.ceil(this.size / TILE_WIDTH) - 1; bundle >= 0; bundle--) {
      const first = bundle * TILE_WIDTH;
      const width = Math.min(TILE_WIDTH, this.size - first);
      const bytes = await this.#engine.read(entriesPath(bundle, width));
      if (bytes?.includes(text) !== true) continue;
      const entries = decodeBundle(bytes, width);
      for (let i = width - 1; i >= 0; i--) {
        const leaf = entries[i];
        if (leaf?.includes(text) !== true) continue;
        const entry = JSON.parse(leaf.toString('utf8')) as Entry;
        if (fits(entry)) return { index: first + i, bytes: leaf, entry };
      }
    }
    return undefined;
  }

  /** The oldest entry that fits, from a leaf on; see {@link find}. */
  async findFrom(
    first: number,
    text: string,
    fits: (entry: Entry) => boolean,
  ): Promise<FoundEntry | undefined> {
    for (let start = first - (first % TILE_WIDTH); start < this.size; start += TILE_WIDTH) {
      const width = Math.min(TILE_WIDTH, this.size - start);
      const bytes = await this.#engine.read(entriesPath(start / TILE_WIDTH, width));
      if (bytes?.includes(text) !== true) continue;
      for (const [i, leaf] of decodeBundle(bytes, width).entries()) {
        if (start + i < first || !leaf.includes(text)) continue;
        const entry = JSON.parse(leaf.toString('utf8')) as Entry;
        if (fits(entry)) return { index: start + i, bytes: leaf, entry };
      }
    }
    return undefined;
  }

  /** A leaf with its way up. */
  prove({ index, bytes }: Pick<FoundEntry, 'index' | 'bytes'>): LeafProof {
    return { index, bytes, inclusion: inclusionProof(index, this.size, storedNodes(this.#store)) };
  }

  /** The entry of an index, or `undefined` behind the published end. */
  at(index: number): FoundEntry | undefined {
    const bytes = index < this.size ? readEntry(this.#store, index) : undefined;
    return bytes === undefined
      ? undefined
      : { index, bytes, entry: JSON.parse(bytes.toString('utf8')) as Entry };
  }

  /** A leaf with its way up and the one that signs for it. */
  proveSigned(of: FoundEntry): SignedLeaf {
    return { ...this.prove(of), submission: this.submissionOf(of) };
  }

  /** The leaf that signs for an entry, and the entry's draft within what it signs. */
  submissionOf(of: Pick<FoundEntry, 'index'>): SignedLeaf['submission'] {
    for (let index = of.index - 1; index >= Math.max(0, of.index - SUBMISSION_DRAFTS_MAX); index--) {
      const bytes = readEntry(this.#store, index);
      if (bytes?.includes('"type":"submission"') !== true) continue;
      const { type, body } = JSON.parse(bytes.toString('utf8')) as Entry;
      if (type !== 'submission') continue;
      const hashes = this.#draftHashes.get(index) ?? this.#drafts(index + 1, Number(body['count']));
      this.#draftHashes.set(index, hashes);
      const draftInclusion = inclusionProof(of.index - index - 1, hashes.length, (height, node) =>
        rootOf(hashes.slice(node * 2 ** height, (node + 1) * 2 ** height)),
      );
      return { ...this.prove({ index, bytes }), draftInclusion };
    }
    throw new Error('an entry without its submission');
  }

  #drafts(first: number, count: number): Buffer[] {
    return Array.from({ length: count }, (_, i) => {
      const bytes = readEntry(this.#store, first + i) ?? Buffer.alloc(0);
      return leafHash(unstampEntry(bytes, (JSON.parse(bytes.toString('utf8')) as Entry).at));
    });
  }
}
