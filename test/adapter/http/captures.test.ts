/** What a real HAPI server sent, as it was received, byte for byte. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { drain } from '../../../adapter/services/drain.js';
import { addSource } from '../../../adapter/services/source-admin.js';
import { sharedData } from '../../support/shared-data.js';
import { ask, consenting, deadLetters, issueOf, logSize, openBench, typesSince } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { startFhirServer } from '../support/fhir-server.js';
import type { FhirServer } from '../support/fhir-server.js';

interface Capture {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const folder = sharedData('hapi-captures');
const skip = folder === undefined ? 'the shared test data is not here' : false;

let bench: Bench;
let hospital: FhirServer;
let secret = '';
before(async () => {
  if (folder === undefined) return;
  bench = await openBench();
  hospital = await startFhirServer();
  const args = { id: 'hapi', url: hospital.base, name: 'HAPI', allowResearch: false };
  ({ secret } = await addSource(bench.instance, args));
});
after(async () => {
  await bench?.close();
  await hospital?.close();
});

function load(name: string): Capture {
  return JSON.parse(readFileSync(join(folder ?? '', name), 'utf8')) as Capture;
}

/** Sends a captured hook; only who it is for, and its secret, are ours. */
function deliver({ method, path, headers, body }: Capture): Promise<Answer> {
  const { host: _host, connection: _connection, 'content-length': _length, ...sent } = headers;
  const rest = path
    .split('/')
    .slice(2)
    .map((part) => `/${part}`);
  return ask(bench.url, `/hooks/hapi${rest.join('')}`, {
    method,
    headers: {
      ...sent,
      authorization: `Bearer ${secret}`,
      'content-length': String(Buffer.byteLength(body)),
    },
    body,
  });
}

test('the full payload of a patient who consents becomes a record, once', { skip }, async () => {
  const capture = load('05-rest-hook-synthea-observation-from-transaction.json');
  await consenting(bench, '20160', {}, 'hapi');
  const size = logSize(bench.instance);
  assert.equal(issueOf(await deliver(capture)).diagnostics, '1 accepted, 0 known');
  assert.equal(issueOf(await deliver(capture)).diagnostics, '0 accepted, 1 known');
  await drain(bench.instance);
  assert.deepEqual(await typesSince(bench.instance, size), ['record.stored']);
});

test('what names no patient is taken, and set aside with its FHIRPath', { skip }, async () => {
  for (const name of ['01-rest-hook-create-full.json', '02-rest-hook-update-v2.json'])
    assert.equal(issueOf(await deliver(load(name))).diagnostics, '1 accepted, 0 known');
  await drain(bench.instance);
  const letter = 'Observation MAPPING_NO_PATIENT Observation.subject';
  assert.deepEqual(await deadLetters(bench.instance), [letter, letter]);
});

test('a deletion, and the empty payload', { skip }, async () => {
  assert.equal(
    issueOf(await deliver(load('03-rest-hook-delete-with-channel-extension.json'))).diagnostics,
    '1 accepted, 0 known',
  );
  assert.equal(
    issueOf(await deliver(load('04-rest-hook-empty-payload.json'))).diagnostics,
    '0 accepted, 0 known',
  );
  assert.deepEqual(bench.caughtUp, ['hapi']);
  await drain(bench.instance);
});

test('a history with its deletion: the resource is read back, and gone', { skip }, async () => {
  const { body } = load('10-instance-history-deleted.json');
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { 'content-type': 'application/fhir+json', authorization: `Bearer ${secret}` };
  const asked = hospital.asked.length;
  const answer = await ask(bench.url, '/hooks/hapi', { method: 'POST', headers, body: text });
  // The second version came as a hook above.
  assert.equal(issueOf(answer).diagnostics, '4 accepted, 1 known');
  await drain(bench.instance);
  assert.deepEqual(hospital.asked.slice(asked), ['/fhir/Observation/20121']);
});
