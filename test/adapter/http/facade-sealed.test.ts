/** Answers sealed to the caller's certified key. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { after, before, test } from 'node:test';
import { compactDecrypt, decodeProtectedHeader } from 'jose';
import type { Bundle, Observation } from 'fhir/r4.js';
import { generateX25519, openAnswer, x25519PublicKey } from '../../../ledger/vault/index.js';
import { consenting, openBench, push, refusalOf, typesSince } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { facadeIdOf, readerOf } from '../support/facade.js';
import type { Reader } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

let bench: Bench;
let reader: Reader;
let path: string;
let ofPatient: string;

before(async () => {
  bench = await openBench();
  const { enrolled } = await consenting(bench, 'a');
  ofPatient = enrolled.patient.reference;
  reader = await readerOf(bench, { source: bench.source.id });
  await push(bench, patient('a', { version: '1', minute: 1 }));
  await push(bench, heartRate('h1', 'a', 70, { version: '1', minute: 1 }));
  path = `Observation/${facadeIdOf(bench, 'Observation', 'h1')}`;
});
after(() => bench.close());

const SEALED = { headers: { accept: 'application/jose' } };

async function opened(answer: Answer, asked: string): Promise<string> {
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'application/jose');
  const sealed = answer.body.toString('latin1');
  const { contentType, bytes } = await openAnswer(sealed, `/fhir/${asked}`, reader.client.x25519);
  assert.equal(contentType, 'application/fhir+json; charset=utf-8');
  return bytes.toString('utf8');
}

test('a sealed answer is what the open one is, and leaves its receipt', async () => {
  const open = await reader.get(path);
  const begun = bench.instance.engine.head().size;
  const sealed = await reader.get(path, SEALED);
  assert.deepEqual(await typesSince(bench.instance, begun), ['disclosure']);
  assert.equal(sealed.headers.etag, open.headers.etag);
  assert.match(sealed.headers.vary ?? '', /Accept/);
  assert.equal(await opened(sealed, path), open.body.toString('utf8'));
  assert.equal((JSON.parse(await opened(sealed, path)) as Observation).valueQuantity?.value, 70);
});

test('it is a JWE that any library opens, for the certified key, new each time', async () => {
  const [first, second] = [await reader.get(path, SEALED), await reader.get(path, SEALED)];
  assert.notDeepEqual(first.body, second.body);
  const jwe = first.body.toString('latin1');
  const { kid, alg, enc, url } = decodeProtectedHeader(jwe) as Record<string, unknown>;
  assert.deepEqual([kid, alg, enc, url], [reader.client.kid, 'ECDH-ES', 'A256GCM', `/fhir/${path}`]);
  await assert.rejects(openAnswer(jwe, `/fhir/${path}`, generateX25519()), { code: 'VAULT_UNWRAP_FAILED' });
  const [d, x] = [reader.client.x25519, x25519PublicKey(reader.client.x25519)];
  const jwk = { kty: 'OKP', crv: 'X25519', d: d.toString('base64url'), x: x.toString('base64url') };
  const { plaintext } = await compactDecrypt(jwe, createPrivateKey({ key: jwk, format: 'jwk' }));
  assert.equal(
    (JSON.parse(Buffer.from(plaintext).toString('utf8')) as Observation).resourceType,
    'Observation',
  );
});

test('searches, histories and all of a patient come sealed too', async () => {
  for (const asked of [`Observation?patient=${ofPatient}`, `${path}/_history`, `${ofPatient}/$everything`]) {
    const text = await opened(await reader.get(asked, SEALED), asked);
    assert.ok(((JSON.parse(text) as Bundle).entry ?? []).length > 0, asked);
  }
});

test('an altered one, or the answer to something else, does not open', async () => {
  const jwe = (await reader.get(path, SEALED)).body;
  const all = [...jwe.keys()].filter((at) => jwe[at] !== 0x2e);
  for (const at of all.filter((_, i) => i % 7 === 0)) {
    const altered = Buffer.from(jwe);
    // Another sextet altogether: the last of a part may hold bits that mean nothing.
    altered[at] = altered[at] === 0x41 ? 0x7a : 0x41;
    await assert.rejects(openAnswer(altered.toString('latin1'), `/fhir/${path}`, reader.client.x25519), {
      code: 'VAULT_UNWRAP_FAILED',
    });
  }
  await assert.rejects(openAnswer(jwe.toString('latin1'), '/fhir/Observation/x', reader.client.x25519), {
    code: 'VAULT_UNWRAP_FAILED',
  });
});

test('refusals are told openly: there is nothing of a patient in them', async () => {
  const missing = await reader.get('Observation/unknown', SEALED);
  assert.match(refusalOf(missing), /^404 /);
  assert.equal((await reader.get(path, { headers: { accept: 'application/jose;q=0' } })).status, 406);
});
