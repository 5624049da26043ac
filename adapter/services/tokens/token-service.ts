/**
 * Tokens for systems: an assertion is traded for a bearer token of five minutes that is bound to one client, its
 * scopes and one purpose of use. A token is a random name and nothing else: what it means lies in a sealed row, so that
 * it can be revoked, and there is nothing in it to forge.
 *
 * @see https://hl7.org/fhir/smart-app-launch/backend-services.html
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Appender } from '../../../ledger/custody/index.js';
import type { Store } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import type { Clients, ClientGroup } from '../../instance/clients.js';
import type { Logger } from '../../logger.js';
import { readAssertion } from './assertion.js';
import type { AssertingClient, AssertionRefusal } from './assertion.js';
import { purposeCode, purposeCoding } from './purpose.js';
import { RateLimiter } from './rate-limit.js';
import { prunedRows, timedRows } from './timed-rows.js';
import { grantScopes, parseScope, parseScopes, scopeText } from './scope.js';
import type { Scope } from './scope.js';

/** Who asks, once a token was found good. */
export interface Caller {
  readonly clientId: string;
  /** Handle of its `participant.enrolled`. */
  readonly participant: string;
  readonly name: string;
  readonly group: ClientGroup | 'patient';
  readonly fingerprint: string;
  readonly scopes: readonly Scope[];
  /** The one purpose of use, as policies name it: code system and code. */
  readonly purpose: string;
  readonly source?: string;
  /** A person of a provider: how policies name it, and the id of its organisation. */
  readonly person?: { readonly reference: string; readonly organisation: string };
  /**
   * A patient who reads the own record, or a representative: its subject, `Patient/…` or `RelatedPerson/…`, and the handle
   * of the enrolment or appointment.
   */
  readonly own?: { readonly subjectKey: string; readonly reference: string; readonly handle: string };
  /** Its certified X25519 key, 32 raw bytes. */
  readonly x25519: Buffer;
}

/** Whose signature a call bears; the same answer for all that may be wrong, save too many. */
export type SignedCall =
  { readonly ok: true; readonly caller: Caller } | { readonly ok: false; readonly retryAfterS?: number };

/** RFC 6749 section 5.2. */
export type TokenError =
  'invalid_request' | 'invalid_client' | 'invalid_grant' | 'unsupported_grant_type' | 'invalid_scope';

export type TokenAnswer =
  | {
      readonly ok: true;
      readonly accessToken: string;
      readonly expiresInS: number;
      readonly scope: string;
      readonly purpose: string;
    }
  | { readonly ok: false; readonly error: TokenError; readonly description: string }
  | { readonly ok: false; readonly error: 'slow_down'; readonly retryAfterS: number };

export interface TokenServiceOptions {
  readonly store: Store;
  /** Seals the rows. */
  readonly indexKey: Buffer;
  readonly appender: Appender;
  readonly clients: Clients;
  /** Address of the token endpoint, the audience of assertions; known once the server listens. */
  readonly tokenUrl: () => string;
  /** Reads keys that a client publishes. */
  readonly publishedKeys?: (url: string, kid: string) => Promise<AssertingClient['keys']>;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

interface TokenRow {
  readonly client: string;
  readonly scopes: readonly string[];
  readonly purpose: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

type Form = ReadonlyMap<string, string>;

const LIFE_MS = 300_000;
const TOKEN_BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** An assertion is taken until its end and a minute of skew: so long its `jti` is remembered, and one more. */
const JTI_MARGIN_MS = 120_000;
const REFUSED = 'the client is unknown, or its assertion does not hold';

export class TokenService {
  readonly #options: TokenServiceOptions;
  /** By the sender's address: verifying costs time before it is known who asks. */
  readonly #byAddress = new RateLimiter({ perSecond: 20, burst: 60 });
  readonly #byClient = new RateLimiter({ perSecond: 5, burst: 30 });
  /** Calls that are signed one by one: a hospital's clinicians open charts all at once. */
  readonly #byCaller = new RateLimiter({ perSecond: 50, burst: 250 });

  constructor(options: TokenServiceOptions) {
    this.#options = options;
  }

  /**
   * Trades an assertion for a token.
   *
   * @param form - Parameters of the request, each once.
   * @param address - Where it came from.
   */
  async issue(form: Form, address: string): Promise<TokenAnswer> {
    if (form.get('grant_type') !== 'client_credentials')
      return refusal('unsupported_grant_type', 'grant_type must be client_credentials');
    const authenticated = await this.#authenticate(form, address);
    if (!authenticated.ok) return authenticated.answer;
    const { client, jti, assertionExpiresAt, purposes } = authenticated;
    const purpose = this.#purposeOf(form, purposes, client.purposes);
    if (!purpose.ok) return purpose.answer;
    const granted = grantScopes(
      parseScopes(form.get('scope') ?? ''),
      client.scopes.flatMap((text) => parseScope(text) ?? []),
    );
    if (granted.length === 0)
      return refusal('invalid_scope', 'no scope that this client may have was asked for');
    const now = this.#options.nowMs();
    const expiresAt = Math.min(now + LIFE_MS, client.notAfter);
    const accessToken = randomBytes(TOKEN_BYTES).toString('base64url');
    const scopes = granted.map(scopeText);
    const row: TokenRow = { client: client.id, scopes, purpose: purpose.code, issuedAt: now, expiresAt };
    const key = tokenKey(accessToken);
    const jtiRows = timedRows(jti, Buffer.alloc(0), assertionExpiresAt + JTI_MARGIN_MS);
    const tokenRows = timedRows(key, this.#seal(key, row), expiresAt);
    const pruned = await prunedRows(this.#options.store, now);
    // The assertion is used up by the same synced batch that makes the token: a crash leaves neither or both.
    const isFresh = await this.#options.appender.writeRows((view) =>
      view.get(jti) === undefined
        ? { writes: [...pruned, ...jtiRows, ...tokenRows], value: true }
        : { writes: [], value: false },
    );
    if (!isFresh) return this.#refused('replayed');
    return {
      ok: true,
      accessToken,
      expiresInS: Math.floor((expiresAt - now) / 1000),
      scope: scopes.join(' '),
      purpose: purpose.code,
    };
  }

  /** Who a bearer token belongs to, or `undefined` when it is none, over, revoked, or its client's time is. */
  callerOf(token: string): Caller | undefined {
    const row = this.#tokenRow(token);
    if (row === undefined) return undefined;
    const client = this.#options.clients.active(row.client, this.#options.nowMs());
    if (client === undefined) return undefined;
    return callerOfClient(client, row.scopes, row.purpose);
  }

  /**
   * Who signed a call by itself, without a token: a CDS client. The JWT is good once, and for one address.
   *
   * @param purpose - The one purpose of use that such calls have; a client that may not have it is refused.
   * @see https://cds-hooks.hl7.org/2.0/#trusting-cds-clients
   */
  async callerBySignature(
    jwt: string,
    audience: string,
    purpose: string,
    address: string,
  ): Promise<SignedCall> {
    const waitS = this.#byAddress.take(address, this.#options.nowMs());
    if (waitS > 0) return { ok: false, retryAfterS: waitS };
    const read = await this.#readAssertion(jwt, audience, true);
    if (!read.ok) {
      this.#refused(read.reason);
      return { ok: false };
    }
    const client = this.#options.clients.active(read.clientId, this.#options.nowMs());
    if (client?.purposes.includes(purpose) !== true) {
      this.#refused('unknown-client');
      return { ok: false };
    }
    const clientWaitS = this.#byCaller.take(client.id, this.#options.nowMs());
    if (clientWaitS > 0) return { ok: false, retryAfterS: clientWaitS };
    if (!(await this.#useUp(jtiKey(client.id, read.jti), read.expiresAt))) {
      this.#refused('replayed');
      return { ok: false };
    }
    return { ok: true, caller: callerOfClient(client, client.scopes, purpose) };
  }

  /**
   * What a token means, to the client that it was given to; `active: false` for all else.
   *
   * @see RFC 7662
   */
  async introspect(form: Form, address: string): Promise<object | Extract<TokenAnswer, { ok: false }>> {
    const authenticated = await this.#authenticateOnce(form, address);
    if (!authenticated.ok) return authenticated.answer;
    const token = form.get('token') ?? '';
    const row = this.#tokenRow(token);
    if (row?.client !== authenticated.client.id || this.callerOf(token) === undefined)
      return { active: false };
    return {
      active: true,
      client_id: row.client,
      scope: row.scopes.join(' '),
      token_type: 'bearer',
      iat: Math.floor(row.issuedAt / 1000),
      exp: Math.floor(row.expiresAt / 1000),
      purpose_of_use: row.purpose,
    };
  }

  /**
   * Ends a token of the client that asks; what is none of its own is left as it is, and nothing is said of that.
   *
   * @see RFC 7009
   */
  async revoke(form: Form, address: string): Promise<Extract<TokenAnswer, { ok: false }> | undefined> {
    const authenticated = await this.#authenticateOnce(form, address);
    if (!authenticated.ok) return authenticated.answer;
    const token = form.get('token') ?? '';
    if (this.#tokenRow(token)?.client !== authenticated.client.id) return undefined;
    const key = tokenKey(token);
    await this.#options.appender.writeRows(() => ({ writes: [{ type: 'del', key }], value: undefined }));
    return undefined;
  }

  /** As {@link issue} authenticates, and uses the assertion up. */
  async #authenticateOnce(form: Form, address: string): Promise<Authenticated> {
    const authenticated = await this.#authenticate(form, address);
    if (!authenticated.ok) return authenticated;
    const { jti, assertionExpiresAt } = authenticated;
    const isFresh = await this.#useUp(jti, assertionExpiresAt);
    return isFresh ? authenticated : { ok: false, answer: this.#refused('replayed') };
  }

  /** False when it was used before. */
  async #useUp(jti: string, expiresAt: number): Promise<boolean> {
    const rows = timedRows(jti, Buffer.alloc(0), expiresAt + JTI_MARGIN_MS);
    const pruned = await prunedRows(this.#options.store, this.#options.nowMs());
    return this.#options.appender.writeRows((view) =>
      view.get(jti) === undefined
        ? { writes: [...pruned, ...rows], value: true }
        : { writes: [], value: false },
    );
  }

  #readAssertion(text: string, audience: string, needsNoSubject: boolean): ReturnType<typeof readAssertion> {
    const { clients, nowMs, publishedKeys } = this.#options;
    return readAssertion(text, {
      tokenUrl: audience,
      needsNoSubject,
      nowMs: nowMs(),
      client: async (id, kid) => {
        const client = clients.active(id, nowMs());
        if (client?.jwksUrl === undefined || client.keys.some((key) => key.kid === kid)) return client;
        const published = (await publishedKeys?.(client.jwksUrl, kid)) ?? [];
        return { keys: [...client.keys, ...published], jwksUrl: client.jwksUrl };
      },
    });
  }

  async #authenticate(form: Form, address: string): Promise<Authenticated> {
    const { clients, nowMs, tokenUrl } = this.#options;
    const waitS = this.#byAddress.take(address, nowMs());
    if (waitS > 0) return slowDown(waitS);
    const assertion = form.get('client_assertion');
    if (form.get('client_assertion_type') !== ASSERTION_TYPE || assertion === undefined) {
      return {
        ok: false,
        answer: refusal(
          'invalid_request',
          `send client_assertion, and client_assertion_type ${ASSERTION_TYPE}`,
        ),
      };
    }
    const read = await this.#readAssertion(assertion, tokenUrl(), false);
    if (!read.ok) return { ok: false, answer: this.#refused(read.reason) };
    const client = clients.active(read.clientId, nowMs());
    if (client === undefined) return { ok: false, answer: this.#refused('unknown-client') };
    if (form.get('client_id') !== undefined && form.get('client_id') !== client.id)
      return { ok: false, answer: this.#refused('issuer') };
    const clientWaitS = this.#byClient.take(client.id, nowMs());
    if (clientWaitS > 0) return slowDown(clientWaitS);
    const { jti, expiresAt, purposes } = read;
    return { ok: true, client, jti: jtiKey(client.id, jti), assertionExpiresAt: expiresAt, purposes };
  }

  /** Exactly one purpose, named once, in the assertion or beside it. */
  #purposeOf(
    form: Form,
    asserted: readonly string[],
    allowed: readonly string[],
  ): { ok: true; code: string } | { ok: false; answer: Extract<TokenAnswer, { ok: false }> } {
    const beside = form.get('purpose_of_use');
    const named = [...asserted, ...(beside === undefined ? [] : [beside])];
    const codes = new Set(named.map(purposeCode));
    const [code] = codes;
    if (codes.size !== 1 || code === undefined)
      return {
        ok: false,
        answer: refusal('invalid_request', 'name exactly one purpose of use, as v3-ActReason code'),
      };
    if (!allowed.includes(code))
      return {
        ok: false,
        answer: refusal('invalid_scope', 'this client may not ask for that purpose of use'),
      };
    return { ok: true, code };
  }

  #tokenRow(token: string): TokenRow | undefined {
    if (!TOKEN.test(token)) return undefined;
    const key = tokenKey(token);
    const sealed = this.#options.store.getSync(key);
    if (sealed === undefined) return undefined;
    const row = JSON.parse(openRow(this.#options.indexKey, key, sealed).toString('utf8')) as TokenRow;
    return row.expiresAt > this.#options.nowMs() ? row : undefined;
  }

  #seal(key: string, row: TokenRow): Buffer {
    return sealRow(this.#options.indexKey, key, Buffer.from(JSON.stringify(row), 'utf8'));
  }

  /** One answer for all that is wrong with a client's proof; which it was goes to the log. */
  #refused(reason: AssertionRefusal | 'replayed'): Extract<TokenAnswer, { ok: false }> {
    this.#options.logger.warn('assertion refused', { reason });
    return refusal('invalid_client', REFUSED);
  }
}

type Authenticated =
  | {
      readonly ok: true;
      readonly client: NonNullable<ReturnType<Clients['active']>>;
      /** Row of the assertion's `jti`. */
      readonly jti: string;
      readonly assertionExpiresAt: number;
      readonly purposes: readonly string[];
    }
  | { readonly ok: false; readonly answer: Extract<TokenAnswer, { ok: false }> };

function callerOfClient(
  client: NonNullable<ReturnType<Clients['active']>>,
  scopes: readonly string[],
  purpose: string,
): Caller {
  const { id, participant, name, group, fingerprint, source, x25519 } = client;
  return {
    clientId: id,
    participant,
    name,
    group,
    fingerprint,
    scopes: scopes.flatMap((text) => parseScope(text) ?? []),
    purpose: purposeCoding(purpose),
    x25519: Buffer.from(x25519, 'base64url'),
    ...(source === undefined ? {} : { source }),
  };
}

/** A token's row has its hash for a name: who reads the store has no token. */
function tokenKey(token: string): string {
  return `auth-token/${createHash('sha256').update(token).digest('base64url')}`;
}

/** A `jti` is good once for each client. */
function jtiKey(client: string, jti: string): string {
  return `auth-jti/${createHash('sha256').update(`${client}\n${jti}`).digest('base64url')}`;
}

function refusal(error: TokenError, description: string): Extract<TokenAnswer, { ok: false }> {
  return { ok: false, error, description };
}

function slowDown(retryAfterS: number): { ok: false; answer: Extract<TokenAnswer, { ok: false }> } {
  return { ok: false, answer: { ok: false, error: 'slow_down', retryAfterS } };
}
