/** Requests for enrolment that wait for a second person, and what became of them. */
import { randomBytes } from 'node:crypto';
import type { StateView } from '../../../ledger/custody/index.js';
import type { PersonRole } from '../../../ledger/participants/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { mark, openRow, sealRow } from '../../../ledger/vault/index.js';
import type { ClientGroup } from '../../instance/clients.js';
import type { Vouched, Vouching } from './vouching.js';

/** Somebody of an organisation, and which. */
export interface PersonOf {
  readonly role: PersonRole;
  /** Id of the organisation, as in its certificates. */
  readonly of: string;
  /** The person's own name: patients see it in their accounts, and the log never does. */
  readonly called?: string;
}

export interface EnrolmentRequest {
  readonly id: string;
  /** PKCS#10, PEM. */
  readonly csr: string;
  readonly name: string;
  readonly group: ClientGroup;
  /** Absent: the organisation itself. */
  readonly person?: PersonOf;
  /** What another authority's certificate says of it, and that certificate: judged again when it is approved. */
  readonly vouched?: Vouched & { readonly shown: Vouching };
  /** Admitted on that word alone: ours lasts no longer than the certificate that was shown. */
  readonly alone?: true;
  readonly askedBy: string;
  readonly askedAt: number;
  readonly state: 'pending' | 'approved' | 'refused';
  readonly decidedBy?: string;
  readonly decidedAt?: number;
  /** Why it was refused. */
  readonly reason?: string;
  /** Of the participant that it became. */
  readonly handle?: string;
}

const REQUESTS = 'ca/request/';
/** Leads from a PKCS#10 request to the newest enrolment asked for by it. */
const BY_CSR = 'ca/request-csr/';
const ID = /^r-[a-z2-7]{16}$/;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** A fresh name of a request: `r-` and 80 random bits. */
export function newRequestId(): string {
  let id = 'r-';
  for (const byte of randomBytes(16)) id += BASE32.charAt(byte & 31);
  return id;
}

export function isRequestId(text: string): boolean {
  return ID.test(text);
}

/** Rows of requests. */
export class Requests {
  readonly #store: Store;
  readonly #key: Buffer;

  constructor(store: Store, indexKey: Buffer) {
    this.#store = store;
    this.#key = indexKey;
  }

  get(id: string, view: Pick<StateView, 'get'> = this.#view): EnrolmentRequest | undefined {
    const row = view.get(REQUESTS + id);
    return row === undefined ? undefined : this.#open(REQUESTS + id, row);
  }

  /** The request that came with a PKCS#10 request, compared by its bytes. */
  ofCsr(der: Buffer, view: Pick<StateView, 'get'> = this.#view): EnrolmentRequest | undefined {
    const id = view.get(this.#csrKey(der))?.toString('latin1');
    return id === undefined ? undefined : this.get(id, view);
  }

  /** @param der - Of the PKCS#10 request. */
  writes(request: EnrolmentRequest, der: Buffer): StoreWrite[] {
    const key = REQUESTS + request.id;
    const plain = Buffer.from(JSON.stringify(request), 'utf8');
    return [
      { type: 'put', key, value: sealRow(this.#key, key, plain) },
      { type: 'put', key: this.#csrKey(der), value: Buffer.from(request.id, 'latin1') },
    ];
  }

  /** In the order in which they were asked. */
  async all(): Promise<EnrolmentRequest[]> {
    const rows = await this.#store.iterator({ gte: REQUESTS, lt: `${REQUESTS}~` }).all();
    return rows.map(([key, row]) => this.#open(key, row)).toSorted((a, b) => a.askedAt - b.askedAt);
  }

  get #view(): Pick<StateView, 'get'> {
    return { get: (key) => this.#store.getSync(key) };
  }

  #csrKey(der: Buffer): string {
    return BY_CSR + mark(this.#key, 'enrolment-request', der.toString('base64url'));
  }

  #open(key: string, row: Buffer): EnrolmentRequest {
    return JSON.parse(openRow(this.#key, key, row).toString('utf8')) as EnrolmentRequest;
  }
}
