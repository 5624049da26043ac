/** Attachments: what they point at is read from the source, and nothing from elsewhere; data must be what their hash says. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { drain } from '../../../adapter/services/drain.js';
import { consenting, deadLetters, hook, logSize, openBench, push, typesSince } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { startLocalServer } from '../support/local-server.js';
import type { LocalServer } from '../support/local-server.js';
import { patient } from '../support/resources.js';

let bench: Bench;
let hospital: LocalServer;
let elsewhere: LocalServer;
/** What the hospital has: JSON of a resource, or the content itself. */
const binaries = new Map<string, { readonly type: string; readonly body: Buffer }>();

before(async () => {
  bench = await openBench();
  hospital = await startLocalServer((request, response) => {
    const found = binaries.get((request.url ?? '').replace('/fhir/', ''));
    if (found === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': found.type, etag: 'W/"1"' }).end(found.body);
  });
  elsewhere = await startLocalServer((_request, response) => response.writeHead(200).end('x'));
  await bench.instance.sources.update('ward', { baseUrl: `${hospital.url}/fhir` });
  await consenting(bench, 'p1');
  await push(bench, patient('p1'));
});
after(async () => {
  await bench.close();
  await hospital.close();
  await elsewhere.close();
});

const sha1 = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('base64');

function has(id: string, data: Buffer): void {
  const resource = { resourceType: 'Binary', id, meta: { versionId: '1' }, contentType: 'image/png' };
  const body = Buffer.from(JSON.stringify({ ...resource, data: data.toString('base64') }));
  binaries.set(`Binary/${id}`, { type: 'application/fhir+json', body });
}

function document(id: string, ...attachments: readonly object[]): object {
  return {
    resourceType: 'DocumentReference',
    id,
    status: 'current',
    subject: { reference: 'Patient/p1' },
    content: attachments.map((attachment) => ({ attachment })),
  };
}

/** Types logged by a hook, once all has been dealt with. */
async function logged(resource: object): Promise<string[]> {
  const size = logSize(bench.instance);
  const { status } = await hook(bench, '', { body: JSON.stringify(resource) });
  assert.equal(status, 200);
  await drain(bench.instance);
  return typesSince(bench.instance, size);
}

async function newLetters(resource: object): Promise<string[]> {
  const known = await deadLetters(bench.instance);
  await logged(resource);
  return (await deadLetters(bench.instance)).slice(known.length);
}

test('a Binary that a record points at is read from the source, once', async () => {
  const data = randomBytes(2000);
  has('d1', data);
  const url = 'Binary/d1';
  assert.deepEqual(await logged(document('one', { url, hash: sha1(data) })), [
    'record.stored',
    'record.stored',
  ]);
  assert.deepEqual(hospital.asked, ['GET /fhir/Binary/d1']);
  const again = await logged(document('two', { url: `${hospital.url}/fhir/Binary/d1`, hash: sha1(data) }));
  assert.deepEqual(again, ['record.stored'], 'its address in full is the same Binary');
  assert.equal(hospital.asked.length, 1);
});

test('one that is not there is asked for once, and what lies elsewhere never', async () => {
  hospital.asked.length = 0;
  const urls = [
    'Binary/none',
    `${elsewhere.url}/image.png`,
    `${elsewhere.url}/fhir/Binary/d1`,
    `${hospital.url}/images/1.png`,
    'file:///etc/passwd',
    'urn:oid:1.2.3',
  ];
  for (const id of ['three', 'four'])
    assert.deepEqual(await logged(document(id, ...urls.map((url) => ({ url })))), ['record.stored']);
  // Whoever hears that something is gone looks twice.
  assert.deepEqual(hospital.asked, ['GET /fhir/Binary/none', 'GET /fhir/Binary/none']);
  assert.deepEqual(elsewhere.asked, []);
});

test('data within must be what their hash says', async () => {
  const data = randomBytes(300);
  const wrong = sha1(randomBytes(3));
  const attachment = { data: data.toString('base64') };
  assert.deepEqual(await logged(document('five', { ...attachment, hash: sha1(data) })), ['record.stored']);
  assert.deepEqual(await newLetters(document('six', attachment, { ...attachment, hash: wrong })), [
    'DocumentReference MAPPING_HASH_MISMATCH DocumentReference.content[1].attachment.hash',
  ]);
  // Of another kind of hash nothing can be said.
  const sha256 = createHash('sha256').update(data).digest('base64');
  assert.deepEqual(await logged(document('seven', { ...attachment, hash: sha256 })), ['record.stored']);
});

test('so must large ones, which are never held', async () => {
  const [small, large] = [randomBytes(100), randomBytes(4 * 1024 * 1024 + 1)];
  const attachments = [small, large].map((data) => ({ hash: sha1(data), data: data.toString('base64') }));
  assert.deepEqual(await logged(document('eight', ...attachments)), ['record.stored']);
  const [first, second] = attachments;
  const swapped = document('nine', { ...first, hash: second?.hash }, { ...second, hash: first?.hash });
  assert.deepEqual(await newLetters(swapped), [
    'DocumentReference MAPPING_HASH_MISMATCH DocumentReference.content[0].attachment.hash',
  ]);
});

test('a Binary that is not what the record says is set aside, however it comes', async () => {
  const [stated, actual] = [randomBytes(5000), randomBytes(5000)];
  has('d2', actual);
  const content = randomBytes(70_000);
  binaries.set('Binary/d3', { type: 'image/png', body: content });
  const stored = ['record.stored', 'record.stored'];
  assert.deepEqual(await logged(document('eleven', { url: 'Binary/d3', hash: sha1(content) })), stored);
  binaries.set('Binary/d4', { type: 'image/png', body: content });
  const wrong = ['Binary/d2', 'Binary/d4'].map((url) => ({ url, hash: sha1(stated) }));
  assert.deepEqual(await newLetters(document('twelve', ...wrong)), [
    'Binary ADAPTER_HASH_MISMATCH Binary.data',
    'Binary ADAPTER_HASH_MISMATCH Binary.data',
  ]);
});

test('a record that comes to state another hash has its Binary read anew', async () => {
  const [former, now] = [randomBytes(100), randomBytes(100)];
  has('d5', former);
  const url = 'Binary/d5';
  await logged({
    ...document('thirteen', { url, hash: sha1(former) }),
    meta: { versionId: '1', lastUpdated: '2026-01-01T00:00:00Z' },
  });
  const resource = { resourceType: 'Binary', id: 'd5', meta: { versionId: '2' }, contentType: 'image/png' };
  const body = Buffer.from(JSON.stringify({ ...resource, data: now.toString('base64') }));
  binaries.set('Binary/d5', { type: 'application/fhir+json', body });
  const meta = { versionId: '2', lastUpdated: '2026-01-02T00:00:00Z' };
  const types = await logged({ ...document('thirteen', { url, hash: sha1(now) }), meta });
  assert.deepEqual(types.toSorted(), [
    'record.stored',
    'record.stored',
    'record.superseded',
    'record.superseded',
  ]);
});
