import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { CapabilityStatement } from 'fhir/r4.js';
import { ask, consenting, issueOf, openBench, push, refusalOf } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { heartRate } from '../support/resources.js';

let bench: Bench;
before(async () => {
  bench = await openBench();
  await consenting(bench, 'p1');
});
after(() => bench.close());

test('metadata says what the endpoint does, and where it is', async () => {
  const { status, headers, body } = await ask(bench.url, '/fhir/metadata');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/fhir+json; charset=utf-8');
  assert.equal(headers['x-powered-by'], undefined);
  const statement = JSON.parse(body.toString('utf8')) as CapabilityStatement;
  assert.equal(statement.resourceType, 'CapabilityStatement');
  assert.equal(statement.fhirVersion, '4.0.1');
  assert.equal(statement.implementation?.url, `${bench.url}/fhir`);
});

test('health and metrics tell counts, and no patient', async () => {
  await push(bench, heartRate('m1', 'p1', 70));
  const live = await ask(bench.url, '/health/live');
  assert.deepEqual([live.status, JSON.parse(live.body.toString())], [200, { status: 'live' }]);
  const ready = JSON.parse((await ask(bench.url, '/health/ready')).body.toString()) as object;
  assert.deepEqual(ready, {
    status: 'ready',
    checks: { redis: true, store: true, sources: true },
    demo: false,
  });
  const { headers, body } = await ask(bench.url, '/metrics');
  assert.match(String(headers['content-type']), /^text\/plain/);
  const text = body.toString('utf8');
  assert.match(text, new RegExp(`^firebreak_log_size ${bench.instance.engine.head().size}$`, 'm'));
  assert.match(text, /^firebreak_events_received\{channel="hook"\} 1$/m);
  assert.match(text, /^firebreak_events_handled\{outcome="stored"\} 1$/m);
  assert.match(text, /^firebreak_redis_up 1$/m);
});

test('of the log what never changes is cached for ever, what changes never', async () => {
  while (bench.instance.engine.head().size < 260)
    await push(
      bench,
      ...Array.from({ length: 60 }, (_, i) =>
        heartRate(`l${bench.instance.engine.head().size}-${i}`, 'p1', 60 + i),
      ),
    );
  const { size } = bench.instance.engine.head();
  const cached = async (path: string): Promise<[number, string, string]> => {
    const { status, headers } = await ask(bench.url, `/log/${path}`);
    assert.equal(headers['access-control-allow-origin'], '*');
    return [status, String(headers['cache-control']), String(headers['content-type'])];
  };
  const text = 'text/plain; charset=utf-8';
  const bytes = 'application/octet-stream';
  assert.deepEqual(await cached('checkpoint'), [200, 'no-store', text]);
  assert.deepEqual(await cached('tile/0/000'), [200, 'public, max-age=31536000, immutable', bytes]);
  assert.deepEqual(await cached('tile/entries/000'), [200, 'public, max-age=31536000, immutable', bytes]);
  assert.deepEqual(await cached(`tile/entries/001.p/${size - 256}`), [200, 'public, max-age=60', bytes]);
  assert.deepEqual(await cached('schemas/entry.json'), [200, 'no-store', 'application/json; charset=utf-8']);
  for (const path of [
    'tile/0/999',
    'tile/0/000.p/0',
    'tile/entries/001.p/256',
    'nothing',
    '../instance.json',
    '..%2finstance.json',
    '%00',
  ])
    assert.equal(refusalOf(await ask(bench.url, `/log/${path}`)), '404 not-found ADAPTER_NOT_FOUND', path);
  const head = await ask(bench.url, '/log/checkpoint', { method: 'HEAD' });
  assert.deepEqual([head.status, head.body.length], [200, 0]);
});

test('the certificates of the authority', async () => {
  const get = async (name: string) => new X509Certificate((await ask(bench.url, `/pki/${name}.crt`)).body);
  const [root, issuing] = [await get('root'), await get('issuing')];
  assert.ok(issuing.verify(root.publicKey) && root.verify(root.publicKey));
  assert.ok(root.ca && issuing.ca);
  assert.equal(refusalOf(await ask(bench.url, '/pki/other.crt')), '404 not-found ADAPTER_NOT_FOUND');
  const profile = JSON.parse((await ask(bench.url, '/pki/profile')).body.toString()) as { keyType: string };
  assert.equal(profile.keyType, 'Ed25519');
});

test('an unknown address, a method that an address does not take', async () => {
  for (const path of ['/fhir/patient', '/hooks', '/log', '/nothing?x=1', '/fhir/metadata/x'])
    assert.deepEqual(
      [(await ask(bench.url, path)).status, issueOf(await ask(bench.url, path)).code],
      [404, 'not-found'],
      path,
    );
  const wrong: [string, string, string][] = [
    ['GET', '/hooks/ward', 'POST, PUT, DELETE'],
    ['PATCH', '/hooks/ward/Observation/a', 'POST, PUT, DELETE'],
    ['TRACE', '/fhir/metadata', 'GET, HEAD'],
    ['POST', '/fhir/metadata', 'GET, HEAD'],
    ['DELETE', '/log/checkpoint', 'GET, HEAD'],
    ['PUT', '/log/tile/0/000', 'GET, HEAD'],
    ['GET', '/fhir', 'POST'],
    ['GET', '/pki/enrol', 'POST'],
    ['PUT', '/pki/root.crt', 'GET, HEAD'],
    ['GET', '/sources/ward/invitations', 'POST'],
    ['DELETE', '/metrics', 'GET, HEAD'],
    ['POST', '/health/live', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of wrong) {
    const headers = { 'x-http-method-override': 'GET' };
    const answer = await ask(bench.url, path, { method, headers });
    assert.deepEqual(
      [answer.status, answer.headers.allow, issueOf(answer).code],
      [405, allow, 'not-supported'],
      path,
    );
  }
});
