/**
 * A client's assertion: a signed JWT by which it proves to be who it says (`private_key_jwt`). Read strictly: what two
 * readers could take differently is refused.
 *
 * @see https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
 * @see RFC 7515, RFC 7519, RFC 7523
 */
import { compactVerify, importJWK } from 'jose';
import type { JWK } from 'jose';
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import type { JsonObject } from '../../../mappings/index.js';

/** Why an assertion is refused. For our log: a client learns only that it was. */
export type AssertionRefusal =
  | 'not-compact'
  | 'bad-header'
  | 'bad-claims'
  | 'algorithm'
  | 'critical-extension'
  | 'embedded-key'
  | 'foreign-key-url'
  | 'unknown-client'
  | 'unknown-key'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'not-yet-valid'
  | 'lives-too-long'
  | 'no-jti';

/** Keys that a client may sign with. */
export interface AssertingClient {
  /** Public keys, each with a `kid`. */
  readonly keys: readonly JWK[];
  /** Where it publishes them, if it named that when it was registered. */
  readonly jwksUrl?: string;
}

export interface AssertionContext {
  /** The only audience. */
  readonly tokenUrl: string;
  /** Whether it may name no `sub`, as a CDS client's does; one that it names is the issuer all the same. */
  readonly needsNoSubject?: boolean;
  readonly nowMs: number;
  /** @param kid - Lets keys published elsewhere be read again when it is not among those known. */
  readonly client: (id: string, kid: string) => Promise<AssertingClient | undefined>;
}

export type ReadAssertion =
  | {
      readonly ok: true;
      readonly clientId: string;
      readonly jti: string;
      /** Ms since the epoch. */
      readonly expiresAt: number;
      /** Purposes of the `hl7-b2b` extension, as written. */
      readonly purposes: readonly string[];
    }
  | { readonly ok: false; readonly reason: AssertionRefusal };

const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;
const CHARS_MAX = 16_384;
const LIFE_S_MAX = 300;
/** Clocks of two machines differ. */
const SKEW_S = 60;
const ID_CHARS_MAX = 256;
const KEY_TYPES: Readonly<Record<string, (key: JWK) => boolean>> = {
  EdDSA: ({ kty, crv }) => kty === 'OKP' && crv === 'Ed25519',
  ES384: ({ kty, crv }) => kty === 'EC' && crv === 'P-384',
  RS384: ({ kty, n }) => kty === 'RSA' && Buffer.from(n ?? '', 'base64url').length >= 256,
};

/** Algorithms that are taken. */
export const ASSERTION_ALGORITHMS: readonly string[] = Object.keys(KEY_TYPES);

/** Reads and verifies an assertion. Whether its `jti` was seen before is the caller's to find out. */
export async function readAssertion(text: string, context: AssertionContext): Promise<ReadAssertion> {
  try {
    return await read(text, context);
  } catch (error) {
    if (error instanceof Refused) return { ok: false, reason: error.reason };
    throw error;
  }
}

/** Whether a key is one that an assertion may be signed with. */
export function isAssertionKey(key: JWK): boolean {
  return key.kid !== undefined && Object.values(KEY_TYPES).some((fits) => fits(key));
}

/** Ends the reading; stays inside of this file. */
class Refused extends Error {
  readonly reason: AssertionRefusal;

  constructor(reason: AssertionRefusal) {
    super(reason);
    this.reason = reason;
  }
}

function require(condition: boolean, reason: AssertionRefusal): asserts condition {
  if (!condition) throw new Refused(reason);
}

async function read(
  text: string,
  { tokenUrl, nowMs, client, needsNoSubject = false }: AssertionContext,
): Promise<ReadAssertion> {
  const [, head, body, signature] = (text.length <= CHARS_MAX ? COMPACT.exec(text) : null) ?? [];
  require(head !== undefined && body !== undefined && signature !== undefined, 'not-compact');
  const header = jsonOf(head, 'bad-header');
  require(isCanonical(signature), 'not-compact');
  const { alg, kid } = header;
  const fits = typeof alg === 'string' && Object.hasOwn(KEY_TYPES, alg) ? KEY_TYPES[alg] : undefined;
  require(typeof alg === 'string' && fits !== undefined, 'algorithm');
  require(!('crit' in header) && !('b64' in header), 'critical-extension');
  require(!['jwk', 'x5c', 'x5u'].some((name) => name in header), 'embedded-key');
  require(isText(kid), 'bad-header');
  const claims = jsonOf(body, 'bad-claims');
  const { iss, sub, aud, jti } = claims;
  require(isText(iss) && (iss === sub || (needsNoSubject && sub === undefined)), 'issuer');
  const asserting = await client(iss, kid);
  require(asserting !== undefined, 'unknown-client');
  require(!('jku' in header) || header['jku'] === asserting.jwksUrl, 'foreign-key-url');
  const key = asserting.keys.find((one) => one.kid === kid);
  require(key !== undefined, 'unknown-key');
  require(fits(key), 'algorithm');
  require(await isSigned(text, key, alg), 'signature');
  require(aud === tokenUrl || (Array.isArray(aud) && aud.length === 1 && aud[0] === tokenUrl), 'audience');
  const expiresAt = judgeTimes(claims, nowMs / 1000);
  require(isText(jti), 'no-jti');
  return { ok: true, clientId: iss, jti, expiresAt, purposes: purposesOf(claims) };
}

function judgeTimes({ exp, iat, nbf }: JsonObject, nowS: number): number {
  require(typeof exp === 'number' && Number.isFinite(exp), 'bad-claims');
  require(exp > nowS - SKEW_S, 'expired');
  require(exp <= nowS + LIFE_S_MAX + SKEW_S, 'lives-too-long');
  for (const from of [iat, nbf]) {
    if (from === undefined) continue;
    require(typeof from === 'number' && Number.isFinite(from), 'bad-claims');
    require(from <= nowS + SKEW_S, 'not-yet-valid');
    require(from > nowS - LIFE_S_MAX - SKEW_S, 'expired');
    require(exp - from <= LIFE_S_MAX && exp > from, 'lives-too-long');
  }
  return exp * 1000;
}

async function isSigned(text: string, key: JWK, alg: string): Promise<boolean> {
  try {
    await compactVerify(text, await importJWK({ ...key, alg }, alg), { algorithms: [alg] });
    return true;
  } catch {
    return false;
  }
}

/** `extensions.hl7-b2b.purpose_of_use`. @see UDAP Security, B2B authorization extension */
function purposesOf({ extensions }: JsonObject): string[] {
  if (!isJsonObject(extensions) || !isJsonObject(extensions['hl7-b2b'])) return [];
  const purposes = extensions['hl7-b2b']['purpose_of_use'];
  const list = Array.isArray(purposes) ? purposes : purposes === undefined ? [] : [purposes];
  return list.map((one: unknown) => (typeof one === 'string' ? one : ''));
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= ID_CHARS_MAX;
}

/** Bits that no byte takes must be zero: else one signature has several spellings. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}

/** A part as a JSON object; names that occur twice refuse it. */
function jsonOf(part: string, reason: AssertionRefusal): JsonObject {
  require(isCanonical(part), 'not-compact');
  let value: unknown;
  try {
    value = parseJson(Buffer.from(part, 'base64url'));
  } catch {
    throw new Refused(reason);
  }
  require(isJsonObject(value), reason);
  return value;
}
