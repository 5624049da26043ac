/** Record keys wrapped for those who may always open the record: one JWE a recipient. */
import { FlattenedEncrypt, flattenedDecrypt } from 'jose';
import type { FlattenedJWE } from 'jose';
import { VaultError } from './errors.js';
import { requireKey } from './hmac.js';
import { isSafeX25519, x25519PrivateKey, x25519PublicKeyObject } from './x25519.js';

const KEY_ALGORITHM = 'ECDH-ES+A256KW';
const CONTENT_ALGORITHM = 'A256GCM';
/** A record key has the patient and the custodian as recipients; representatives and merged patients may join. */
const RECIPIENTS_MAX = 64;

/** Who gets a wrap. */
export interface WrapRecipient {
  /** Names the key, such as the fingerprint of the certificate that certifies it. */
  readonly kid: string;
  /** X25519, 32 raw bytes. */
  readonly publicKey: Uint8Array;
}

/** A JWE in its flattened JSON serialisation; `kid` stands in its protected header. */
export type RecordKeyWrap = FlattenedJWE;

/**
 * Wraps a record key for each recipient (ECDH-ES+A256KW on X25519, A256GCM).
 *
 * @param recordKey - 32 bytes.
 * @returns One JWE for each `kid`.
 * @throws VaultError VAULT_BAD_INPUT for a key of another length, an unsafe public key, two recipients of one `kid`, or
 * more than 64 recipients.
 * @see RFC 7516 section 7.2.2, RFC 7518 section 4.6, RFC 8037 section 3.2
 */
export async function wrapRecordKey(
  recordKey: Uint8Array,
  recipients: readonly WrapRecipient[],
): Promise<Record<string, RecordKeyWrap>> {
  requireKey(recordKey);
  if (recipients.length > RECIPIENTS_MAX) throw new VaultError('VAULT_BAD_INPUT', 'too many recipients');
  const wraps = new Map<string, RecordKeyWrap>();
  for (const { kid, publicKey } of recipients) {
    if (wraps.has(kid)) throw new VaultError('VAULT_BAD_INPUT', 'two recipients of one kid');
    if (!isSafeX25519(publicKey)) throw new VaultError('VAULT_BAD_INPUT', 'an unsafe X25519 key');
    const jwe = new FlattenedEncrypt(recordKey).setProtectedHeader({
      alg: KEY_ALGORITHM,
      enc: CONTENT_ALGORITHM,
      kid,
    });
    wraps.set(kid, await jwe.encrypt(x25519PublicKeyObject(publicKey)));
  }
  return Object.fromEntries(wraps);
}

/**
 * Opens a wrap.
 *
 * @param privateKeyRaw - The recipient's X25519 key, 32 raw bytes.
 * @returns The record key, 32 bytes.
 * @throws VaultError VAULT_UNWRAP_FAILED when it was altered, uses other algorithms or is for another key;
 * VAULT_BAD_INPUT for a private key of another length.
 */
export async function unwrapRecordKey(jwe: RecordKeyWrap, privateKeyRaw: Uint8Array): Promise<Buffer> {
  const privateKey = x25519PrivateKey(privateKeyRaw);
  let plaintext: Uint8Array;
  try {
    ({ plaintext } = await flattenedDecrypt(jwe, privateKey, {
      keyManagementAlgorithms: [KEY_ALGORITHM],
      contentEncryptionAlgorithms: [CONTENT_ALGORITHM],
    }));
  } catch (cause) {
    throw new VaultError('VAULT_UNWRAP_FAILED', 'a record key that cannot be unwrapped', { cause });
  }
  if (plaintext.length !== 32) throw new VaultError('VAULT_UNWRAP_FAILED', 'the wrap holds no record key');
  return Buffer.from(plaintext);
}
