import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { openStore } from '../../adapter/instance/store.js';
import { startFhirServer } from '../adapter/support/fhir-server.js';
import { eventually, runFirebreak, startUp } from '../support/firebreak-process.js';
import type { FirebreakProcess } from '../support/firebreak-process.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../support/instance.js';
import { listenToRedis } from '../support/redis-listener.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import type { Wallet } from '../support/wallet.js';
import { ndjson } from '../support/ward-data.js';
import {
  CANARY_NARRATIVE,
  canaryObservation,
  canaryPatient,
  hopelessBodies,
  hopelessResources,
  NEEDLES,
} from './canary-data.js';
import { found, needlesOf } from './needles.js';
import { Places } from './places.js';

const folder = temporaryFolder();
after(() => removeFolder(folder));
const dataDir = join(folder, 'data');

const places = new Places();

async function run(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await runFirebreak('--data', dataDir, '--log-level', 'debug', ...args);
  places.note('console', stdout);
  places.note('console', stderr);
  return stdout;
}

function consentOf(wallet: Wallet, type: 'permit' | 'deny', more: object = {}): Buffer {
  const text = { status: 'generated' as const, div: CANARY_NARRATIVE };
  return signedBundle(wallet, { ...consentFor(wallet, { type, ...more }), text });
}

test('what is looked for is found in each form', () => {
  const needles = needlesOf('Žofie-Kanárková');
  for (const shown of [
    'xx Žofie-Kanárková',
    Buffer.from('Žofie-Kanárková').toString('hex'),
    Buffer.from('a Žofie-Kanárková b').toString('base64'),
    Buffer.from('ab Žofie-Kanárková b').toString('base64url'),
    Buffer.from('abc Žofie-Kanárková').toString('base64'),
    '\\u017dofie-Kan\\u00e1rkov\\u00e1',
    '\\u017Dofie-Kan\\u00E1rkov\\u00E1',
    encodeURIComponent('Žofie-Kanárková'),
  ]) {
    assert.ok(found(Buffer.from(shown), needles).length > 0, shown);
  }
  assert.deepEqual(found(Buffer.from('Sofie'), needles), []);
});

test('114: nothing of a patient stands in log, Redis, console, metrics or on the disk', async () => {
  const patients = ['cnrypat-permits', 'cnrypat-waits', 'cnrypat-refuses', 'cnrypat-withdraws'] as const;
  const prepared = await openTestInstance(dataDir);
  const { secret } = await addImportSource(prepared.instance, 'ward');
  const wallets = await Promise.all(
    patients.map((patient) => enrolWallet(servicesOf(prepared.instance), 'ward', patient)),
  );
  await prepared.close();
  places.note('console', prepared.logged());

  const up = await startUp(dataDir, '--log-level', 'debug');
  const city = await startFhirServer();
  const redis = await listenToRedis(dataDir, (shown) => places.note('Redis', shown));
  try {
    await hooksOf(up, secret, patients, wallets);
    await importsOf(patients[0]);
    await sourceOf(city);
    await eventually('an empty inbox', async () =>
      /^firebreak_inbox_pending 0$/m.test(await read(up.address, '/metrics')),
    );
    await redis.dump();
    assert.match(Buffer.concat(places.of('Redis')).toString('latin1'), /firebreak-\d.*batch/s);
    for (const path of ['/metrics', '/health/ready', '/health/live', '/fhir/metadata', '/pki/profile'])
      places.note('HTTP', await read(up.address, path));
    const listed = await run('dead-letters', 'list', '--json');
    const letters = JSON.parse(listed) as { code: string; expression?: string }[];
    assert.ok(letters.length >= 5, `dead letters: ${listed}`);
    assert.ok(letters.some(({ expression }) => expression !== undefined));
    await run('dead-letters', 'replay');
    await run('dead-letters', 'list');
    await run('log', 'export', join(folder, 'log'));
    await run('verify', join(folder, 'log'));
    await run('source', 'list');
    await run('doctor');
    places.note('running.json', readFileSync(join(dataDir, 'running.json')));
    up.child.kill('SIGTERM');
    assert.deepEqual(await up.ended, { code: 0, signal: null }, up.stderr);
  } finally {
    redis.end();
    await up.dispose();
    await city.close();
  }
  places.note('console', up.stdout);
  places.note('console', up.stderr);
  assert.match(up.stderr, /"level":/, 'there are log lines');
  places.noteFiles('exported log', join(folder, 'log'));
  places.noteFiles('disk', dataDir);
  const store = await openStore(dataDir);
  const vaulted = { records: 0, waiting: 0, dead: 0, consents: 0 };
  try {
    for (const key of await places.noteRows(store)) {
      if (key.startsWith('vault/')) vaulted.records += 1;
      if (key.startsWith('inbox/w/')) vaulted.waiting += 1;
      if (key.startsWith('inbox/d/')) vaulted.dead += 1;
      if (key.startsWith('consent/')) vaulted.consents += 1;
    }
  } finally {
    await store.close();
  }
  for (const [what, count] of Object.entries(vaulted)) assert.ok(count > 0, `${what} went in`);

  assert.deepEqual(places.leaks(NEEDLES), []);
});

async function read(address: string, path: string): Promise<string> {
  return (await fetch(`${address}${path}`)).text();
}

/** Hooks of four patients: one permits, one has not answered, one refuses, one changes mind; and what is no good. */
async function hooksOf(
  up: FirebreakProcess & { readonly address: string },
  secret: string,
  patients: readonly string[],
  wallets: readonly Wallet[],
): Promise<void> {
  const hook = async (path: string, body: string, contentType = 'application/fhir+json'): Promise<number> => {
    const response = await fetch(`${up.address}/hooks/ward${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': contentType },
      body,
    });
    await response.arrayBuffer();
    return response.status;
  };
  const submit = async (bundle: Buffer): Promise<number> => {
    const response = await fetch(`${up.address}/fhir`, { method: 'POST', body: new Uint8Array(bundle) });
    await response.arrayBuffer();
    return response.status;
  };
  for (const patient of patients) {
    assert.equal(await hook('', JSON.stringify(canaryPatient(patient))), 200);
    for (const version of ['1', '2'])
      await hook('', JSON.stringify(canaryObservation(`cnryobs-of-${patient}`, patient, version)));
  }
  const [permits, , refuses, withdraws] = wallets;
  assert.ok(permits !== undefined && refuses !== undefined && withdraws !== undefined);
  assert.equal(await submit(consentOf(permits, 'permit')), 201);
  assert.equal(await submit(consentOf(refuses, 'deny')), 201);
  const identifier = 'cnryobs-consent-identifier';
  const dateTime = new Date(Date.now() - 60_000).toISOString();
  assert.equal(await submit(consentOf(withdraws, 'permit', { identifier, dateTime })), 201);
  await sleep(300);
  assert.equal(await submit(consentOf(withdraws, 'permit', { identifier, status: 'inactive' })), 201);
  // Signed by one and said to be another's: refused, with everything in it.
  const forged = { ...withdraws, seed: permits.seed };
  assert.equal(await submit(consentOf(forged, 'permit')), 422);
  for (const { body, contentType, path } of hopelessBodies()) {
    const status = await hook(path, body, contentType);
    assert.ok(status >= 400 && status < 500, `${body.slice(0, 80)} was answered ${status}`);
  }
  for (const resource of hopelessResources(patients[0] ?? '')) await hook('', JSON.stringify(resource));
  await fetch(`${up.address}/hooks/ward/Observation/cnryobs-of-${patients[0] ?? ''}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${secret}` },
  });
  await fetch(`${up.address}/cnrypat-nowhere?name=Xyzzynameson`);
  await fetch(`${up.address}/hooks/cnrypat-source`, { method: 'POST', body: '{}' });
}

const file = (name: string): string => join(folder, name);

/** Files, plain and compressed, good and bad. */
async function importsOf(patient: string): Promise<void> {
  const good = ndjson([canaryPatient('cnrypat-imported'), canaryObservation('cnryobs-imported', patient)]);
  writeFileSync(file('good.ndjson'), good);
  writeFileSync(file('good.ndjson.gz'), gzipSync(good));
  writeFileSync(file('bad.ndjson'), `${good}{"resourceType":"Patient","id":"cnrypat-\n`);
  writeFileSync(file('bad.json'), good.slice(0, 200));
  writeFileSync(file('bad.json.gz'), good);
  assert.equal(gunzipSync(readFileSync(file('good.ndjson.gz'))).toString(), good);
  await run('import', file('good.ndjson'), file('good.ndjson.gz'), file('bad.ndjson'));
  await run('import', '--json', file('bad.json'), file('bad.json.gz'));
}

/** A FHIR server that is read, then fails. */
async function sourceOf(city: Awaited<ReturnType<typeof startFhirServer>>): Promise<void> {
  city.held.set('Patient/cnrypat-city', canaryPatient('cnrypat-city'));
  city.held.set('Observation/cnryobs-city', canaryObservation('cnryobs-city', 'cnrypat-city'));
  const added = await run('source', 'add', city.base, '--id', 'city', '--json');
  assert.match(added, /"secret"/);
  await run('source', 'sync', 'city');
  city.failing = 500;
  await run('source', 'sync', 'city');
  city.failing = undefined;
}
