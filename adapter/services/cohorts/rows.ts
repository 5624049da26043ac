/** Rows of cohorts, of what hospitals said to them, and of their exports; all sealed. */
import { randomBytes } from 'node:crypto';
import type { AccessState } from '../../../ledger/access/index.js';
import type { StandsOn } from '../../../ledger/consent/index.js';
import type { StateView } from '../../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import type { Evidence } from '../exceptional/rows.js';
import type { CohortDefinition } from './definition.js';

export interface CohortRequester {
  readonly participant: string;
  /** Of the organisation. */
  readonly id: string;
  readonly name: string;
}

/** What one custodian was asked, and said. */
export interface ApprovalRow {
  readonly custodian: string;
  readonly name: string;
  readonly participant: string;
  /** Of `access.requested`; in force it names the custodian's permission. */
  readonly handle: string;
  readonly state: AccessState;
  readonly at: number;
  readonly evidence: readonly Evidence[];
}

export interface CohortRow {
  readonly id: string;
  readonly definition: CohortDefinition;
  readonly hash: string;
  readonly requester: CohortRequester;
  readonly definedAt: number;
  /** The project's key, 32 bytes, base64url: pseudonyms and offsets are made with it. */
  readonly key: string;
  /** Empty until it is requested. */
  readonly approvals: readonly ApprovalRow[];
}

/** A sealed file of an export. */
export interface ExportFile {
  readonly name: string;
  readonly mediaType: string;
  /** Resource type, or `table`, `dictionary`, `report`, `manifest`. */
  readonly type: string;
  readonly count: number;
  readonly bytes: number;
  /** Lower-case hex, of the plain bytes. */
  readonly sha256: string;
  /** Places in the export's list of patients, the second excluded; none for what holds no patient. */
  readonly patients?: readonly [from: number, to: number];
  /** Name and data key of the sealed file, base64url. */
  readonly blob: { readonly name: string; readonly dataKey: string };
  /** Rows of patients in it: the first is leaf `rowsFrom` of the export's tree. */
  readonly rowsFrom?: number;
}

/** What a kick-off asked for. */
export interface ExportParameters {
  /** Address of the kick-off. */
  readonly request: string;
  readonly sinceMs?: number;
  readonly types?: readonly string[];
  /** `Type.element`, or `element` of all types. */
  readonly elements?: readonly string[];
  readonly typeFilters?: readonly string[];
}

export type ExportState = 'queued' | 'building' | 'done' | 'failed' | 'deleted' | 'expired';

export interface ExportRow {
  readonly id: string;
  readonly cohort: string;
  readonly requester: string;
  readonly asked: ExportParameters;
  readonly state: ExportState;
  readonly begunAt: number;
  readonly expiresAt: number;
  /** When the records were read: what came later is not in it. */
  readonly transactionTime?: number;
  readonly doneAt?: number;
  readonly error?: string;
  readonly files?: readonly ExportFile[];
  readonly patients?: number;
  /** Of `cohort.exported`, and its leaf. */
  readonly handle?: string;
  readonly leaf?: number;
  /** RFC 8785 form of the manifest's document: it is kept when the files are gone. */
  readonly manifest?: string;
  /** The manifest's salt, base64url. */
  readonly salt?: string;
  /** Of rows: hidden root salt, base64url. */
  readonly rowSalt?: string;
  /** Pseudonyms of patients who are no longer in the cohort. */
  readonly deleted?: readonly string[];
}

/** A patient of an export. Personal data: sealed, never on the log. */
export interface ExportPatient {
  readonly subject: string;
  readonly epoch: number;
  readonly standsOn: readonly StandsOn[];
  /** Id of the Patient in the export. */
  readonly pseudonym: string;
  /** Of the patient's records, from before they were read: while it is the same, none was erased. */
  readonly recordEpoch: string;
}

/** A place in an export's list of patients; places stay when patients go. */
export interface ExportPlace {
  readonly place: number;
  /** Absent where the patient was erased, which is as if it were permitted no more. */
  readonly patient?: ExportPatient;
}

/** Rows in which an export names a patient. */
export interface ExportedRows {
  /** Keys of the rows of {@link ExportPatient}. */
  readonly keys: readonly string[];
  /** What they hold, and what lies beside them, sealed. */
  readonly rows: readonly Buffer[];
}

type View = Pick<StateView, 'get'>;

const COHORT = 'cohort/';
const EXPORT = 'cohort-export/';
/** Rows of {@link ExportPatient}, by export and place. */
const PATIENTS = 'cohort-patients/';
/** Rows of the handles that went in, beside them. */
const HANDLES = 'cohort-handles/';
/** That a receipt is down, beside them. */
const RECEIPTS = 'cohort-receipt/';
/** A row an export: the pseudonyms of those who were erased since, so that recipients are told to delete them. */
const GONE = 'cohort-gone/';
/** What the rows that name a patient begin with. */
export const NAMING_PREFIXES: readonly string[] = [PATIENTS, HANDLES];

function handlesKey(id: string, place: number): string {
  return `${HANDLES}${id}/${String(place).padStart(8, '0')}`;
}

function patientKey(id: string, place: number): string {
  return `${PATIENTS}${id}/${String(place).padStart(8, '0')}`;
}

/** 16 random bytes as hex: an id that FHIR takes. */
export function newId(): string {
  return randomBytes(16).toString('hex');
}

export class CohortRows {
  readonly #store: Store;
  readonly #key: Buffer;

  constructor(store: Store, vaultKek: Buffer) {
    this.#store = store;
    this.#key = vaultKek;
  }

  cohort(id: string, view: View = this.#view): CohortRow | undefined {
    return this.#get(COHORT + id, view) as CohortRow | undefined;
  }

  cohortWrite(row: CohortRow): StoreWrite {
    return this.#put(COHORT + row.id, row);
  }

  async cohorts(): Promise<CohortRow[]> {
    return (await this.#all(COHORT)) as CohortRow[];
  }

  export(id: string, view: View = this.#view): ExportRow | undefined {
    return this.#get(EXPORT + id, view) as ExportRow | undefined;
  }

  exportWrite(row: ExportRow): StoreWrite {
    return this.#put(EXPORT + row.id, row);
  }

  async exports(): Promise<ExportRow[]> {
    return (await this.#all(EXPORT)) as ExportRow[];
  }

  /** The patient at a place; `undefined` where that patient was erased. */
  patient(id: string, place: number): ExportPatient | undefined {
    return this.#get(patientKey(id, place), this.#view) as ExportPatient | undefined;
  }

  /** Of the row that says that a patient's receipt is down. */
  receiptKey(id: string, place: number): string {
    return `${RECEIPTS}${id}/${String(place).padStart(8, '0')}`;
  }

  /** Every place, in order. @param to - Excluded. */
  *patients(id: string, from: number, to: number): Generator<ExportPlace> {
    for (let place = from; place < to; place++) {
      const patient = this.patient(id, place);
      yield patient === undefined ? { place } : { place, patient };
    }
  }

  /** Handles of the record versions of one patient that went in; beside the patient's row, for they are many. */
  handles(id: string, place: number): readonly string[] {
    return (this.#get(handlesKey(id, place), this.#view) as readonly string[] | undefined) ?? [];
  }

  patientWrites(id: string, place: number, patient: ExportPatient, handles: readonly string[]): StoreWrite[] {
    return [this.#put(patientKey(id, place), patient), this.#put(handlesKey(id, place), handles)];
  }

  /** Takes away all that is kept of an export's patients: nothing of it has left. */
  async emptyWrites(id: string): Promise<StoreWrite[]> {
    const found = await Promise.all(
      [PATIENTS, HANDLES].map((prefix) =>
        this.#store.keys({ gte: `${prefix}${id}/`, lt: `${prefix}${id}/~` }).all(),
      ),
    );
    return [...found.flat(), GONE + id].map((key) => ({ type: 'del', key }));
  }

  /** Pseudonyms of an export's patients who were erased, in the order of the pseudonyms. */
  gone(id: string, view: View = this.#view): readonly string[] {
    return (this.#get(GONE + id, view) as readonly string[] | undefined) ?? [];
  }

  /** Where exports name a patient, those under way among them. */
  async naming(subject: string): Promise<ExportedRows> {
    const keys: string[] = [];
    const rows: Buffer[] = [];
    for await (const [key, row] of this.#store.iterator({ gte: PATIENTS, lt: `${PATIENTS}~` })) {
      if ((this.#opened(key, row) as ExportPatient).subject !== subject) continue;
      const handles = this.#store.getSync(HANDLES + key.slice(PATIENTS.length));
      keys.push(key);
      rows.push(row, ...(handles === undefined ? [] : [handles]));
    }
    return { keys, rows };
  }

  /**
   * Destroys what exports say of a patient. The pseudonym that recipients know is kept apart from the place, among those of others:
   * patients stand in the order of their names here, so that a place between two others would tell whose it was.
   *
   * @param view - What is written meanwhile included: an export that was built anew has another patient at a place.
   * @param keys - Of {@link naming}.
   */
  eraseWrites(view: View, subject: string, keys: readonly string[]): StoreWrite[] {
    const writes: StoreWrite[] = [];
    const gone = new Map<string, Set<string>>();
    for (const key of keys) {
      const patient = this.#get(key, view) as ExportPatient | undefined;
      if (patient?.subject !== subject) continue;
      const at = key.slice(PATIENTS.length);
      for (const prefix of [PATIENTS, HANDLES, RECEIPTS]) writes.push({ type: 'del', key: prefix + at });
      if (patient.pseudonym === '') continue;
      const id = at.slice(0, at.indexOf('/'));
      const names = gone.get(id) ?? new Set(this.gone(id, view));
      gone.set(id, names.add(patient.pseudonym));
    }
    for (const [id, names] of gone) writes.push(this.#put(GONE + id, [...names].toSorted()));
    return writes;
  }

  /** Any other row of cohorts. */
  get(key: string, view: View = this.#view): unknown {
    return this.#get(key, view);
  }

  put(key: string, value: object): StoreWrite {
    return this.#put(key, value);
  }

  async all(prefix: string): Promise<unknown[]> {
    return this.#all(prefix);
  }

  get #view(): View {
    return { get: (key) => this.#store.getSync(key) };
  }

  #get(key: string, view: View): unknown {
    const row = view.get(key);
    return row === undefined ? undefined : this.#opened(key, row);
  }

  #opened(key: string, row: Buffer): unknown {
    return JSON.parse(openRow(this.#key, key, row).toString('utf8'));
  }

  #put(key: string, value: object): StoreWrite {
    return { type: 'put', key, value: sealRow(this.#key, key, Buffer.from(JSON.stringify(value), 'utf8')) };
  }

  async #all(prefix: string): Promise<unknown[]> {
    const rows = await this.#store.iterator({ gte: prefix, lt: `${prefix}~` }).all();
    return rows.map(([key, row]) => this.#opened(key, row));
  }
}
