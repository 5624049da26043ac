/** An enrolled organisation’s system for tests: its keys, its assertions, its tokens over HTTP. */
import { createPrivateKey, generateKeyPairSync, randomUUID, sign as signBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { addClient } from '../../adapter/services/client-admin.js';
import type { AddClientArgs } from '../../adapter/services/client-admin.js';
import type { Instance } from '../../adapter/instance/instance.js';
import { generateSeed, privateKeyObject } from '../../ledger/log/index.js';
import { makeCsr } from '../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../ledger/vault/index.js';

export interface TestClient {
  readonly id: string;
  readonly kid: string;
  readonly key: KeyObject;
  /** Its own X25519 key, 32 raw bytes. */
  readonly x25519: Buffer;
}

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Enrols an organisation with an Ed25519 key of its own. */
export function enrolClient(
  instance: Instance,
  more: Partial<Omit<AddClientArgs, 'csr'>> = {},
): Promise<TestClient> {
  return enrolClientBy((args) => addClient(instance, args), more);
}

/** The same by another way to the instance. */
export async function enrolClientBy(
  add: (args: AddClientArgs) => Promise<{ readonly id: string; readonly kid: string }>,
  more: Partial<Omit<AddClientArgs, 'csr'>> = {},
): Promise<TestClient> {
  const seed = generateSeed();
  const x25519 = generateX25519();
  const csr = await makeCsr({ seed, x25519Public: x25519PublicKey(x25519) });
  const { id, kid } = await add({
    name: 'A clinic',
    group: 'provider',
    scopes: ['system/*.rs'],
    ...more,
    csr: csr.pem,
  });
  return { id, kid, key: privateKeyObject(seed), x25519 };
}

const part = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A compact JWS of any header and claims, as text or object. */
export function compactJws(
  header: object | string,
  claims: object | string,
  sign: (input: Buffer) => Buffer,
): string {
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${sign(Buffer.from(input)).toString('base64url')}`;
}

/** Signs as an algorithm does. */
export function signer(alg: string, key: KeyObject): (input: Buffer) => Buffer {
  if (alg === 'EdDSA') return (input) => signBytes(null, input, key);
  if (alg === 'ES384') return (input) => signBytes('sha384', input, { key, dsaEncoding: 'ieee-p1363' });
  return (input) => signBytes('sha384', input, key);
}

/** Claims of a good assertion; what is given takes the place of what would be there. */
export function assertionClaims(
  client: Pick<TestClient, 'id'>,
  tokenUrl: string,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const nowS = Math.floor(Date.now() / 1000);
  return {
    iss: client.id,
    sub: client.id,
    aud: tokenUrl,
    jti: randomUUID(),
    iat: nowS,
    exp: nowS + 240,
    ...more,
  };
}

/** A good assertion. */
export function assertionOf(
  client: TestClient,
  tokenUrl: string,
  more: Readonly<Record<string, unknown>> = {},
): string {
  const header = { alg: 'EdDSA', kid: client.kid, typ: 'JWT' };
  return compactJws(header, assertionClaims(client, tokenUrl, more), signer('EdDSA', client.key));
}

/** Posts a form. */
export function postForm(url: string, form: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
}

/** The form that asks for a token. */
export function tokenForm(
  assertion: string,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    grant_type: 'client_credentials',
    client_assertion_type: ASSERTION_TYPE,
    client_assertion: assertion,
    scope: 'system/*.rs',
    purpose_of_use: 'TREAT',
    ...more,
  };
}

/** A token, by a good assertion. */
export async function tokenFor(
  client: TestClient,
  address: string,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const url = `${address}/auth/token`;
  const answer = await postForm(url, tokenForm(assertionOf(client, url), more));
  const { access_token: token } = (await answer.json()) as { access_token?: string };
  if (token === undefined) throw new Error(`no token: ${answer.status}`);
  return token;
}

/** A further key pair, and its public JWK. */
export function furtherKey(kind: 'P-384' | 'RSA' | 'RSA-1024', kid: string): { key: KeyObject; jwk: object } {
  const { privateKey, publicKey } =
    kind === 'P-384'
      ? generateKeyPairSync('ec', { namedCurve: 'P-384' })
      : generateKeyPairSync('rsa', { modulusLength: kind === 'RSA' ? 2048 : 1024 });
  const key = createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  return { key, jwk: { ...publicKey.export({ format: 'jwk' }), kid } };
}
