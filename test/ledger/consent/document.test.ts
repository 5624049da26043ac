import assert from 'node:assert/strict';
import test from 'node:test';
import { FlattenedSign, flattenedVerify } from 'jose';
import {
  documentBytes,
  documentKid,
  signDocument,
  signingInput,
  verifyDocument,
} from '../../../ledger/consent/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { privateKeyObject, publicKey, publicKeyObject, sign } from '../../../ledger/log/index.js';

const seed = Buffer.alloc(32, 7);
const raw = publicKey(seed);
const kid = 'Zr9vvKZ1Yqk0a0ZJ0w1o2kSmyv0w3nB7xq8sYb6dXnE';
const document: JsonObject = {
  resourceType: 'Consent',
  id: '1',
  meta: { versionId: '3' },
  status: 'active',
  text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Ich erlaube µ und ü.</div>' },
  provision: { type: 'permit' },
};
const jws = signDocument(document, seed, kid);
const [headerPart = '', , signaturePart = ''] = jws.split('.');
const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A signature under any header, made with the right key. */
function under(header: string): string {
  const message = Buffer.from(`${header}.${documentBytes(document).toString('base64url')}`);
  return `${header}..${sign(seed, message).toString('base64url')}`;
}

test('sign, then verify', () => {
  assert.equal(verifyDocument(document, jws, raw), 'ok');
  assert.equal(verifyDocument(document, jws, raw, kid), 'ok');
  assert.equal(
    verifyDocument(document, signDocument(document, privateKeyObject(seed), kid), publicKeyObject(raw)),
    'ok',
  );
  assert.equal(documentKid(jws), kid);
  assert.deepEqual(signingInput(document, kid).toString().split('.')[0], headerPart);
});

test('id and meta are not signed; order of members does not matter; all else is', () => {
  const { id: _, meta: __, ...rest } = document;
  assert.equal(verifyDocument(rest, jws, raw), 'ok');
  assert.equal(verifyDocument({ ...document, id: '2', meta: { versionId: '9' } }, jws, raw), 'ok');
  assert.equal(verifyDocument(Object.fromEntries(Object.entries(document).toReversed()), jws, raw), 'ok');
  for (const altered of [
    { ...document, status: 'inactive' },
    { ...document, text: { status: 'generated', div: '<div>other</div>' } },
    { ...document, extra: 1 },
    { ...document, provision: { type: 'permit', id: 'x' } },
    JSON.parse(
      JSON.stringify(document).replace('"status":"active"', '"status":"active","__proto__":{"a":1}'),
    ) as JsonObject,
  ]) {
    assert.equal(verifyDocument(altered, jws, raw), 'signature');
  }
});

test('RFC 7515 appendix F: an independent library makes and reads the same', async () => {
  const payload = documentBytes(document);
  const flattened = {
    protected: headerPart,
    payload: payload.toString('base64url'),
    signature: signaturePart,
  };
  await flattenedVerify(flattened, publicKeyObject(raw), { algorithms: ['EdDSA'] });
  const theirs = await new FlattenedSign(payload)
    .setProtectedHeader({ alg: 'EdDSA', kid })
    .sign(privateKeyObject(seed));
  assert.equal(verifyDocument(document, `${theirs.protected ?? ''}..${theirs.signature}`, raw, kid), 'ok');
});

const refusals: readonly (readonly [string, string, string])[] = [
  ['alg none', 'jws-alg', `${b64({ alg: 'none', kid })}..${signaturePart}`],
  ['alg none, no signature', 'jws-alg', `${b64({ alg: 'none', kid })}..`],
  ['HS256 with the public key', 'jws-alg', under(b64({ alg: 'HS256', kid }))],
  ['alg in other letters', 'jws-alg', under(b64({ alg: 'eddsa', kid }))],
  ['no alg', 'jws-alg', under(b64({ kid }))],
  ['crit', 'jws-crit', under(b64({ alg: 'EdDSA', kid, crit: ['b64'], b64: false }))],
  ['b64 alone', 'jws-header', under(b64({ alg: 'EdDSA', kid, b64: false }))],
  ['embedded key', 'jws-header', under(b64({ alg: 'EdDSA', kid, jwk: { kty: 'OKP' } }))],
  ['foreign key address', 'jws-header', under(b64({ alg: 'EdDSA', kid, jku: 'https://example.org/keys' }))],
  [
    'alg twice',
    'jws-header',
    under(Buffer.from(`{"alg":"none","alg":"EdDSA","kid":"${kid}"}`).toString('base64url')),
  ],
  ['no kid', 'jws-kid', under(b64({ alg: 'EdDSA' }))],
  ['wrong kid', 'jws-kid', under(b64({ alg: 'EdDSA', kid: 'another' }))],
  ['header no JSON', 'jws-header', under(Buffer.from('{').toString('base64url'))],
  ['header an array', 'jws-header', under(b64(['EdDSA']))],
  [
    'payload attached',
    'jws-attached',
    `${headerPart}.${documentBytes(document).toString('base64url')}.${signaturePart}`,
  ],
  ['padded header', 'jws-form', `${headerPart}=..${signaturePart}`],
  ['padded signature', 'jws-form', `${headerPart}..${signaturePart}==`],
  ['base64 instead of base64url', 'jws-form', `${headerPart}..${signaturePart.slice(0, -2)}+/`],
  [
    'stray bits at the end',
    'jws-form',
    `${headerPart}..${signaturePart.slice(0, -1)}${signaturePart.endsWith('A') ? 'B' : 'h'}`,
  ],
  ['short signature', 'jws-form', `${headerPart}..${signaturePart.slice(0, 40)}`],
  ['no signature', 'jws-form', `${headerPart}..`],
  ['two parts', 'jws-form', `${headerPart}.${signaturePart}`],
  ['four parts', 'jws-form', `${jws}.x`],
  ['JSON serialisation', 'jws-form', JSON.stringify({ protected: headerPart, signature: signaturePart })],
  ['empty', 'jws-form', ''],
  ['too long', 'jws-form', `${headerPart}${'A'.repeat(2000)}..${signaturePart}`],
  ['signature of zeros', 'signature', `${headerPart}..${Buffer.alloc(64).toString('base64url')}`],
];

for (const [name, code, text] of refusals) {
  test(`refused: ${name}`, () => assert.equal(verifyDocument(document, text, raw, kid), code));
}

test('another key, and a document without a canonical form', () => {
  assert.equal(verifyDocument(document, jws, publicKey(Buffer.alloc(32, 8))), 'signature');
  assert.equal(verifyDocument(document, jws, raw.subarray(1)), 'signature');
  assert.equal(verifyDocument({ ...document, bad: '\ud800' }, jws, raw), 'document');
  assert.throws(() => signDocument({ bad: Number.NaN }, seed, kid), { code: 'LEDGER_NOT_CANONICAL' });
});

test('every bit of the signature counts', () => {
  const signature = Buffer.from(signaturePart, 'base64url');
  for (let i = 0; i < signature.length; i++) {
    const altered = Buffer.from(signature);
    altered[i] = (altered[i] ?? 0) ^ 1;
    assert.equal(
      verifyDocument(document, `${headerPart}..${altered.toString('base64url')}`, raw),
      'signature',
    );
  }
});
