/**
 * A record version at rest: its exact bytes under a data key of their own, and before them a small head that can be
 * opened alone.
 *
 * Row: version (1) ‖ length of the head (u32-BE) ‖ head ‖ body.
 * Head: data key ‖ salt ‖ card, sealed under the patient-and-custodian record key. Sealing the key by GCM and not by
 * key wrap ties it to instance, handle and version, and opens key, salt and card in one step. A record key seals far
 * fewer heads than the 2^32 that random nonces allow.
 * Body: the plaintext, sealed under the data key. These bytes are what the log's `ciphertext` names.
 */
import { hash } from 'node:crypto';
import { VaultError } from './errors.js';
import { GCM_OVERHEAD_BYTES, gcmOpen, gcmSealInto } from './gcm.js';
import { KEY_BYTES, sha256 } from './hmac.js';
import { fillRandom } from './random.js';

const ROW_VERSION = 1;
const HEAD_AT = 1 + 4;
/** Bytes of the salt that hides a record's commitment. */
export const SALT_BYTES = 32;
const SECRETS_BYTES = KEY_BYTES + SALT_BYTES;
const HEAD_BYTES_MIN = SECRETS_BYTES + GCM_OVERHEAD_BYTES;
/** Cards are some hundred bytes of metadata; this bounds what a damaged length can make us read. */
const CARD_BYTES_MAX = 1 << 20;

/** Which record version a row belongs to, and the key that opens it. */
export interface RecordName {
  /** Of one patient at one custodian: 32 bytes. */
  readonly recordKey: Uint8Array;
  /** Name of the instance: the log's origin. No line feeds. */
  readonly instance: string;
  /** Random 256-bit name of the version, base64url. */
  readonly handle: string;
  /** Counts the versions of one record; an integer from 0. */
  readonly version: number;
}

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
  const name = aadName(input);
  const { plaintext, card } = input;
  if (card.length > CARD_BYTES_MAX) throw new VaultError('VAULT_BAD_INPUT', 'a card has at most 1 MiB');

  const secrets = Buffer.allocUnsafe(SECRETS_BYTES + card.length);
  fillRandom(secrets.subarray(0, SECRETS_BYTES));
  secrets.set(card, SECRETS_BYTES);
  const headBytes = secrets.length + GCM_OVERHEAD_BYTES;
  const bodyAt = HEAD_AT + headBytes;

  const row = Buffer.allocUnsafe(bodyAt + plaintext.length + GCM_OVERHEAD_BYTES);
  row[0] = ROW_VERSION;
  row.writeUInt32BE(headBytes, 1);
  gcmSealInto(input.recordKey, HEAD_AAD + name, secrets, row, HEAD_AT);
  gcmSealInto(secrets.subarray(0, KEY_BYTES), BODY_AAD + name, plaintext, row, bodyAt);

  const salt = Buffer.from(secrets.subarray(KEY_BYTES, SECRETS_BYTES));
  return {
    row,
    ciphertextHash: sha256(row.subarray(bodyAt)),
    salt,
    commitment: commitmentOf(salt, plaintext),
  };
}

/**
 * Opens card and salt, leaving the body sealed.
 *
 * @throws VaultError VAULT_UNSEAL_FAILED when the head was altered or belongs to another record, version or instance;
 * VAULT_BAD_ROW when it is no such row.
 */
export function openCard(input: RecordName & { readonly row: Buffer }): RecordCard {
  const head = openHead(input, aadName(input), bodyOffset(input.row));
  return { card: head.subarray(SECRETS_BYTES), salt: head.subarray(KEY_BYTES, SECRETS_BYTES) };
}

/**
 * Opens a whole record.
 *
 * @throws VaultError VAULT_UNSEAL_FAILED when anything was altered or belongs to another record, version or instance;
 * VAULT_BAD_ROW when it is no such row.
 */
export function openRecord(input: RecordName & { readonly row: Buffer }): OpenedRecord {
  const name = aadName(input);
  const bodyAt = bodyOffset(input.row);
  const head = openHead(input, name, bodyAt);
  const plaintext = gcmOpen(head.subarray(0, KEY_BYTES), BODY_AAD + name, input.row.subarray(bodyAt));
  return { plaintext, card: head.subarray(SECRETS_BYTES), salt: head.subarray(KEY_BYTES, SECRETS_BYTES) };
}

/**
 * The hash of a row's body, as the log holds it. Needs no key.
 *
 * @throws VaultError VAULT_BAD_ROW when it is no such row.
 */
export function ciphertextHashOf(row: Buffer): Buffer {
  return sha256(row.subarray(bodyOffset(row)));
}

const scratch = Buffer.allocUnsafe(SALT_BYTES + KEY_BYTES);

/**
 * The salted commitment to some bytes: SHA-256(salt ‖ SHA-256(plaintext)).
 *
 * @param salt - 32 bytes: a salt of another length would let two openings fit one commitment.
 * @throws VaultError VAULT_BAD_INPUT for a salt of another length.
 */
export function commitmentOf(salt: Uint8Array, plaintext: Uint8Array): Buffer {
  if (salt.length !== SALT_BYTES) throw new VaultError('VAULT_BAD_INPUT', 'a salt has 32 bytes');
  scratch.set(salt, 0);
  scratch.write(hash('sha256', plaintext, 'binary'), SALT_BYTES, 'latin1');
  return sha256(scratch);
}

const HEAD_AAD = 'firebreak/record-head/v1\n';
const BODY_AAD = 'firebreak/record-body/v1\n';

/** One line each, so that no two names give the same text. */
function aadName(name: RecordName): string {
  const { instance, handle, version } = name;
  if (!Number.isSafeInteger(version) || version < 0) {
    throw new VaultError('VAULT_BAD_INPUT', 'a version is an integer from 0');
  }
  if (instance.includes('\n') || handle.includes('\n')) {
    throw new VaultError('VAULT_BAD_INPUT', 'a line feed in a name');
  }
  return `${instance}\n${handle}\n${version}`;
}

function bodyOffset(row: Buffer): number {
  const least = HEAD_AT + HEAD_BYTES_MIN + GCM_OVERHEAD_BYTES;
  if (row.length < least || row[0] !== ROW_VERSION)
    throw new VaultError('VAULT_BAD_ROW', 'not a sealed record');
  const headBytes = row.readUInt32BE(1);
  if (headBytes < HEAD_BYTES_MIN || HEAD_AT + headBytes + GCM_OVERHEAD_BYTES > row.length) {
    throw new VaultError('VAULT_BAD_ROW', 'a sealed record with a wrong length');
  }
  return HEAD_AT + headBytes;
}

function openHead(input: RecordName & { readonly row: Buffer }, name: string, bodyAt: number): Buffer {
  return gcmOpen(input.recordKey, HEAD_AAD + name, input.row.subarray(HEAD_AT, bodyAt));
}
