/**
 * State rows under a fixed instance key. Each row key derives a key of its own, so that the 2^32 random nonces that
 * GCM allows a key are counted for a row and not for the instance.
 */
import { VaultError } from './errors.js';
import { GCM_OVERHEAD_BYTES, gcmOpen, gcmSealInto } from './gcm.js';
import { hmacBytes } from './hmac.js';

const ROW_VERSION = 1;
const DERIVATION = 'firebreak/row/v1\n';

/**
 * Seals the value of a row.
 *
 * @param key - The instance's, 32 bytes.
 * @param aadKey - The row's key in the store: the value opens under it only.
 * @returns Version (1) ‖ nonce (12) ‖ ciphertext ‖ tag (16).
 * @throws VaultError VAULT_BAD_INPUT for a key of another length.
 * @see NIST SP 800-38D
 */
export function sealRow(key: Uint8Array, aadKey: string, value: Uint8Array): Buffer {
  const row = Buffer.allocUnsafe(1 + GCM_OVERHEAD_BYTES + value.length);
  row[0] = ROW_VERSION;
  gcmSealInto(hmacBytes(key, DERIVATION + aadKey), aadKey, value, row, 1);
  return row;
}

/**
 * Opens what {@link sealRow} made.
 *
 * @throws VaultError VAULT_UNSEAL_FAILED when it was altered or stands under another row key; VAULT_BAD_ROW when it is
 * no such row.
 */
export function openRow(key: Uint8Array, aadKey: string, row: Uint8Array): Buffer {
  if (row[0] !== ROW_VERSION) throw new VaultError('VAULT_BAD_ROW', 'not a sealed row');
  return gcmOpen(hmacBytes(key, DERIVATION + aadKey), aadKey, row.subarray(1));
}
