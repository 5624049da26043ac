/**
 * What is kept of a patient, as far as a listing needs it: the cards of all versions in the order that listings have,
 * remembered until something of the patient is stored, deleted or erased. No body is opened for it, and none kept.
 *
 * Each batch that changes a patient's records puts a new random text into one row. What was read between two equal
 * looks at that row is of one state; where the looks differ it is read again, and never remembered.
 */
import type { Store } from '../../ledger/store.js';
import type { RecordCardData, Records } from './records.js';
import { recordEpochOf } from './served-forms.js';
import type { Subject } from './subjects.js';

/** A kept version without its row. */
export interface ListedVersion {
  readonly handle: string;
  /** Counts the versions of its resource. */
  readonly version: number;
  readonly card: RecordCardData;
  /** Id of its resource at the facade. */
  readonly facadeId: string;
  /** Whether it is the one that its source shows now. */
  readonly isCurrent: boolean;
}

/** Versions remembered: some 1 KB each. */
const VERSIONS_MAX = 50_000;
/** How often a listing is read again because the patient's records changed under it. */
const ROUNDS_MAX = 5;
/** What we made ourselves is not of the source. */
const OWN_SOURCE = 'firebreak';

interface Remembered {
  readonly epoch: string;
  readonly versions: readonly ListedVersion[];
}

export class Listings {
  readonly #store: Store;
  readonly #records: Records;
  /** By the subject's key, in the order of use. */
  readonly #remembered = new Map<string, Remembered>();
  #count = 0;

  constructor(store: Store, records: Records) {
    this.#store = store;
    this.#records = records;
  }

  /** All versions that came from the patient's source: the Patient's first, then by type and id at the facade. */
  async of(subject: Subject): Promise<readonly ListedVersion[]> {
    let epoch = recordEpochOf(this.#store, subject.key);
    const known = this.#remembered.get(subject.key);
    if (known?.epoch === epoch) {
      // Put again, so that the map's order is that of use.
      this.#remembered.delete(subject.key);
      this.#remembered.set(subject.key, known);
      return known.versions;
    }
    for (let round = 0; ; round++) {
      const versions = await this.#read(subject);
      const now = recordEpochOf(this.#store, subject.key);
      if (now === epoch) this.#remember(subject.key, { epoch, versions });
      else if (round < ROUNDS_MAX) {
        epoch = now;
        continue;
      }
      return versions;
    }
  }

  /** Forgets what is remembered of a patient. */
  forget(subjectKey: string): void {
    this.#count -= this.#remembered.get(subjectKey)?.versions.length ?? 0;
    this.#remembered.delete(subjectKey);
  }

  async #read(subject: Subject): Promise<ListedVersion[]> {
    const records = this.#records;
    const view = { get: (key: string) => this.#store.getSync(key) };
    const versions: ListedVersion[] = [];
    for await (const { handle, version, card } of records.cards(this.#store, subject)) {
      const { source, gate } = card;
      if (source === OWN_SOURCE) continue;
      const state = records.state(view, records.resourceKey(source, gate.type, gate.id));
      versions.push({
        handle,
        version,
        card,
        facadeId: records.facadeId(source, gate.type, gate.id),
        isCurrent: state?.status === 'current' && state.handle === handle,
      });
    }
    return versions.toSorted(inOrder);
  }

  #remember(key: string, remembered: Remembered): void {
    this.forget(key);
    this.#remembered.set(key, remembered);
    this.#count += remembered.versions.length;
    for (const oldest of this.#remembered.keys()) {
      if (this.#count <= VERSIONS_MAX) break;
      this.forget(oldest);
    }
  }
}

function inOrder(a: ListedVersion, b: ListedVersion): number {
  const [left, right] = [rankOf(a), rankOf(b)];
  if (left !== right) return left - right;
  const [typeA, typeB] = [a.card.gate.type, b.card.gate.type];
  if (typeA !== typeB) return typeA < typeB ? -1 : 1;
  if (a.facadeId !== b.facadeId) return a.facadeId < b.facadeId ? -1 : 1;
  return b.version - a.version;
}

/** The Patient stands before all else. */
export function rankOf({ card }: Pick<ListedVersion, 'card'>): 0 | 1 {
  return card.gate.type === 'Patient' ? 0 : 1;
}
