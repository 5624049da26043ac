import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { drain } from '../../../adapter/services/drain.js';
import {
  consenting,
  deadLetters,
  hook,
  issueOf,
  logSize,
  openBench,
  refusalOf,
  typesSince,
} from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { heartRate, patient } from '../support/resources.js';

let bench: Bench;
before(async () => {
  bench = await openBench();
  await consenting(bench, 'p1');
});
after(() => bench.close());

/** What a hook's answer says, and the entries that it led to. */
async function taken(path: string, options: Parameters<typeof hook>[2]): Promise<[string, string[]]> {
  const size = logSize(bench.instance);
  const answer = await hook(bench, path, options);
  assert.equal(answer.status, 200, answer.body.toString('utf8'));
  await drain(bench.instance);
  return [issueOf(answer).diagnostics ?? '', await typesSince(bench.instance, size)];
}

test('a resource comes as POST, as PUT to its address, with its version in If-Match', async () => {
  const one = JSON.stringify(heartRate('h1', 'p1', 70, { version: '1', minute: 1 }));
  assert.deepEqual(await taken('', { body: one }), ['1 accepted, 0 known', ['record.stored']]);
  assert.deepEqual(await taken('/Observation/h1', { method: 'PUT', body: one }), ['0 accepted, 1 known', []]);
  const bare = JSON.stringify(heartRate('h1', 'p1', 71));
  const put = { method: 'PUT', body: bare, headers: { 'if-match': 'W/"2"' } };
  assert.deepEqual(await taken('/Observation/h1', put), [
    '1 accepted, 0 known',
    ['record.stored', 'record.superseded'],
  ]);
  assert.deepEqual(await taken('/Observation/h1', put), ['0 accepted, 1 known', []]);
});

test('every type of Bundle that carries resources is taken apart', async () => {
  const types =
    'document message transaction transaction-response batch batch-response history searchset collection';
  for (const [i, type] of types.split(' ').entries()) {
    const entry = [{ resource: heartRate(`b${i}`, 'p1', 70) }, { resource: heartRate(`c${i}`, 'p1', 70) }];
    const body = JSON.stringify({ resourceType: 'Bundle', type, entry });
    const [says, entries] = await taken('', { body });
    assert.deepEqual(
      [type, says, entries],
      [type, '2 accepted, 0 known', ['record.stored', 'record.stored']],
    );
  }
});

test('a Bundle without entries says nothing, and is taken', async () => {
  const body = JSON.stringify({ resourceType: 'Bundle', type: 'history' });
  assert.deepEqual(await taken('', { body }), ['0 accepted, 0 known', []]);
});

test('what is about the Bundle itself is no record', async () => {
  const letters = (await deadLetters(bench.instance)).length;
  const outcome = { resource: { resourceType: 'OperationOutcome' }, search: { mode: 'outcome' } };
  const searchset = { resourceType: 'Bundle', type: 'searchset', entry: [outcome] };
  assert.deepEqual(await taken('', { body: JSON.stringify(searchset) }), ['0 accepted, 0 known', []]);
  const notice = { resource: { resourceType: 'Parameters', id: 'status' } };
  const history = {
    resourceType: 'Bundle',
    type: 'history',
    entry: [notice, { resource: heartRate('n1', 'p1', 70) }],
  };
  assert.deepEqual(await taken('', { body: JSON.stringify(history) }), [
    '1 accepted, 0 known',
    ['record.stored'],
  ]);
  assert.equal((await deadLetters(bench.instance)).length, letters);
});

const historyOf = (request: object, more: object = {}): string =>
  JSON.stringify({ resourceType: 'Bundle', type: 'history', entry: [{ request, ...more }] });

test('an entry without a resource is news of a change, and none is lost unsaid', async () => {
  const gone = historyOf({ method: 'DELETE', url: 'Observation/b0' });
  assert.deepEqual(await taken('', { body: gone }), ['1 accepted, 0 known', ['record.deleted']]);
  const again = historyOf({ method: 'DELETE', url: 'https://fhir.example/r4/Observation/b0/_history/3' });
  assert.deepEqual(await taken('', { body: again }), ['1 accepted, 0 known', []]);
  // Files cannot be read back: what changed there is set aside, and seen.
  const changed = historyOf(
    { method: 'PUT', url: 'Observation' },
    { fullUrl: 'https://fhir.example/r4/Observation/b1' },
  );
  assert.deepEqual(await taken('', { body: changed }), ['1 accepted, 0 known', []]);
  assert.ok((await deadLetters(bench.instance)).includes('Observation ADAPTER_UNPROCESSABLE'));
  for (const url of ['Observation?code=8867-4', 'Observation/..', 'Observation', undefined]) {
    const answer = await hook(bench, '', { body: historyOf({ method: 'DELETE', url }) });
    assert.equal(refusalOf(answer), '422 processing ADAPTER_UNPROCESSABLE', String(url));
    assert.deepEqual(issueOf(answer).expression, ['Bundle.entry[0].request.url']);
  }
  const read = historyOf({ method: 'GET', url: 'Observation/b0' });
  assert.deepEqual(await taken('', { body: read }), ['0 accepted, 0 known', []]);
});

test('an empty POST asks for the news of the source, as HAPI sends it', async () => {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
    'content-length': '0',
  };
  const size = bench.caughtUp.length;
  assert.deepEqual(await taken('', { headers }), ['0 accepted, 0 known', []]);
  assert.deepEqual(bench.caughtUp.slice(size), ['ward']);
});

test('PUT without a body names what changed; a source of files cannot be read back', async () => {
  assert.deepEqual(await taken('/Observation/h9', { method: 'PUT' }), ['1 accepted, 0 known', []]);
  assert.ok((await deadLetters(bench.instance)).includes('Observation ADAPTER_UNPROCESSABLE'));
});

test('deletions come as DELETE and as Medplum sends them', async () => {
  await taken('', { body: JSON.stringify(heartRate('d1', 'p1', 70)) });
  await taken('', { body: JSON.stringify(heartRate('d2', 'p1', 70)) });
  assert.deepEqual(await taken('/Observation/d1', { method: 'DELETE' }), [
    '1 accepted, 0 known',
    ['record.deleted'],
  ]);
  const headers = { 'x-medplum-deleted-resource': 'Observation/d2' };
  assert.deepEqual(await taken('', { headers, body: '{}' }), ['1 accepted, 0 known', ['record.deleted']]);
  for (const value of ['Observation', 'Observation/a/b', 'observation/a', 'Observation/../x'])
    assert.equal(
      refusalOf(await hook(bench, '', { headers: { 'x-medplum-deleted-resource': value }, body: '{}' })),
      '400 invalid ADAPTER_BAD_REQUEST',
    );
});

test('16: a signature of the body, in hex or base64, does for a token, and for no other body', async () => {
  const body = JSON.stringify(patient('p1', { version: '1' }));
  const hmac = (): ReturnType<typeof createHmac> => createHmac('sha256', bench.source.secret).update(body);
  const signed = (name: string, value: string) =>
    hook(bench, '', { body, headers: { authorization: '', [name]: value } });
  for (const name of ['x-hub-signature', 'x-signature', 'x-metriport-signature']) {
    assert.equal((await signed(name, `sha256=${hmac().digest('hex')}`)).status, 200);
    assert.equal((await signed(name, hmac().digest('hex').toUpperCase())).status, 200);
    assert.equal((await signed(name, hmac().digest('base64'))).status, 200);
    const other = createHmac('sha256', 'other').update(body).digest('hex');
    for (const value of [other, '', 'sha256=', 'sha1=00', hmac().digest('hex').slice(2)])
      assert.equal(refusalOf(await signed(name, value)), '401 login ADAPTER_UNAUTHORIZED');
  }
  const altered = await hook(bench, '', {
    body: `${body} `,
    headers: { authorization: '', 'x-signature': hmac().digest('hex') },
  });
  assert.equal(refusalOf(altered), '401 login ADAPTER_UNAUTHORIZED');
  await drain(bench.instance);
});

test('without the secret nothing is taken, and the answer says how to come', async () => {
  const body = JSON.stringify(heartRate('s1', 'p1', 70));
  const { secret } = bench.source;
  for (const authorization of [
    '',
    'Bearer ',
    'Bearer wrong',
    `Bearer ${secret}x`,
    `Basic ${secret}`,
    secret,
  ]) {
    const answer = await hook(bench, '', { body, headers: { authorization } });
    assert.equal(refusalOf(answer), '401 login ADAPTER_UNAUTHORIZED', authorization);
    assert.match(String(answer.headers['www-authenticate']), /^Bearer/);
  }
  assert.deepEqual(await taken('', { body }), ['1 accepted, 0 known', ['record.stored']]);
});
