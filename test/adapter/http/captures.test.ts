/** What a real HAPI server sent, as it was received, byte for byte. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SourceClient } from '../../../adapter/inbound/source-client.js';
import { drain } from '../../../adapter/services/drain.js';
import { addSource } from '../../../adapter/services/source-admin.js';
import { sliceBundle } from '../../../mappings/index.js';
import { sharedData } from '../../support/shared-data.js';
import { ask, consenting, deadLetters, issueOf, logSize, openBench, typesSince } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { startFhirServer } from '../support/fhir-server.js';
import type { FhirServer } from '../support/fhir-server.js';
import { startLocalServer } from '../support/local-server.js';

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

test(
  'one change delivered nineteen times, as after eighteen answers of 500, is one record',
  { skip },
  async () => {
    const tries = JSON.parse(
      readFileSync(join(folder ?? '', '06-retries-receiver-500-then-200.json'), 'utf8'),
    ) as (Pick<Capture, 'method' | 'path' | 'headers'> & { readonly st: number })[];
    assert.deepEqual(
      tries.map(({ st }) => st),
      [...Array.from({ length: 18 }, () => 500), 200],
    );
    const observation = {
      resourceType: 'Observation',
      id: '20151',
      meta: { versionId: '2', lastUpdated: '2026-11-22T21:24:52.000Z' },
      status: 'final',
      code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
      subject: { reference: 'Patient/20160' },
    };
    const size = logSize(bench.instance);
    const body = JSON.stringify(observation);
    const said: (string | undefined)[] = [];
    // Their headers as they came, with the body of a resource of that name: the capture kept no bodies.
    for (const { method, path, headers } of tries)
      said.push(issueOf(await deliver({ method, path, headers, body })).diagnostics);
    assert.deepEqual(
      [said[0], new Set(said.slice(1))],
      ['1 accepted, 0 known', new Set(['0 accepted, 1 known'])],
    );
    await drain(bench.instance);
    assert.deepEqual(await typesSince(bench.instance, size), ['record.stored']);
  },
);

test('a page of a search by _lastUpdated: its resources, and its link to the next', { skip }, async () => {
  const capture = JSON.parse(readFileSync(join(folder ?? '', '08-search-lastUpdated-page.json'), 'utf8')) as {
    readonly body: object;
  };
  const asked: string[] = [];
  const server = await startLocalServer((request, response) => {
    asked.push(request.url ?? '');
    const first = JSON.stringify(capture.body).replaceAll('http://127.0.0.1:18080/fhir', server.url);
    const body = asked.length === 1 ? first : '{"resourceType":"Bundle","type":"searchset"}';
    response.writeHead(200, { 'content-type': 'application/fhir+json;charset=UTF-8' }).end(body);
  });
  const client = new SourceClient({ baseUrl: server.url, requestsPerSecond: 10_000 });
  try {
    const ids: (string | undefined)[] = [];
    for await (const page of client.search('Observation', { _count: '3' }))
      ids.push(...sliceBundle(page).entries.map(({ fullUrl }) => fullUrl?.split('/').at(-1)));
    assert.deepEqual(ids, ['13709', '13710', '13711']);
    assert.equal(asked.length, 2);
    assert.match(asked[1] ?? '', /^\/\?_getpages=72d3aa09-6f87-472e-8617-4c5a727885a5&_getpagesoffset=3/);
  } finally {
    client.close();
    await server.close();
  }
});
