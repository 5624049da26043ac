import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openStore } from '../../../adapter/instance/store.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import { run, up } from './cli.js';
import type { Finished } from './cli.js';

const dir = temporaryFolder();
after(() => removeFolder(dir));

const PASSPHRASE = 'correct horse battery staple';
const right = join(dir, 'right');
const wrong = join(dir, 'wrong');
writeFileSync(right, `${PASSPHRASE}\n`, { mode: 0o600 });
writeFileSync(wrong, 'another horse altogether\n', { mode: 0o600 });

interface Listed {
  readonly log: readonly string[];
  readonly rotation?: { readonly from: string; readonly to: string };
  readonly protected: boolean;
}

/** A folder with an instance's beginning. */
async function begun(name: string): Promise<string> {
  const data = join(dir, name);
  await (await openTestInstance(data)).close();
  return data;
}

const keys = (data: string, args: readonly string[], env: Record<string, string> = {}): Promise<Finished> =>
  run(['--data', data, 'keys', ...args], dir, env);

async function listed(data: string, env: Record<string, string> = {}): Promise<Listed> {
  const { code, stdout, stderr } = await keys(data, ['list', '--json'], env);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Listed;
}

/** Names and bytes of the folder of keys. */
function folderOf(data: string): Map<string, string> {
  const path = join(data, 'keys');
  return new Map(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'hex')]));
}

test('each command tells what it does, with an example', async () => {
  for (const args of [[], ['list'], ['rotate'], ['protect'], ['unprotect'], ['new']]) {
    const { code, stdout } = await keys(dir, [...args, '--help']);
    assert.equal(code, 0);
    assert.match(stdout, /Examples?:\n {2}firebreak keys /, args.join(' '));
  }
});

test('the log’s key is rotated in a running instance, and again in one that is stopped', async () => {
  const data = await begun('rotated');
  const [old = ''] = (await listed(data)).log;
  const running = await up(['--data', data], dir);
  let to: string;
  try {
    const answer = await keys(data, ['rotate', 'log', '--overlap', '1d', '--json']);
    assert.equal(answer.code, 0, answer.stderr);
    to = (JSON.parse(answer.stdout) as { to: string }).to;
    assert.deepEqual((await listed(data)).log, [old, to]);
    assert.equal(await (await fetch(`${running.address}/log/vkey`)).text(), `${old}\n${to}\n`);
    for (const vkey of [old, to]) {
      const verified = await run(['verify', `${running.address}/log`, '--vkey', vkey], dir);
      assert.equal(verified.code, 0, verified.stderr + verified.stdout);
    }
    const twice = await keys(data, ['rotate', 'log']);
    assert.equal(twice.code, 3);
    assert.match(twice.stderr, /is being rotated until 20.*\n {2}\(ADAPTER_CONFLICT\)/);
    // The keys are in use.
    const before = folderOf(data);
    for (const change of ['protect', 'unprotect']) {
      const { code, stderr } = await keys(data, [change], { FIREBREAK_PASSPHRASE_FILE: right });
      assert.equal(code, 3);
      assert.match(stderr, /is in use by process \d+ \(up\)/);
    }
    assert.deepEqual(folderOf(data), before);
  } finally {
    assert.equal(await running.stop(), 0);
  }
  // Still under way in the stopped one.
  assert.equal((await keys(data, ['rotate', 'log'])).code, 3);
  assert.deepEqual((await listed(data)).rotation?.to, to);
});

test('without an overlap the next key signs alone at once, and the former one leads to it: over HTTP and from an export', async () => {
  const data = await begun('at-once');
  const [old = ''] = (await listed(data)).log;
  const former = readFileSync(join(data, 'keys', 'log.key')).subarray(0, 32);
  const answer = await keys(data, ['rotate', 'log', '--overlap', '0s']);
  assert.equal(answer.code, 0, answer.stderr);
  const {
    log: [to = '', ...more],
    rotation,
  } = await listed(data);
  assert.notEqual(to, old);
  assert.deepEqual([more, rotation], [[], undefined]);
  for (const bytes of folderOf(data).values()) assert.ok(!bytes.includes(former.toString('hex')));
  const exported = join(dir, 'exported');
  assert.equal((await run(['--data', data, 'log', 'export', exported], dir)).code, 0);
  const running = await up(['--data', data], dir);
  try {
    for (const log of [exported, `${running.address}/log`]) {
      for (const vkey of [old, to]) {
        const verified = await run(['verify', log, '--vkey', vkey], dir);
        assert.equal(verified.code, 0, verified.stderr + verified.stdout);
      }
    }
  } finally {
    assert.equal(await running.stop(), 0);
  }
});

test('what cannot be rotated, or so long, is wrong usage', async () => {
  const data = join(dir, 'nothing-there');
  for (const args of [
    ['rotate'],
    ['rotate', 'instance'],
    ['rotate', 'log', '--overlap', 'soon'],
    ['rotate', 'log', '--overlap', '-1d'],
    ['rotate', 'log', '--overlap', '999999d'],
    ['new'],
    ['nonsense'],
  ]) {
    const { code, stderr } = await keys(data, args);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
  }
});

test('keys go under a passphrase and come out again, by a file or by the environment', async () => {
  const data = await begun('protected');
  const plain = folderOf(data);
  const { log } = await listed(data);
  for (const [command, variable] of [
    ['protect', { FIREBREAK_PASSPHRASE: PASSPHRASE }],
    ['unprotect', { FIREBREAK_PASSPHRASE_FILE: right }],
  ] as const) {
    const env: Record<string, string> = { ...variable };
    const { code, stdout, stderr } = await keys(data, [command], env);
    assert.equal(code, 0, stderr);
    assert.equal(/FIREBREAK_PASSPHRASE can be read/.test(stderr), 'FIREBREAK_PASSPHRASE' in env, stderr);
    assert.ok(!(stdout + stderr).includes(PASSPHRASE));
    const isProtected = command === 'protect';
    assert.deepEqual(
      isProtected ? [...folderOf(data).keys()] : folderOf(data),
      isProtected ? ['keys.age'] : plain,
    );
    const shown = await listed(data, env);
    assert.deepEqual([shown.log, shown.protected], [log, isProtected]);
    const again = await keys(data, [command], env);
    assert.equal(again.code, 3);
    assert.match(again.stderr, /ADAPTER_CONFLICT/);
  }
});

/** Commands that need the keys. */
const EVERY = [
  ['keys', 'list'],
  ['keys', 'unprotect'],
  ['keys', 'rotate', 'log'],
  ['up', '--once'],
];

test('a passphrase that is wrong, absent, too short or open to others changes nothing', async () => {
  const data = await begun('refused');
  const short = join(dir, 'short');
  writeFileSync(short, 'short\n', { mode: 0o600 });
  const plain = folderOf(data);
  for (const env of [{ FIREBREAK_PASSPHRASE_FILE: short }, { FIREBREAK_PASSPHRASE: 'short' }, {}]) {
    const { code } = await keys(data, ['protect'], env);
    assert.equal(code, 2);
    assert.deepEqual(folderOf(data), plain);
  }
  assert.equal((await keys(data, ['protect'], { FIREBREAK_PASSPHRASE_FILE: right })).code, 0);
  const sealed = folderOf(data);
  const open = join(dir, 'open');
  writeFileSync(open, PASSPHRASE);
  chmodSync(open, 0o644);
  const wrongly = { FIREBREAK_PASSPHRASE_FILE: wrong };
  for (const [env, exit, says] of [
    [wrongly, 3, /VAULT_PASSPHRASE_WRONG/],
    [{ FIREBREAK_PASSPHRASE: 'another horse' }, 3, /VAULT_PASSPHRASE_WRONG/],
    [{}, 2, /FIREBREAK_PASSPHRASE_FILE/],
    [{ FIREBREAK_PASSPHRASE_FILE: open }, 2, /chmod 600/],
    [{ FIREBREAK_PASSPHRASE_FILE: join(dir, 'absent') }, 2, /cannot be read/],
  ] as const) {
    for (const args of env === wrongly ? EVERY : EVERY.slice(0, 1)) {
      const { code, stdout, stderr } = await run(['--data', data, ...args], dir, { ...env });
      assert.equal(code, exit, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, says);
      assert.ok(!/another horse|correct horse/.test(stdout + stderr));
      assert.deepEqual(folderOf(data), sealed, args.join(' '));
    }
  }
  // Nothing of this has left the store open or locked.
  await (await openStore(data)).close();
});

test('an instance runs on protected keys, and rotates the log’s under the same passphrase', async () => {
  const data = await begun('runs');
  const env = { FIREBREAK_PASSPHRASE_FILE: right };
  assert.equal((await keys(data, ['protect'], env)).code, 0);
  const running = await up(['--data', data], dir, env);
  try {
    // The running process has the keys: who asks it needs no passphrase.
    const answer = await keys(data, ['rotate', 'log', '--overlap', '0s']);
    assert.equal(answer.code, 0, answer.stderr);
    assert.ok((await listed(data)).protected);
  } finally {
    assert.equal(await running.stop(), 0);
  }
  assert.deepEqual([...folderOf(data).keys()], ['keys.age']);
  assert.equal((await listed(data, env)).log.length, 1);
});

function openssl(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr ?? String(error));
  return stdout + stderr;
}

test('new keys of an organisation: its own to read, a request that OpenSSL accepts, and nothing overwritten', async () => {
  const own = join(dir, 'own');
  mkdirSync(own);
  const out = join(own, 'city-hospital');
  const made = await keys(dir, ['new', '--out', out]);
  assert.equal(made.code, 0, made.stderr);
  const names = ['city-hospital.csr', 'city-hospital.key', 'city-hospital.x25519.key'];
  assert.deepEqual(readdirSync(own).toSorted(), names);
  const contents = names.map((name) => readFileSync(join(own, name), 'utf8'));
  for (const name of names.slice(1)) assert.equal(statSync(join(own, name)).mode & 0o777, 0o600);
  for (const [, line = ''] of contents.slice(1).map((pem) => pem.split('\n')))
    assert.ok(!(made.stdout + made.stderr + (contents[0] ?? '')).includes(line));
  const again = await keys(dir, ['new', '--out', out]);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /exists/);
  assert.deepEqual(
    names.map((name) => readFileSync(join(own, name), 'utf8')),
    contents,
  );
  if (spawnSync('openssl', ['version']).status !== 0) return;
  assert.match(openssl('req', '-in', `${out}.csr`, '-verify', '-noout'), /verify OK/);
  assert.match(openssl('pkey', '-in', `${out}.key`, '-noout', '-text'), /ED25519 Private-Key/);
  assert.match(openssl('pkey', '-in', `${out}.x25519.key`, '-noout', '-text'), /X25519 Private-Key/);
  const certified = openssl('req', '-in', `${out}.csr`, '-noout', '-pubkey');
  assert.equal(openssl('pkey', '-in', `${out}.key`, '-pubout'), certified);
});

test('new keys of which one is there already leave none behind', async () => {
  const own = join(dir, 'partly');
  mkdirSync(own);
  writeFileSync(join(own, 'a.csr'), 'kept');
  assert.equal((await keys(dir, ['new', '--out', join(own, 'a')])).code, 2);
  assert.deepEqual(readdirSync(own), ['a.csr']);
});
