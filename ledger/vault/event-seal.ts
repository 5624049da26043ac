/**
 * What waits in the inbox: each event under a data key of its own, which the instance's key wraps. Deleting the row
 * destroys the only copy of that data key.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { VaultError } from './errors.js';
import { GCM_OVERHEAD_BYTES, gcmOpen, gcmSealInto } from './gcm.js';
import { KEY_BYTES, requireKey } from './hmac.js';
import { randomBuffer } from './random.js';

/** First byte of a row; another layout gets another number. */
const ROW_VERSION = 1;
const WRAPPED_BYTES = KEY_BYTES + 8;
const SEALED_AT = 1 + WRAPPED_BYTES;

/**
 * AES key wrap, not GCM, for the data keys: it has no nonce, so one instance key may wrap any number of them, where
 * GCM under random nonces ends at 2^32.
 *
 * @see RFC 3394 section 2.2.3.1 for the initial value
 */
const WRAP = 'id-aes256-wrap';
const WRAP_IV = Buffer.alloc(8, 0xa6);

/**
 * Seals an event.
 *
 * @param kek - 32 bytes.
 * @param aad - Name of the event, such as its inbox id: the row opens under that name only.
 * @param plaintext - Any bytes.
 * @returns Version (1) ‖ wrapped data key (40) ‖ nonce (12) ‖ ciphertext ‖ tag (16).
 * @throws VaultError VAULT_BAD_INPUT for a key of another length.
 * @see RFC 3394, NIST SP 800-38D
 */
export function sealEvent(kek: Uint8Array, aad: string, plaintext: Uint8Array): Buffer {
  requireKey(kek);
  const dataKey = randomBuffer(KEY_BYTES);
  const row = Buffer.allocUnsafe(SEALED_AT + GCM_OVERHEAD_BYTES + plaintext.length);
  row[0] = ROW_VERSION;
  row.set(createCipheriv(WRAP, kek, WRAP_IV).update(dataKey), 1);
  gcmSealInto(dataKey, aad, plaintext, row, SEALED_AT);
  return row;
}

/**
 * Opens a sealed event.
 *
 * @throws VaultError VAULT_UNSEAL_FAILED when the row was altered or key or `aad` differ; VAULT_BAD_ROW when it is no
 * such row.
 */
export function openEvent(kek: Uint8Array, aad: string, row: Uint8Array): Buffer {
  requireKey(kek);
  if (row.length < SEALED_AT + GCM_OVERHEAD_BYTES || row[0] !== ROW_VERSION) {
    throw new VaultError('VAULT_BAD_ROW', 'not a sealed event');
  }
  let dataKey: Buffer;
  try {
    dataKey = createDecipheriv(WRAP, kek, WRAP_IV).update(row.subarray(1, SEALED_AT));
  } catch (cause) {
    throw new VaultError('VAULT_UNSEAL_FAILED', 'the data key was altered, or wrapped by another key', {
      cause,
    });
  }
  return gcmOpen(dataKey, aad, row.subarray(SEALED_AT));
}
