/**
 * Tokens for reading a hospital's server: this instance as a client of SMART Backend Services. The token is asked for with
 * an assertion signed by a key whose public half we publish; it is kept in memory only, and until shortly before its end.
 *
 * @see https://hl7.org/fhir/smart-app-launch/backend-services.html
 * @see RFC 6749, RFC 7523
 */
import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { isJsonObject, parseJson } from '../../mappings/index.js';
import type { JsonValue } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import type { Authorization } from '../inbound/authorization.js';
import { Connections } from '../inbound/connections.js';
import type { ResolveName } from '../inbound/connections.js';
import { withGuard } from '../inbound/guarded-fetch.js';
import type { RawAnswer } from '../inbound/guarded-fetch.js';
import type { SigningKey } from '../instance/source-keys.js';

export interface SmartClientOptions {
  readonly clientId: string;
  /** Fixed when the source was added: a server cannot send our assertions elsewhere later. */
  readonly tokenUrl: string;
  /** Such as `system/*.rs`. */
  readonly scope: string;
  readonly signingKey: () => Promise<SigningKey>;
  readonly allowPrivate?: readonly string[] | undefined;
  readonly resolveName?: ResolveName | undefined;
  readonly nowMs: () => number;
  /** How long the token address may take, default 15 s. */
  readonly timeoutMs?: number;
}

interface Token {
  readonly header: string;
  readonly untilMs: number;
}

const TIMEOUT_MS = 15_000;
const BYTES_MAX = 256 * 1024;
const TOKEN_CHARS_MAX = 32_768;
/** An assertion lives five minutes at most; a clock may be a minute off. */
const ASSERTION_S = 240;
/** A token is not used in its last moments: it could end on the way. */
const MARGIN_MS = 30_000;
const MARGIN_SHARE = 0.1;
/** For servers that do not say, ms: as long as SMART recommends. */
const LIFE_MS_DEFAULT = 300_000;
const LIFE_MS_MAX = 24 * 3_600_000;
/** After a refusal, or no answer, the server is left alone for a moment. */
const REFUSED_MS = 5_000;
const FORM = 'application/x-www-form-urlencoded';
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export class SmartClient implements Authorization {
  readonly #options: SmartClientOptions;
  readonly #connections: Connections;
  #token: Token | undefined;
  #asking: Promise<Token> | undefined;
  #refusal: { readonly error: AdapterError; readonly untilMs: number } | undefined;

  constructor(options: SmartClientOptions) {
    this.#options = options;
    const { tokenUrl: baseUrl, allowPrivate, resolveName } = options;
    this.#connections = new Connections({ baseUrl, allowPrivate, resolveName });
  }

  /**
   * @throws AdapterError ADAPTER_SOURCE_REFUSED when the server gives us no token, ADAPTER_SOURCE_UNREACHABLE when it does
   * not answer.
   */
  async header(): Promise<string> {
    const now = this.#options.nowMs();
    if (this.#token !== undefined && now < this.#token.untilMs) return this.#token.header;
    if (this.#refusal !== undefined && now < this.#refusal.untilMs) throw this.#refusal.error;
    // All who wait for a token wait for the same one.
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return (await this.#asking).header;
  }

  refused(header: string): boolean {
    if (this.#token?.header === header) this.#token = undefined;
    return true;
  }

  close(): void {
    this.#connections.close();
  }

  async #ask(): Promise<Token> {
    const { tokenUrl, scope, nowMs } = this.#options;
    const askedAt = nowMs();
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      scope,
      client_assertion_type: ASSERTION_TYPE,
      client_assertion: await this.#assertion(),
    });
    const guard = {
      origin: new URL(tokenUrl).origin,
      timeoutMs: this.#options.timeoutMs ?? TIMEOUT_MS,
      bytesMax: BYTES_MAX,
      connections: this.#connections,
    };
    const headers = { 'content-type': FORM, accept: 'application/json' };
    try {
      const answer = await withGuard(guard, () =>
        fetch(tokenUrl, { method: 'POST', headers, body: form.toString() }),
      );
      this.#token = tokenOf(answer, askedAt);
      this.#refusal = undefined;
      return this.#token;
    } catch (error) {
      if (error instanceof AdapterError) this.#refusal = { error, untilMs: nowMs() + REFUSED_MS };
      throw error;
    }
  }

  async #assertion(): Promise<string> {
    const { clientId, tokenUrl, nowMs } = this.#options;
    const { kid, algorithm, key } = await this.#options.signingKey();
    const nowS = Math.floor(nowMs() / 1000);
    return new SignJWT({})
      .setProtectedHeader({ alg: algorithm, kid, typ: 'JWT' })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(tokenUrl)
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + ASSERTION_S)
      .setJti(randomUUID())
      .sign(key);
  }
}

/** No message holds anything of the answer save OAuth's own word for the error. */
function tokenOf({ status, bytes }: RawAnswer, askedAtMs: number): Token {
  if (status === 429 || status >= 500) {
    throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `the source's token address answered ${status}`);
  }
  const body = read(bytes);
  const found = isJsonObject(body) ? body : {};
  if (status !== 200) {
    const word = found['error'];
    const why = typeof word === 'string' && /^[a-z_]{1,40}$/.test(word) ? `, ${word}` : '';
    throw new AdapterError(
      'ADAPTER_SOURCE_REFUSED',
      `the source gives us no token (${status}${why}): has it registered our client id and public keys?`,
    );
  }
  const { access_token: token, token_type: type, expires_in: expiresIn } = found;
  const isToken =
    typeof token === 'string' && token.length <= TOKEN_CHARS_MAX && /^[\x21-\x7e]+$/.test(token);
  if (!isToken || typeof type !== 'string' || type.toLowerCase() !== 'bearer') {
    throw new AdapterError(
      'ADAPTER_SOURCE_REFUSED',
      'the source’s token address answered without a bearer token',
    );
  }
  const seconds = typeof expiresIn === 'string' ? Number(expiresIn) : expiresIn;
  const isLife = typeof seconds === 'number' && seconds > 0;
  const lifeMs = isLife ? Math.min(seconds * 1000, LIFE_MS_MAX) : LIFE_MS_DEFAULT;
  const marginMs = Math.min(MARGIN_MS, lifeMs * MARGIN_SHARE);
  return { header: `Bearer ${token}`, untilMs: askedAtMs + lifeMs - marginMs };
}

function read(bytes: Buffer): JsonValue | undefined {
  try {
    return parseJson(bytes);
  } catch {
    return undefined;
  }
}
