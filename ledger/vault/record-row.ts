/**
 * Rows of record versions: what is common to those that hold their body and those whose body lies in a file.
 *
 * Row: version (1) ‖ length of the head (u32-BE) ‖ head ‖ body.
 * Head: data key ‖ salt ‖ card, sealed under the patient-and-custodian record key. Sealing the key by GCM and not by
 * key wrap ties it to instance, handle and version, and opens key, salt and card in one step. A record key seals far
 * fewer heads than the 2^32 that random nonces allow.
 */
import { VaultError } from './errors.js';
import { GCM_OVERHEAD_BYTES, gcmOpen, gcmSealInto } from './gcm.js';
import { KEY_BYTES } from './hmac.js';

/** The body is in the row. */
export const WHOLE_ROW = 1;
/** The body is in a file, and the row says in which. */
export const LARGE_ROW = 2;

const HEAD_AT = 1 + 4;
/** Bytes of the salt that hides a record's commitment. */
export const SALT_BYTES = 32;
/** Data key and salt. */
export const SECRETS_BYTES = KEY_BYTES + SALT_BYTES;
const HEAD_BYTES_MIN = SECRETS_BYTES + GCM_OVERHEAD_BYTES;
/** Cards are some hundred bytes of metadata; this bounds what a damaged length can make us read. */
const CARD_BYTES_MAX = 1 << 20;
/** Of a body in a file: name (16) ‖ length of the plaintext (u64-BE) ‖ SHA-256 of the file (32). */
export const REFERENCE_BYTES = 16 + 8 + 32;

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

/** One line each, so that no two names give the same text. */
export function aadName(name: RecordName): string {
  const { instance, handle, version } = name;
  if (!Number.isSafeInteger(version) || version < 0) {
    throw new VaultError('VAULT_BAD_INPUT', 'a version is an integer from 0');
  }
  if (instance.includes('\n') || handle.includes('\n')) {
    throw new VaultError('VAULT_BAD_INPUT', 'a line feed in a name');
  }
  return `${instance}\n${handle}\n${version}`;
}

/**
 * A row with its head sealed, and room for its body.
 *
 * @param secrets - Data key ‖ salt ‖ card.
 * @param bound - What else the head is tied to.
 * @throws VaultError VAULT_BAD_INPUT for a card of more than 1 MiB, or a key of another length.
 */
export function rowWithHead(
  kind: typeof WHOLE_ROW | typeof LARGE_ROW,
  name: RecordName,
  secrets: Buffer,
  bodyBytes: number,
  bound = '',
): { readonly row: Buffer; readonly bodyAt: number } {
  if (secrets.length - SECRETS_BYTES > CARD_BYTES_MAX)
    throw new VaultError('VAULT_BAD_INPUT', 'a card has at most 1 MiB');
  const headBytes = secrets.length + GCM_OVERHEAD_BYTES;
  const bodyAt = HEAD_AT + headBytes;
  const row = Buffer.allocUnsafe(bodyAt + bodyBytes);
  row[0] = kind;
  row.writeUInt32BE(headBytes, 1);
  gcmSealInto(name.recordKey, HEAD_AADS[kind] + aadName(name) + bound, secrets, row, HEAD_AT);
  return { row, bodyAt };
}

/** Whether the body lies in a file. */
export function isLargeRow(row: Uint8Array): boolean {
  return row[0] === LARGE_ROW;
}

/** Where the body begins. @throws VaultError VAULT_BAD_ROW when it is no such row. */
export function bodyOffset(row: Buffer): number {
  const kind = row[0];
  if ((kind !== WHOLE_ROW && kind !== LARGE_ROW) || row.length < HEAD_AT)
    throw new VaultError('VAULT_BAD_ROW', 'not a sealed record');
  const headBytes = row.readUInt32BE(1);
  const bodyBytes = row.length - HEAD_AT - headBytes;
  const fits = kind === WHOLE_ROW ? bodyBytes >= GCM_OVERHEAD_BYTES : bodyBytes === REFERENCE_BYTES;
  if (headBytes < HEAD_BYTES_MIN || !fits)
    throw new VaultError('VAULT_BAD_ROW', 'a sealed record with a wrong length');
  return HEAD_AT + headBytes;
}

/**
 * Data key ‖ salt ‖ card of a row of either kind.
 *
 * @throws VaultError VAULT_UNSEAL_FAILED, VAULT_BAD_ROW.
 */
export function openHead(input: RecordName & { readonly row: Buffer }): Buffer {
  const { row } = input;
  const bodyAt = bodyOffset(row);
  const isLarge = isLargeRow(row);
  const aad = HEAD_AADS[isLarge ? LARGE_ROW : WHOLE_ROW] + aadName(input);
  const bound = isLarge ? boundTo(row.subarray(bodyAt)) : '';
  return gcmOpen(input.recordKey, aad + bound, row.subarray(HEAD_AT, bodyAt));
}

/** A reference as the head is tied to it. */
export function boundTo(reference: Buffer): string {
  return `\n${reference.toString('hex')}`;
}

const HEAD_AADS = {
  [WHOLE_ROW]: 'firebreak/record-head/v1\n',
  [LARGE_ROW]: 'firebreak/record-head/v2\n',
} as const;
