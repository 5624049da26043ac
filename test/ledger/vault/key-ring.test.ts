import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { Encrypter } from 'age-encryption';
import {
  areKeysProtected,
  openKeyRing as openRing,
  openKeys,
  VaultError,
} from '../../../ledger/vault/index.js';
import type { AskPassphrase, KeyRing, VaultErrorCode } from '../../../ledger/vault/index.js';

const PASSPHRASE = 'correct horse battery';
const root = mkdtempSync(join(tmpdir(), 'firebreak-test-'));
after(() => rmSync(root, { recursive: true, force: true }));
let dir: string;
let count = 0;

beforeEach(() => {
  dir = join(root, String(count++));
});

const refused = (code: VaultErrorCode) => (error: unknown) =>
  error instanceof VaultError && error.code === code;
/** Work enough that it is done, and so little that it is quick. */
const openKeyRing = (path: string, ask?: AskPassphrase): Promise<KeyRing> => openRing(path, ask, 2);
const asking = (text: string) => async (): Promise<string> => text;

test('under a passphrase the same keys are there, and no plain one', async () => {
  const before = openKeys(dir);
  await (await openKeyRing(dir)).protect(PASSPHRASE);
  assert.deepEqual(readdirSync(dir), ['keys.age']);
  assert.equal(statSync(join(dir, 'keys.age')).mode & 0o777, 0o600);
  assert.ok(areKeysProtected(dir));
  const ring = await openKeyRing(dir, asking(PASSPHRASE));
  assert.deepEqual(ring.keys, before);
  const sealed = readFileSync(join(dir, 'keys.age'));
  for (const key of [before.logSeed, before.instanceSeed, before.caRootSeed]) {
    assert.ok(!sealed.includes(key) && !sealed.includes(key.toString('base64url')));
  }
  ring.unprotect();
  assert.deepEqual(openKeys(dir), before);
  assert.ok(!existsSync(join(dir, 'keys.age')));
});

test('a wrong passphrase, none, a short one and a damaged file change nothing', async () => {
  openKeys(dir);
  const ring = await openKeyRing(dir);
  await assert.rejects(ring.protect('short'), refused('VAULT_BAD_INPUT'));
  assert.ok(!areKeysProtected(dir));
  await ring.protect(PASSPHRASE);
  const before = readFileSync(join(dir, 'keys.age'));
  assert.throws(() => openKeys(dir), refused('VAULT_PASSPHRASE_NEEDED'));
  await assert.rejects(openKeyRing(dir), refused('VAULT_PASSPHRASE_NEEDED'));
  await assert.rejects(openKeyRing(dir, asking('another passphrase')), (error: unknown) => {
    assert.ok(refused('VAULT_PASSPHRASE_WRONG')(error));
    assert.ok(
      error instanceof Error && !error.message.includes('another passphrase') && error.cause === undefined,
    );
    return true;
  });
  assert.deepEqual(readFileSync(join(dir, 'keys.age')), before);
  for (const at of [0, 40, before.length - 1]) {
    const damaged = Buffer.from(before);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    writeFileSync(join(dir, 'keys.age'), damaged);
    await assert.rejects(openKeyRing(dir, asking(PASSPHRASE)), refused('VAULT_PASSPHRASE_WRONG'));
  }
  writeFileSync(join(dir, 'keys.age'), before.subarray(0, 100));
  await assert.rejects(openKeyRing(dir, asking(PASSPHRASE)), refused('VAULT_PASSPHRASE_WRONG'));
});

test('what a crash left beside the protected file is removed, in either direction', async () => {
  const plain = join(root, `plain-${count}`);
  const keys = openKeys(plain);
  const files = new Map(readdirSync(plain).map((name) => [name, readFileSync(join(plain, name))]));
  openKeys(dir);
  for (const [name, bytes] of files) writeFileSync(join(dir, name), bytes, { mode: 0o600 });
  await (await openKeyRing(dir)).protect(PASSPHRASE);
  for (let left = 0; left <= files.size; left++) {
    for (const [name, bytes] of [...files].slice(0, left))
      writeFileSync(join(dir, name), bytes, { mode: 0o600 });
    const ring = await openKeyRing(dir, asking(PASSPHRASE));
    assert.deepEqual(ring.keys, keys);
    assert.deepEqual(readdirSync(dir), ['keys.age']);
  }
});

for (const isProtected of [false, true]) {
  test(`a next log key is kept, and takes the log key’s place, ${isProtected ? 'under a passphrase' : 'in plain files'}`, async () => {
    const before = openKeys(dir);
    const open = () => openKeyRing(dir, asking(PASSPHRASE));
    if (isProtected) await (await open()).protect(PASSPHRASE);
    const seed = Buffer.alloc(32, 7);
    await (await open()).keepNextLogKey(seed);
    await (await open()).keepNextLogKey(Buffer.alloc(32, 8));
    const ring = await open();
    assert.deepEqual(ring.keys, { ...before, nextLogSeed: seed });
    await ring.promoteNextLogKey();
    await ring.promoteNextLogKey();
    assert.deepEqual((await open()).keys, { ...before, logSeed: seed });
    for (const name of readdirSync(dir)) assert.ok(!readFileSync(join(dir, name)).includes(before.logSeed));
    assert.equal(readdirSync(dir).length, isProtected ? 1 : 6);
  });
}

test('a promotion that was cut off is ended', async () => {
  openKeys(dir);
  const seed = Buffer.alloc(32, 7);
  await (await openKeyRing(dir)).keepNextLogKey(seed);
  const next = readFileSync(join(dir, 'log-next.key'));
  await (await openKeyRing(dir)).promoteNextLogKey();
  writeFileSync(join(dir, 'log-next.key'), next, { mode: 0o600 });
  assert.deepEqual((await openKeyRing(dir)).keys.logSeed, seed);
  assert.ok(!existsSync(join(dir, 'log-next.key')));
});

test('a passphrase costs whoever tries it about a second, unless less is asked for', async () => {
  openKeys(dir);
  await (await openRing(dir)).protect(PASSPHRASE);
  const [, stanza = ''] = readFileSync(join(dir, 'keys.age'), 'latin1').split('\n');
  assert.match(stanza, /^-> scrypt [\w+/]{22} 18$/);
});

test('a protected file that is open to others is refused, and says what to do', async () => {
  openKeys(dir);
  await (await openKeyRing(dir)).protect(PASSPHRASE);
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(join(dir, 'keys.age'), mode);
    await assert.rejects(openKeyRing(dir, asking(PASSPHRASE)), (error: unknown) => {
      assert.ok(refused('VAULT_KEY_PERMISSIONS')(error));
      return error instanceof Error && /chmod 600/.test(error.message);
    });
  }
  chmodSync(join(dir, 'keys.age'), 0o600);
  await openKeyRing(dir, asking(PASSPHRASE));
});

test('what opens by the passphrase and holds no keys is refused, and none of it is quoted', async () => {
  const keys = openKeys(dir);
  await (await openKeyRing(dir)).protect(PASSPHRASE);
  const secret = keys.logSeed.toString('base64url');
  const whole = { format: 'firebreak/keys/v1', keys: { 'log.key': secret } };
  for (const text of [secret, `{"keys":"${secret}"`, 'null', '[]', '{}', JSON.stringify(whole)]) {
    const encrypter = new Encrypter();
    encrypter.setPassphrase(PASSPHRASE);
    encrypter.setScryptWorkFactor(2);
    writeFileSync(join(dir, 'keys.age'), await encrypter.encrypt(text));
    await assert.rejects(openKeyRing(dir, asking(PASSPHRASE)), (error: unknown) => {
      assert.ok(refused('VAULT_KEY_MALFORMED')(error), text);
      return error instanceof Error && error.cause === undefined && !error.message.includes(secret);
    });
  }
});

test('what a crash left of a key that was being destroyed, or written, does not bar the next start', async () => {
  const before = openKeys(dir);
  for (const name of ['.gone', '.fresh']) {
    for (const bytes of [Buffer.alloc(64), Buffer.alloc(0), Buffer.alloc(64, 7)]) {
      writeFileSync(join(dir, name), bytes, { mode: 0o600 });
      assert.deepEqual((await openKeyRing(dir)).keys, before);
      assert.ok(!existsSync(join(dir, name)));
    }
  }
  // Beside the protected file too: nothing plain stays.
  writeFileSync(join(dir, '.gone'), before.logSeed, { mode: 0o600 });
  await (await openKeyRing(dir)).protect(PASSPHRASE);
  writeFileSync(join(dir, '.fresh'), before.logSeed, { mode: 0o600 });
  await openKeyRing(dir, asking(PASSPHRASE));
  assert.deepEqual(readdirSync(dir), ['keys.age']);
});

test('another key beside the protected file is not destroyed: it may be the only copy', async () => {
  openKeys(dir);
  await (await openKeyRing(dir)).protect(PASSPHRASE);
  const other = join(root, `other-${count}`);
  openKeys(other);
  const bytes = readFileSync(join(other, 'log.key'));
  writeFileSync(join(dir, 'log.key'), bytes, { mode: 0o600 });
  await assert.rejects(openKeyRing(dir, asking(PASSPHRASE)), refused('VAULT_KEY_MALFORMED'));
  assert.deepEqual(readFileSync(join(dir, 'log.key')), bytes);
  assert.ok(areKeysProtected(dir));
});

test('of two next keys kept at once the one in memory is the one on disk', async () => {
  openKeys(dir);
  await (await openKeyRing(dir)).protect(PASSPHRASE);
  const ring = await openKeyRing(dir, asking(PASSPHRASE));
  await Promise.all([ring.keepNextLogKey(Buffer.alloc(32, 7)), ring.keepNextLogKey(Buffer.alloc(32, 8))]);
  assert.deepEqual(ring.keys.nextLogSeed, Buffer.alloc(32, 7));
  assert.deepEqual((await openKeyRing(dir, asking(PASSPHRASE))).keys, ring.keys);
});
