/**
 * An age file as a stream of plaintext, and when it does not open, what is wrong with it.
 *
 * @see https://c2sp.org/age
 */
import { createDecipheriv, hkdfSync } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { ReadableStream } from 'node:stream/web';
import { Decrypter } from 'age-encryption';
import { messageOf } from '../../errors.js';
import { BackupError } from './errors.js';
import { AGE_CHUNK } from './format.js';
import type { Identity } from './period-keys.js';

const VERSION_LINE = 'age-encryption.org/v1\n';
/** A header has some hundred bytes a recipient. */
const HEADER_BYTES_MAX = 64 * 1024;
const NONCE_BYTES = 16;
const OVERHEAD = 16;
const CHUNK = AGE_CHUNK + OVERHEAD;
const READ_BYTES = 256 * 1024;

/** Told of the bytes of the file that were read. */
export type OnRead = (read: number, of: number) => void;

/**
 * Decrypts an age file, part by part; each part was checked before it is given.
 *
 * @throws BackupError BACKUP_FOREIGN, BACKUP_OTHER_KEY, BACKUP_CUT, BACKUP_TRAILING, BACKUP_DAMAGED.
 */
export async function* readAge(
  path: string,
  identities: readonly Identity[],
  onRead: OnRead,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const header = await readHeader(file, size);
    const decrypter = new Decrypter();
    for (const { secret } of identities) decrypter.addIdentity(secret);
    // The header alone first: what fails behind it is the payload's fault.
    const fileKey = await decrypter.decryptHeader(header).catch((cause: unknown) => {
      throw headerFailure(cause);
    });
    let parts: AsyncIterable<Uint8Array>;
    try {
      parts = await decrypter.decrypt(streamOf(file, size, onRead));
      yield* parts;
    } catch (cause) {
      throw await payloadFailure(file, header.length, size, fileKey, cause);
    }
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, 'r');
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (cause) {
    throw new BackupError('BACKUP_FOREIGN', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
  throw new BackupError('BACKUP_FOREIGN', `${path} is no file`);
}

/** The header's bytes, found before anything reads on: a line that never ends must not fill the memory. */
async function readHeader(file: FileHandle, size: number): Promise<Buffer> {
  const start = Buffer.alloc(Math.min(size, HEADER_BYTES_MAX));
  const { bytesRead } = await file.read(start, 0, start.length, 0);
  const bytes = start.subarray(0, bytesRead);
  const beginning = bytes.subarray(0, VERSION_LINE.length).toString('latin1');
  if (beginning.length < VERSION_LINE.length && VERSION_LINE.startsWith(beginning)) throw cut();
  if (beginning !== VERSION_LINE)
    throw new BackupError('BACKUP_FOREIGN', 'this is no backup: it is not encrypted by age, version 1');
  const last = bytes.indexOf('\n---');
  const end = last < 0 ? -1 : bytes.indexOf('\n', last + 1);
  if (end >= 0) return bytes.subarray(0, end + 1);
  throw size <= HEADER_BYTES_MAX ? cut() : damaged('its header does not end');
}

function streamOf(file: FileHandle, size: number, onRead: OnRead): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const part = Buffer.allocUnsafe(READ_BYTES);
        const { bytesRead } = await file.read(part, 0, part.length, at);
        at += bytesRead;
        onRead(at, size);
        if (bytesRead > 0) controller.enqueue(part.subarray(0, bytesRead));
        else controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

function headerFailure(cause: unknown): BackupError {
  if (/no identity matched/.test(messageOf(cause)))
    return new BackupError(
      'BACKUP_OTHER_KEY',
      'no identity given opens this backup: it is encrypted to the key of another period (or its first lines were changed)',
      { cause },
    );
  return damaged('its header does not hold', cause);
}

/** Which chunk fails, and how, tells what was done to the file: ours always end with a full chunk. */
async function payloadFailure(
  file: FileHandle,
  headerBytes: number,
  size: number,
  fileKey: Uint8Array,
  cause: unknown,
): Promise<unknown> {
  if (cause instanceof BackupError) return cause;
  const payload = headerBytes + NONCE_BYTES;
  if (size <= payload + OVERHEAD) return cut(cause);
  const nonce = Buffer.alloc(NONCE_BYTES);
  await file.read(nonce, 0, NONCE_BYTES, headerBytes);
  const key = Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
  const count = Math.ceil((size - payload) / CHUNK);
  for (let i = 0; i < count; i++) {
    const chunk = Buffer.alloc(Math.min(CHUNK, size - payload - i * CHUNK));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, payload + i * CHUNK);
    if (bytesRead < chunk.length) break;
    const isLast = i === count - 1;
    if (opens(key, i, chunk, true)) return isLast ? cause : trailing(cause);
    if (opens(key, i, chunk, false)) {
      if (isLast) return cut(cause);
      continue;
    }
    return isLast && chunk.length < CHUNK
      ? cut(cause)
      : damaged(`its part ${i + 1} of ${count} was changed`, cause);
  }
  // Every chunk opens: the disk failed, or the file was changed while it was read.
  return cause;
}

function opens(key: Buffer, index: number, chunk: Buffer, asLast: boolean): boolean {
  if (chunk.length < OVERHEAD) return false;
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(index), 3);
  nonce[11] = asLast ? 1 : 0;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: OVERHEAD });
  decipher.setAuthTag(chunk.subarray(chunk.length - OVERHEAD));
  decipher.update(chunk.subarray(0, chunk.length - OVERHEAD));
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}

function cut(cause?: unknown): BackupError {
  return new BackupError(
    'BACKUP_CUT',
    'this backup was cut short: it ends before its last part. Use another copy',
    cause === undefined ? undefined : { cause },
  );
}

function trailing(cause: unknown): BackupError {
  return new BackupError('BACKUP_TRAILING', 'something was appended to this backup: use another copy', {
    cause,
  });
}

export function damaged(what: string, cause?: unknown): BackupError {
  return new BackupError(
    'BACKUP_DAMAGED',
    `this backup is damaged: ${what}. Use another copy`,
    cause === undefined ? undefined : { cause },
  );
}
