/**
 * A record version whose body lies in a file, sealed as a stream before anybody knew which record it would be: the row
 * takes the stream's data key into its head, under the record key, and names the file. The head's AAD binds instance,
 * handle, version, and the reference; the stream's own AAD binds instance and file. So neither file nor row can stand
 * in another's place.
 */
import { KEY_BYTES, sha256 } from './hmac.js';
import { randomBuffer } from './random.js';
import { commitmentOfHash } from './record-seal.js';
import type { RecordCard, SealedRecord } from './record-seal.js';
import {
  bodyOffset,
  boundTo,
  isLargeRow,
  LARGE_ROW,
  openHead,
  REFERENCE_BYTES,
  rowWithHead,
  SALT_BYTES,
  SECRETS_BYTES,
} from './record-row.js';
import type { RecordName } from './record-row.js';
import type { SealedStream, StreamKey } from './stream-seal.js';
import { VaultError } from './errors.js';

/** What a row says of its file; known without any key. */
export interface BodyReference {
  /** 32 hexadecimal digits. */
  readonly name: string;
  readonly plainBytes: number;
  /** SHA-256 of the file: what the log's `ciphertext` names. */
  readonly ciphertextHash: Buffer;
}

const LENGTH_AT = 16;
const HASH_AT = 24;

/**
 * Makes the row of a record version out of a stream that was sealed. The body is not touched: its key changes owner.
 *
 * @param input - `name`: the stream's; `card`: the caller's metadata, at most 1 MiB.
 * @throws VaultError VAULT_BAD_INPUT for a key, name, version or card that cannot be taken.
 */
export function sealLargeRecord(
  input: RecordName & {
    readonly name: string;
    readonly stream: Omit<SealedStream, 'sealedBytes'>;
    readonly card: Uint8Array;
  },
): SealedRecord {
  const { name, stream, card } = input;
  const salt = randomBuffer(SALT_BYTES);
  const reference = Buffer.alloc(REFERENCE_BYTES);
  if (
    !/^[0-9a-f]{32}$/.test(name) ||
    stream.dataKey.length !== KEY_BYTES ||
    stream.ciphertextHash.length !== 32
  )
    throw new VaultError('VAULT_BAD_INPUT', 'a stream that cannot be a body');
  reference.write(name, 0, 'hex');
  reference.writeBigUInt64BE(BigInt(stream.plainBytes), LENGTH_AT);
  stream.ciphertextHash.copy(reference, HASH_AT);
  const secrets = Buffer.concat([stream.dataKey, salt, card]);
  const { row, bodyAt } = rowWithHead(LARGE_ROW, input, secrets, REFERENCE_BYTES, boundTo(reference));
  reference.copy(row, bodyAt);
  return {
    row,
    ciphertextHash: Buffer.from(stream.ciphertextHash),
    salt,
    commitment: commitmentOfHash(salt, stream.plainHash),
  };
}

/**
 * Where a row's body lies; `undefined` when it is in the row.
 *
 * @throws VaultError VAULT_BAD_ROW when it is no such row.
 */
export function bodyReference(row: Buffer): BodyReference | undefined {
  const at = bodyOffset(row);
  if (!isLargeRow(row)) return undefined;
  return {
    name: row.toString('hex', at, at + LENGTH_AT),
    plainBytes: Number(row.readBigUInt64BE(at + LENGTH_AT)),
    ciphertextHash: Buffer.from(row.subarray(at + HASH_AT)),
  };
}

/**
 * Opens the head of a record version whose body lies in a file.
 *
 * @returns Also the key that opens the file.
 * @throws VaultError VAULT_UNSEAL_FAILED when the head or what it says of the file was altered, or belongs to another
 * record, version or instance; VAULT_BAD_ROW when it is no such row, or one that holds its body.
 */
export function openLargeHead(
  input: RecordName & { readonly row: Buffer },
): RecordCard & { readonly key: StreamKey; readonly ciphertextHash: Buffer } {
  const reference = bodyReference(input.row);
  if (reference === undefined) throw new VaultError('VAULT_BAD_ROW', 'the body of this record is in its row');
  const head = openHead(input);
  return {
    card: head.subarray(SECRETS_BYTES),
    salt: head.subarray(KEY_BYTES, SECRETS_BYTES),
    key: {
      instance: input.instance,
      name: reference.name,
      dataKey: head.subarray(0, KEY_BYTES),
      plainBytes: reference.plainBytes,
    },
    ciphertextHash: reference.ciphertextHash,
  };
}

/**
 * The hash of a row's body, as the log holds it. Needs no key. Of a body in a file it is what the row says: whether the
 * file has it is for who reads the file.
 *
 * @throws VaultError VAULT_BAD_ROW when it is no such row.
 */
export function ciphertextHashOf(row: Buffer): Buffer {
  return bodyReference(row)?.ciphertextHash ?? sha256(row.subarray(bodyOffset(row)));
}
