import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { deriveStorageKeys, openKeys, VaultError } from '../../../ledger/vault/index.js';
import type { VaultErrorCode } from '../../../ledger/vault/index.js';

const FILES = [
  'ca-issuing.key',
  'ca-root.key',
  'instance-x25519.key',
  'instance.key',
  'log.key',
  'storage.key',
];

let root = '';
let dir = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'firebreak-keys-'));
  dir = join(root, 'data', 'keys');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function refusedWith(code: VaultErrorCode, file?: string): (error: unknown) => boolean {
  return (error) => error instanceof VaultError && error.code === code && error.message.includes(file ?? '');
}

describe('openKeys', () => {
  it('makes keys at first use and finds the same ones again', () => {
    const keys = openKeys(dir);
    assert.deepEqual(openKeys(dir), keys);
    const all = [keys.logSeed, keys.instanceSeed, keys.instanceX25519, keys.caRootSeed, keys.caIssuingSeed];
    all.push(...Object.values(keys.storage));
    assert.ok(all.every((key) => key.length === 32));
    assert.equal(new Set(all.map((key) => key.toString('hex'))).size, 10);
  });
  it('uses an empty folder, and shares no key between folders', () => {
    mkdirSync(dir, { recursive: true });
    assert.notDeepEqual(openKeys(dir).logSeed, openKeys(join(root, 'other')).logSeed);
  });
  it('leaves files for the owner alone, and nothing else', { skip: process.platform === 'win32' }, () => {
    openKeys(dir);
    assert.deepEqual(readdirSync(dir).toSorted(), FILES);
    assert.deepEqual(readdirSync(join(root, 'data')), ['keys']);
    for (const file of FILES) assert.equal(statSync(join(dir, file)).mode & 0o777, 0o600);
    assert.equal(statSync(dir).mode & 0o077, 0);
  });
  it('clears what a crash before the rename left, and starts anew', () => {
    const left = join(root, 'data', '.keys.new');
    mkdirSync(left, { recursive: true });
    writeFileSync(join(left, 'storage.key'), 'half');
    openKeys(dir);
    assert.equal(existsSync(left), false);
  });
  for (const mode of [0o640, 0o604, 0o620, 0o644]) {
    it(`refuses a file of mode ${mode.toString(8)}`, { skip: process.platform === 'win32' }, () => {
      openKeys(dir);
      chmodSync(join(dir, 'log.key'), mode);
      assert.throws(() => openKeys(dir), refusedWith('VAULT_KEY_PERMISSIONS', 'log.key'));
    });
  }
  it('names a truncated file, and makes no key in its place', () => {
    openKeys(dir);
    for (const length of [63, 32, 0]) {
      truncateSync(join(dir, 'storage.key'), length);
      assert.throws(() => openKeys(dir), refusedWith('VAULT_KEY_MALFORMED', 'storage.key'));
      assert.equal(statSync(join(dir, 'storage.key')).size, length);
    }
  });
  it('names a file that is longer, or has any byte changed', () => {
    openKeys(dir);
    const path = join(dir, 'instance.key');
    const good = readFileSync(path);
    for (let at = 0; at < good.length; at++) {
      writeFileSync(path, good.with(at, (good[at] ?? 0) ^ 1));
      assert.throws(() => openKeys(dir), refusedWith('VAULT_KEY_MALFORMED', 'instance.key'));
    }
    writeFileSync(path, Buffer.concat([good, Buffer.alloc(1)]));
    assert.throws(() => openKeys(dir), refusedWith('VAULT_KEY_MALFORMED', 'instance.key'));
  });
  it('names a missing file rather than making another key', () => {
    for (const file of FILES) {
      rmSync(dir, { recursive: true, force: true });
      openKeys(dir);
      rmSync(join(dir, file));
      assert.throws(() => openKeys(dir), refusedWith('VAULT_KEY_MISSING', file));
    }
  });
  it('tells a key under the name of another', () => {
    openKeys(dir);
    copyFileSync(join(dir, 'ca-root.key'), join(dir, 'ca-issuing.key'));
    assert.throws(() => openKeys(dir), refusedWith('VAULT_KEY_MALFORMED', 'ca-issuing.key'));
  });
  it('says so when the folder cannot be made', () => {
    writeFileSync(join(root, 'data'), 'a file where the folder should be');
    assert.throws(() => openKeys(dir), refusedWith('VAULT_KEY_IO'));
  });
});

describe('deriveStorageKeys', () => {
  it('follows from the master key alone', () => {
    const master = Buffer.alloc(32, 7);
    assert.deepEqual(deriveStorageKeys(master), deriveStorageKeys(Buffer.from(master)));
    assert.notDeepEqual(deriveStorageKeys(master).markKey, deriveStorageKeys(Buffer.alloc(32, 8)).markKey);
  });
});
