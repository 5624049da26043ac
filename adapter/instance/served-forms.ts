/**
 * Records as the facade last served them, in memory: opening and rewriting a record takes longer than all else that a
 * reading does with it. Whoever asks is judged each time, and each time a receipt is written; what is saved is the
 * opening.
 *
 * They are plaintext, as what is being answered is. Nothing of them is written, the oldest go when there are too many
 * bytes, and those of a patient of whom anything is erased go at once.
 */
import type { Store } from '../../ledger/store.js';
import { recordEpochKey } from './records.js';

/** A resource, by its name at its source and by the facade's. */
export interface SourceName {
  readonly source: string;
  readonly type: string;
  readonly id: string;
  readonly facadeId: string;
}

/** A version as it stands in a Bundle. */
export interface ServedForm {
  readonly bytes: Buffer;
  /** What of its source it refers to. */
  readonly refersTo: readonly SourceName[];
  /** Base of its source as it was then: references are told by it. */
  readonly sourceBase: string | undefined;
}

interface OfPatient {
  readonly forms: Map<string, ServedForm>;
  bytes: number;
}

/** What an entry takes beside its bytes, roughly. */
const ENTRY_BYTES = 400;

export class ServedForms {
  readonly #store: Pick<Store, 'getSync'>;
  readonly #bytesMax: number;
  /** By the subject's key, in the order of use. */
  readonly #patients = new Map<string, OfPatient>();
  #bytes = 0;

  /** @param bytesMax - Of all that is kept; 0 keeps nothing. */
  constructor(store: Pick<Store, 'getSync'>, bytesMax: number) {
    this.#store = store;
    this.#bytesMax = bytesMax;
  }

  get(subjectKey: string, handle: string, sourceBase: string | undefined): ServedForm | undefined {
    const patient = this.#patients.get(subjectKey);
    const form = patient?.forms.get(handle);
    return form?.sourceBase === sourceBase ? form : undefined;
  }

  /**
   * Keeps a form.
   *
   * @param recordEpoch - Of the patient's records, from before the row was read: if anything was stored or erased since,
   * nothing is kept.
   */
  keep(subjectKey: string, handle: string, form: ServedForm, recordEpoch: string): void {
    if (this.#bytesMax === 0 || recordEpochOf(this.#store, subjectKey) !== recordEpoch) return;
    const patient = this.#patients.get(subjectKey) ?? { forms: new Map<string, ServedForm>(), bytes: 0 };
    const former = patient.forms.get(handle);
    const added = sizeOf(form) - (former === undefined ? 0 : sizeOf(former));
    // One patient does not take the place of all others, and then of itself.
    if (patient.bytes + added > this.#bytesMax) return;
    patient.forms.set(handle, form);
    patient.bytes += added;
    this.#bytes += added;
    this.#patients.delete(subjectKey);
    this.#patients.set(subjectKey, patient);
    for (const oldest of this.#patients.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.forget(oldest);
    }
  }

  /** Puts a patient last in the order of those that go. */
  used(subjectKey: string): void {
    const patient = this.#patients.get(subjectKey);
    if (patient === undefined) return;
    this.#patients.delete(subjectKey);
    this.#patients.set(subjectKey, patient);
  }

  /** Forgets what is kept of a patient. */
  forget(subjectKey: string): void {
    this.#bytes -= this.#patients.get(subjectKey)?.bytes ?? 0;
    this.#patients.delete(subjectKey);
  }

  /** Bytes kept, about. */
  get bytes(): number {
    return this.#bytes;
  }
}

/** Text that is another whenever something of a patient's records was stored, deleted or erased. */
export function recordEpochOf(store: Pick<Store, 'getSync'>, subjectKey: string): string {
  return store.getSync(recordEpochKey(subjectKey))?.toString('latin1') ?? '';
}

function sizeOf({ bytes, refersTo }: ServedForm): number {
  return bytes.length + refersTo.length * 100 + ENTRY_BYTES;
}
