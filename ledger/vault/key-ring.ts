/**
 * The keys of an instance at rest: plain files of their owner's, or all of them in one file under a passphrase, in age
 * format. What is there decides: with `keys.age` in the folder the keys are protected, and plain files beside it are
 * left over from a step that was cut off.
 *
 * @see https://age-encryption.org/v1
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Decrypter, Encrypter } from 'age-encryption';
import { VaultError } from './errors.js';
import { KEY_BYTES } from './hmac.js';
import { readKeyFile, requireOwnerOnly, writeKeyFile } from './key-file.js';
import {
  KEY_FILES,
  keysOf,
  NEXT_LOG_KEY,
  openKeys,
  PROTECTED_KEYS,
  readMaterial,
  syncFolder,
} from './keys.js';
import type { InstanceKeys, KeyMaterial } from './keys.js';

/** Asked for once, and only where keys are protected. */
export type AskPassphrase = () => Promise<string>;

const FORMAT = 'firebreak/keys/v1';
/** A shorter passphrase is refused. */
export const PASSPHRASE_CHARS_MIN = 12;
/** A key on its way to its name: a crash may leave it, whole or not. */
const FRESH = '.fresh';
/** A key that has lost its name, and is being overwritten. */
const GONE = '.gone';
/** The protected file on its way to its name. */
const FRESH_PROTECTED = `.${PROTECTED_KEYS}`;
/** Base-2 logarithm of the work that one try of a passphrase costs: about a second, and 256 MB. */
const WORK_FACTOR = 18;

/** Whether the keys in a folder lie under a passphrase. */
export function areKeysProtected(dir: string): boolean {
  return existsSync(join(resolve(dir), PROTECTED_KEYS));
}

/**
 * Opens the keys of a folder, making them on first use, and clears what a crash has left there.
 *
 * @param workFactor - Of a passphrase that is put on these keys: base-2 logarithm of scrypt's N, at most 20.
 * @throws VaultError as `openKeys` does; VAULT_PASSPHRASE_NEEDED without somebody to ask, VAULT_PASSPHRASE_WRONG.
 */
export async function openKeyRing(
  dir: string,
  ask?: AskPassphrase,
  workFactor = WORK_FACTOR,
): Promise<KeyRing> {
  const path = resolve(dir);
  if (!areKeysProtected(path)) {
    openKeys(path);
    removeFresh(path);
    const ring = new KeyRing(path, readMaterial(path), undefined, workFactor);
    const { logSeed, nextLogSeed } = ring.keys;
    // Cut off when it had the log key's place already.
    if (nextLogSeed?.equals(logSeed) === true) await ring.promoteNextLogKey();
    return ring;
  }
  if (ask === undefined)
    throw new VaultError('VAULT_PASSPHRASE_NEEDED', `the keys in ${path} lie under a passphrase`);
  const passphrase = await ask();
  const material = await unseal(path, passphrase);
  requireSame(path, material);
  removePlain(path);
  removeFresh(path);
  return new KeyRing(path, material, passphrase, workFactor);
}

/** Keys of an instance, and the changes that they go through. Made by {@link openKeyRing}. */
export class KeyRing {
  readonly #path: string;
  #material: KeyMaterial;
  #passphrase: string | undefined;
  readonly #workFactor: number;
  /** One change after the other: sealing takes a second, and of two at once one would be lost. */
  #turn: Promise<void> = Promise.resolve();

  constructor(path: string, material: KeyMaterial, passphrase: string | undefined, workFactor: number) {
    this.#path = path;
    this.#material = material;
    this.#passphrase = passphrase;
    this.#workFactor = workFactor;
  }

  /** As they are now. */
  get keys(): InstanceKeys {
    return keysOf(this.#material);
  }

  /** Whether they lie under a passphrase. */
  get isProtected(): boolean {
    return this.#passphrase !== undefined;
  }

  /**
   * Puts the keys under a passphrase. A crash leaves the plain files, or the protected one.
   *
   * @throws VaultError VAULT_BAD_INPUT for a passphrase of less than 12 characters, VAULT_KEY_IO.
   */
  async protect(passphrase: string): Promise<void> {
    if (passphrase.length < PASSPHRASE_CHARS_MIN) {
      throw new VaultError('VAULT_BAD_INPUT', `a passphrase has at least ${PASSPHRASE_CHARS_MIN} characters`);
    }
    await this.#inTurn(async () => {
      await this.#seal(this.#material, passphrase);
      this.#passphrase = passphrase;
      removePlain(this.#path);
    });
  }

  /** Takes the passphrase off. A crash leaves the protected file, with or without plain ones beside it. */
  unprotect(): void {
    if (this.#passphrase === undefined) return;
    removePlain(this.#path);
    try {
      this.#guarded(() => {
        for (const [name, key] of this.#material) writeKeyFile(this.#path, name, key);
        syncFolder(this.#path);
      });
    } catch (error) {
      // The protected file is still there, and plain keys must not stay beside it.
      removePlain(this.#path);
      throw error;
    }
    this.#guarded(() => {
      rmSync(join(this.#path, PROTECTED_KEYS));
      syncFolder(this.#path);
    });
    this.#passphrase = undefined;
  }

  /** Keeps a key that is to take the log's place; one that is kept already stays. @param seed - 32 bytes. */
  keepNextLogKey(seed: Buffer): Promise<void> {
    return this.#inTurn(() => this.#keepNext(seed));
  }

  /** Puts the next key in the log key's place, and destroys that one. Nothing to do without a next key. */
  promoteNextLogKey(): Promise<void> {
    return this.#inTurn(() => this.#promote());
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const changed = this.#turn.then(change);
    this.#turn = changed.catch(() => undefined);
    return changed;
  }

  async #keepNext(seed: Buffer): Promise<void> {
    if (this.#material.has(NEXT_LOG_KEY)) return;
    const material = new Map(this.#material).set(NEXT_LOG_KEY, seed);
    if (this.#passphrase === undefined) {
      this.#guarded(() => {
        const fresh = this.#writeFresh(NEXT_LOG_KEY, seed);
        // Under its name from here on, and whole: a part of a key would bar the next start.
        renameSync(fresh, join(this.#path, NEXT_LOG_KEY));
        syncFolder(this.#path);
      });
    } else await this.#seal(material, this.#passphrase);
    this.#material = material;
  }

  async #promote(): Promise<void> {
    const next = this.#material.get(NEXT_LOG_KEY);
    if (next === undefined) return;
    const material = new Map(this.#material).set('log.key', next);
    material.delete(NEXT_LOG_KEY);
    if (this.#passphrase === undefined) this.#promotePlain(next);
    else await this.#seal(material, this.#passphrase);
    this.#material = material;
  }

  /** By a rename over the former key, so that at any moment there is one of them. */
  #promotePlain(next: Buffer): void {
    this.#guarded(() => {
      const fresh = this.#writeFresh('log.key', next);
      // The former file stays open, so that it is overwritten only once the other has its name.
      const former = openSync(join(this.#path, 'log.key'), 'r+');
      try {
        renameSync(fresh, join(this.#path, 'log.key'));
        syncFolder(this.#path);
        overwrite(former);
      } finally {
        closeSync(former);
      }
      // The same key as in the other file: not overwritten, for an overwritten one would bar the next start.
      rmSync(join(this.#path, NEXT_LOG_KEY));
      syncFolder(this.#path);
    });
  }

  #writeFresh(name: string, key: Buffer): string {
    const fresh = join(this.#path, FRESH);
    erase(fresh);
    writeKeyFile(this.#path, name, key, FRESH);
    return fresh;
  }

  /** Writes the protected file whole, and reads it back before it takes the place of what was there. */
  async #seal(material: KeyMaterial, passphrase: string): Promise<void> {
    const keys = Object.fromEntries([...material].map(([name, key]) => [name, key.toString('base64url')]));
    const encrypter = new Encrypter();
    encrypter.setPassphrase(passphrase);
    encrypter.setScryptWorkFactor(this.#workFactor);
    const sealed = await encrypter.encrypt(JSON.stringify({ format: FORMAT, keys }));
    const fresh = join(this.#path, FRESH_PROTECTED);
    const place = join(this.#path, PROTECTED_KEYS);
    this.#guarded(() => {
      rmSync(fresh, { force: true });
      const fd = openSync(fresh, 'wx', 0o600);
      try {
        writeSync(fd, sealed);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    });
    const again = await unseal(this.#path, passphrase, FRESH_PROTECTED);
    for (const [name, key] of material) {
      if (again.get(name)?.equals(key) !== true)
        throw new VaultError('VAULT_KEY_IO', 'the protected keys do not read back');
    }
    this.#guarded(() => {
      // What is replaced may hold a key that is to be destroyed, even if under the passphrase.
      const former = existsSync(place) ? openSync(place, 'r+') : undefined;
      try {
        renameSync(fresh, place);
        syncFolder(this.#path);
        if (former !== undefined) overwrite(former);
      } finally {
        if (former !== undefined) closeSync(former);
      }
    });
  }

  #guarded(change: () => void): void {
    try {
      change();
    } catch (cause) {
      throw new VaultError('VAULT_KEY_IO', `the keys in ${this.#path} could not be changed`, { cause });
    }
  }
}

async function unseal(path: string, passphrase: string, name = PROTECTED_KEYS): Promise<KeyMaterial> {
  let sealed: Buffer;
  try {
    const fd = openSync(join(path, name), 'r');
    try {
      requireOwnerOnly(fd, path, name);
      sealed = readFileSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    if (cause instanceof VaultError) throw cause;
    throw new VaultError('VAULT_KEY_IO', `${name} cannot be read`, { cause });
  }
  return open(sealed, passphrase);
}

async function open(sealed: Uint8Array, passphrase: string): Promise<KeyMaterial> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  let text: string;
  try {
    text = await decrypter.decrypt(sealed, 'text');
  } catch {
    // Neither the library's error nor its cause is passed on: nothing of what was tried belongs into a message.
    throw new VaultError(
      'VAULT_PASSPHRASE_WRONG',
      'the passphrase does not open the keys, or their file is damaged',
    );
  }
  const material = materialOf(text);
  if (material === undefined)
    throw new VaultError('VAULT_KEY_MALFORMED', 'the protected file holds other keys');
  return material;
}

/** The keys that a text holds; `undefined` when it is another text. A parser's error would quote some of it. */
function materialOf(text: string): KeyMaterial | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { format, keys } = (value ?? {}) as { format?: unknown; keys?: unknown };
  if (format !== FORMAT || typeof keys !== 'object' || keys === null) return undefined;
  const material = new Map(
    Object.entries(keys).map(([name, key]) => [name, Buffer.from(String(key), 'base64url')] as const),
  );
  const isWhole = KEY_FILES.every((name) => material.has(name));
  const areKeys = [...material.values()].every((key) => key.length === KEY_BYTES);
  return isWhole && areKeys ? material : undefined;
}

/**
 * No step leaves another key beside the protected file. One that is there was put there, or the protected file was: it
 * may be the only copy, so nothing is removed. A file that was cut off or overwritten is no key.
 *
 * @throws VaultError VAULT_KEY_MALFORMED
 */
function requireSame(path: string, material: KeyMaterial): void {
  for (const name of [...KEY_FILES, NEXT_LOG_KEY]) {
    const plain = existsSync(join(path, name)) ? plainKey(path, name) : undefined;
    if (plain === undefined || material.get(name)?.equals(plain) === true) continue;
    throw new VaultError(
      'VAULT_KEY_MALFORMED',
      `${name} in ${path} is another key than that in ${PROTECTED_KEYS}: move away the one that is not in use`,
    );
  }
}

function plainKey(path: string, name: string): Buffer | undefined {
  try {
    return readKeyFile(path, name);
  } catch (error) {
    if (error instanceof VaultError && error.code === 'VAULT_KEY_MALFORMED') return undefined;
    throw error;
  }
}

/** Plain files that a step cut off has left beside the protected one. */
function removePlain(path: string): void {
  try {
    removeFresh(path);
    for (const name of [...KEY_FILES, NEXT_LOG_KEY]) destroy(join(path, name));
    syncFolder(path);
  } catch (cause) {
    throw new VaultError('VAULT_KEY_IO', `plain keys in ${path} could not be removed`, { cause });
  }
}

/** What had not come to its name yet when a step was cut off. */
function removeFresh(path: string): void {
  try {
    const isThere = [FRESH, GONE, FRESH_PROTECTED].some((name) => existsSync(join(path, name)));
    if (!isThere) return;
    for (const name of [FRESH, GONE, FRESH_PROTECTED]) erase(join(path, name));
    syncFolder(path);
  } catch (cause) {
    throw new VaultError('VAULT_KEY_IO', `what a crash left in ${path} could not be removed`, { cause });
  }
}

/** Takes its name from a key first: what a crash leaves must not look like a damaged key, which bars the next start. */
function destroy(file: string): void {
  if (!existsSync(file)) return;
  const gone = join(dirname(file), GONE);
  erase(gone);
  renameSync(file, gone);
  syncFolder(dirname(file));
  erase(gone);
}

/** Overwrites a file before it is removed: media may keep traces all the same. */
function erase(file: string): void {
  if (!existsSync(file)) return;
  const fd = openSync(file, 'r+');
  try {
    overwrite(fd);
  } finally {
    closeSync(fd);
  }
  rmSync(file);
}

function overwrite(fd: number): void {
  const { size } = fstatSync(fd);
  writeSync(fd, Buffer.alloc(size), 0, size, 0);
  fsyncSync(fd);
}
