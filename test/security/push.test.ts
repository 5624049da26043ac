/** What a system that pushes may try: attacks 79–81, 97, 98, 100, 101, 103 and 105, on every address that takes a body. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Bundle, Observation } from 'fhir/r4.js';
import { drain } from '../../adapter/services/drain.js';
import { eraseAsAsked } from '../../adapter/services/erasure/index.js';
import { BUNDLE_ENTRIES_MAX } from '../../mappings/index.js';
import {
  ask,
  consenting,
  failedChecks,
  issueOf,
  logSize,
  openBench,
  readLog,
  refusalOf,
} from '../adapter/support/bench.js';
import type { Answer, Bench } from '../adapter/support/bench.js';
import { bundleOf, pusherOf, statesOf } from '../adapter/support/push.js';
import type { Pusher } from '../adapter/support/push.js';
import { heartRate, patient } from '../adapter/support/resources.js';

const BODY_BYTES_MAX = 2 * 1024 * 1024;
const BODY_SECONDS = 1;

let bench: Bench;
let city: Pusher;
before(async () => {
  bench = await openBench({ bodyBytesMax: BODY_BYTES_MAX, pushBodySeconds: BODY_SECONDS, logLevel: 'debug' });
  city = await pusherOf(bench, { push: 'city' });
  await consenting(bench, 'p1', {}, 'city');
});
after(() => bench.close());

/** Refused, with nothing kept and no ticket given. */
async function refused(says: string, answer: () => Promise<Answer>): Promise<void> {
  const { inbox, statistics } = bench.instance;
  const kept = () => [logSize(bench.instance), inbox.pendingCount, statistics.receivedByChannel['push'] ?? 0];
  const first = kept();
  const got = await answer();
  assert.equal(refusalOf(got), says);
  assert.equal(got.headers['content-location'], undefined);
  assert.deepEqual(kept(), first);
}

const PLACES: readonly (readonly [method: string, path: string])[] = [
  ['POST', ''],
  ['POST', '/Observation'],
  ['PUT', '/Observation/a'],
];

const rate = (id: string, of: string, version: string, minute: number): object =>
  heartRate(id, of, 60 + minute, { version, minute });

/** Heart rates in a patient's record as the patient's hospital sees it; the ids are the facade's. */
async function ratesOf(name: string): Promise<number[]> {
  const { subjects } = bench.instance;
  const id = (await subjects.find(subjects.keyOf('city', name)))?.facadeId ?? '';
  const answer = await city.get(`/fhir/Observation?patient=Patient/${id}`);
  assert.equal(answer.status, 200);
  const { entry = [] } = JSON.parse(answer.body.toString()) as Bundle<Observation>;
  return entry.flatMap(({ resource }) => resource?.valueQuantity?.value ?? []).toSorted((a, b) => a - b);
}

test('79: nothing is smuggled in a batch: each entry is judged by itself', async () => {
  const entry = [
    { resource: rate('b1', 'p1', '1', 1), request: { method: 'PUT', url: 'Observation/b1' } },
    { request: { method: 'GET', url: 'Patient/p1' } },
    { resource: rate('b2', 'p1', '1', 2), request: { method: 'PATCH', url: 'Observation/b1' } },
    { resource: rate('b3', 'p1', '1', 3), request: { method: 'PUT', url: 'Observation/b4' } },
    { resource: rate('b5', 'p1', '1', 4), request: { method: 'PUT', url: '../sources/ward/Observation/b5' } },
    { resource: rate('b6', 'p1', '1', 5), request: { method: 'PUT', url: 'Observation/b6' } },
  ];
  const answer = await city.send('POST', '', { resourceType: 'Bundle', type: 'batch', entry });
  const report = await city.became(answer);
  const said = (report.entry ?? []).map(({ response }) => response?.status.slice(0, 3));
  assert.deepEqual(
    said.map((status) => Number(status) < 300),
    [true, false, false, false, false, true],
    said.join(' '),
  );
  assert.deepEqual(await ratesOf('p1'), [61, 65]);
});

test('80: PATCH is no method here, and no patient of another source can be named', async () => {
  for (const body of ['[{"op":"replace","path":"/subject/reference","value":"Patient/p2"}]', '{}']) {
    const headers = { 'content-type': 'application/json-patch+json' };
    const answer = await city.send('PATCH', '/Observation/b1', body, { headers });
    assert.equal(answer.status, 405);
    assert.doesNotMatch(answer.headers['allow'] ?? '', /PATCH/);
  }
  // The same name at another source is another patient.
  const first = await ratesOf('p1');
  const other = await pusherOf(bench, { push: 'other' });
  await consenting(bench, 'p1', {}, 'other');
  await other.became(await other.send('PUT', '/Observation/b1', rate('b1', 'p1', '2', 9)));
  assert.deepEqual(await ratesOf('p1'), first);
});

async function put(of: string, version: string, minute: number): Promise<void> {
  await city.became(await city.send('PUT', '/Observation/moved', rate('moved', of, version, minute)));
}

test('80: what a source says to be another patient’s leaves the first one, whatever the other permits', async () => {
  await consenting(bench, 'p2', {}, 'city');
  const own = { p1: await ratesOf('p1'), p2: await ratesOf('p2') };
  await put('p1', '1', 11);
  assert.deepEqual(await ratesOf('p1'), [...own.p1, 71]);
  await put('p2', '3', 13);
  assert.deepEqual([await ratesOf('p1'), await ratesOf('p2')], [own.p1, [...own.p2, 73]]);
  // An older version that comes late changes nothing of where it is.
  await put('p1', '2', 12);
  assert.deepEqual([await ratesOf('p1'), await ratesOf('p2')], [own.p1, [...own.p2, 73]]);
  // The third has not answered: it waits there, and is gone here all the same.
  await put('p3', '4', 14);
  assert.deepEqual([await ratesOf('p1'), await ratesOf('p2')], [own.p1, own.p2]);
  await consenting(bench, 'p3', {}, 'city');
  await drain(bench.instance);
  assert.deepEqual(await ratesOf('p3'), [74]);
  // No entry of the log ties one patient's record to another's.
  const entries = await readLog(bench.instance);
  const keys = await bench.instance.store.keys({ gte: 'vault/', lt: 'vault/~' }).all();
  const owners = new Map(keys.map((key) => [key.split('/')[2] ?? '', key.split('/')[1]]));
  for (const { body } of entries.filter(({ type }) => type === 'record.superseded')) {
    const { handle, by } = body as { handle: string; by: string };
    assert.equal(owners.get(handle), owners.get(by));
  }
  assert.ok(entries.filter(({ type }) => type === 'record.deleted').length >= 3);
  assert.deepEqual(await failedChecks(bench.instance), []);
});

test('81: a condition finds what the own source wrote, and nobody else’s', async () => {
  const identifier = [{ system: 'urn:mrn', value: 'shared-81' }];
  const other = await pusherOf(bench, { push: 'third' });
  await consenting(bench, 'q', {}, 'third');
  await other.became(await other.send('PUT', '/Observation/o1', { ...rate('o1', 'q', '1', 1), identifier }));
  const query = encodeURIComponent('urn:mrn|shared-81');
  const asked = { headers: { 'if-none-exist': `identifier=${query}` } };
  const first = await ratesOf('p1');
  const bare = { ...(rate('x', 'p1', '1', 20) as { id?: string }), identifier };
  delete bare.id;
  const made = await city.became(await city.send('POST', '/Observation', bare, asked));
  assert.deepEqual(
    (made.entry ?? []).map(({ response }) => response?.status.slice(0, 3)),
    ['201'],
  );
  assert.deepEqual(await ratesOf('p1'), [...first, 80]);
});

test('97: JSON 10,000 deep', async () => {
  const deep = `{"resourceType":"Observation","id":"a","x":${'['.repeat(10_000)}1${']'.repeat(10_000)}}`;
  const bundle = `{"resourceType":"Bundle","type":"batch","entry":[{"resource":${deep},"request":{"method":"PUT","url":"Observation/a"}}]}`;
  for (const [method, path] of PLACES) {
    await refused('400 structure MAPPING_JSON_DEPTH', () => city.send(method, path, deep));
    await refused('400 structure MAPPING_JSON_DEPTH', () => city.send(method, path, '['.repeat(1_000_000)));
  }
  await refused('400 structure MAPPING_JSON_DEPTH', () => city.send('POST', '', bundle));
});

test('98: __proto__, also when escaped, changes no prototype', async () => {
  for (const key of ['__proto__', '\\u005f_proto__'])
    for (const [method, path] of PLACES)
      await refused('400 structure MAPPING_JSON_PROTO', () =>
        city.send(method, path, `{"resourceType":"Observation","id":"a","${key}":{"polluted":true}}`),
      );
  // A name that every object has is a name like others.
  const named = {
    ...heartRate('constructor', 'p1', 70),
    identifier: [{ system: '__proto__', value: 'toString' }],
  };
  assert.deepEqual(statesOf(await city.became(await city.send('PUT', '/Observation/constructor', named))), [
    '200 stored',
  ]);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

test('100: a body that is too large, plain or packed, and a Bundle of too many entries', async () => {
  const large = Buffer.alloc(BODY_BYTES_MAX + 1, ' ');
  for (const [method, path] of PLACES) {
    await refused('413 too-long ADAPTER_BODY_TOO_LARGE', () => city.send(method, path, large));
    await refused('413 too-long ADAPTER_BODY_TOO_LARGE', () =>
      city.send(method, path, gzipSync(Buffer.alloc(20 * BODY_BYTES_MAX, ' ')), {
        headers: { 'content-encoding': 'gzip' },
      }),
    );
  }
  const entry = Array.from({ length: BUNDLE_ENTRIES_MAX + 1 }, () => ({}));
  await refused('413 too-long MAPPING_BUNDLE_TOO_LARGE', () =>
    city.send('POST', '', { resourceType: 'Bundle', type: 'batch', entry }),
  );
});

test('100: a slow body is answered 408 and its connection closed; others go on', async () => {
  const { hostname, port } = new URL(bench.url);
  const startedAt = performance.now();
  const slow = new Promise<string>((resolve, reject) => {
    let got = '';
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      socket.write(
        `PUT /fhir/Observation/a HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${city.token}\r\n` +
          'content-type: application/json\r\ncontent-length: 1000\r\n\r\n{',
      );
    });
    const drip = setInterval(() => socket.write(' '), 100);
    socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => {
      clearInterval(drip);
      resolve(got);
    });
  });
  const good = await city.send('PUT', '/Observation/ok', heartRate('ok', 'p1', 70));
  assert.equal(good.status, 202);
  const got = await slow;
  assert.match(got, /^HTTP\/1\.1 408 /);
  assert.match(got, /ADAPTER_SLOW_BODY/);
  assert.match(got, /connection: close/i);
  assert.ok(performance.now() - startedAt < BODY_SECONDS * 1000 + 3000);
});

test('100: a system has only so many bodies under way; more are told to come back', async () => {
  const { hostname, port } = new URL(bench.url);
  const sockets = Array.from({ length: 8 }, () => {
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      socket.write(
        `PUT /fhir/Observation/a HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${city.token}\r\n` +
          'content-type: application/json\r\ncontent-length: 1000\r\n\r\n{',
      );
    });
    socket.on('error', () => undefined);
    return socket;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const one = await city.send('PUT', '/Observation/more', heartRate('more', 'p1', 70));
  assert.equal(refusalOf(one), '429 throttled ADAPTER_TOO_MANY_REQUESTS');
  assert.equal(one.headers['retry-after'], '1');
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal((await city.send('PUT', '/Observation/more', heartRate('more', 'p1', 70))).status, 202);
});

test('101: line breaks in ids, types and headers make no line of the log', async () => {
  await drain(bench.instance);
  const lines = () => bench.logged().split('\n').length;
  const from = lines();
  for (const path of ['/Observation/a%0d%0alevel=error', '/Observation%0d%0a/x', '/push/%0d%0aforged'])
    await city.send('PUT', path, heartRate('a', 'p1', 70));
  await city.get('/fhir/push/x%0d%0aforged');
  const forged = { resourceType: 'Observation', id: 'a\r\nforged', status: 'final' };
  await refused('422 value MAPPING_BAD_ID', () => city.send('POST', '/Observation', forged));
  await refused('400 invalid ADAPTER_BAD_REQUEST', () =>
    city.send(
      'POST',
      '',
      bundleOf('transaction', {
        resource: forged,
        request: { method: 'PUT', url: 'Observation/a\r\nforged' },
      }),
    ),
  );
  const report = await city.became(
    await city.send('POST', '', {
      resourceType: 'Bundle',
      type: 'batch',
      entry: [{ resource: forged, request: { method: 'GET\r\nforged', url: 'Observation/a\r\nforged' } }],
    }),
  );
  assert.deepEqual(statesOf(report), ['400 refused-at-once']);
  assert.ok(!bench.logged().includes('forged'));
  for (const line of bench
    .logged()
    .split('\n')
    .slice(from - 1))
    if (line !== '') assert.doesNotThrow(() => JSON.parse(line) as unknown);
});

test('103: ids that lead elsewhere', async () => {
  for (const id of ['..', '.', '...', '..%2f..%2fkeys', '%2e%2e', 'a%00b', 'a%5cb', 'x'.repeat(65)]) {
    const says = await city.send('PUT', `/Observation/${id}`, heartRate('a', 'p1', 70));
    assert.equal(refusalOf(says), '400 invalid ADAPTER_BAD_REQUEST', id);
    assert.equal(
      refusalOf(await city.send('DELETE', `/Observation/${id}`)),
      '400 invalid ADAPTER_BAD_REQUEST',
      id,
    );
    await refused('422 value MAPPING_BAD_ID', () =>
      city.send('POST', '/Observation', { ...heartRate('a', 'p1', 70), id: decodeURIComponent(id) }),
    );
  }
  for (const url of [
    'Observation/..',
    '../Observation/a',
    'Observation/a/../b',
    'http://other/Observation/a',
    '//x/y',
    'push/a',
  ])
    await refused('400 invalid ADAPTER_BAD_REQUEST', () =>
      city.send(
        'POST',
        '',
        bundleOf('transaction', { resource: heartRate('a', 'p1', 70), request: { method: 'PUT', url } }),
      ),
    );
  for (const ticket of ['..', '%2e%2e%2fmetadata', 'a'.repeat(44), '0'.repeat(44), 'x'.repeat(10_000)]) {
    const answer = await city.get(`/fhir/push/${ticket}`);
    assert.equal(answer.status, 404, ticket);
  }
});

test('105: a flood is slowed down, and told for how long; another system goes on', async () => {
  const calm = await openBench({ pushRequestsPerSecond: 5 });
  try {
    const loud = await pusherOf(calm, { push: 'loud' });
    const quiet = await pusherOf(calm, { push: 'quiet' });
    const answers = [];
    for (let i = 0; i < 40; i++) answers.push(await loud.send('DELETE', `/Observation/a${i}`));
    const slowed = answers.filter(({ status }) => status === 429);
    assert.ok(slowed.length >= 10, String(slowed.length));
    assert.ok(answers.filter(({ status }) => status === 202).length >= 20);
    for (const one of slowed) {
      assert.equal(issueOf(one).code, 'throttled');
      assert.ok(Number(one.headers['retry-after']) >= 1);
    }
    assert.equal((await quiet.send('DELETE', '/Observation/a')).status, 202);
  } finally {
    await calm.close();
  }
});

test('a body is not read for who may not push', async () => {
  const stranger = await pusherOf(bench, { source: bench.source.id });
  const large = Buffer.alloc(BODY_BYTES_MAX + 1, ' ');
  assert.equal(
    refusalOf(await stranger.send('PUT', '/Observation/a', large)),
    '403 forbidden ADAPTER_FORBIDDEN',
  );
  const none = await ask(bench.url, '/fhir/Observation', { method: 'POST', body: large });
  assert.equal(refusalOf(none), '401 login ADAPTER_UNAUTHORIZED');
});

test('an erased patient is found by no identifier any more, and what comes again is not kept', async () => {
  const identifier = [{ system: 'urn:mrn', value: 'canary-4b1f' }];
  await consenting(bench, 'gone', {}, 'city');
  await city.became(await city.send('PUT', '/Patient/gone', { ...patient('gone'), identifier }));
  const measured = { ...heartRate('gone-hr', 'gone', 70), identifier };
  await city.became(await city.send('PUT', '/Observation/gone-hr', measured));
  const rows = async (): Promise<number> => {
    const all = ['push/i/', 'push/x/'].map((gte) => bench.instance.store.keys({ gte, lt: `${gte}~` }).all());
    return (await Promise.all(all)).flat().length;
  };
  const count = await rows();
  assert.ok(count >= 4);
  await eraseAsAsked(bench.instance, {
    name: 'Patient/gone',
    source: 'city',
    ground: 'objection',
    by: 'M. Keller',
    reason: 'letter of 3 May',
    yes: true,
  });
  assert.equal(await rows(), count - 4);
  const again = await city.became(
    await city.send(
      'POST',
      '',
      bundleOf('batch', { resource: { ...patient('gone'), identifier } as never }, { resource: measured }),
    ),
  );
  assert.deepEqual(statesOf(again), ['404 erased', '404 erased']);
  const fresh = { ...heartRate('gone-hr2', 'gone', 70), identifier };
  assert.deepEqual(statesOf(await city.became(await city.send('PUT', '/Observation/gone-hr2', fresh))), [
    '404 erased',
  ]);
  assert.equal(await rows(), count - 4);
});
