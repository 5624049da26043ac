/**
 * AES-256-GCM over buffers, laid out everywhere as nonce (12) ‖ ciphertext ‖ tag (16).
 *
 * @see NIST SP 800-38D
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { VaultError } from './errors.js';
import { requireKey } from './hmac.js';
import { fillRandom } from './random.js';

export const GCM = 'aes-256-gcm';
export const GCM_NONCE_BYTES = 12;
export const GCM_TAG_BYTES = 16;
export const GCM_OPTIONS = { authTagLength: GCM_TAG_BYTES } as const;

/** By how much a sealed text is longer than its plaintext. */
export const GCM_OVERHEAD_BYTES = GCM_NONCE_BYTES + GCM_TAG_BYTES;

/**
 * Seals a plaintext under a fresh random nonce into a buffer that has room.
 *
 * @param key - 32 bytes.
 * @param aad - Bound to the ciphertext, not stored with it; as UTF-8.
 * @param target - Takes `plaintext.length + GCM_OVERHEAD_BYTES` bytes from `offset` on.
 * @throws VaultError VAULT_BAD_INPUT for a key of another length.
 */
export function gcmSealInto(
  key: Uint8Array,
  aad: string,
  plaintext: Uint8Array,
  target: Buffer,
  offset: number,
): void {
  requireKey(key);
  const nonce = target.subarray(offset, offset + GCM_NONCE_BYTES);
  fillRandom(nonce);
  const cipher = createCipheriv(GCM, key, nonce, GCM_OPTIONS);
  cipher.setAAD(Buffer.from(aad, 'utf8'));
  target.set(cipher.update(plaintext), offset + GCM_NONCE_BYTES);
  // GCM is a stream mode: all ciphertext came from `update`, and `final` only makes the tag.
  cipher.final();
  target.set(cipher.getAuthTag(), offset + GCM_NONCE_BYTES + plaintext.length);
}

/**
 * Opens what {@link gcmSealInto} made.
 *
 * @returns The plaintext, only after its tag was found good.
 * @throws VaultError VAULT_UNSEAL_FAILED when anything was altered, or key or `aad` differ; VAULT_BAD_ROW when it is
 * too short to be sealed; VAULT_BAD_INPUT for a key of another length.
 */
export function gcmOpen(key: Uint8Array, aad: string, sealed: Uint8Array): Buffer {
  requireKey(key);
  if (sealed.length < GCM_OVERHEAD_BYTES) throw new VaultError('VAULT_BAD_ROW', 'too short to be sealed');
  const [nonce, text] = [sealed.subarray(0, GCM_NONCE_BYTES), sealed.subarray(GCM_NONCE_BYTES)];
  return gcmDecrypt(key, Buffer.from(aad, 'utf8'), nonce, text);
}

/**
 * Decrypts a ciphertext with its tag behind it.
 *
 * @param key - 32 bytes.
 * @param sealed - As long as a tag, or longer.
 * @returns The plaintext, only after its tag was found good.
 * @throws VaultError VAULT_UNSEAL_FAILED when anything was altered, or key, `aad` or `nonce` differ.
 */
export function gcmDecrypt(key: Uint8Array, aad: Buffer, nonce: Uint8Array, sealed: Uint8Array): Buffer {
  const tagAt = sealed.length - GCM_TAG_BYTES;
  const decipher = createDecipheriv(GCM, key, nonce, GCM_OPTIONS);
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plaintext = decipher.update(sealed.subarray(0, tagAt));
  try {
    decipher.final();
  } catch (cause) {
    throw new VaultError('VAULT_UNSEAL_FAILED', 'altered, or sealed under another key or name', { cause });
  }
  return plaintext;
}
