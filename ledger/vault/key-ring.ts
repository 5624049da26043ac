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
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { Decrypter, Encrypter } from 'age-encryption';
import { VaultError } from './errors.js';
import { KEY_BYTES } from './hmac.js';
import { writeKeyFile } from './key-file.js';
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
const PASSPHRASE_CHARS_MIN = 12;

/** Whether the keys in a folder lie under a passphrase. */
export function areKeysProtected(dir: string): boolean {
  return existsSync(join(resolve(dir), PROTECTED_KEYS));
}

/**
 * Opens the keys of a folder, making them on first use.
 *
 * @throws VaultError as `openKeys` does; VAULT_PASSPHRASE_NEEDED without somebody to ask, VAULT_PASSPHRASE_WRONG.
 */
export async function openKeyRing(dir: string, ask?: AskPassphrase): Promise<KeyRing> {
  const path = resolve(dir);
  if (!areKeysProtected(path)) {
    openKeys(path);
    const ring = new KeyRing(path, readMaterial(path), undefined);
    const { logSeed, nextLogSeed } = ring.keys;
    // Cut off when it had the log key's place already.
    if (nextLogSeed?.equals(logSeed) === true) await ring.promoteNextLogKey();
    return ring;
  }
  if (ask === undefined)
    throw new VaultError('VAULT_PASSPHRASE_NEEDED', `the keys in ${path} lie under a passphrase`);
  const passphrase = await ask();
  const material = await unseal(path, passphrase);
  removePlain(path);
  return new KeyRing(path, material, passphrase);
}

/** Keys of an instance, and the changes that they go through. Made by {@link openKeyRing}. */
export class KeyRing {
  readonly #path: string;
  #material: KeyMaterial;
  #passphrase: string | undefined;

  constructor(path: string, material: KeyMaterial, passphrase: string | undefined) {
    this.#path = path;
    this.#material = material;
    this.#passphrase = passphrase;
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
    await this.#seal(this.#material, passphrase);
    this.#passphrase = passphrase;
    removePlain(this.#path);
  }

  /** Takes the passphrase off. A crash leaves the protected file, with or without plain ones beside it. */
  unprotect(): void {
    if (this.#passphrase === undefined) return;
    removePlain(this.#path);
    this.#guarded(() => {
      for (const [name, key] of this.#material) writeKeyFile(this.#path, name, key);
      syncFolder(this.#path);
      rmSync(join(this.#path, PROTECTED_KEYS));
      syncFolder(this.#path);
    });
    this.#passphrase = undefined;
  }

  /** Keeps a key that is to take the log's place; one that is kept already stays. @param seed - 32 bytes. */
  async keepNextLogKey(seed: Buffer): Promise<void> {
    if (this.#material.has(NEXT_LOG_KEY)) return;
    const material = new Map(this.#material).set(NEXT_LOG_KEY, seed);
    if (this.#passphrase === undefined) {
      this.#guarded(() => {
        writeKeyFile(this.#path, NEXT_LOG_KEY, seed);
        syncFolder(this.#path);
      });
    } else await this.#seal(material, this.#passphrase);
    this.#material = material;
  }

  /** Puts the next key in the log key's place, and destroys that one. Nothing to do without a next key. */
  async promoteNextLogKey(): Promise<void> {
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
      const fresh = join(this.#path, `.fresh`);
      rmSync(fresh, { force: true });
      writeKeyFile(this.#path, 'log.key', next, '.fresh');
      // The former file stays open, so that it is overwritten only once the other has its name.
      const former = openSync(join(this.#path, 'log.key'), 'r+');
      try {
        renameSync(fresh, join(this.#path, 'log.key'));
        syncFolder(this.#path);
        overwrite(former);
      } finally {
        closeSync(former);
      }
      destroy(join(this.#path, NEXT_LOG_KEY));
      syncFolder(this.#path);
    });
  }

  /** Writes the protected file whole, and reads it back before it takes the place of what was there. */
  async #seal(material: KeyMaterial, passphrase: string): Promise<void> {
    const keys = Object.fromEntries([...material].map(([name, key]) => [name, key.toString('base64url')]));
    const encrypter = new Encrypter();
    encrypter.setPassphrase(passphrase);
    const sealed = await encrypter.encrypt(JSON.stringify({ format: FORMAT, keys }));
    const fresh = join(this.#path, `.${PROTECTED_KEYS}`);
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
    const again = await open(readFileSync(fresh), passphrase);
    for (const [name, key] of material) {
      if (again.get(name)?.equals(key) !== true)
        throw new VaultError('VAULT_KEY_IO', 'the protected keys do not read back');
    }
    this.#guarded(() => {
      renameSync(fresh, join(this.#path, PROTECTED_KEYS));
      syncFolder(this.#path);
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

async function unseal(path: string, passphrase: string): Promise<KeyMaterial> {
  let sealed: Buffer;
  try {
    sealed = readFileSync(join(path, PROTECTED_KEYS));
  } catch (cause) {
    throw new VaultError('VAULT_KEY_IO', `${PROTECTED_KEYS} cannot be read`, { cause });
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
  const { format, keys } = JSON.parse(text) as { format?: unknown; keys?: Record<string, string> };
  const material = new Map(
    Object.entries(keys ?? {}).map(([name, key]) => [name, Buffer.from(key, 'base64url')] as const),
  );
  const isWhole = KEY_FILES.every((name) => material.get(name)?.length === KEY_BYTES);
  if (format !== FORMAT || !isWhole)
    throw new VaultError('VAULT_KEY_MALFORMED', 'the protected file holds other keys');
  return material;
}

/** Plain files that a step cut off has left beside the protected one. */
function removePlain(path: string): void {
  try {
    for (const name of [...KEY_FILES, NEXT_LOG_KEY]) destroy(join(path, name));
    syncFolder(path);
  } catch (cause) {
    throw new VaultError('VAULT_KEY_IO', `plain keys in ${path} could not be removed`, { cause });
  }
}

/** Overwrites a file before it is removed: media may keep traces all the same. */
function destroy(file: string): void {
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
  writeSync(fd, Buffer.alloc(2 * KEY_BYTES), 0, 2 * KEY_BYTES, 0);
  fsyncSync(fd);
}
