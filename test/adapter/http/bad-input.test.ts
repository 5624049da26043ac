import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { drain } from '../../../adapter/services/drain.js';
import { BUNDLE_ENTRIES_MAX } from '../../../mappings/index.js';
import {
  ask,
  consenting,
  deadLetters,
  hook,
  issueOf,
  logSize,
  openBench,
  refusalOf,
} from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { heartRate } from '../support/resources.js';

const BODY_BYTES_MAX = 4 * 1024 * 1024;

let bench: Bench;
before(async () => {
  bench = await openBench({ bodyBytesMax: BODY_BYTES_MAX });
  await consenting(bench, 'p1');
});
after(() => bench.close());

const good = JSON.stringify(heartRate('good', 'p1', 70));

/** Refused by the answer, and by what is kept. */
async function refused(
  says: string,
  path: string,
  options: Parameters<typeof hook>[2],
  expression?: readonly string[],
): Promise<void> {
  const { inbox, statistics } = bench.instance;
  const kept = [logSize(bench.instance), inbox.pendingCount, statistics.pipeline.dead];
  const answer = await hook(bench, path, options);
  assert.equal(refusalOf(answer), says);
  assert.deepEqual(issueOf(answer).expression, expression);
  assert.deepEqual([logSize(bench.instance), inbox.pendingCount, statistics.pipeline.dead], kept);
}

test('what is not JSON', async () => {
  for (const body of ['{', 'null null', '<Patient/>', '{"resourceType":"Patient",}', "{'a':1}", '\u0000'])
    await refused('400 structure MAPPING_NOT_JSON', '', { body });
  await refused('400 structure MAPPING_JSON_BOM', '', { body: `\ufeff${good}` });
  await refused('400 structure MAPPING_JSON_DUPLICATE_KEY', '', {
    body: '{"resourceType":"Patient","id":"a","id":"b"}',
  });
});

const batchOf = (entry: unknown) => ({
  body: JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry }),
});

test('what is JSON, and no resource', async () => {
  for (const body of [
    'null',
    '[]',
    '"Patient"',
    '1',
    '{}',
    '{"resourceType":1}',
    '{"resourceType":"patient"}',
  ])
    await refused('422 processing ADAPTER_UNPROCESSABLE', '', { body }, ['resourceType']);
  await refused(
    '422 processing ADAPTER_UNPROCESSABLE',
    '',
    batchOf([{ resource: JSON.parse(good) }, { resource: {} }]),
    ['Bundle.entry[1].resource.resourceType'],
  );
  await refused('422 processing ADAPTER_UNPROCESSABLE', '', batchOf([{ resource: null }]), [
    'Bundle.entry[0].resource.resourceType',
  ]);
  await refused('400 structure MAPPING_BAD_ELEMENT', '', batchOf('none'), ['Bundle.entry']);
  await refused('400 structure MAPPING_BAD_ELEMENT', '', batchOf([7]), ['Bundle.entry[0]']);
});

test('another character set, another format', async () => {
  const latin = Buffer.from(
    '{"resourceType":"Patient","id":"a","name":[{"family":"M\u00fcller"}]}',
    'latin1',
  );
  await refused('400 structure MAPPING_NOT_UTF8', '', { body: latin });
  for (const type of [
    'application/fhir+json; charset=iso-8859-1',
    'application/json;charset=utf-16',
    'application/fhir+xml',
    'text/xml',
    'text/plain',
    'application/x-www-form-urlencoded',
    'nonsense',
  ]) {
    await refused('415 not-supported ADAPTER_UNSUPPORTED_MEDIA', '', {
      body: good,
      headers: { 'content-type': type },
    });
  }
  for (const type of ['application/json', 'application/fhir+json;charset="UTF-8"', 'application/json+fhir']) {
    const answer = await hook(bench, '', { body: good, headers: { 'content-type': type } });
    assert.equal(answer.status, 200, type);
  }
  await drain(bench.instance);
});

const deep = (open: string, close: string): string =>
  `{"resourceType":"Patient","id":"a","x":${open.repeat(10_000)}1${close.repeat(10_000)}}`;

test('10,000 levels deep', async () => {
  await refused('400 structure MAPPING_JSON_DEPTH', '', { body: deep('[', ']') });
  await refused('400 structure MAPPING_JSON_DEPTH', '', { body: deep('{"a":', '}') });
  await refused('400 structure MAPPING_JSON_DEPTH', '', { body: '['.repeat(1_000_000) });
});

test('__proto__, also when escaped, changes no prototype', async () => {
  for (const key of ['__proto__', '\\u005f_proto__', '__proto\\u005f\\u005F'])
    await refused('400 structure MAPPING_JSON_PROTO', '', {
      body: `{"resourceType":"Patient","id":"a","contained":[{"${key}":{"polluted":true}}]}`,
    });
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

test('a Bundle of too many entries, a body that is too long, plain or packed', async () => {
  const entry = Array.from({ length: BUNDLE_ENTRIES_MAX + 1 }, () => ({}));
  const bundle = JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry });
  await refused('413 too-long MAPPING_BUNDLE_TOO_LARGE', '', { body: bundle }, ['Bundle.entry']);
  const large = Buffer.alloc(BODY_BYTES_MAX + 1, ' ');
  await refused('413 too-long ADAPTER_BODY_TOO_LARGE', '', { body: large });
  const bomb = Buffer.alloc(20 * BODY_BYTES_MAX, ' ');
  await refused('413 too-long ADAPTER_BODY_TOO_LARGE', '', {
    body: gzipSync(bomb),
    headers: { 'content-encoding': 'gzip' },
  });
  const packed = brotliCompressSync(bomb, { params: {} });
  await refused('413 too-long ADAPTER_BODY_TOO_LARGE', '', {
    body: packed,
    headers: { 'content-encoding': 'br' },
  });
  await refused('415 not-supported ADAPTER_UNSUPPORTED_MEDIA', '', {
    body: good,
    headers: { 'content-encoding': 'zstd' },
  });
  await refused('400 invalid ADAPTER_BAD_REQUEST', '', {
    body: 'no gzip',
    headers: { 'content-encoding': 'gzip' },
  });
  const answer = await hook(bench, '', { body: gzipSync(good), headers: { 'content-encoding': 'gzip' } });
  assert.equal(answer.status, 200);
  await drain(bench.instance);
});

test('an unknown source, an address that names nothing, a body that is not what the address names', async () => {
  const unknown = await ask(bench.url, '/hooks/nobody', { method: 'POST', body: good });
  assert.equal(refusalOf(unknown), '404 not-found ADAPTER_NOT_FOUND');
  const odd = await ask(bench.url, '/hooks/%0d%0a%F0%9F%98%80', { method: 'POST', body: good });
  assert.equal(refusalOf(odd), '404 not-found ADAPTER_NOT_FOUND');
  assert.equal(
    refusalOf(await ask(bench.url, '/hooks/%E0%A4%A', { method: 'POST' })),
    '400 invalid ADAPTER_BAD_REQUEST',
  );
  for (const path of [
    '/Observation',
    '/Observation/a/b',
    '/observation/a',
    '/Observation/..',
    '/Observation/a%20b',
    '/1/2',
  ])
    await refused('400 invalid ADAPTER_BAD_REQUEST', path, { method: 'PUT', body: good });
  for (const path of ['/Observation/other', '/Patient/good'])
    await refused('400 invalid ADAPTER_BAD_REQUEST', path, { method: 'PUT', body: good });
  const bundle = JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry: [] });
  await refused('400 invalid ADAPTER_BAD_REQUEST', '/Observation/good', { method: 'PUT', body: bundle });
  await refused('400 invalid ADAPTER_BAD_REQUEST', '', { method: 'DELETE' });
});

test('a body that ends early leaves nothing', async () => {
  const { hostname, port } = new URL(bench.url);
  const received = bench.instance.statistics.receivedByChannel['hook'] ?? 0;
  await new Promise<void>((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      socket.write(
        `POST /hooks/ward HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${bench.source.secret}\r\n` +
          `content-type: application/json\r\ncontent-length: ${good.length}\r\n\r\n${good.slice(0, 40)}`,
        () => socket.destroy(),
      );
    });
    socket.on('close', () => resolve());
  });
  assert.equal((await ask(bench.url, '/health/live')).status, 200);
  assert.equal(bench.instance.statistics.receivedByChannel['hook'] ?? 0, received);
});

test('what only mapping can tell is acknowledged and set aside, with code and FHIRPath', async () => {
  const observation = JSON.parse(good) as Record<string, unknown>;
  const without = (name: string): object =>
    Object.fromEntries(Object.entries({ ...observation, id: 'less' }).filter(([key]) => key !== name));
  const cases: [object, string][] = [
    [without('id'), 'Observation MAPPING_NO_ID Observation.id'],
    [without('subject'), 'Observation MAPPING_NO_PATIENT Observation.subject'],
    [{ ...observation, id: '..' }, 'Observation MAPPING_BAD_ID Observation.id'],
    [{ ...observation, id: 7 }, 'Observation MAPPING_BAD_ELEMENT Observation.id'],
    [
      { ...observation, id: 'when', effectiveDateTime: '2020-13-45' },
      'Observation MAPPING_BAD_DATE Observation.effective',
    ],
    [
      { ...observation, id: 'who', subject: 'Patient/p1' },
      'Observation MAPPING_BAD_ELEMENT Observation.subject',
    ],
    [{ resourceType: 'Wombat', id: 'w' }, 'Wombat MAPPING_UNSUPPORTED resourceType'],
    [
      {
        ...observation,
        id: 'two',
        subject: { reference: 'Patient/p1' },
        performer: [{ reference: 'Patient/p2' }],
      },
      'Observation MAPPING_SEVERAL_PATIENTS Observation.subject',
    ],
    [
      { ...observation, id: 'urn', subject: { reference: `urn:uuid:${'0'.repeat(36)}` } },
      'Observation MAPPING_NO_PATIENT Observation.subject',
    ],
  ];
  for (const [resource, letter] of cases) {
    const letters = await deadLetters(bench.instance);
    const size = logSize(bench.instance);
    assert.equal((await hook(bench, '', { body: JSON.stringify(resource) })).status, 200);
    await drain(bench.instance);
    assert.deepEqual((await deadLetters(bench.instance)).slice(letters.length), [letter]);
    assert.equal(logSize(bench.instance), size);
    // Delivered once more it is the same letter, not a second one.
    assert.equal((await hook(bench, '', { body: JSON.stringify(resource) })).status, 200);
    await drain(bench.instance);
    assert.equal((await deadLetters(bench.instance)).length, letters.length + 1, letter);
  }
});
