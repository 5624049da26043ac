/** Clients: systems of enrolled organisations that ask for tokens. Registered by their enrolment. */
import type { JWK } from 'jose';
import type { Appender } from '../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import { openRow, sealRow } from '../../ledger/vault/index.js';
import { AdapterError } from '../errors.js';

/** Groups whose systems may be clients. */
export type ClientGroup = 'provider' | 'authority' | 'payer';

export interface Client {
  /** The organisation's participant id: `client_id`, and `Organization/<id>` in consents. */
  readonly id: string;
  /** Handle of its `participant.enrolled`. */
  readonly participant: string;
  readonly name: string;
  readonly group: ClientGroup;
  /** base64url SHA-256 of its certificate. */
  readonly fingerprint: string;
  /** Ends the client, ms since the epoch: its certificate's. */
  readonly notAfter: number;
  /** Public keys; the certified one is the first, its `kid` the fingerprint. */
  readonly keys: readonly JWK[];
  readonly jwksUrl?: string;
  /** As `system/Type.rs`. */
  readonly scopes: readonly string[];
  /** Codes of v3-ActReason. */
  readonly purposes: readonly string[];
  /** The source that it pushes as, where it does. */
  readonly source?: string;
  readonly addedAt: number;
  readonly revokedAt?: number;
}

const PREFIX = 'client/';

export class Clients {
  readonly #key: Buffer;
  readonly #appender: () => Appender;
  readonly #byId = new Map<string, Client>();

  private constructor(key: Buffer, appender: () => Appender) {
    this.#key = key;
    this.#appender = appender;
  }

  static async open(store: Store, indexKey: Buffer, appender: () => Appender): Promise<Clients> {
    const clients = new Clients(indexKey, appender);
    for await (const [key, value] of store.iterator({ gte: PREFIX, lt: `${PREFIX}~` })) {
      const client = JSON.parse(openRow(indexKey, key, value).toString('utf8')) as Client;
      clients.#byId.set(client.id, client);
    }
    return clients;
  }

  get(id: string): Client | undefined {
    return this.#byId.get(id);
  }

  /** One that may act now. */
  active(id: string, nowMs: number): Client | undefined {
    const client = this.#byId.get(id);
    return client === undefined || client.revokedAt !== undefined || client.notAfter <= nowMs
      ? undefined
      : client;
  }

  /** In the order of their names. */
  list(): readonly Client[] {
    return [...this.#byId.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The row of a new client, for the batch of its enrolment; {@link taken} once that is down. */
  write(client: Client): StoreWrite {
    const key = PREFIX + client.id;
    const plain = Buffer.from(JSON.stringify(client), 'utf8');
    return { type: 'put', key, value: sealRow(this.#key, key, plain) };
  }

  taken(client: Client): void {
    this.#byId.set(client.id, client);
  }

  /**
   * Ends a client: from now on it gets no token, and those that it has are void.
   *
   * @throws AdapterError ADAPTER_NOT_FOUND
   */
  async revoke(id: string, nowMs: number): Promise<Client> {
    const client = this.#byId.get(id);
    if (client === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', `no client ${id}`);
    if (client.revokedAt !== undefined) return client;
    const revoked: Client = { ...client, revokedAt: nowMs };
    // In memory first: what fails to be stored is refused all the same until the next start.
    this.#byId.set(id, revoked);
    await this.#appender().writeRows(() => ({ writes: [this.write(revoked)], value: undefined }));
    return revoked;
  }
}
