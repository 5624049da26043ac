/** What became of a resource that a source shows. */
import type { Fate } from '../../../ledger/proofs/index.js';
import { BYTES_VERSION } from '../../inbound/inbox.js';
import { IMAGE_TYPES } from '../../inbound/large-body.js';
import { Directory } from '../../instance/directory.js';
import type { Instance } from '../../instance/instance.js';
import type { Line } from './lines.js';

export interface Found {
  readonly fate: Fate;
  /** The version that is kept as current, whichever it is. */
  readonly kept?: string;
}

/** Looks resources up among what is kept, waits, was refused, set aside or erased. Reads rows only. */
export class Fates {
  readonly #instance: Pick<Instance, 'store' | 'records' | 'inbox'>;
  readonly #directory: Directory;
  readonly #source: string;

  constructor(instance: Pick<Instance, 'store' | 'records' | 'inbox' | 'keys'>, source: string) {
    this.#instance = instance;
    this.#directory = new Directory(instance.keys);
    this.#source = source;
  }

  of(line: Line): Found {
    const { store, records, inbox } = this.#instance;
    const view = { get: (key: string) => store.getSync(key) };
    const { type, id } = line;
    const state = records.state(view, records.resourceKey(this.#source, type, id));
    if (state?.status === 'erased' || line.erased === true) return { fate: 'erased' };
    if (state?.status === 'current') {
      const kept = state.versionId ?? BYTES_VERSION + (state.bytesHash ?? '');
      return line.version === kept || isPresence(line, kept)
        ? { fate: 'stored', kept }
        : this.#lacking(line, kept);
    }
    const head = this.#directory.head(view, this.#directory.key(this.#source, type, id));
    if (head !== undefined) {
      const kept = head.versionId ?? BYTES_VERSION + head.bytesHash;
      const isIt = line.version === kept || isPresence(line, kept);
      return isIt ? { fate: 'directory', kept } : this.#lacking(line, kept);
    }
    if (state !== undefined && state.handle === undefined && state.count > 0) {
      // Its current version was erased, and no other is: that version stays out.
      const { version } = line;
      const isErased =
        version === undefined ||
        version.startsWith(BYTES_VERSION) ||
        inbox.isKnown(view, { source: this.#source, type, id, version });
      if (isErased) return { fate: 'erased' };
    }
    return this.#lacking(line);
  }

  /** Whether it is kept as current, in whatever version: as it should not be once the source shows it no longer. */
  keptAs(line: Pick<Line, 'type' | 'id'>): string | undefined {
    return this.of({ type: line.type, id: line.id }).kept;
  }

  #lacking({ type, id, version = '' }: Line, kept?: string): Found {
    const { store, inbox } = this.#instance;
    const view = { get: (key: string) => store.getSync(key) };
    const held = inbox.heldFate(view, { source: this.#source, type, id }, version);
    return { fate: held ?? 'missing', ...(kept === undefined ? {} : { kept }) };
  }
}

/** Of an image whose headers name no version, or which was kept without one, no more is known than that it is there. */
function isPresence({ type, version }: Line, kept: string): boolean {
  return version === undefined || (IMAGE_TYPES.has(type) && kept.startsWith(BYTES_VERSION));
}
