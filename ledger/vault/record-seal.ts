/**
 * A record version at rest: its exact bytes under a data key of their own, and before them a small head that can be
 * opened alone. Body: the plaintext, sealed under the data key. These bytes are what the log's `ciphertext` names.
 */
import { hash } from 'node:crypto';
import { VaultError } from './errors.js';
import { GCM_OVERHEAD_BYTES, gcmOpen, gcmSealInto } from './gcm.js';
import { KEY_BYTES, sha256 } from './hmac.js';
import { fillRandom } from './random.js';
import {
  aadName,
  bodyOffset,
  isLargeRow,
  openHead,
  rowWithHead,
  SALT_BYTES,
  SECRETS_BYTES,
  WHOLE_ROW,
} from './record-row.js';
import type { RecordName } from './record-row.js';

/** What {@link sealRecord} makes. */
export interface SealedRecord {
  /** To store. */
  readonly row: Buffer;
  /** SHA-256 of the body: nonce ‖ ciphertext ‖ tag. */
  readonly ciphertextHash: Buffer;
  /** 32 random bytes, sealed in the head. */
  readonly salt: Buffer;
  /** SHA-256(salt ‖ SHA-256(plaintext)), for the log. */
  readonly commitment: Buffer;
}

/** The part of a record that opens without its body. */
export interface RecordCard {
  readonly card: Buffer;
  /** 32 bytes. */
  readonly salt: Buffer;
}

/** A whole record. */
export interface OpenedRecord extends RecordCard {
  readonly plaintext: Buffer;
}

/**
 * Seals a record version under a fresh data key and salt.
 *
 * @param input - `plaintext`: the exact bytes received; `card`: the caller's metadata, at most 1 MiB.
 * @throws VaultError VAULT_BAD_INPUT for a key, name, version or card that cannot be taken.
 * @see NIST SP 800-38D
 */
export function sealRecord(
  input: RecordName & { readonly plaintext: Uint8Array; readonly card: Uint8Array },
): SealedRecord {
  const { plaintext, card } = input;
  const secrets = Buffer.allocUnsafe(SECRETS_BYTES + card.length);
  fillRandom(secrets.subarray(0, SECRETS_BYTES));
  secrets.set(card, SECRETS_BYTES);

  const { row, bodyAt } = rowWithHead(WHOLE_ROW, input, secrets, plaintext.length + GCM_OVERHEAD_BYTES);
  gcmSealInto(secrets.subarray(0, KEY_BYTES), BODY_AAD + aadName(input), plaintext, row, bodyAt);

  const salt = Buffer.from(secrets.subarray(KEY_BYTES, SECRETS_BYTES));
  return {
    row,
    ciphertextHash: sha256(row.subarray(bodyAt)),
    salt,
    commitment: commitmentOf(salt, plaintext),
  };
}

/**
 * Opens card and salt, leaving the body sealed, wherever it lies.
 *
 * @throws VaultError VAULT_UNSEAL_FAILED when the head was altered or belongs to another record, version or instance;
 * VAULT_BAD_ROW when it is no such row.
 */
export function openCard(input: RecordName & { readonly row: Buffer }): RecordCard {
  const head = openHead(input);
  return { card: head.subarray(SECRETS_BYTES), salt: head.subarray(KEY_BYTES, SECRETS_BYTES) };
}

/**
 * Opens a whole record.
 *
 * @throws VaultError VAULT_UNSEAL_FAILED when anything was altered or belongs to another record, version or instance;
 * VAULT_BAD_ROW when it is no such row; VAULT_BODY_APART when its body lies in a file.
 */
export function openRecord(input: RecordName & { readonly row: Buffer }): OpenedRecord {
  const { row } = input;
  const bodyAt = bodyOffset(row);
  if (isLargeRow(row)) throw new VaultError('VAULT_BODY_APART', 'the body of this record lies in a file');
  const head = openHead(input);
  const plaintext = gcmOpen(head.subarray(0, KEY_BYTES), BODY_AAD + aadName(input), row.subarray(bodyAt));
  return { plaintext, card: head.subarray(SECRETS_BYTES), salt: head.subarray(KEY_BYTES, SECRETS_BYTES) };
}

const scratch = Buffer.allocUnsafe(SALT_BYTES + KEY_BYTES);

/**
 * The salted commitment to some bytes: SHA-256(salt ‖ SHA-256(plaintext)).
 *
 * @param salt - 32 bytes: a salt of another length would let two openings fit one commitment.
 * @throws VaultError VAULT_BAD_INPUT for a salt of another length.
 */
export function commitmentOf(salt: Uint8Array, plaintext: Uint8Array): Buffer {
  scratch.write(hash('sha256', plaintext, 'binary'), SALT_BYTES, 'latin1');
  return saltedHash(salt);
}

/** {@link commitmentOf} bytes of which only the hash is at hand. @param plainHash - Their SHA-256. */
export function commitmentOfHash(salt: Uint8Array, plainHash: Uint8Array): Buffer {
  if (plainHash.length !== KEY_BYTES) throw new VaultError('VAULT_BAD_INPUT', 'a SHA-256 has 32 bytes');
  scratch.set(plainHash, SALT_BYTES);
  return saltedHash(salt);
}

function saltedHash(salt: Uint8Array): Buffer {
  if (salt.length !== SALT_BYTES) throw new VaultError('VAULT_BAD_INPUT', 'a salt has 32 bytes');
  scratch.set(salt, 0);
  return sha256(scratch);
}

const BODY_AAD = 'firebreak/record-body/v1\n';
