/** Clients: systems of enrolled organisations that ask for tokens. Registered by their enrolment. */
import type { JWK } from 'jose';
import type { Appender, Signer } from '../../ledger/custody/index.js';
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
  /** base64url of the certified X25519 key, to which answers may be sealed. */
  readonly x25519: string;
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

/** Why a participant is revoked. @see RFC 5280, section 5.3.1 */
export const REVOCATION_REASONS = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

const PREFIX = 'client/';

export class Clients {
  readonly #key: Buffer;
  readonly #appender: () => Appender;
  readonly #authority: Signer;
  readonly #byId = new Map<string, Client>();

  private constructor(key: Buffer, appender: () => Appender, authority: Signer) {
    this.#key = key;
    this.#appender = appender;
    this.#authority = authority;
  }

  /** @param authority - Signs revocations. */
  static async open(
    store: Store,
    indexKey: Buffer,
    appender: () => Appender,
    authority: Signer,
  ): Promise<Clients> {
    const clients = new Clients(indexKey, appender, authority);
    for await (const [key, value] of store.iterator({ gte: PREFIX, lt: `${PREFIX}~` })) {
      const client = clients.#read(key, value);
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
  write(client: Client): Extract<StoreWrite, { type: 'put' }> {
    const key = PREFIX + client.id;
    const plain = Buffer.from(JSON.stringify(client), 'utf8');
    return { type: 'put', key, value: sealRow(this.#key, key, plain) };
  }

  taken(client: Client): void {
    this.#byId.set(client.id, client);
  }

  /**
   * Ends a client: from now on it gets no token, those that it has are void, and the log tells that its organisation
   * takes part no more. One that was ended before stays as it is.
   *
   * @throws AdapterError ADAPTER_NOT_FOUND; LedgerError as appending does: then ask again, for it is not stored.
   */
  async revoke(
    id: string,
    nowMs: number,
    reason: RevocationReason = 'cessationOfOperation',
  ): Promise<Client> {
    const client = this.#byId.get(id);
    if (client === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', `no client ${id}`);
    const revoked: Client = { ...client, revokedAt: client.revokedAt ?? nowMs };
    // In memory first: what fails to be stored is refused all the same until the next start.
    this.#byId.set(id, revoked);
    const row = this.write(revoked);
    await this.#appender().appendControl({ signer: this.#authority }, (view) => {
      // The store says whether it is done, not the memory: a try before this one may have failed.
      const stored = view.get(row.key);
      if (stored !== undefined && this.#read(row.key, stored).revokedAt !== undefined)
        return { drafts: [], writes: [], value: undefined };
      const body = { handle: revoked.participant, reason };
      return { drafts: [{ type: 'participant.revoked', body }], writes: [row], value: undefined };
    });
    return revoked;
  }

  #read(key: string, row: Buffer): Client {
    return JSON.parse(openRow(this.#key, key, row).toString('utf8')) as Client;
  }
}
