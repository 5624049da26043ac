/**
 * Large plaintexts, sealed in chunks as they come: AES-256-GCM in the STREAM construction, under a data key that is
 * drawn for one stream and used for no other.
 *
 * File: magic (4) ‖ bytes of a chunk (u32-BE) ‖ name (16) ‖ chunks.
 * Chunk: place (u32-BE: number · 2, plus 1 for the last) ‖ ciphertext ‖ tag (16).
 * The nonce is seven zero bytes ‖ number (u32-BE) ‖ 1 for the last, 0 else: a chunk opens in its place only, and an end is
 * an end only where the sealer has put it. The AAD binds instance, name and size of a chunk. The place in clear is for
 * the error's code alone; what decides is the tag.
 *
 * @see Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance"
 * (2015), section 7; NIST SP 800-38D
 */
import { createCipheriv, createHash } from 'node:crypto';
import { VaultError } from './errors.js';
import { GCM, GCM_NONCE_BYTES, GCM_OPTIONS, GCM_TAG_BYTES, gcmDecrypt } from './gcm.js';
import { KEY_BYTES, requireKey } from './hmac.js';
import { randomBuffer } from './random.js';

const MAGIC = Buffer.from('fbs1', 'latin1');
const NAME_BYTES = 16;
const PLACE_BYTES = 4;
const NUMBER_AT = 7;
const AAD = 'firebreak/stream/v1\n';
/** What a place can tell. */
const NUMBER_MAX = 0x7fff_ffff;

/** Bytes before the first chunk. */
export const STREAM_HEAD_BYTES = MAGIC.length + PLACE_BYTES + NAME_BYTES;
/** By how much a sealed chunk is longer than its plaintext. */
const CHUNK_OVERHEAD_BYTES = PLACE_BYTES + GCM_TAG_BYTES;
/** Plaintext of a chunk: small enough that nothing grows by holding one, large enough that tags cost nothing. */
export const CHUNK_BYTES = 256 * 1024;
const CHUNK_BYTES_MIN = 16;
/** What a damaged head can make us hold. */
const CHUNK_BYTES_MAX = 1 << 20;

/** A stream's name within its instance. */
export interface StreamName {
  /** Name of the instance: the log's origin. No line feeds. */
  readonly instance: string;
  /** 32 hexadecimal digits, random. */
  readonly name: string;
}

/** What opens a stream. */
export interface StreamKey extends StreamName {
  /** 32 bytes. */
  readonly dataKey: Uint8Array;
  /** Length of the plaintext: what is shorter was cut off. */
  readonly plainBytes: number;
}

/** What is known of a stream once all of it was sealed. */
export interface SealedStream {
  /** 32 bytes, this stream's own. */
  readonly dataKey: Buffer;
  readonly plainBytes: number;
  readonly sealedBytes: number;
  /** SHA-256 of the plaintext. */
  readonly plainHash: Buffer;
  /** SHA-256 of all sealed bytes, the head included. */
  readonly ciphertextHash: Buffer;
}

/** A name for a new stream. */
export function streamName(): string {
  return randomBuffer(NAME_BYTES).toString('hex');
}

/** Length of a sealed stream, by its plaintext's. */
export function sealedLength(plainBytes: number, chunkBytes: number = CHUNK_BYTES): number {
  const chunks = Math.max(1, Math.ceil(plainBytes / chunkBytes));
  return STREAM_HEAD_BYTES + plainBytes + chunks * CHUNK_OVERHEAD_BYTES;
}

/**
 * Seals a plaintext that comes in pieces of any size. Holds one chunk; a chunk is sealed when what follows it has come,
 * for only then it is known not to be the last.
 */
export class StreamSealer {
  readonly #dataKey = randomBuffer(KEY_BYTES);
  readonly #aad: Buffer;
  readonly #chunk: Buffer;
  readonly #plainHash = createHash('sha256');
  readonly #sealedHash = createHash('sha256');
  #held = 0;
  #number = 0;
  #plainBytes = 0;
  #sealedBytes = 0;
  #isOver = false;
  readonly #head: Buffer;

  /**
   * @param chunkBytes - From 16 to 1 MiB.
   * @throws VaultError VAULT_BAD_INPUT for a name or a size that cannot be taken.
   */
  constructor(of: StreamName, chunkBytes: number = CHUNK_BYTES) {
    requireChunkBytes(chunkBytes, 'VAULT_BAD_INPUT');
    this.#head = headOf(of.name, chunkBytes);
    this.#aad = aadOf(of, chunkBytes);
    this.#chunk = Buffer.allocUnsafeSlow(chunkBytes);
  }

  /**
   * Takes plaintext, and gives what can be written by now; the pieces are the caller's.
   *
   * @throws VaultError VAULT_BAD_INPUT after the end, or beyond 2^31 chunks.
   */
  push(bytes: Uint8Array): Buffer[] {
    if (this.#isOver) throw new VaultError('VAULT_BAD_INPUT', 'the stream has ended');
    const out = this.#begin();
    this.#plainHash.update(bytes);
    this.#plainBytes += bytes.length;
    let at = 0;
    while (at < bytes.length) {
      if (this.#held === this.#chunk.length) this.#seal(out, false);
      const count = Math.min(this.#chunk.length - this.#held, bytes.length - at);
      this.#chunk.set(bytes.subarray(at, at + count), this.#held);
      this.#held += count;
      at += count;
    }
    return out;
  }

  /** Seals what is left, as the last chunk: an empty one where the plaintext is empty. */
  end(): { readonly pieces: Buffer[]; readonly stream: SealedStream } {
    if (this.#isOver) throw new VaultError('VAULT_BAD_INPUT', 'the stream has ended');
    const pieces = this.#begin();
    this.#seal(pieces, true);
    this.#isOver = true;
    this.#chunk.fill(0);
    const stream = {
      dataKey: this.#dataKey,
      plainBytes: this.#plainBytes,
      sealedBytes: this.#sealedBytes,
      plainHash: this.#plainHash.digest(),
      ciphertextHash: this.#sealedHash.digest(),
    };
    return { pieces, stream };
  }

  #begin(): Buffer[] {
    const out: Buffer[] = [];
    if (this.#sealedBytes === 0) this.#give(out, this.#head);
    return out;
  }

  #seal(out: Buffer[], isLast: boolean): void {
    if (this.#number > NUMBER_MAX) throw new VaultError('VAULT_BAD_INPUT', 'a stream of too many chunks');
    const place = Buffer.allocUnsafe(PLACE_BYTES);
    place.writeUInt32BE(placeOf(this.#number, isLast), 0);
    const cipher = createCipheriv(GCM, this.#dataKey, nonceOf(this.#number, isLast), GCM_OPTIONS);
    cipher.setAAD(this.#aad);
    const sealed = cipher.update(this.#chunk.subarray(0, this.#held));
    cipher.final();
    this.#give(out, place);
    if (sealed.length > 0) this.#give(out, sealed);
    this.#give(out, cipher.getAuthTag());
    this.#number += 1;
    this.#held = 0;
  }

  #give(out: Buffer[], piece: Buffer): void {
    this.#sealedHash.update(piece);
    this.#sealedBytes += piece.length;
    out.push(piece);
  }
}

/**
 * Opens a sealed stream that comes in pieces of any size. What is given out has been found good, chunk by chunk; that
 * it is all is known only when the generator has ended without throwing.
 *
 * @throws VaultError VAULT_BAD_ROW for what is no sealed stream, VAULT_STREAM_OTHER for one of another name,
 * VAULT_STREAM_ORDER where chunks were moved, left out or doubled, VAULT_STREAM_TRUNCATED, VAULT_STREAM_TRAILING for
 * bytes behind the end, VAULT_UNSEAL_FAILED when anything else was altered, or for another key or instance.
 */
export async function* openStream(
  key: StreamKey,
  sealed: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  let opener: ChunkOpener | undefined;
  const head = Buffer.alloc(STREAM_HEAD_BYTES);
  // One buffer for all chunks: opening copies out of it.
  let room = head;
  let held = head;
  let filled = 0;
  let number = 0;
  for await (const piece of sealed) {
    for (let at = 0; at < piece.length;) {
      if (opener !== undefined && number === opener.chunks) throw trailing();
      const count = Math.min(held.length - filled, piece.length - at);
      held.set(piece.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (filled < held.length) continue;
      filled = 0;
      if (opener === undefined) {
        opener = new ChunkOpener(key, head);
        room = Buffer.allocUnsafeSlow(opener.sealedBytes(0));
      } else {
        const plain = opener.open(number, held);
        number += 1;
        if (plain.length > 0) yield plain;
      }
      if (number < opener.chunks) held = room.subarray(0, opener.sealedBytes(number));
    }
  }
  if (opener === undefined || number < opener.chunks) throw truncated();
}

/** Opens single chunks of a stream whose head and length are known: for reading a part of it. */
export class ChunkOpener {
  /** Plaintext of each chunk but the last. */
  readonly chunkBytes: number;
  readonly chunks: number;
  readonly #key: StreamKey;
  readonly #aad: Buffer;

  /**
   * @param head - The first {@link STREAM_HEAD_BYTES} bytes.
   * @throws VaultError VAULT_BAD_ROW, VAULT_STREAM_OTHER; VAULT_BAD_INPUT for a key or length that cannot be.
   */
  constructor(key: StreamKey, head: Uint8Array) {
    requireKey(key.dataKey);
    const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
    if (bytes.length !== STREAM_HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
      throw new VaultError('VAULT_BAD_ROW', 'not a sealed stream');
    this.chunkBytes = bytes.readUInt32BE(MAGIC.length);
    requireChunkBytes(this.chunkBytes, 'VAULT_BAD_ROW');
    if (bytes.toString('hex', MAGIC.length + PLACE_BYTES) !== key.name)
      throw new VaultError('VAULT_STREAM_OTHER', 'the sealed stream of another record');
    if (!Number.isSafeInteger(key.plainBytes) || key.plainBytes < 0)
      throw new VaultError('VAULT_BAD_INPUT', 'a length is an integer from 0');
    this.chunks = Math.max(1, Math.ceil(key.plainBytes / this.chunkBytes));
    this.#key = key;
    this.#aad = aadOf(key, this.chunkBytes);
  }

  /** Where a chunk begins in the sealed stream. */
  offset(number: number): number {
    return STREAM_HEAD_BYTES + number * (this.chunkBytes + CHUNK_OVERHEAD_BYTES);
  }

  /** Length of a sealed chunk. */
  sealedBytes(number: number): number {
    const before = number * this.chunkBytes;
    return Math.min(this.chunkBytes, this.#key.plainBytes - before) + CHUNK_OVERHEAD_BYTES;
  }

  /**
   * Opens a chunk.
   *
   * @returns Its plaintext, only after its tag was found good.
   * @throws VaultError VAULT_STREAM_ORDER, VAULT_STREAM_TRUNCATED where it says to be the last one and is not,
   * VAULT_STREAM_TRAILING where the last says to have one behind it, VAULT_UNSEAL_FAILED.
   */
  open(number: number, sealed: Buffer): Buffer {
    const isLast = number === this.chunks - 1;
    if (sealed.length !== this.sealedBytes(number)) throw truncated();
    const place = sealed.readUInt32BE(0);
    if (place >>> 1 !== number)
      throw new VaultError('VAULT_STREAM_ORDER', 'chunks were moved, left out or doubled');
    if (place !== placeOf(number, isLast)) throw isLast ? trailing() : truncated();
    return gcmDecrypt(this.#key.dataKey, this.#aad, nonceOf(number, isLast), sealed.subarray(PLACE_BYTES));
  }
}

function headOf(name: string, chunkBytes: number): Buffer {
  const head = Buffer.alloc(STREAM_HEAD_BYTES);
  MAGIC.copy(head, 0);
  head.writeUInt32BE(chunkBytes, MAGIC.length);
  if (!isStreamName(name))
    throw new VaultError('VAULT_BAD_INPUT', 'the name of a stream has 32 hexadecimal digits');
  head.write(name, MAGIC.length + PLACE_BYTES, 'hex');
  return head;
}

/** Whether a text is a name by {@link streamName}. */
export function isStreamName(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

function aadOf({ instance, name }: StreamName, chunkBytes: number): Buffer {
  if (instance.includes('\n')) throw new VaultError('VAULT_BAD_INPUT', 'a line feed in a name');
  return Buffer.from(`${AAD}${instance}\n${name}\n${chunkBytes}`, 'utf8');
}

function placeOf(number: number, isLast: boolean): number {
  return number * 2 + (isLast ? 1 : 0);
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(GCM_NONCE_BYTES);
  nonce.writeUInt32BE(number, NUMBER_AT);
  nonce[GCM_NONCE_BYTES - 1] = isLast ? 1 : 0;
  return nonce;
}

function requireChunkBytes(bytes: number, code: 'VAULT_BAD_INPUT' | 'VAULT_BAD_ROW'): void {
  if (!Number.isInteger(bytes) || bytes < CHUNK_BYTES_MIN || bytes > CHUNK_BYTES_MAX)
    throw new VaultError(code, 'a chunk has 16 bytes to 1 MiB');
}

function truncated(): VaultError {
  return new VaultError('VAULT_STREAM_TRUNCATED', 'the sealed stream was cut off');
}

function trailing(): VaultError {
  return new VaultError('VAULT_STREAM_TRAILING', 'bytes behind the end of the sealed stream');
}
