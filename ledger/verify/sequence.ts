/**
 * Which entry may follow which: a handle is made once, and only what exists can be ended or named.
 */
import type { Entry } from '../log/index.js';
import { HandleTable } from './handle-table.js';

/** What a handle stands for, and whether it is live. */
const PARTICIPANT = 1;
const CONSENT = 2;
const CONSENT_WITHDRAWN = 3;
const RECORD = 4;
const RECORD_ENDED = 5;
const MODEL = 6;
const DISCLOSURE = 7;

const CONSENTS: readonly number[] = [CONSENT, CONSENT_WITHDRAWN];
const RECORDS: readonly number[] = [RECORD, RECORD_ENDED];

/** Handles of a log, from its first entry on. */
export class Sequence {
  readonly #handles = new HandleTable();

  /**
   * Takes the next entry, whose form is good.
   *
   * @returns The rule broken, or `undefined`.
   */
  next({ type, body }: Entry): string | undefined {
    switch (type) {
      case 'participant.enrolled':
        return this.#make(body['handle'], PARTICIPANT);
      case 'participant.renewed':
        return this.#of(body['handle']) === PARTICIPANT ? undefined : 'it renews no participant';
      case 'consent.signed':
        if (body['replaces'] !== undefined && !CONSENTS.includes(this.#of(body['replaces']))) {
          return 'it replaces a consent that was never signed';
        }
        return this.#make(body['handle'], CONSENT);
      case 'consent.withdrawn':
        return this.#end(body['handle'], CONSENT, CONSENT_WITHDRAWN, 'it withdraws no consent in force');
      case 'record.stored':
        return this.#make(body['handle'], RECORD);
      case 'record.superseded':
        if (body['by'] === body['handle'] || !RECORDS.includes(this.#of(body['by']))) {
          return 'it is superseded by a record that was never stored';
        }
        return this.#end(body['handle'], RECORD, RECORD_ENDED, 'it supersedes no live record');
      case 'record.deleted':
        return this.#end(body['handle'], RECORD, RECORD_ENDED, 'it deletes no live record');
      case 'model.published':
        return this.#make(body['handle'], MODEL);
      case 'score.issued':
        if (this.#of(body['model']) !== MODEL) return 'its model was never published';
        return this.#make(body['handle'], RECORD);
      case 'disclosure':
        return this.#make(body['handle'], DISCLOSURE);
      case 'state.anchored':
      case 'submission':
        return undefined;
      case 'participant.revoked':
      case 'key.rotated':
      case 'representative.appointed':
      case 'representative.ended':
      case 'access.requested':
      case 'access.decided':
      case 'record.merged':
      case 'record.unmerged':
      case 'record.erased':
      case 'claim.attested':
      case 'cohort.exported':
      case 'aggregate.answered':
      case 'source.reconciled':
        break;
    }
    // A type without a schema has not passed the form check, so none of these comes here.
    return 'a type without a rule';
  }

  #of(handle: unknown): number {
    return typeof handle === 'string' ? this.#handles.get(handle) : 0;
  }

  #make(handle: unknown, kind: number): string | undefined {
    if (typeof handle !== 'string') return 'it has no handle';
    if (this.#handles.get(handle) !== 0) return 'its handle exists already';
    this.#handles.set(handle, kind);
    return undefined;
  }

  #end(handle: unknown, from: number, to: number, otherwise: string): string | undefined {
    if (typeof handle !== 'string' || this.#handles.get(handle) !== from) return otherwise;
    this.#handles.set(handle, to);
    return undefined;
  }
}
