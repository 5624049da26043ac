/**
 * Which entry may follow which: a handle is made once, and only what exists can be ended or named.
 */
import { unknownType } from '../log/index.js';
import type { Entry } from '../log/index.js';
import { HandleTable } from './handle-table.js';
import type { SnapshotReader, SnapshotWriter } from './snapshot.js';

/** What a handle stands for, and whether it is live. */
const PARTICIPANT = 1;
const CONSENT = 2;
const CONSENT_WITHDRAWN = 3;
const RECORD = 4;
const RECORD_ENDED = 5;
const MODEL = 6;
const DISCLOSURE = 7;
const RECORD_ERASED = 8;
const PARTICIPANT_REVOKED = 9;
const APPOINTMENT = 10;
const APPOINTMENT_ENDED = 11;
const REQUEST = 12;
const REQUEST_APPROVED_BY_CUSTODIAN = 13;
const REQUEST_CLOSED = 14;
const MERGE = 15;
const MERGE_UNDONE = 16;
const FINDING = 17;
const REQUEST_IN_FORCE = 18;

const CONSENTS: readonly number[] = [CONSENT, CONSENT_WITHDRAWN];
const RECORDS: readonly number[] = [RECORD, RECORD_ENDED];

/** Handles of a log, from its first entry on. */
export class Sequence {
  readonly #handles = new HandleTable();
  /** The log's key by its last rotation. */
  #logKey: string | undefined;

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
      case 'participant.revoked':
        return this.#end(body['handle'], PARTICIPANT, PARTICIPANT_REVOKED, 'it revokes no participant');
      case 'key.rotated':
        return this.#rotate(body);
      case 'representative.appointed':
        return this.#make(body['handle'], APPOINTMENT);
      case 'representative.ended':
        return this.#end(body['handle'], APPOINTMENT, APPOINTMENT_ENDED, 'it ends no appointment in force');
      case 'consent.signed':
        if (body['replaces'] !== undefined && !CONSENTS.includes(this.#of(body['replaces']))) {
          return 'it replaces a consent that was never signed';
        }
        return this.#make(body['handle'], CONSENT);
      case 'consent.withdrawn':
        return this.#end(body['handle'], CONSENT, CONSENT_WITHDRAWN, 'it withdraws no consent in force');
      case 'access.requested':
        return this.#make(body['handle'], REQUEST);
      case 'access.decided':
        return this.#decide(body);
      case 'record.stored':
        return this.#make(body['handle'], RECORD);
      case 'record.superseded':
        if (body['by'] === body['handle'] || !RECORDS.includes(this.#of(body['by']))) {
          return 'it is superseded by no record that is kept';
        }
        return this.#end(body['handle'], RECORD, RECORD_ENDED, 'it supersedes no live record');
      case 'record.deleted':
        return this.#end(body['handle'], RECORD, RECORD_ENDED, 'it deletes no live record');
      case 'record.erased':
        return RECORDS.includes(this.#of(body['handle']))
          ? this.#put(body['handle'], RECORD_ERASED)
          : 'it erases no record that is kept';
      case 'record.merged':
        // A merge may be made again once it was undone.
        return this.#of(body['handle']) === MERGE_UNDONE
          ? this.#put(body['handle'], MERGE)
          : this.#make(body['handle'], MERGE);
      case 'record.unmerged':
        return this.#end(body['handle'], MERGE, MERGE_UNDONE, 'it undoes no merge in force');
      case 'model.published':
        return this.#make(body['handle'], MODEL);
      case 'score.issued':
        if (this.#of(body['model']) !== MODEL) return 'its model was never published';
        return this.#make(body['handle'], RECORD);
      case 'disclosure':
        return this.#make(body['handle'], DISCLOSURE);
      case 'claim.attested':
      case 'cohort.exported':
      case 'aggregate.answered':
      case 'source.reconciled':
        return this.#make(body['handle'], FINDING);
      case 'state.anchored':
      case 'submission':
        return undefined;
      default:
        return unknownType(type);
    }
  }

  /** A participant's key is rotated while it takes part; the log's keys follow one another. */
  #rotate({ key, handle, from, to }: Entry['body']): string | undefined {
    if (key === 'participant')
      return this.#of(handle) === PARTICIPANT ? undefined : 'it rotates the key of no participant';
    if (from === to) return 'it rotates the log’s key to itself';
    if (this.#logKey !== undefined && from !== this.#logKey) return 'it rotates a key that is not the log’s';
    this.#logKey = typeof to === 'string' ? to : undefined;
    return undefined;
  }

  /** The custodian decides first, then the patient; a refusal is the end. Who approved may end; the requester always. */
  #decide({ handle, by, outcome }: Entry['body']): string | undefined {
    const state = this.#of(handle);
    const isOpen = state === REQUEST || state === REQUEST_APPROVED_BY_CUSTODIAN;
    if (outcome === 'ended') {
      const spoken = {
        requester: isOpen,
        custodian: state === REQUEST_APPROVED_BY_CUSTODIAN,
        patient: false,
      };
      const maySay = state === REQUEST_IN_FORCE || spoken[by as keyof typeof spoken];
      return maySay
        ? this.#put(handle, REQUEST_CLOSED)
        : `it ends nothing that the ${typeof by === 'string' ? by : 'signer'} may end`;
    }
    if (!isOpen) return 'it decides no open request';
    const turn = state === REQUEST ? 'custodian' : 'patient';
    if (by !== turn) return `it is the ${turn}’s turn to decide`;
    if (outcome !== 'approved') return this.#put(handle, REQUEST_CLOSED);
    return this.#put(handle, state === REQUEST ? REQUEST_APPROVED_BY_CUSTODIAN : REQUEST_IN_FORCE);
  }

  /** Writes where it stands. */
  save(out: SnapshotWriter): void {
    this.#handles.save(out);
    out.json(this.#logKey ?? null);
  }

  /** Goes on from what {@link save} has written. @throws LedgerError LEDGER_CORRUPT */
  restore(from: SnapshotReader): void {
    this.#handles.restore(from);
    this.#logKey = (from.json() as string | null) ?? undefined;
  }

  #of(handle: unknown): number {
    return typeof handle === 'string' ? this.#handles.get(handle) : 0;
  }

  #put(handle: unknown, kind: number): undefined {
    if (typeof handle === 'string') this.#handles.set(handle, kind);
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
