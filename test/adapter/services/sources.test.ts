import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { sealRow } from '../../../ledger/vault/index.js';
import {
  addSource,
  exploreSource,
  listSources,
  pauseSource,
  removeSource,
  resumeSource,
  showSource,
  syncSource,
} from '../../../adapter/services/source-admin.js';
import type { AddSourceArgs } from '../../../adapter/services/source-admin.js';
import { testSource } from '../../../adapter/services/source-check.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import { sharedData } from '../../support/shared-data.js';
import { findSecrets } from '../../security/disk-scan.js';
import { ask, openBench, refusalOf } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { startFhirServer } from '../support/fhir-server.js';
import type { FhirServer } from '../support/fhir-server.js';
import { bodyOf, page, sendJson, startLocalServer } from '../support/local-server.js';
import { heartRate, patient } from '../support/resources.js';

let bench: Bench;
let hospital: FhirServer;
before(async () => {
  bench = await openBench();
  hospital = await startFhirServer();
});
after(async () => {
  await hospital.close();
  await bench.close();
});

let added = 0;
function argsFor(more: Partial<AddSourceArgs> = {}): AddSourceArgs {
  return { id: `s-${++added}`, url: hospital.base, name: 'City', allowResearch: false, ...more };
}

/** A server that says of itself what a test says. */
async function exploring(
  statement: object,
  args: Partial<AddSourceArgs> = {},
): Promise<Awaited<ReturnType<typeof exploreSource>>> {
  const server = await startLocalServer((request, response) =>
    request.url === '/metadata'
      ? sendJson(response, { resourceType: 'CapabilityStatement', fhirVersion: '4.0.1', ...statement })
      : response.writeHead(404).end(),
  );
  try {
    return await exploreSource(bench.instance, argsFor({ url: server.url, ...args }));
  } finally {
    await server.close();
  }
}

const code = (...codes: string[]): object[] => codes.map((one) => ({ code: one }));
const RICH = {
  software: { name: 'HAPI FHIR Server', version: '8.8.0' },
  rest: [
    {
      mode: 'server',
      interaction: code('transaction', 'history-system'),
      operation: [{ name: 'export', definition: 'http://x/OperationDefinition/-s-export' }],
      resource: [
        { type: 'Patient', interaction: code('read', 'search-type', 'history-instance', 'history-type') },
        { type: 'Observation', interaction: code('read', 'search-type', 'history-instance') },
        { type: 'Subscription', interaction: code('read', 'create', 'search-type') },
        { type: 'Group', interaction: code('read'), operation: [{ name: '$export' }] },
        { type: '../x', interaction: code('read', 'search-type') },
      ],
    },
  ],
};
const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/';

test('what a server says of itself decides how it is heard', async () => {
  const { found, channels } = await exploring(RICH);
  assert.deepEqual(found, {
    software: 'HAPI FHIR Server',
    version: '8.8.0',
    fhirVersion: '4.0.1',
    types: ['Patient', 'Observation', 'Subscription', 'Group'],
    searchable: ['Patient', 'Observation', 'Subscription'],
    restHook: true,
    topicSubscriptions: false,
    topics: [],
    history: { instance: 2, type: 1, system: true },
    bulk: { system: true, patient: false, group: true },
    warnings: [],
  });
  const chosen = (of: typeof channels): string[] =>
    of.filter((one) => one.chosen).map(({ channel }) => channel);
  assert.deepEqual(chosen(channels), ['hook', 'rest-hook', 'poll', 'history']);
  const wished = await exploring(RICH, { with: ['bulk'], without: ['rest-hook', 'history'] });
  assert.deepEqual(chosen(wished.channels), ['hook', 'poll', 'bulk']);
  const extension = [
    { url: `${BACKPORT}capabilitystatement-subscriptiontopic-canonical`, valueCanonical: 'http://x/topic' },
  ];
  const [rest] = RICH.rest;
  const resource = rest?.resource.map((one) => (one.type === 'Subscription' ? { ...one, extension } : one));
  const topical = await exploring({ rest: [{ mode: 'server', resource }] });
  assert.deepEqual(topical.found.topics, ['http://x/topic']);
  assert.deepEqual(chosen(topical.channels), ['hook', 'topic', 'poll', 'history']);
});

const captures = sharedData('hapi-captures');
const skip = captures === undefined ? 'the shared test data is not here' : false;

test('a real HAPI is read for what it is', { skip }, async () => {
  const file = readFileSync(join(captures ?? '', '09-capabilitystatement.json.gz'));
  const { body } = JSON.parse(gunzipSync(file).toString('utf8')) as { body: object };
  const { found, channels } = await exploring(body);
  assert.deepEqual(
    [found.software, found.version, found.fhirVersion],
    ['HAPI FHIR Server', '8.8.0', '4.0.1'],
  );
  assert.ok(found.types.length > 140 && found.restHook && !found.topicSubscriptions);
  assert.deepEqual(found.bulk, { system: true, patient: true, group: true });
  assert.ok(found.history.system && found.history.type > 140 && found.history.instance > 140);
  assert.deepEqual(
    channels.filter((one) => one.chosen).map(({ channel }) => channel),
    ['hook', 'rest-hook', 'poll', 'history'],
  );
});

test('a channel that is not offered, none at all, or no channel, is refused', async () => {
  const plain = { rest: [{ resource: [{ type: 'Patient', interaction: code('search-type') }] }] };
  for (const wish of [
    { with: ['bulk'] },
    { with: ['topic'] },
    { with: ['smoke'] },
    { without: ['hook', 'poll'] },
  ]) {
    await assert.rejects(exploring(plain, wish), { code: 'ADAPTER_USAGE' }, JSON.stringify(wish));
  }
});

test('statements of odd shapes are read as far as they can be; another FHIR than R4 is refused', async () => {
  for (const statement of [
    { rest: null },
    { rest: {} },
    { rest: [null, 7] },
    { rest: [{ resource: [null, { type: 7 }] }] },
    { software: 'x' },
  ]) {
    const { found } = await exploring(statement);
    assert.deepEqual(found.types, []);
  }
  const { found } = await exploring({ software: { name: '\u001b[31mred\n' }, fhirVersion: '4.3.0' });
  assert.equal(found.software, '?[31mred?');
  for (const fhirVersion of ['3.0.2', '5.0.0', '1.0.2']) {
    await assert.rejects(exploring({ fhirVersion }), { code: 'ADAPTER_SOURCE_REFUSED' });
  }
});

test('a source is listed and shown without its secrets, whatever lets us in', async () => {
  const seen = new Set<string | undefined>();
  const server = await startLocalServer((request, response) => {
    if (request.url !== '/metadata') seen.add(request.headers.authorization);
    sendJson(
      response,
      request.url === '/metadata' ? { resourceType: 'CapabilityStatement', ...RICH } : page(['a']),
    );
  });
  try {
    const basic = { kind: 'basic', username: 'canary-user', password: 'canary-päss:word' } as const;
    const bearer = { kind: 'bearer', token: 'canary-token' } as const;
    for (const credential of [basic, bearer]) {
      const args = argsFor({
        url: server.url,
        credential,
        requestsPerSecond: 7,
        allowPrivate: ['10.0.0.0/16'],
      });
      const { id, secret } = await addSource(bench.instance, args);
      const shown = showSource(bench.instance, id);
      assert.deepEqual(shown.credential, { kind: credential.kind });
      assert.deepEqual([shown.requestsPerSecond, shown.allowPrivate], [7, ['10.0.0.0/16']]);
      assert.deepEqual(shown.server, { software: 'HAPI FHIR Server', version: '8.8.0' });
      const said = JSON.stringify([
        shown,
        listSources(bench.instance),
        await testSource(bench.instance, id),
        bench.logged(),
      ]);
      assert.ok(!said.includes('canary') && !said.includes(secret));
    }
    const encoded = Buffer.from('canary-user:canary-päss:word', 'utf8').toString('base64');
    assert.ok(seen.has(`Basic ${encoded}`) && seen.has('Bearer canary-token'));
    assert.deepEqual(findSecrets(bench.dir, [{ what: 'canary', bytes: Buffer.from('canary-') }]), []);
  } finally {
    await server.close();
  }
});

test('credentials and settings that cannot be are refused, and nothing is added', async () => {
  const held = listSources(bench.instance).length;
  const wrong: Partial<AddSourceArgs>[] = [
    { credential: { kind: 'bearer', token: 'a\r\nx: y' } },
    { credential: { kind: 'bearer', token: '' } },
    { credential: { kind: 'basic', username: 'a:b', password: 'c' } },
    { credential: { kind: 'basic', username: 'a', password: 'c\n' } },
    { credential: { kind: 'smart', clientId: 'a b' } },
    { credential: { kind: 'smart', clientId: 'a', tokenUrl: 'https://x.example/t', algorithm: 'HS256' } },
    { credential: { kind: 'smart', clientId: 'a', tokenUrl: 'https://x.example/t', scope: 'a"b' } },
    { credential: { kind: 'smart', clientId: 'a' } },
    { requestsPerSecond: 0 },
    { requestsPerSecond: Number.POSITIVE_INFINITY },
    { allowPrivate: ['0.0.0.0/0'] },
    { url: 'https://u:p@fhir.example/r4' },
    { id: 'Up' },
    { id: '../x' },
  ];
  for (const args of wrong)
    await assert.rejects(
      addSource(bench.instance, argsFor(args)),
      { code: 'ADAPTER_USAGE' },
      JSON.stringify(args),
    );
  assert.equal(listSources(bench.instance).length, held);
});

test('a paused source is not read and its hooks are told to come again; then it goes on', async () => {
  const { id, secret } = await addSource(bench.instance, argsFor());
  const send = async (): Promise<Awaited<ReturnType<typeof ask>>> =>
    ask(bench.url, `/hooks/${id}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/fhir+json' },
      body: JSON.stringify(patient('p9')),
    });
  assert.equal((await pauseSource(bench.instance, id)).state, 'paused');
  const held = await send();
  assert.equal(refusalOf(held), '503 transient ADAPTER_STOPPING');
  assert.equal(held.headers['retry-after'], '5');
  await assert.rejects(syncSource(bench.instance, id), { code: 'ADAPTER_CONFLICT' });
  assert.equal((await resumeSource(bench.instance, id)).state, 'active');
  assert.equal((await send()).status, 200);
  await syncSource(bench.instance, id);
});

test('a removed source is heard no more; its credentials are gone from the disk, and its id stays its own', async () => {
  const dir = temporaryFolder();
  const opened = await openTestInstance(dir);
  const { instance } = opened;
  try {
    const token = 'a-token-that-was-never-used-elsewhere';
    const args = argsFor({ credential: { kind: 'bearer', token } });
    const { id, secret } = await addSource(instance, args);
    hospital.held.set('Observation/o1', heartRate('o1', 'p1', 70, { version: '1', minute: 1 }));
    await syncSource(instance, id);
    const sealed = instance.store.getSync(`source/${id}`)?.subarray(13, 60);
    assert.ok(sealed !== undefined);
    const removed = await removeSource(instance, id);
    assert.deepEqual([removed.state, removed.channels, removed.areBytesGone], ['removed', [], true]);
    assert.deepEqual(findSecrets(dir, [{ what: 'sealed row', bytes: Buffer.from(sealed) }]), []);
    const source = instance.sources.get(id);
    assert.equal(source?.credential, undefined);
    assert.notEqual(source?.secret, secret);
    assert.equal(instance.client(id), undefined);
    await assert.rejects(syncSource(instance, id), { code: 'ADAPTER_NOT_FOUND' });
    await assert.rejects(testSource(instance, id), { code: 'ADAPTER_NOT_FOUND' });
    await assert.rejects(resumeSource(instance, id), { code: 'ADAPTER_CONFLICT' });
    // Another server's Patient/1 is another patient.
    const other = await startFhirServer();
    await assert.rejects(addSource(instance, { ...args, url: other.base }), { code: 'ADAPTER_CONFLICT' });
    await other.close();
    const again = await addSource(instance, args);
    assert.notEqual(again.secret, secret);
    assert.equal(showSource(instance, id).state, 'active');
    await syncSource(instance, id);
  } finally {
    await opened.close();
    removeFolder(dir);
  }
});

test('a removed source answers hooks as one that never was', async () => {
  const { id, secret } = await addSource(bench.instance, argsFor());
  await removeSource(bench.instance, id);
  const options = { method: 'POST', headers: { authorization: `Bearer ${secret}` } };
  const gone = await ask(bench.url, `/hooks/${id}`, options);
  const never = await ask(bench.url, '/hooks/never', options);
  assert.equal(refusalOf(gone), refusalOf(never));
  for (const authorization of ['Bearer ', '', 'Bearer x']) {
    const path = `/sources/${id}/invitations`;
    const { status } = await ask(bench.url, path, { method: 'POST', headers: { authorization }, body: '{}' });
    assert.equal(status, 401);
  }
});

test('changes made at once are all kept, over a restart too; rows of an older form are read', async () => {
  const dir = temporaryFolder();
  let opened = await openTestInstance(dir);
  try {
    const { id } = await addSource(opened.instance, argsFor());
    const { sources, keys, store } = opened.instance;
    await Promise.all([
      sources.synced(id, { Patient: 1 }),
      sources.update(id, { state: 'paused' }),
      sources.synced(id, { Observation: 2 }),
      sources.update(id, { name: 'other' }),
      assert.rejects(sources.update('none', { name: 'x' }), { code: 'ADAPTER_NOT_FOUND' }),
      sources.synced(id, { Patient: 3 }),
    ]);
    const { channels: _channels, state: _state, ...old } = sources.get(id) ?? assert.fail();
    const key = 'source/old';
    const row = JSON.stringify({ ...old, id: 'old', bearerToken: 't' });
    await store.put(key, sealRow(keys.storage.indexKey, key, Buffer.from(row)));
    await opened.close();
    opened = await openTestInstance(dir);
    const source = opened.instance.sources.get(id);
    assert.deepEqual(source?.syncedTo, { Patient: 3, Observation: 2 });
    assert.deepEqual([source?.state, source?.name], ['paused', 'other']);
    const read = opened.instance.sources.get('old');
    assert.deepEqual(read?.credential, { kind: 'bearer', token: 't' });
    assert.deepEqual([read?.channels, read?.state], [['hook', 'poll'], 'active']);
  } finally {
    await opened.close();
    removeFolder(dir);
  }
});

test('a test of a source says what fails, and how its clock goes', async () => {
  let aheadMs = 0;
  let status = 200;
  const server = await startLocalServer((request, response) => {
    void bodyOf(request);
    const headers = { date: new Date(Date.now() + aheadMs).toUTCString() };
    if (request.url?.startsWith('/metadata') === true)
      sendJson(response, { resourceType: 'CapabilityStatement', ...RICH }, 200, headers);
    else sendJson(response, page(['a']), status, headers);
  });
  try {
    const { id } = await addSource(bench.instance, argsFor({ url: server.url }));
    const well = await testSource(bench.instance, id);
    assert.deepEqual(
      well.checks.map(({ check, ok }) => `${check} ${ok}`),
      ['server true', 'channels true', 'reading true', 'clock true'],
    );
    assert.ok(Math.abs(well.clockAheadMs ?? Number.NaN) < 2000);
    aheadMs = -600_000;
    status = 403;
    const ill = await testSource(bench.instance, id);
    assert.equal(ill.ok, false);
    assert.deepEqual(
      ill.checks.filter(({ ok }) => !ok).map((one) => `${one.check} ${one.code ?? ''}`),
      ['reading ADAPTER_SOURCE_REFUSED', 'clock '],
    );
    assert.ok(Math.abs((ill.clockAheadMs ?? 0) + 600_000) < 2000);
    await server.close();
    const dead = await testSource(bench.instance, id);
    assert.deepEqual(
      dead.checks.map((one) => `${one.check} ${one.code ?? ''}`),
      ['server ADAPTER_SOURCE_UNREACHABLE', 'reading ADAPTER_SOURCE_UNREACHABLE'],
    );
  } finally {
    await server.close();
  }
});
