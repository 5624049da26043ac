/**
 * One 32-byte key in one file: the key, then SHA-256 of its name and itself, by which a truncated, damaged or misnamed
 * file is told from a key.
 */
import { closeSync, fchmodSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { VaultError } from './errors.js';
import { KEY_BYTES, sha256 } from './hmac.js';

const FILE_BYTES = 2 * KEY_BYTES;
const OWNER_ONLY = 0o600;
/** Any bit for the group or for others. */
const OTHERS = 0o077;

/**
 * Writes a new key file, readable by its owner alone, and syncs it. The folder's own sync is the caller's.
 *
 * @param file - Where to, for a file that is to be renamed to `name`.
 * @throws An error of `node:fs`, also when the file exists.
 */
export function writeKeyFile(dir: string, name: string, key: Buffer, file = name): void {
  const fd = openSync(join(dir, file), 'wx', OWNER_ONLY);
  try {
    // Whatever the umask took away, the owner must be able to read it again.
    fchmodSync(fd, OWNER_ONLY);
    const bytes = Buffer.concat([key, checksum(name, key)]);
    const written = writeSync(fd, bytes);
    if (written !== bytes.length)
      throw new VaultError('VAULT_KEY_IO', `key file ${name} was not written whole`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads a key file.
 *
 * @returns 32 bytes.
 * @throws VaultError VAULT_KEY_MISSING, VAULT_KEY_PERMISSIONS, VAULT_KEY_MALFORMED or VAULT_KEY_IO, naming the file.
 */
export function readKeyFile(dir: string, name: string): Buffer {
  let fd: number;
  try {
    fd = openSync(join(dir, name), 'r');
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new VaultError(
      missing ? 'VAULT_KEY_MISSING' : 'VAULT_KEY_IO',
      missing ? `key file ${name} is missing from ${dir}: restore it` : `key file ${name} cannot be read`,
      { cause },
    );
  }
  try {
    requireOwnerOnly(fd, dir, name);
    // One byte more than there should be, to notice a file that is too long.
    const bytes = Buffer.alloc(FILE_BYTES + 1);
    const length = readSync(fd, bytes, 0, bytes.length, 0);
    const key = bytes.subarray(0, KEY_BYTES);
    const sum = bytes.subarray(KEY_BYTES, FILE_BYTES);
    if (length !== FILE_BYTES || !checksum(name, key).equals(sum)) {
      throw new VaultError(
        'VAULT_KEY_MALFORMED',
        `key file ${name} in ${dir} is truncated or damaged: restore it`,
      );
    }
    return Buffer.from(key);
  } catch (cause) {
    if (cause instanceof VaultError) throw cause;
    throw new VaultError('VAULT_KEY_IO', `key file ${name} cannot be read`, { cause });
  } finally {
    closeSync(fd);
  }
}

/**
 * Refuses a file that others can read or write. Asked of the open file, so that it is the one that is read. Windows has
 * no such bits.
 *
 * @throws VaultError VAULT_KEY_PERMISSIONS
 */
export function requireOwnerOnly(fd: number, dir: string, name: string): void {
  if (process.platform === 'win32' || (fstatSync(fd).mode & OTHERS) === 0) return;
  throw new VaultError(
    'VAULT_KEY_PERMISSIONS',
    `key file ${name} in ${dir} is open to others: make it readable by its owner only (chmod 600)`,
  );
}

function checksum(name: string, key: Buffer): Buffer {
  return sha256(Buffer.concat([Buffer.from(`firebreak/key-file/v1\n${name}\n`, 'utf8'), key]));
}
