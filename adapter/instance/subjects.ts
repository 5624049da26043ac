/**
 * Patients as the custodian keeps them: one subject for each source and patient, with a tag key, a record key
 * wrapped for custodian and patient, and the wallet once the patient has enrolled.
 */
import { randomBytes } from 'node:crypto';
import { isErased } from '../../ledger/custody/index.js';
import type { Appender, StateView } from '../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import {
  facadeId,
  mark,
  openRow,
  sealRow,
  unwrapRecordKey,
  wrapRecordKey,
} from '../../ledger/vault/index.js';
import type { InstanceKeys, RecordKeyWrap } from '../../ledger/vault/index.js';
import { AdapterError } from '../errors.js';

/** The patient's own key, certified. */
export interface Wallet {
  /** Handle of the `participant.enrolled` entry. */
  readonly participant: string;
  /** base64url SHA-256 of the certificate: `kid` of what it signs. */
  readonly fingerprint: string;
  /** DER, base64. */
  readonly certificate: string;
}

export interface Subject {
  /** Our own name of this patient at this custodian; keyed, so it tells nothing without the key. */
  readonly key: string;
  readonly source: string;
  /** Logical id of the Patient at the source. */
  readonly patientId: string;
  /** Id that the FHIR facade gives the Patient. */
  readonly facadeId: string;
  readonly tagKey: Buffer;
  readonly recordKey: Buffer;
  readonly wallet: Wallet | undefined;
  /** Handles of enrolments that were this record's before, the earliest first. */
  readonly former: readonly string[];
}

interface SubjectRow {
  readonly source: string;
  readonly patientId: string;
  readonly tagKey: string;
  /** One JWE a recipient: the custodian, and the patient once enrolled. */
  readonly wraps: { readonly custodian: RecordKeyWrap; readonly patient?: RecordKeyWrap };
  readonly wallet?: Wallet;
  readonly former?: readonly string[];
}

/** What is left of an erased patient until retention ends: what receipts and consents are checked by. */
export interface ErasedSubject {
  readonly key: string;
  readonly source: string;
  readonly tagKey: Buffer;
  readonly wallet: Wallet | undefined;
  readonly former: readonly string[];
}

type ErasedRow = Omit<SubjectRow, 'patientId' | 'wraps'> & { readonly wraps?: never };

/** Subjects kept unwrapped: 50,000 at about 400 bytes; what is beyond is unwrapped again when met. */
const CACHE_MAX = 50_000;

export interface Custodian {
  /** Key id of the custodian's X25519 key. */
  readonly kid: string;
  readonly x25519Public: Buffer;
}

export class Subjects {
  readonly #store: Store;
  readonly #keys: InstanceKeys;
  readonly #custodian: Custodian;
  readonly #appender: () => Appender;
  readonly #cache = new Map<string, Promise<Subject>>();

  constructor(store: Store, keys: InstanceKeys, custodian: Custodian, appender: () => Appender) {
    this.#store = store;
    this.#keys = keys;
    this.#custodian = custodian;
    this.#appender = appender;
  }

  /** The subject's name, whether it exists or not. */
  keyOf(source: string, patientId: string): string {
    return mark(this.#keys.storage.indexKey, 'subject', source, patientId);
  }

  /**
   * The subject of a patient, made when it is first met; its row is durable before this resolves.
   *
   * @throws AdapterError ADAPTER_ERASED when all of the patient was erased.
   */
  ensure(source: string, patientId: string): Promise<Subject> {
    const key = this.keyOf(source, patientId);
    return this.#remember(key, () =>
      this.#load(key).then((found) => {
        if (found === undefined && this.isErased(key)) throw erased();
        return found ?? this.#create(key, source, patientId);
      }),
    );
  }

  /** The source of a subject, without unwrapping anything; `undefined` for one that is not kept. */
  sourceOf(key: string): string | undefined {
    return this.#read({ get: (name) => this.#store.getSync(name) }, key)?.source;
  }

  /** The source of a subject and its name at the facade, without unwrapping anything; `undefined` once it is erased. */
  nameOf(key: string): { readonly source: string; readonly facadeId: string } | undefined {
    const row = this.#read({ get: (name) => this.#store.getSync(name) }, key);
    if (row?.wraps === undefined) return undefined;
    const { source, patientId } = row;
    return { source, facadeId: facadeId(this.#keys.storage.facadeKey, source, 'Patient', patientId) };
  }

  /** Whether all of a patient was erased. */
  isErased(key: string): boolean {
    return isErased({ get: (name) => this.#store.getSync(name) }, key);
  }

  /** A subject by its key, or `undefined`; an erased one is none. */
  async find(key: string): Promise<Subject | undefined> {
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const found = await this.#load(key);
    // Erased while it was unwrapped: it must not come to be remembered.
    if (found === undefined || this.isErased(key)) return undefined;
    await this.#remember(key, () => Promise.resolve(found));
    return found;
  }

  /** A subject by the id that the facade gives its Patient, or `undefined`. */
  async findByFacadeId(id: string): Promise<Subject | undefined> {
    const row = this.#store.getSync(`facade/${id}`);
    return row === undefined ? undefined : this.find(row.toString('latin1'));
  }

  /** Keys of all subjects but the erased. */
  async *keys(): AsyncGenerator<string> {
    for await (const row of this.#store.keys({ gte: PREFIX, lt: `${PREFIX}~` })) {
      const key = row.slice(PREFIX.length);
      if (!this.isErased(key)) yield key;
    }
  }

  /** What is left of an erased patient, or `undefined`. */
  findErased(key: string): ErasedSubject | undefined {
    if (!this.isErased(key)) return undefined;
    const row = this.#read({ get: (name) => this.#store.getSync(name) }, key);
    if (row === undefined) return undefined;
    const { source, tagKey, wallet, former = [] } = row;
    return { key, source, tagKey: Buffer.from(tagKey, 'base64url'), wallet, former };
  }

  /** The row of a patient of whom all is erased: without the id at the source, and without a wrap of the record key. */
  eraseWrite(subject: Subject): StoreWrite {
    const { source, tagKey, wallet, former } = subject;
    return this.#write(subject.key, {
      source,
      tagKey: tagKey.toString('base64url'),
      ...(wallet === undefined ? {} : { wallet }),
      ...(former.length === 0 ? {} : { former }),
    });
  }

  /** The record key wrapped for a patient's certified X25519 key; to be stored by {@link enrolWrites}. */
  async wrapForPatient(subject: Subject, fingerprint: string, x25519Public: Buffer): Promise<RecordKeyWrap> {
    const wraps = await wrapRecordKey(subject.recordKey, [{ kid: fingerprint, publicKey: x25519Public }]);
    const wrap = wraps[fingerprint];
    if (wrap === undefined) throw new Error('the record key was not wrapped');
    return wrap;
  }

  /** The wallet of a record, as the batch that is gathered has it; an erased patient has none. */
  walletOf(view: Pick<StateView, 'get'>, key: string): Wallet | undefined {
    const row = this.#read(view, key);
    return row?.wraps === undefined ? undefined : row.wallet;
  }

  /** Rows that give a subject its wallet; another enrolment than before makes that one a former one. */
  enrolWrites(view: Pick<StateView, 'get'>, key: string, wallet: Wallet, wrap: RecordKeyWrap): StoreWrite[] {
    const row = this.#live(view, key);
    const before = row.wallet?.participant;
    const isOther = before !== undefined && before !== wallet.participant;
    const former = isOther ? { former: [...(row.former ?? []), before] } : {};
    return [this.#write(key, { ...row, ...former, wallet, wraps: { ...row.wraps, patient: wrap } })];
  }

  /** Rows that take a subject its wallet, and destroy the patient's wrap of the record key. */
  unlinkWrites(view: Pick<StateView, 'get'>, key: string): StoreWrite[] {
    const { wallet, wraps, former = [], ...row } = this.#live(view, key);
    const past = wallet === undefined ? former : [...former, wallet.participant];
    return [this.#write(key, { ...row, former: past, wraps: { custodian: wraps.custodian } })];
  }

  #live(view: Pick<StateView, 'get'>, key: string): SubjectRow {
    const row = this.#read(view, key);
    if (row?.wraps === undefined) throw erased();
    return row;
  }

  /** Forgets what is cached of a subject, so that the next look reads its row. */
  forget(key: string): void {
    this.#cache.delete(key);
  }

  #remember(key: string, make: () => Promise<Subject>): Promise<Subject> {
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    if (this.#cache.size >= CACHE_MAX) {
      const oldest = this.#cache.keys().next();
      if (oldest.done !== true) this.#cache.delete(oldest.value);
    }
    const made = make();
    this.#cache.set(key, made);
    made.catch(() => this.#cache.delete(key));
    return made;
  }

  async #load(key: string): Promise<Subject | undefined> {
    const row = this.#read({ get: (name) => this.#store.getSync(name) }, key);
    if (row?.wraps === undefined) return undefined;
    const recordKey = await unwrapRecordKey(row.wraps.custodian, this.#keys.instanceX25519);
    return this.#subject(key, row, recordKey);
  }

  async #create(key: string, source: string, patientId: string): Promise<Subject> {
    const recordKey = randomBytes(32);
    const { kid, x25519Public } = this.#custodian;
    const wraps = await wrapRecordKey(recordKey, [{ kid, publicKey: x25519Public }]);
    const custodian = wraps[kid];
    if (custodian === undefined) throw new Error('the record key was not wrapped');
    const row: SubjectRow = {
      source,
      patientId,
      tagKey: randomBytes(32).toString('base64url'),
      wraps: { custodian },
    };
    const subject = this.#subject(key, row, recordKey);
    await this.#appender().writeRows(() => ({
      writes: [
        this.#write(key, row),
        { type: 'put', key: `facade/${subject.facadeId}`, value: Buffer.from(key, 'latin1') },
      ],
      value: undefined,
    }));
    return subject;
  }

  #subject(key: string, row: SubjectRow, recordKey: Buffer): Subject {
    return {
      key,
      source: row.source,
      patientId: row.patientId,
      facadeId: facadeId(this.#keys.storage.facadeKey, row.source, 'Patient', row.patientId),
      tagKey: Buffer.from(row.tagKey, 'base64url'),
      recordKey,
      wallet: row.wallet,
      former: row.former ?? [],
    };
  }

  #read(view: Pick<StateView, 'get'>, key: string): SubjectRow | ErasedRow | undefined {
    const sealed = view.get(PREFIX + key);
    if (sealed === undefined) return undefined;
    return JSON.parse(openRow(this.#keys.storage.indexKey, PREFIX + key, sealed).toString('utf8')) as
      SubjectRow | ErasedRow;
  }

  #write(key: string, row: SubjectRow | ErasedRow): StoreWrite {
    const plain = Buffer.from(JSON.stringify(row), 'utf8');
    return {
      type: 'put',
      key: PREFIX + key,
      value: sealRow(this.#keys.storage.indexKey, PREFIX + key, plain),
    };
  }
}

const PREFIX = 'subject/';

/** Row of a subject. */
export function subjectRowKey(key: string): string {
  return PREFIX + key;
}

function erased(): AdapterError {
  return new AdapterError('ADAPTER_ERASED', 'all of this patient was erased');
}
