/** An answer sealed to the key that its recipient's certificate certifies: whatever carries it sees bytes only. */
import { compactDecrypt, CompactEncrypt } from 'jose';
import { VaultError } from './errors.js';
import type { WrapRecipient } from './wraps.js';
import { isSafeX25519, x25519PrivateKey, x25519PublicKeyObject } from './x25519.js';

const KEY_ALGORITHM = 'ECDH-ES';
const CONTENT_ALGORITHM = 'A256GCM';

/** What an answer is, beside its bytes: authenticated, not hidden. */
export interface AnswerHead {
  /** Media type of the bytes. */
  readonly contentType: string;
  /** What was asked for, so that a carrier cannot pass one answer off as another's. */
  readonly url: string;
}

/**
 * Seals an answer for one recipient, under a key that nobody else ever had: no key of the vault is in it.
 *
 * @returns A JWE in compact serialisation (ECDH-ES on X25519, A256GCM): `cty` and `url` stand in its protected header.
 * @throws VaultError VAULT_BAD_INPUT for an unsafe public key.
 * @see RFC 7516 section 7.1, RFC 7518 section 4.6, RFC 8037 section 3.2
 */
export async function sealAnswer(
  bytes: Uint8Array,
  { contentType, url }: AnswerHead,
  { kid, publicKey }: WrapRecipient,
): Promise<string> {
  if (!isSafeX25519(publicKey)) throw new VaultError('VAULT_BAD_INPUT', 'an unsafe X25519 key');
  return new CompactEncrypt(bytes)
    .setProtectedHeader({ alg: KEY_ALGORITHM, enc: CONTENT_ALGORITHM, kid, cty: contentType, url })
    .encrypt(x25519PublicKeyObject(publicKey));
}

/**
 * Opens a sealed answer, as its recipient does.
 *
 * @param url - What was asked for.
 * @param privateKeyRaw - The recipient's X25519 key, 32 raw bytes.
 * @throws VaultError VAULT_UNWRAP_FAILED when it was altered, answers something else, uses other algorithms or is for
 * another key; VAULT_BAD_INPUT for a private key of another length.
 */
export async function openAnswer(
  jwe: string,
  url: string,
  privateKeyRaw: Uint8Array,
): Promise<{ readonly contentType: string; readonly bytes: Buffer }> {
  const privateKey = x25519PrivateKey(privateKeyRaw);
  const opened = await compactDecrypt(jwe, privateKey, {
    keyManagementAlgorithms: [KEY_ALGORITHM],
    contentEncryptionAlgorithms: [CONTENT_ALGORITHM],
  }).catch((cause: unknown) => {
    throw new VaultError('VAULT_UNWRAP_FAILED', 'an answer that cannot be opened', { cause });
  });
  const { cty, url: answered } = opened.protectedHeader;
  if (typeof cty !== 'string' || answered !== url)
    throw new VaultError('VAULT_UNWRAP_FAILED', 'an answer to something else');
  return { contentType: cty, bytes: Buffer.from(opened.plaintext) };
}
