/** Bytes under a passphrase: Argon2id makes a key of it, AES-256-GCM seals. */
import { argon2idAsync } from '@noble/hashes/argon2.js';
import { fromBase64url, toBase64url, utf8 } from '../../../ledger/proofs/index.js';

/** What lies in the browser's store. All but `sealed` is public. */
export interface Locked {
  readonly format: 1;
  readonly kdf: {
    readonly name: 'argon2id';
    readonly memoryKiB: number;
    readonly passes: number;
    readonly lanes: number;
    readonly salt: string;
  };
  readonly iv: string;
  readonly sealed: string;
}

/** The second recommended option. @see RFC 9106 section 4 */
const COST = { memoryKiB: 65_536, passes: 3, lanes: 4 } as const;
/** What a stored lock may ask of this browser: more was not written by us. */
const MEMORY_KIB_MAX = 1_048_576;
const PASSES_MAX = 16;
const LANES_MAX = 16;
const SALT_BYTES = 16;
const IV_BYTES = 12;
const KEY_BYTES = 32;

/** A key that a passphrase and a salt made: sealing anew under the same passphrase takes no second wait. */
export interface LockKey {
  readonly kdf: Locked['kdf'];
  readonly key: CryptoKey;
}

/** Makes a key of a passphrase and a new salt; takes about a second, and 64 MiB. */
export function newLockKey(passphrase: string): Promise<LockKey> {
  const salt = toBase64url(crypto.getRandomValues(new Uint8Array(SALT_BYTES)));
  return derive(passphrase, { name: 'argon2id', ...COST, salt });
}

/** Seals. The head is authenticated with the bytes. */
export async function lock(bytes: Uint8Array, { kdf, key }: LockKey): Promise<Locked> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const sealed = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv, additionalData: headOf(kdf) },
    key,
    Uint8Array.from(bytes),
  );
  return { format: 1, kdf, iv: toBase64url(iv), sealed: toBase64url(new Uint8Array(sealed)) };
}

/** The bytes and the key; `undefined` when the passphrase is another, or what was stored is damaged. */
export async function unlock(
  locked: Locked,
  passphrase: string,
): Promise<{ readonly bytes: Uint8Array; readonly lockKey: LockKey } | undefined> {
  const [iv, sealed] = [fromBase64url(locked.iv), fromBase64url(locked.sealed)];
  if (iv === undefined || sealed === undefined || !isAffordable(locked.kdf)) return undefined;
  const lockKey = await derive(passphrase, locked.kdf);
  try {
    const bytes = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: Uint8Array.from(iv), additionalData: headOf(locked.kdf) },
      lockKey.key,
      Uint8Array.from(sealed),
    );
    return { bytes: new Uint8Array(bytes), lockKey };
  } catch {
    return undefined;
  }
}

/** Whether a value from the store has the form of one of ours. */
export function isLocked(value: unknown): value is Locked {
  const locked = value as Partial<Locked> | undefined;
  return locked?.format === 1 && typeof locked.sealed === 'string' && typeof locked.iv === 'string';
}

async function derive(passphrase: string, kdf: Locked['kdf']): Promise<LockKey> {
  const salt = fromBase64url(kdf.salt) ?? new Uint8Array(SALT_BYTES);
  // One passphrase typed on two keyboards may come in two Unicode forms.
  const raw = await argon2idAsync(utf8(passphrase.normalize('NFKC')), salt, {
    m: kdf.memoryKiB,
    t: kdf.passes,
    p: kdf.lanes,
    dkLen: KEY_BYTES,
  });
  const key = await crypto.subtle.importKey('raw', Uint8Array.from(raw), 'AES-GCM', false, [
    'encrypt',
    'decrypt',
  ]);
  raw.fill(0);
  return { kdf, key };
}

function isAffordable({ name, memoryKiB, passes, lanes }: Locked['kdf']): boolean {
  return name === 'argon2id' && memoryKiB <= MEMORY_KIB_MAX && passes <= PASSES_MAX && lanes <= LANES_MAX;
}

function headOf(kdf: Locked['kdf']): Uint8Array<ArrayBuffer> {
  const { name, memoryKiB, passes, lanes, salt } = kdf;
  return Uint8Array.from(utf8(JSON.stringify(['firebreak wallet', name, memoryKiB, passes, lanes, salt])));
}
