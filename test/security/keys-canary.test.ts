/**
 * The raw keys of an instance are looked for wherever they could have got out, in every form: what it prints, its log
 * lines at the finest level, what Redis is told and holds, its store, the published and the exported log, its HTTP
 * answers, the arguments and environment of its processes, and the text of errors about the keys themselves.
 */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openStore } from '../../adapter/instance/store.js';
import { openKeyRing } from '../../ledger/vault/index.js';
import { eventually, FirebreakProcess } from '../support/firebreak-process.js';
import { readRunning } from '../../adapter/instance/running.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../support/instance.js';
import { descendantsOf } from '../support/process-tree.js';
import { listenToRedis } from '../support/redis-listener.js';
import { enrolWallet } from '../support/wallet.js';
import { found, keyNeedles, needlesOf } from './needles.js';
import type { Needle } from './needles.js';
import { filesUnder, Places } from './places.js';

const PASSPHRASE = 'kanárek nezpívá o klíčích';
const folder = temporaryFolder();
after(() => removeFolder(folder));
const data = join(folder, 'data');

const places = new Places();

/** Every key that lies in the folder, and every one derived from them. */
async function keysIn(dir: string): Promise<Needle[]> {
  const { storage, ...others } = (await openKeyRing(dir, async () => PASSPHRASE)).keys;
  return Object.entries({ ...storage, ...others }).flatMap(([name, key]) => keyNeedles(name, key));
}

async function firebreak(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number | null> {
  const running = new FirebreakProcess(['--data', data, '--log-level', 'debug', ...args], {
    FIREBREAK_TRACE: '1',
    ...env,
  });
  const { code } = await running.ended;
  places.note('console', running.stdout);
  places.note('console', running.stderr);
  return code;
}

test('what is looked for is found in each form', () => {
  const key = Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 37 + 11) % 256));
  const needles = keyNeedles('key', key);
  for (const shown of [
    Buffer.concat([Buffer.from('x'), key]),
    Buffer.from(key.toString('hex')),
    Buffer.from(Buffer.concat([Buffer.from('ab'), key, Buffer.from('c')]).toString('base64')),
    Buffer.from(Buffer.concat([Buffer.from('a'), key]).toString('base64url')),
    Buffer.from(JSON.stringify(key)),
  ])
    assert.ok(found(shown, needles).length > 0);
});

test('no private key and no passphrase stands anywhere but in the folder of keys', async () => {
  const prepared = await openTestInstance(data);
  await addImportSource(prepared.instance, 'ward');
  await enrolWallet(servicesOf(prepared.instance), 'ward', 'patient-of-the-ward');
  await prepared.close();
  places.note('console', prepared.logged());
  const needles = [...(await keysIn(join(data, 'keys'))), ...needlesOf(PASSPHRASE)];
  const master = readFileSync(join(data, 'keys', 'storage.key')).subarray(0, 32);
  needles.push(...keyNeedles('master', master));
  const plain = join(folder, 'plain');
  cpSync(join(data, 'keys'), plain, { recursive: true });

  const secret = join(folder, 'secret');
  writeFileSync(secret, `${PASSPHRASE}\n`, { mode: 0o600 });
  const byFile = { FIREBREAK_PASSPHRASE_FILE: secret };
  assert.equal(await firebreak(['keys', 'protect'], byFile), 0);

  // A running instance, its passphrase from the environment, which is the worst of the ways.
  const up = new FirebreakProcess(['--data', data, 'up', '--port', '0', '--log-level', 'debug'], {
    FIREBREAK_PASSPHRASE: PASSPHRASE,
    FIREBREAK_TRACE: '1',
  });
  try {
    const address = await eventually('an address', () => {
      assert.ok(up.isRunning, up.stderr);
      const running = readRunning(data);
      return running?.pid === up.pid ? running.address : undefined;
    });
    const redis = await listenToRedis(data, (shown) => places.note('Redis', shown));
    const bundle = join(folder, 'one.ndjson');
    writeFileSync(bundle, `${JSON.stringify({ resourceType: 'Patient', id: 'patient-of-the-ward' })}\n`);
    assert.equal(await firebreak(['import', bundle]), 0);
    assert.equal(await firebreak(['keys', 'rotate', 'log', '--overlap', '1h']), 0);
    for (const args of [['keys', 'list'], ['keys', 'list', '--json'], ['doctor'], ['source', 'list']])
      await firebreak(args);
    assert.equal(await firebreak(['log', 'export', join(folder, 'log')]), 0);
    for (const file of [
      '/metrics',
      '/health/ready',
      '/log/vkey',
      '/log/checkpoint',
      '/fhir/metadata',
      '/.well-known/jwks.json',
    ])
      places.note('HTTP', await (await fetch(address + file)).text());
    await redis.dump();
    redis.end();
    assert.ok(places.of('Redis').length > 5, 'Redis was told something');
    if (process.platform === 'linux') {
      const others = descendantsOf(up.pid).map(({ pid }) => pid);
      assert.ok(others.length > 0, 'a process of Redis runs');
      for (const pid of [up.pid, ...others]) places.note('arguments', readFileSync(`/proc/${pid}/cmdline`));
      // The instance's own environment is where the passphrase was given; none that it started has it.
      for (const pid of others) places.note('environment', readFileSync(`/proc/${pid}/environ`));
    }
    up.child.kill('SIGTERM');
    assert.deepEqual(await up.ended, { code: 0, signal: null }, up.stderr);
  } finally {
    await up.dispose();
  }
  places.note('console', up.stdout);
  places.note('console', up.stderr);
  assert.match(up.stderr, /"level":/, 'there are log lines');
  // The next key was made meanwhile.
  needles.push(...(await keysIn(join(data, 'keys'))));
  assert.ok(needles.some(({ name }) => name.startsWith('nextLogSeed')));
  places.noteFiles('disk', data);

  // Errors about the keys: wrong and absent passphrases, damaged, open and missing files, in either form.
  const ring = join(data, 'keys', 'keys.age');
  const sealed = readFileSync(ring);
  const wrong = join(folder, 'wrong');
  writeFileSync(wrong, 'another passphrase\n', { mode: 0o600 });
  assert.equal(await firebreak(['keys', 'list'], { FIREBREAK_PASSPHRASE_FILE: wrong }), 3);
  assert.equal(await firebreak(['keys', 'list'], { FIREBREAK_PASSPHRASE: 'another passphrase' }), 3);
  assert.equal(await firebreak(['keys', 'list']), 2);
  writeFileSync(ring, sealed.subarray(0, sealed.length - 40));
  assert.equal(await firebreak(['keys', 'list'], byFile), 3);
  writeFileSync(ring, sealed);
  chmodSync(ring, 0o644);
  assert.equal(await firebreak(['up', '--once'], byFile), 3);
  chmodSync(ring, 0o600);
  assert.equal(await firebreak(['keys', 'unprotect'], byFile), 0);
  for (const name of ['storage.key', 'log-next.key']) {
    const file = join(data, 'keys', name);
    const kept = join(folder, 'kept');
    copyFileSync(file, kept);
    for (const spoil of [
      () => chmodSync(file, 0o644),
      () => writeFileSync(file, readFileSync(kept).subarray(0, 40)),
      () => writeFileSync(file, Buffer.concat([readFileSync(kept).subarray(0, 63), Buffer.from('x')])),
    ]) {
      spoil();
      assert.equal(await firebreak(['keys', 'list']), 3, name);
      writeFileSync(file, readFileSync(kept));
      chmodSync(file, 0o600);
    }
    rmSync(kept);
  }
  places.noteFiles('exported log', join(folder, 'log'));
  const store = await openStore(data);
  await places.noteRows(store);
  await store.close();

  assert.deepEqual(places.leaks(needles), []);
  // And they are what is looked for: the plain folder is full of them.
  const shown = Buffer.concat(filesUnder(plain).map((file) => readFileSync(file)));
  for (const name of ['logSeed', 'instanceSeed', 'instanceX25519', 'caRootSeed', 'caIssuingSeed', 'master'])
    assert.ok(found(shown, needles).includes(`${name} (raw)`), name);
});
