/** Rows of emergencies and duties, and the policies that they are. */
import type { Policy } from '../../../ledger/consent/index.js';
import { EVERY_SUBJECT } from '../../../ledger/consent/index.js';
import type { StateView } from '../../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import { RESOURCE_TYPES_SYSTEM } from '../../../mappings/index.js';
import { purposeCoding } from '../tokens/purpose.js';
import type { DocumentSigner } from './signing.js';

/** Bytes that an entry commits to, base64, and the salt that opens the commitment. */
export interface Evidence {
  readonly bytes: string;
  readonly salt: string;
}

export interface EmergencyRow {
  readonly handle: string;
  readonly version: number;
  readonly subjectKey: string;
  readonly source: string;
  /** `Patient/<id>` at the facade. */
  readonly patient: string;
  readonly clinician: DocumentSigner;
  readonly reason: string;
  readonly startMs: number;
  readonly endMs: number;
  /** When a second person must have reviewed it, ms. */
  readonly reviewMs: number;
  readonly overRefusal: boolean;
  /** The declaration as signed; the custodian's policy as signed. */
  readonly declared: Evidence;
  readonly approved: Evidence;
  readonly review?: {
    readonly by: DocumentSigner;
    readonly outcome: 'justified' | 'unjustified';
    readonly text: string;
    readonly at: number;
    readonly evidence: Evidence;
  };
  /** When the hospital was reminded that nobody has reviewed it. */
  readonly remindedAt?: number;
}

export interface DutyRow {
  readonly handle: string;
  readonly source: string;
  readonly basis: string;
  readonly recipient: string;
  readonly purpose: string;
  readonly types: readonly string[];
  readonly codes: readonly string[];
  readonly startMs: number;
  readonly endMs: number;
  readonly signer: DocumentSigner;
  readonly at: number;
  readonly declared: Evidence;
  readonly approved: Evidence;
  readonly ended?: { readonly by: DocumentSigner; readonly at: number; readonly evidence: Evidence };
}

type View = Pick<StateView, 'get'>;

const EMERGENCY = 'emergency/';
const SUBJECT_OF = 'emergency-of/';
const DUTY = 'duty/';
/** A duty never changes its version: a change takes a new handle. */
export const DUTY_VERSION = 1;
export const BREAK_THE_GLASS = purposeCoding('BTG');

export class ExceptionalRows {
  readonly #store: Store;
  readonly #key: Buffer;

  constructor(store: Store, indexKey: Buffer) {
    this.#store = store;
    this.#key = indexKey;
  }

  emergencyWrites(row: EmergencyRow): StoreWrite[] {
    const { handle, subjectKey } = row;
    return [
      this.#put(`${EMERGENCY}${subjectKey}/${handle}`, row),
      { type: 'put', key: SUBJECT_OF + handle, value: Buffer.from(subjectKey, 'latin1') },
    ];
  }

  emergency(handle: string, view: View = this.#view): EmergencyRow | undefined {
    const subjectKey = view.get(SUBJECT_OF + handle)?.toString('latin1');
    if (subjectKey === undefined) return undefined;
    const key = `${EMERGENCY}${subjectKey}/${handle}`;
    const row = view.get(key);
    return row === undefined ? undefined : (this.#open(key, row) as EmergencyRow);
  }

  /** Emergencies of one patient, or of all. */
  async *emergencies(subjectKey?: string): AsyncGenerator<EmergencyRow> {
    const prefix = subjectKey === undefined ? EMERGENCY : `${EMERGENCY}${subjectKey}/`;
    for await (const [key, row] of this.#store.iterator({ gte: prefix, lt: `${prefix}~` }))
      yield this.#open(key, row) as EmergencyRow;
  }

  dutyWrite(row: DutyRow): StoreWrite {
    return this.#put(DUTY + row.handle, row);
  }

  duty(handle: string, view: View = this.#view): DutyRow | undefined {
    const row = view.get(DUTY + handle);
    return row === undefined ? undefined : (this.#open(DUTY + handle, row) as DutyRow);
  }

  async duties(): Promise<DutyRow[]> {
    const rows = await this.#store.iterator({ gte: DUTY, lt: `${DUTY}~` }).all();
    return rows.map(([key, row]) => this.#open(key, row) as DutyRow);
  }

  #put(key: string, row: object): StoreWrite {
    return {
      type: 'put',
      key,
      value: sealRow(this.#key, key, Buffer.from(JSON.stringify(row), 'utf8')),
    };
  }

  #open(key: string, row: Buffer): unknown {
    return JSON.parse(openRow(this.#key, key, row).toString('utf8'));
  }

  get #view(): View {
    return { get: (key) => this.#store.getSync(key) };
  }
}

/** Reference by which policies name a person of a provider. */
export function personReference(id: string): string {
  return `Practitioner/${id}`;
}

/** The custodian's policy for one emergency: for the one clinician, to break the glass, for a short time. */
export function emergencyPolicy(row: Omit<EmergencyRow, 'declared' | 'approved' | 'review'>): Policy {
  const { handle, version, subjectKey, clinician, startMs, endMs, overRefusal } = row;
  return {
    kind: 'emergency',
    layer: 'custodian',
    handle,
    version,
    identifier: `handle:${handle}`,
    dateTimeMs: startMs,
    subject: subjectKey,
    status: 'active',
    overRefusal,
    root: {
      type: 'permit',
      period: { startMs, endMs },
      actors: [{ reference: personReference(clinician.id) }],
      actions: ['access'],
      purposes: [BREAK_THE_GLASS],
      provisions: [],
    },
    unknown: [],
  };
}

/** The custodian's policy for a duty: for the one recipient, types and codes by name, over a refusal. */
export function dutyPolicy({
  handle,
  recipient,
  purpose,
  types,
  codes,
  startMs,
  endMs,
  at,
}: DutyRow): Policy {
  return {
    kind: 'legal-basis',
    layer: 'custodian',
    handle,
    version: DUTY_VERSION,
    identifier: `handle:${handle}`,
    dateTimeMs: at,
    subject: EVERY_SUBJECT,
    status: 'active',
    overRefusal: true,
    root: {
      type: 'permit',
      period: { startMs, endMs },
      actors: [{ reference: `Organization/${recipient}` }],
      actions: ['access', 'disclose'],
      purposes: [purposeCoding(purpose)],
      classes: types.map((type) => `${RESOURCE_TYPES_SYSTEM}|${type}`),
      codes,
      provisions: [],
    },
    unknown: [],
  };
}
