/**
 * Erasure in a running instance, looked at from outside: what Redis is told and holds, its files, the write-ahead log, the
 * console, the published and the exported log, and a backup whose period's key is destroyed.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventually, runFirebreak, startUp } from '../support/firebreak-process.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../support/instance.js';
import { listenToRedis } from '../support/redis-listener.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import { ndjson, observationOf, patientOf } from '../support/ward-data.js';
import { findSecrets, secretsOf } from './disk-scan.js';
import type { Secret } from './disk-scan.js';

const folder = temporaryFolder();
after(() => removeFolder(folder));
const data = join(folder, 'data');
/** Apart from the data, as the operator keeps them. */
const apart = join(folder, 'apart');
/** What came out of the running instance, to be looked at as files. */
const shown = join(folder, 'shown');
const CANARY = 'canary-41d0b7e2aa';
const DUTY = ['--ground', 'objection', '--by', 'M. Keller', '--reason', 'letter of 3 May'];

const firebreak = (...args: readonly string[]) =>
  runFirebreak('--data', data, '--log-level', 'debug', ...args);

async function good(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await firebreak(...args);
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Every byte by which the patient's records could be read or recognised. */
async function secretsOfPatient(id: string): Promise<Secret[]> {
  const opened = await openTestInstance(data);
  try {
    const { instance } = opened;
    const subject = await instance.subjects.find(instance.subjects.keyOf('ward', id));
    assert.ok(subject !== undefined);
    return await secretsOf(instance, subject);
  } finally {
    await opened.close();
  }
}

test('a patient erased in a running instance is nowhere, and in no backup once its period’s key is destroyed', async () => {
  mkdirSync(apart);
  mkdirSync(shown);
  const prepared = await openTestInstance(data);
  const { secret } = await addImportSource(prepared.instance, 'ward');
  for (const id of ['a', 'b']) {
    const services = servicesOf(prepared.instance);
    const wallet = await enrolWallet(services, 'ward', id);
    await services.submit(signedBundle(wallet, consentFor(wallet)));
  }
  await prepared.close();

  const redisSaid: Buffer[] = [];
  const hook = async (address: string, resource: object): Promise<void> => {
    const response = await fetch(`${address}/hooks/ward`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/fhir+json' },
      body: JSON.stringify(resource),
    });
    await response.arrayBuffer();
    assert.ok(response.ok, String(response.status));
  };
  const first = await startUp(data, '--log-level', 'debug');
  try {
    for (const id of ['a', 'b']) {
      await hook(first.address, { ...patientOf(id), name: [{ text: `${CANARY}-${id}` }] });
      for (let i = 0; i < 12; i++)
        await hook(first.address, { ...observationOf(`${id}${i}`, id), note: [{ text: `${CANARY}-${id}` }] });
    }
    const imported = { ...observationOf('a-imported', 'a'), note: [{ text: `${CANARY}-a` }] };
    writeFileSync(join(folder, 'more.ndjson'), ndjson([imported]));
    await good('import', '--source', 'ward', join(folder, 'more.ndjson'));
    await eventually('an empty inbox', async () =>
      /^firebreak_inbox_pending 0$/m.test(await (await fetch(`${first.address}/metrics`)).text()),
    );
    await good('backup', 'keys', 'new', '--out', apart);
    await good('backup', join(folder, 'before.age'));
    first.child.kill('SIGTERM');
    assert.deepEqual(await first.ended, { code: 0, signal: null }, first.stderr);
  } finally {
    await first.dispose();
  }
  const secrets: Secret[] = [
    { what: 'canary', bytes: Buffer.from(`${CANARY}-a`) },
    ...(await secretsOfPatient('a')),
  ];
  const others = await secretsOfPatient('b');
  assert.ok(secrets.length > 4 * 13, `${secrets.length} secrets`);
  assert.ok(findSecrets(data, secrets).length > 0, 'before, sealed bytes are found');

  const up = await startUp(data, '--log-level', 'debug');
  const redis = await listenToRedis(data, (said) => redisSaid.push(Buffer.from(said)));
  try {
    const erased = JSON.parse(await good('erase', 'Patient/a', ...DUTY, '--yes', '--json')) as {
      outcome: string;
      versions: string[];
      compacted: boolean;
    };
    assert.deepEqual([erased.outcome, erased.versions.length, erased.compacted], ['erased', 14, true]);
    await redis.dump();
    await good('log', 'export', join(shown, 'log'));
    for (const path of ['/metrics', '/health/ready', '/log/checkpoint'])
      writeFileSync(join(shown, path.replaceAll('/', '-')), await (await fetch(up.address + path)).text());
    writeFileSync(join(shown, 'redis'), Buffer.concat(redisSaid));
    assert.ok(redisSaid.length > 3, 'Redis said something');
    assert.deepEqual(findSecrets(data, secrets), [], 'live data');
    up.child.kill('SIGTERM');
    assert.deepEqual(await up.ended, { code: 0, signal: null }, up.stderr);
  } finally {
    redis.end();
    await up.dispose();
  }
  for (const [name, text] of Object.entries({
    first: first.stderr + first.stdout,
    up: up.stderr + up.stdout,
  }))
    writeFileSync(join(shown, name), text);
  assert.deepEqual(findSecrets(data, secrets), [], 'data after the stop');
  assert.deepEqual(findSecrets(shown, secrets), [], 'what was shown');
  assert.ok(findSecrets(data, others).length > 0, 'the other patient is kept');
  assert.match(await good('verify', data), /\bok\b/i);

  // The backup holds the patient still, and says so by whom it can be opened.
  const [identity = ''] = readdirSync(apart);
  const backup = readFileSync(join(folder, 'before.age'));
  const restore = (to: string) =>
    runFirebreak(
      '--data',
      join(folder, to),
      'restore',
      join(folder, 'before.age'),
      '--identity',
      join(apart, identity),
    );
  const opened = await restore('restored');
  assert.ok([0, 1].includes(opened.code ?? 3), opened.stderr);
  assert.ok(findSecrets(join(folder, 'restored'), secrets).length > 0, 'with the key it is all there');
  const period = JSON.parse(await good('backup', 'keys', 'list', '--json')) as { id: string }[];
  await good('backup', 'keys', 'destroy', period[0]?.id ?? '', '--keys', apart, '--yes');
  assert.equal(existsSync(join(apart, identity)), false);
  writeFileSync(join(shown, 'backup.age'), backup);
  assert.deepEqual(findSecrets(shown, secrets), [], 'a backup whose key is destroyed');
  assert.equal((await restore('again')).code, 3);
});
