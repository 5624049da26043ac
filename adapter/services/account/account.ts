/**
 * The account of disclosures: what the receipts say of whom, for the patient and for the custodian. There is one source of
 * it, the sealed rows beside the log; lists, AuditEvents and the command are views of these.
 */
import type { AuditEvent } from 'fhir/r4.js';
import { openRow } from '../../../ledger/vault/index.js';
import { disclosureAudit } from '../../../mappings/index.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';
import { DISCLOSURE } from '../disclosure.js';
import { personReference } from '../exceptional/index.js';
import type { Caller } from '../tokens/index.js';

/** A disclosure, as its receipt says it. */
export interface Disclosed {
  /** Names the receipt on the log. */
  readonly handle: string;
  readonly at: number;
  /** Reference of the recipient. */
  readonly to: string;
  /** v3-ActReason code. */
  readonly purpose: string;
  /** Such as `read`, `everything` or what a patient was shown. */
  readonly what?: string;
  readonly type?: string;
  /** Handles of the versions that were shown. */
  readonly records: readonly string[];
  readonly obligations: readonly string[];
  /** Handles of the consents, or other grounds. */
  readonly under: readonly string[];
}

export interface AccountFilter {
  /** Not before this time, ms. */
  readonly fromMs?: number;
  /** Before this time, ms. */
  readonly untilMs?: number;
}

interface StoredReceipt {
  readonly at: number;
  readonly to: string;
  readonly purpose: string;
  readonly interaction?: string;
  readonly shown?: string;
  readonly type?: string;
  readonly records?: readonly string[];
  readonly obligations?: readonly string[];
  readonly consents?: readonly { readonly handle: string }[];
}

const ORGANISATION = 'Organization/';

export class Account {
  readonly #instance: Instance;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  /** All disclosures of one patient's record, the latest first. */
  async of(subjectKey: string, { fromMs = 0, untilMs = Infinity }: AccountFilter = {}): Promise<Disclosed[]> {
    const { store, keys } = this.#instance;
    const prefix = `${DISCLOSURE}${subjectKey}/`;
    const found: Disclosed[] = [];
    for await (const [key, value] of store.iterator({ gte: prefix, lt: `${prefix}~` })) {
      const row = JSON.parse(openRow(keys.storage.indexKey, key, value).toString('utf8')) as {
        receipt: string;
      };
      const disclosed = disclosedOf(key.slice(prefix.length), JSON.parse(row.receipt) as StoredReceipt);
      if (disclosed.at >= fromMs && disclosed.at < untilMs) found.push(disclosed);
    }
    return found.toSorted((a, b) => b.at - a.at || (a.handle < b.handle ? -1 : 1));
  }

  /** One disclosure of a patient's record. */
  one(subjectKey: string, handle: string): Disclosed | undefined {
    const { store, keys } = this.#instance;
    const key = `${DISCLOSURE}${subjectKey}/${handle}`;
    const value = store.getSync(key);
    if (value === undefined) return undefined;
    const row = JSON.parse(openRow(keys.storage.indexKey, key, value).toString('utf8')) as {
      receipt: string;
    };
    return disclosedOf(handle, JSON.parse(row.receipt) as StoredReceipt);
  }

  /** Patients of some sources of whom anything was disclosed. */
  async *subjects(sources: ReadonlySet<string>): AsyncGenerator<Subject> {
    const { store, subjects } = this.#instance;
    for (let at = DISCLOSURE; ;) {
      const [key] = await store.keys({ gt: at, lt: `${DISCLOSURE}~`, limit: 1 }).all();
      if (key === undefined) return;
      const subjectKey = key.slice(DISCLOSURE.length, key.indexOf('/', DISCLOSURE.length));
      const subject = await subjects.find(subjectKey);
      if (subject !== undefined && sources.has(subject.source)) yield subject;
      at = `${DISCLOSURE}${subjectKey}/~`;
    }
  }

  /** A patient by the id at the facade. */
  async patient(facadeId: string): Promise<Subject | undefined> {
    const { store, subjects } = this.#instance;
    const key = store.getSync(`facade/${facadeId}`)?.toString('latin1');
    return key === undefined ? undefined : subjects.find(key);
  }

  async subject(subjectKey: string): Promise<Subject | undefined> {
    return this.#instance.subjects.find(subjectKey);
  }

  /** Sources whose account a caller may see as their custodian: its own system, or who works at its desk. */
  custodyOf({ source, participant, person }: Caller): ReadonlySet<string> {
    if (source !== undefined) return new Set([source]);
    const { certification, sources } = this.#instance;
    const isStaff = person !== undefined && certification.rows.get(participant)?.role === 'staff';
    const own = sources.list().filter(({ custodian }) => custodian.id === person?.organisation);
    return new Set(isStaff ? own.map(({ id }) => id) : []);
  }

  /** Names of certified organisations, of people who work for them, and of custodians, by reference. */
  async names(): Promise<Map<string, string>> {
    const { certification, sources, organisation } = this.#instance;
    const names = new Map([[`${ORGANISATION}${organisation.id}`, organisation.name]]);
    for (const { custodian } of sources.list()) names.set(`${ORGANISATION}${custodian.id}`, custodian.name);
    for (const { id, name, memberOf, called } of await certification.rows.organisations()) {
      if (name === undefined) continue;
      if (memberOf === undefined) names.set(`${ORGANISATION}${id}`, name);
      else names.set(personReference(id), called === undefined ? name : `${called}, ${name}`);
    }
    return names;
  }

  /** A disclosure as an AuditEvent. @param names - As {@link names} gives them. */
  audit(subject: Subject, disclosed: Disclosed, names: ReadonlyMap<string, string>): AuditEvent {
    const { identity, sources } = this.#instance;
    const custodian = sources.get(subject.source)?.custodian;
    const { handle, at, to, purpose, what, type, records, obligations, under } = disclosed;
    const display = names.get(to);
    return disclosureAudit({
      handle,
      origin: identity.origin,
      at,
      patient: `Patient/${subject.facadeId}`,
      custodian: { reference: `${ORGANISATION}${custodian?.id ?? ''}`, display: custodian?.name ?? '' },
      recipient: { reference: to, ...(display === undefined ? {} : { display }) },
      purpose,
      ...(what === undefined ? {} : { interaction: what }),
      ...(type === undefined ? {} : { type }),
      records,
      grounds: under,
      obligations,
    });
  }
}

function disclosedOf(handle: string, receipt: StoredReceipt): Disclosed {
  const {
    at,
    to,
    purpose,
    interaction,
    shown,
    type,
    records = [],
    obligations = [],
    consents = [],
  } = receipt;
  const what = interaction ?? shown;
  return {
    handle,
    at,
    to,
    purpose: purpose.slice(purpose.lastIndexOf('|') + 1),
    ...(what === undefined ? {} : { what }),
    ...(type === undefined ? {} : { type }),
    records,
    obligations,
    under: consents.map((one) => one.handle),
  };
}
