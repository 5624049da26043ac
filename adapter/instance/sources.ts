/** The sources: FHIR servers that we listen to, and folders that are imported. Credentials lie sealed. */
import { randomBytes } from 'node:crypto';
import { custodianPolicy } from '../../ledger/consent/index.js';
import type { Policy } from '../../ledger/consent/index.js';
import type { Appender } from '../../ledger/custody/index.js';
import { consentStatusWrite } from '../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import { openRow, sealRow } from '../../ledger/vault/index.js';
import { AdapterError } from '../errors.js';

export interface Source {
  /** Our name for it; part of the hook's address. */
  readonly id: string;
  readonly kind: 'fhir' | 'import';
  readonly name: string;
  /** FHIR base; absent for imports. */
  readonly baseUrl?: string;
  /** Token with which we read it. */
  readonly bearerToken?: string;
  /** What the source's hooks must carry: as a bearer token, or as the key of an HMAC over the body. */
  readonly secret: string;
  /** The organisation that is custodian of its records. */
  readonly custodian: { readonly participant: string; readonly id: string; readonly name: string };
  /**
   * Handles of the custodian's standing permissions: for its own update and care always; for training by this
   * instance, on records whose patients permit it, where the hospital said so.
   */
  readonly permissions: { readonly care: string; readonly research?: string };
  /** Up to which `lastUpdated` each type has been read, ms. */
  readonly syncedTo: Readonly<Record<string, number>>;
  readonly addedAt: number;
}

export type NewSource = Omit<Source, 'permissions' | 'syncedTo' | 'addedAt' | 'secret'> & {
  readonly secret?: string;
  readonly allowResearch: boolean;
};

const TREATMENT = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT';
const RESEARCH = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|HRESCH';

/** Permissions of a source never change their version: a change takes a new handle. */
const PERMISSION_VERSION = 1;

const PREFIX = 'source/';
const ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

export class Sources {
  readonly #key: Buffer;
  readonly #appender: () => Appender;
  readonly #byId = new Map<string, Source>();

  private constructor(key: Buffer, appender: () => Appender) {
    this.#key = key;
    this.#appender = appender;
  }

  static async open(store: Store, indexKey: Buffer, appender: () => Appender): Promise<Sources> {
    const sources = new Sources(indexKey, appender);
    for await (const [key, value] of store.iterator({ gte: PREFIX, lt: `${PREFIX}~` })) {
      const source = JSON.parse(openRow(indexKey, key, value).toString('utf8')) as Source;
      sources.#byId.set(source.id, source);
    }
    return sources;
  }

  get(id: string): Source | undefined {
    return this.#byId.get(id);
  }

  /** All sources, in the order of their ids. */
  list(): readonly Source[] {
    return [...this.#byId.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  /**
   * Adds a source.
   *
   * @throws AdapterError ADAPTER_USAGE for an id that cannot be part of an address, ADAPTER_CONFLICT for one in use.
   */
  async add(added: NewSource, nowMs: number): Promise<Source> {
    if (!ID.test(added.id)) {
      throw new AdapterError(
        'ADAPTER_USAGE',
        'a source id has small letters, digits and hyphens, at most 63',
      );
    }
    if (this.#byId.has(added.id)) throw new AdapterError('ADAPTER_CONFLICT', `source ${added.id} exists`);
    const { allowResearch, ...rest } = added;
    const permissions = { care: newHandle(), ...(allowResearch ? { research: newHandle() } : {}) };
    const source: Source = {
      ...rest,
      secret: added.secret ?? randomBytes(32).toString('base64url'),
      permissions,
      syncedTo: {},
      addedAt: nowMs,
    };
    const standing = Object.values(permissions).map((name) =>
      consentStatusWrite(name, { version: PERMISSION_VERSION, status: 'in-force' }),
    );
    await this.#appender().writeRows(() => ({
      writes: [this.#write(source), ...standing],
      value: undefined,
    }));
    this.#byId.set(source.id, source);
    return source;
  }

  /** The custodian's layer for the patients of a source; what it does not permit is not permitted. */
  policies(id: string, instanceReference: string): Policy[] {
    const source = this.#byId.get(id);
    if (source === undefined) return [];
    const { care, research } = source.permissions;
    const common = { version: PERMISSION_VERSION, dateTimeMs: source.addedAt };
    const own = `Organization/${source.custodian.id}`;
    return [
      custodianPolicy({
        ...common,
        handle: care,
        references: [own, instanceReference],
        actions: ['collect', 'access', 'use'],
        purposes: [TREATMENT],
      }),
      ...(research === undefined
        ? []
        : [
            custodianPolicy({
              ...common,
              handle: research,
              references: [instanceReference],
              actions: ['use'],
              purposes: [RESEARCH],
            }),
          ]),
    ];
  }

  /** Remembers how far a type has been read. */
  async synced(id: string, syncedTo: Readonly<Record<string, number>>): Promise<void> {
    await this.update(id, { syncedTo: { ...this.#byId.get(id)?.syncedTo, ...syncedTo } });
  }

  /** Changes where a source is found or how far it has been read. */
  async update(id: string, change: Partial<Pick<Source, 'baseUrl' | 'syncedTo'>>): Promise<void> {
    const source = this.#byId.get(id);
    if (source === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', `no source ${id}`);
    const next = { ...source, ...change };
    await this.#appender().writeRows(() => ({ writes: [this.#write(next)], value: undefined }));
    this.#byId.set(id, next);
  }

  #write(source: Source): StoreWrite {
    const key = PREFIX + source.id;
    return { type: 'put', key, value: sealRow(this.#key, key, Buffer.from(JSON.stringify(source), 'utf8')) };
  }
}

function newHandle(): string {
  return randomBytes(32).toString('base64url');
}
