/** Clients: systems of enrolled organisations that ask for tokens. Registered by their enrolment. */
import type { JWK } from 'jose';
import type { ParticipantCertificate } from '../../ledger/participants/index.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import { openRow, sealRow } from '../../ledger/vault/index.js';

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
  readonly #byId = new Map<string, Client>();

  private constructor(key: Buffer) {
    this.#key = key;
  }

  static async open(store: Store, indexKey: Buffer): Promise<Clients> {
    const clients = new Clients(indexKey);
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
   * Refuses the clients of a participant from now on, in memory: their tokens are void at once, whether or not the
   * revocation comes to be stored.
   *
   * @returns Them, for the batch that revokes.
   */
  bar(participant: string, nowMs: number): readonly Client[] {
    return this.#of(participant).map((client) => {
      const barred: Client = { ...client, revokedAt: client.revokedAt ?? nowMs };
      this.#byId.set(client.id, barred);
      return barred;
    });
  }

  /**
   * The clients of a participant under its new certificate; to be written with it, and {@link taken} then.
   *
   * @param isOtherKey - The former key is no longer its own; else it stays known by its former `kid` too.
   */
  certified(
    participant: string,
    certificate: ParticipantCertificate,
    isOtherKey: boolean,
  ): readonly Client[] {
    return this.#of(participant).map((client) => certifiedClient(client, certificate, isOtherKey));
  }

  #of(participant: string): Client[] {
    return [...this.#byId.values()].filter((client) => client.participant === participant);
  }

  #read(key: string, row: Buffer): Client {
    return JSON.parse(openRow(this.#key, key, row).toString('utf8')) as Client;
  }
}

/** A client under its participant's new certificate; see {@link Clients.certified}. */
export function certifiedClient(
  client: Client,
  certificate: ParticipantCertificate,
  isOtherKey: boolean,
): Client {
  const x = certificate.publicKey.toString('base64url');
  const key: JWK = { kty: 'OKP', crv: 'Ed25519', x, kid: certificate.fingerprint };
  const former = client.keys.find(({ kid }) => kid === client.fingerprint);
  const others = client.keys.filter((one) => one.x === undefined || one.x !== former?.x);
  return {
    ...client,
    fingerprint: certificate.fingerprint,
    notAfter: certificate.notAfter,
    x25519: certificate.x25519Public.toString('base64url'),
    keys: [key, ...(former === undefined || isOtherKey ? [] : [former]), ...others],
  };
}
