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
import type { LeafProof, RecordProof } from '../../ledger/proofs/index.js';
import type { Store } from '../../ledger/store.js';

/** An entry where it stands. */
export interface FoundEntry {
  readonly index: number;
  readonly bytes: Buffer;
  readonly entry: Entry;
}

/** The published tree: all leaves of a proof hang on this one root. */
export class ProofLeaves {
  readonly #store: Store;
  readonly #engine: Engine;
  /** The signed note. */
  readonly checkpoint: string;
  readonly #size: number;

  constructor(store: Store, engine: Engine) {
    this.#store = store;
    this.#engine = engine;
    const note = engine.checkpoint();
    const head = parseCheckpoint(splitNote(note)?.text ?? '');
    if (head === undefined) throw new Error('the log publishes no checkpoint');
    this.checkpoint = note.toString('utf8');
    this.#size = head.size;
  }

  /**
   * The newest entry that fits. Looks through bundles from the end, and only into those that hold the text, so it takes
   * as long as reading that part of the log.
   *
   * @param text - What the entry's bytes contain.
   */
  async find(text: string, fits: (entry: Entry) => boolean): Promise<FoundEntry | undefined> {
    for (let bundle = Math.ceil(this.#size / TILE_WIDTH) - 1; bundle >= 0; bundle--) {
      const first = bundle * TILE_WIDTH;
      const width = Math.min(TILE_WIDTH, this.#size - first);
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

  /** A leaf with its way up. */
  prove({ index, bytes }: Pick<FoundEntry, 'index' | 'bytes'>): LeafProof {
    return { index, bytes, inclusion: inclusionProof(index, this.#size, storedNodes(this.#store)) };
  }

  /** The leaf that signs for an entry, and the entry's draft within what it signs. */
  submissionOf(of: FoundEntry): RecordProof['submission'] {
    for (let index = of.index - 1; index >= Math.max(0, of.index - SUBMISSION_DRAFTS_MAX); index--) {
      const bytes = readEntry(this.#store, index);
      if (bytes?.includes('"type":"submission"') !== true) continue;
      const { type, body } = JSON.parse(bytes.toString('utf8')) as Entry;
      if (type !== 'submission') continue;
      const hashes = this.#drafts(index + 1, Number(body['count']));
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
