/** Rows of access requests, and the policies that those in force are. */
import type { Obligation, Policy } from '../../../ledger/consent/index.js';
import type { StateView } from '../../../ledger/custody/index.js';
import type { AccessState } from '../../../ledger/access/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import { RESOURCE_TYPES_SYSTEM } from '../../../mappings/index.js';
import type { Evidence } from '../exceptional/rows.js';
import { purposeCoding } from '../tokens/index.js';
import type { AskedAccess, SignedTask } from './task.js';

export type RequesterGroup = 'provider' | 'authority' | 'payer';

export interface Requester {
  readonly participant: string;
  readonly id: string;
  readonly fingerprint: string;
  readonly name: string;
  readonly group: RequesterGroup;
}

/** What somebody said of a request. */
export interface DecisionRow {
  readonly by: 'requester' | 'custodian' | 'patient';
  readonly outcome: 'approved' | 'refused' | 'ended';
  readonly at: number;
  /** Handle of who signed; never shown to another party. */
  readonly signer: string;
  readonly evidence: Evidence;
  /** Handle of the patient's rule that answered. */
  readonly rule?: string;
}

export interface AccessRow {
  readonly handle: string;
  /** Absent where no such patient is kept here: nobody sees the request, and nobody answers it. */
  readonly subjectKey?: string;
  readonly source?: string;
  readonly task: SignedTask['document'];
  /** base64url SHA-256 of the Task as it was signed. */
  readonly taskHash: string;
  readonly asked: AskedAccess;
  readonly requester: Requester;
  readonly requestedAt: number;
  /** When an unanswered request is over, ms. */
  readonly answerBy: number;
  readonly declared: Evidence;
  /** As last written; the clock may have moved on. */
  readonly state: AccessState;
  /** As narrowed by who approved. */
  readonly types: readonly string[];
  readonly endMs: number;
  readonly decisions: readonly DecisionRow[];
  /** Epoch of the consents at which it came into force. */
  readonly version?: number;
}

type View = Pick<StateView, 'get'>;

const ACCESS = 'access/';
const SUBJECT_OF = 'access-of/';

export class AccessRows {
  readonly #store: Store;
  readonly #key: Buffer;

  constructor(store: Store, indexKey: Buffer) {
    this.#store = store;
    this.#key = indexKey;
  }

  writes(row: AccessRow): StoreWrite[] {
    const key = ACCESS + row.handle;
    const plain = Buffer.from(JSON.stringify(row), 'utf8');
    const own: StoreWrite = { type: 'put', key, value: sealRow(this.#key, key, plain) };
    if (row.subjectKey === undefined) return [own];
    const index = `${SUBJECT_OF}${row.subjectKey}/${row.handle}`;
    return [own, { type: 'put', key: index, value: Buffer.alloc(0) }];
  }

  get(handle: string, view: View = { get: (key) => this.#store.getSync(key) }): AccessRow | undefined {
    const key = ACCESS + handle;
    const row = view.get(key);
    if (row === undefined) return undefined;
    return JSON.parse(openRow(this.#key, key, row).toString('utf8')) as AccessRow;
  }

  /** Those of one patient. */
  async ofSubject(subjectKey: string): Promise<AccessRow[]> {
    const prefix = `${SUBJECT_OF}${subjectKey}/`;
    const keys = await this.#store.keys({ gte: prefix, lt: `${prefix}~` }).all();
    return keys.flatMap((key) => this.get(key.slice(prefix.length)) ?? []);
  }

  async *all(): AsyncGenerator<AccessRow> {
    for await (const key of this.#store.keys({ gte: ACCESS, lt: `${ACCESS}~` })) {
      const row = this.get(key.slice(ACCESS.length));
      if (row !== undefined) yield row;
    }
  }
}

/** What each group is bound to, whatever it asks for. */
const BOUND: Readonly<Record<RequesterGroup, readonly Obligation[]>> = {
  provider: [],
  authority: [{ kind: 'pseudonymise' }, { kind: 'no-onward-use' }],
  payer: [{ kind: 'redact', elements: ['text', 'note'] }, { kind: 'no-onward-use' }],
};

/** What a request would permit if its patient approved it now, narrowed as said. */
export function wouldPermit(
  row: AccessRow,
  { types, until }: { readonly types?: readonly string[]; readonly until?: string } = {},
): Policy[] {
  const endMs = until === undefined ? row.endMs : Math.min(row.endMs, Date.parse(until));
  return accessPolicies({
    ...row,
    // No log has as many leaves: what would be signed comes after all there is.
    version: row.version ?? Number.MAX_SAFE_INTEGER,
    types: types === undefined ? row.types : row.types.filter((type) => types.includes(type)),
    endMs: Number.isNaN(endMs) ? row.endMs : endMs,
  });
}

/** What a request in force permits: the same in both layers, each of which must permit. */
export function accessPolicies(row: AccessRow): Policy[] {
  const { handle, version, subjectKey, asked, requester, requestedAt, types, endMs } = row;
  if (subjectKey === undefined || version === undefined) return [];
  const policies = (['custodian', 'patient'] as const).map((layer): Policy => ({
    kind: 'consent',
    layer,
    handle,
    version,
    identifier: `handle:${handle}`,
    dateTimeMs: requestedAt,
    subject: subjectKey,
    status: 'active',
    root: {
      type: 'permit',
      period: { startMs: asked.startMs, endMs },
      actors: [{ reference: `Organization/${requester.id}` }],
      actions: ['access'],
      purposes: [purposeCoding(asked.purpose)],
      classes: types.map((type) => `${RESOURCE_TYPES_SYSTEM}|${type}`),
      ...(layer === 'patient' ? { obligations: BOUND[requester.group] } : {}),
      provisions: [],
    },
    unknown: [],
  }));
  const [custodian] = policies;
  if (custodian === undefined || requester.group !== 'payer' || !types.includes('Claim')) return policies;
  // An insurer that was let ask about claims may ask about all that a claim can rest on: what the patient permits.
  const { classes: _classes, ...root } = custodian.root;
  const claims = {
    ...custodian,
    identifier: `handle:${handle}/claims`,
    root: { ...root, actions: ['disclose'] },
  };
  return [...policies, claims as Policy];
}
