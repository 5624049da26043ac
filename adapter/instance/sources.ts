/** The sources: FHIR servers that we listen to, and folders that are imported. Credentials lie sealed. */
import { randomBytes } from 'node:crypto';
import { custodianPolicy } from '../../ledger/consent/index.js';
import type { Policy } from '../../ledger/consent/index.js';
import type { Appender } from '../../ledger/custody/index.js';
import { consentStatusWrite } from '../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import { openRow, sealRow } from '../../ledger/vault/index.js';
import { AdapterError } from '../errors.js';
import type { SourceAlgorithm } from './source-keys.js';
import { newHandle } from '../handle.js';

/**
 * How we hear of a source: what it pushes to our hook on its own; R4 rest-hook Subscriptions and topic Subscriptions that
 * we create; asking what was updated; asking its history; its bulk export.
 */
export const SOURCE_CHANNELS = ['hook', 'rest-hook', 'topic', 'poll', 'history', 'bulk'] as const;
export type SourceChannel = (typeof SOURCE_CHANNELS)[number];

/** Of sources added before channels were chosen. */
const CHANNELS_DEFAULT: readonly SourceChannel[] = ['hook', 'poll'];

/** With what we read a source. */
export type Credential =
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | {
      /** SMART Backend Services; the key is the instance's. */
      readonly kind: 'smart';
      readonly clientId: string;
      readonly tokenUrl: string;
      readonly scope: string;
      readonly algorithm: SourceAlgorithm;
    };

/** `paused`: nothing is heard until it goes on. `removed`: its records are kept, its credentials are not. */
export type SourceState = 'active' | 'paused' | 'removed';

/** What a server said of itself when it was added. */
export interface SourceServer {
  readonly software?: string;
  readonly version?: string;
  readonly fhirVersion?: string;
}

export interface Source {
  /** Our name for it; part of the hook's address. */
  readonly id: string;
  /** A server that we read, folders that were imported, or a system that writes to us and cannot be read. */
  readonly kind: 'fhir' | 'import' | 'push';
  readonly name: string;
  /** FHIR base; absent for imports. */
  readonly baseUrl?: string;
  readonly credential?: Credential;
  readonly channels: readonly SourceChannel[];
  readonly state: SourceState;
  /** Ranges of private addresses that it may be found at. */
  readonly allowPrivate?: readonly string[];
  /** Requests a second; default: the configuration's. */
  readonly requestsPerSecond?: number;
  /** The hospital lets its clinicians write to its server through us. */
  readonly takesWrites?: boolean;
  readonly server?: SourceServer;
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

export type NewSource = Omit<
  Source,
  'permissions' | 'syncedTo' | 'addedAt' | 'secret' | 'channels' | 'state'
> & {
  readonly secret?: string;
  readonly channels?: readonly SourceChannel[];
  readonly allowResearch: boolean;
};

const TREATMENT = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT';
const RESEARCH = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|HRESCH';

/** Permissions of a source never change their version: a change takes a new handle. */
const PERMISSION_VERSION = 1;

/** What may change in a source. */
export type SourceChange = Partial<
  Pick<
    Source,
    | 'name'
    | 'baseUrl'
    | 'credential'
    | 'channels'
    | 'state'
    | 'allowPrivate'
    | 'requestsPerSecond'
    | 'takesWrites'
    | 'server'
    | 'syncedTo'
    | 'secret'
  >
>;

/** A row as it may lie on the disk: fields came later. */
type Row = Omit<Source, 'channels' | 'state'> &
  Partial<Pick<Source, 'channels' | 'state'>> & { readonly bearerToken?: string };

const PREFIX = 'source/';

/** Key of a source's row in the store. */
export function sourceRowKey(id: string): string {
  return PREFIX + id;
}

const ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

export class Sources {
  readonly #key: Buffer;
  readonly #appender: () => Appender;
  readonly #byId = new Map<string, Source>();
  readonly #listeners: ((source: Source) => void)[] = [];
  /** Whether a custodian was revoked. */
  #isEnded: (participant: string) => boolean = () => false;
  /** Changes wait for each other: each is made to what the one before left. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(key: Buffer, appender: () => Appender) {
    this.#key = key;
    this.#appender = appender;
  }

  static async open(store: Store, indexKey: Buffer, appender: () => Appender): Promise<Sources> {
    const sources = new Sources(indexKey, appender);
    for await (const [key, value] of store.iterator({ gte: PREFIX, lt: `${PREFIX}~` })) {
      const source = sourceOf(JSON.parse(openRow(indexKey, key, value).toString('utf8')) as Row);
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
    const { source, writes } = this.prepare(added, nowMs);
    await this.#appender().writeRows(() => ({ writes, value: undefined }));
    this.taken(source);
    return source;
  }

  /** The rows of a new source, for the batch of its custodian's enrolment; {@link taken} once that is down. */
  prepare(added: NewSource, nowMs: number): { source: Source; writes: StoreWrite[] } {
    this.requireFree(added.id);
    const { allowResearch, ...rest } = added;
    const permissions = { care: newHandle(), ...(allowResearch ? { research: newHandle() } : {}) };
    const source: Source = {
      ...rest,
      channels: added.channels ?? CHANNELS_DEFAULT,
      state: 'active',
      secret: added.secret ?? randomBytes(32).toString('base64url'),
      permissions,
      syncedTo: {},
      addedAt: nowMs,
    };
    const standing = Object.values(permissions).map((name) =>
      consentStatusWrite(name, { version: PERMISSION_VERSION, status: 'in-force' }),
    );
    return { source, writes: [this.#write(source), ...standing] };
  }

  taken(source: Source): void {
    this.#byId.set(source.id, source);
    this.#tell(source);
  }

  /** @throws AdapterError ADAPTER_USAGE for an id that cannot be part of an address, ADAPTER_CONFLICT for one in use. */
  requireFree(id: string): void {
    if (!ID.test(id)) {
      throw new AdapterError(
        'ADAPTER_USAGE',
        'a source id has small letters, digits and hyphens, at most 63',
      );
    }
    if (this.#byId.has(id)) throw new AdapterError('ADAPTER_CONFLICT', `source ${id} exists`);
  }

  /** @param isEnded - Whether a participant was revoked: then it is nobody's custodian any more. */
  judgeCustodians(isEnded: (participant: string) => boolean): void {
    this.#isEnded = isEnded;
  }

  /** Those of a custodian that are not removed yet. */
  of(participant: string): readonly Source[] {
    return this.list().filter(
      ({ custodian, state }) => custodian.participant === participant && state !== 'removed',
    );
  }

  /** Rows that end a custodian's standing permissions, for the batch that revokes it: what stands on them is void. */
  endWrites(participant: string): StoreWrite[] {
    return this.list()
      .filter(({ custodian }) => custodian.participant === participant)
      .flatMap(({ permissions }) => Object.values(permissions))
      .map((name) => consentStatusWrite(name, { version: PERMISSION_VERSION, status: 'withdrawn' }));
  }

  /** The custodian's layer for the patients of a source; what it does not permit is not permitted. */
  policies(id: string, instanceReference: string): Policy[] {
    const source = this.#byId.get(id);
    // A hospital that was revoked permits nothing any more.
    if (source === undefined || this.#isEnded(source.custodian.participant)) return [];
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
    await this.#inTurn(id, (source) => ({ ...source, syncedTo: { ...source.syncedTo, ...syncedTo } }), [
      'syncedTo',
    ]);
  }

  /** Tells a listener of each source that was added or changed, save of how far it has been read. */
  onChange(listener: (source: Source) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Changes a source.
   *
   * @throws AdapterError ADAPTER_NOT_FOUND
   */
  async update(id: string, change: SourceChange): Promise<Source> {
    return this.#inTurn(id, (source) => ({ ...source, ...change }), Object.keys(change));
  }

  /**
   * Ends a source: what we read it with is taken out of its row, and the secret of its hooks replaced by one that nobody
   * was told. The row stays, for records and permissions name it. Older versions of the row stay on the disk until they
   * are compacted away.
   *
   * @throws AdapterError ADAPTER_NOT_FOUND
   */
  async remove(id: string): Promise<Source> {
    return this.#inTurn(
      id,
      ({ credential: _credential, ...source }) => ({
        ...source,
        state: 'removed',
        channels: [],
        secret: newHandle(),
      }),
      ['state'],
    );
  }

  async #inTurn(id: string, next: (source: Source) => Source, changed: readonly string[]): Promise<Source> {
    const before = this.#turn;
    const turn = this.#change(before, id, next, changed);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #change(
    before: Promise<unknown>,
    id: string,
    next: (source: Source) => Source,
    changed: readonly string[],
  ): Promise<Source> {
    await before;
    const source = this.#byId.get(id);
    if (source === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', `no source ${id}`);
    const result = next(source);
    await this.#appender().writeRows(() => ({ writes: [this.#write(result)], value: undefined }));
    this.#byId.set(id, result);
    if (changed.some((name) => name !== 'syncedTo')) this.#tell(result);
    return result;
  }

  #tell(source: Source): void {
    for (const listener of this.#listeners) listener(source);
  }

  #write(source: Source): StoreWrite {
    const key = sourceRowKey(source.id);
    return { type: 'put', key, value: sealRow(this.#key, key, Buffer.from(JSON.stringify(source), 'utf8')) };
  }
}

function sourceOf({ bearerToken, ...row }: Row): Source {
  return {
    ...row,
    channels: row.channels ?? CHANNELS_DEFAULT,
    state: row.state ?? 'active',
    ...(bearerToken === undefined ? {} : { credential: { kind: 'bearer', token: bearerToken } }),
  };
}
