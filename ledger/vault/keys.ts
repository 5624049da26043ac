/** The keys of an instance, at rest in a folder of their own. */
import { hkdfSync } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { VaultError } from './errors.js';
import { KEY_BYTES } from './hmac.js';
import { readKeyFile, writeKeyFile } from './key-file.js';
import { randomBuffer } from './random.js';

/** Symmetric keys, each of 32 bytes, all derived from the master key of `storage.key`. */
export interface StorageKeys {
  /** Wraps the data keys of waiting events. */
  readonly inboxKek: Buffer;
  /** Of the marks against duplicates. */
  readonly markKey: Buffer;
  /** Of keyed names in the store's own indexes. */
  readonly indexKey: Buffer;
  /** Seals the state rows that belong to the vault. */
  readonly vaultKek: Buffer;
  /** Of the ids that the facade gives. */
  readonly facadeKey: Buffer;
}

/** All keys of an instance. Seeds are Ed25519 private keys of 32 raw bytes. */
export interface InstanceKeys {
  readonly storage: StorageKeys;
  /** Signs checkpoints. */
  readonly logSeed: Buffer;
  /** While the log's key is being rotated: the key that takes the place of `logSeed` when the overlap ends. */
  readonly nextLogSeed?: Buffer;
  /** Signs submissions; its public key is in the instance's certificate. */
  readonly instanceSeed: Buffer;
  /** X25519 private key, 32 raw bytes: opens the custodian's wraps. */
  readonly instanceX25519: Buffer;
  /** Signs the issuing certificate only. */
  readonly caRootSeed: Buffer;
  /** Signs participants' certificates. */
  readonly caIssuingSeed: Buffer;
}

/** What there is of each instance, from its beginning. */
export const KEY_FILES = [
  'storage.key',
  'log.key',
  'instance.key',
  'instance-x25519.key',
  'ca-root.key',
  'ca-issuing.key',
] as const;
/** There while the log's key is rotated. */
export const NEXT_LOG_KEY = 'log-next.key';
/** The same keys under a passphrase. */
export const PROTECTED_KEYS = 'keys.age';

/** Raw keys by the name of their file: 32 bytes each. */
export type KeyMaterial = ReadonlyMap<string, Buffer>;

/**
 * Loads an instance's keys; on first use, when `dir` is absent or empty, makes them. `dir` is for the keys alone.
 *
 * The keys are made in a folder beside it, which is renamed once all is synced: a crash leaves no keys or all of them,
 * and what it left behind is cleared at the next start. The caller holds the lock of the data folder, so no other
 * process does the same.
 *
 * @throws VaultError VAULT_KEY_PERMISSIONS for a file that others can read; VAULT_KEY_MALFORMED for a truncated or
 * damaged one; VAULT_KEY_MISSING when some are there and one is not; VAULT_KEY_IO when the folder fails us;
 * VAULT_PASSPHRASE_NEEDED for keys that `openKeyRing` alone opens.
 */
export function openKeys(dir: string): InstanceKeys {
  const path = resolve(dir);
  if (isFirstUse(path)) createKeys(path);
  if (existsSync(join(path, PROTECTED_KEYS)))
    throw new VaultError('VAULT_PASSPHRASE_NEEDED', `the keys in ${path} lie under a passphrase`);
  return keysOf(readMaterial(path));
}

/** Reads the plain files of a folder. @throws VaultError as {@link openKeys} does. */
export function readMaterial(path: string): KeyMaterial {
  const material = new Map<string, Buffer>(KEY_FILES.map((name) => [name, readKeyFile(path, name)]));
  if (existsSync(join(path, NEXT_LOG_KEY))) material.set(NEXT_LOG_KEY, readKeyFile(path, NEXT_LOG_KEY));
  return material;
}

/** The keys that some material is. @throws VaultError VAULT_KEY_MISSING */
export function keysOf(material: KeyMaterial): InstanceKeys {
  const key = (name: string): Buffer => {
    const found = material.get(name);
    if (found === undefined) throw new VaultError('VAULT_KEY_MISSING', `key ${name} is missing: restore it`);
    return found;
  };
  const next = material.get(NEXT_LOG_KEY);
  return {
    storage: deriveStorageKeys(key('storage.key')),
    logSeed: key('log.key'),
    ...(next === undefined ? {} : { nextLogSeed: next }),
    instanceSeed: key('instance.key'),
    instanceX25519: key('instance-x25519.key'),
    caRootSeed: key('ca-root.key'),
    caIssuingSeed: key('ca-issuing.key'),
  };
}

/**
 * The storage keys of a master key: HKDF-SHA-256 without salt, the info `firebreak/storage/v1`, a line feed and the
 * key's name.
 *
 * @param master - 32 bytes.
 * @see RFC 5869
 */
export function deriveStorageKeys(master: Buffer): StorageKeys {
  const derive = (name: keyof StorageKeys): Buffer =>
    Buffer.from(hkdfSync('sha256', master, '', `firebreak/storage/v1\n${name}`, KEY_BYTES));
  return {
    inboxKek: derive('inboxKek'),
    markKey: derive('markKey'),
    indexKey: derive('indexKey'),
    vaultKek: derive('vaultKek'),
    facadeKey: derive('facadeKey'),
  };
}

function isFirstUse(path: string): boolean {
  try {
    return !existsSync(path) || readdirSync(path).length === 0;
  } catch (cause) {
    throw new VaultError('VAULT_KEY_IO', `the folder of keys ${path} cannot be read`, { cause });
  }
}

function createKeys(path: string): void {
  const parent = dirname(path);
  const fresh = join(parent, `.${basename(path)}.new`);
  try {
    mkdirSync(parent, { recursive: true });
    // Left by a crash before the rename: nothing was ever sealed under it.
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { mode: 0o700 });
    for (const name of KEY_FILES) writeKeyFile(fresh, name, randomBuffer(KEY_BYTES));
    syncFolder(fresh);
    // From here on the keys exist, all of them; a crash before the next line may still undo that, which is harmless.
    renameSync(fresh, path);
    syncFolder(parent);
  } catch (cause) {
    throw new VaultError('VAULT_KEY_IO', `no keys could be made in ${path}`, { cause });
  }
}

/** A rename is durable once its folder is synced. Windows cannot open folders, and needs no such thing. */
export function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
