/**
 * Files of sealed streams, one a large plaintext, in a folder of their own. A file is written under another name and gets
 * its own only when all of it is on the disk; from then on it never changes. What no row names is left over from a
 * crash, and is removed by {@link Blobs.sweep}.
 */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { VaultError } from './errors.js';
import {
  CHUNK_BYTES,
  ChunkOpener,
  isStreamName,
  sealedLength,
  STREAM_HEAD_BYTES,
  streamName,
  StreamSealer,
} from './stream-seal.js';
import type { SealedStream, StreamKey } from './stream-seal.js';

/** A sealed file, as it was written. */
export interface SealedBlob extends SealedStream {
  readonly name: string;
}

export interface WriteOptions {
  /** Largest plaintext. */
  readonly bytesMax: number;
  /** Told of each piece of plaintext before it is sealed; what it throws ends the writing. */
  readonly onPiece?: (piece: Uint8Array) => void;
  /** Asked before the first byte and after each so many: what it throws ends the writing. */
  readonly checkSpace?: () => Promise<void>;
}

/** Suffix of a file that is being written. Backups leave such files out. */
const UNFINISHED = '.tmp';
const SPACE_CHECK_BYTES = 32 * 1024 * 1024;
/** Written at once. */
const WRITE_BYTES = 1024 * 1024;
const READ_BYTES = CHUNK_BYTES;

export class Blobs {
  readonly #dir: string;
  readonly #instance: string;
  /** Written, or being written, and not yet named by a row. */
  readonly #held = new Set<string>();

  /**
   * @param dir - Made when the first file is written.
   * @param instance - Name of the instance: the log's origin.
   */
  constructor(dir: string, instance: string) {
    this.#dir = dir;
    this.#instance = instance;
  }

  /**
   * Seals what comes into a file of a new name. After it returns, the file is on the disk and held: it is not swept
   * until {@link release} was called. When it throws, nothing is left.
   *
   * @throws VaultError VAULT_BLOB_TOO_LARGE, VAULT_BLOB_IO; whatever the source or the options throw.
   */
  async write(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    { bytesMax, onPiece, checkSpace }: WriteOptions,
  ): Promise<SealedBlob> {
    const name = streamName();
    const path = this.#path(name);
    await checkSpace?.();
    this.#held.add(name);
    let file: FileHandle | undefined;
    // One write is under way while the next chunk is sealed.
    let writing: Promise<unknown> = Promise.resolve();
    try {
      file = await this.#create(path + UNFINISHED);
      const sealer = new StreamSealer({ instance: this.#instance, name });
      let plainBytes = 0;
      let checkedAt = 0;
      let waiting: Buffer[] = [];
      let waitingBytes = 0;
      for await (const piece of source) {
        plainBytes += piece.length;
        if (plainBytes > bytesMax)
          throw new VaultError('VAULT_BLOB_TOO_LARGE', `more than ${bytesMax} bytes`);
        onPiece?.(piece);
        for (const part of sealer.push(piece)) {
          waiting.push(part);
          waitingBytes += part.length;
        }
        if (waitingBytes < WRITE_BYTES) continue;
        await writing;
        writing = writeAll(file, waiting);
        waiting = [];
        waitingBytes = 0;
        // A failure is met at the next await.
        writing.catch(() => undefined);
        if (plainBytes - checkedAt < SPACE_CHECK_BYTES) continue;
        checkedAt = plainBytes;
        await checkSpace?.();
      }
      await writing;
      const { pieces, stream } = sealer.end();
      await writeAll(file, [...waiting, ...pieces]);
      await ioDone(file.sync());
      await file.close();
      file = undefined;
      await ioDone(rename(path + UNFINISHED, path));
      await this.#syncFolder();
      return { name, ...stream };
    } catch (error) {
      await writing.catch(() => undefined);
      await file?.close().catch(() => undefined);
      await this.remove(name).catch(() => undefined);
      this.#held.delete(name);
      throw error;
    }
  }

  /** A file that was written is from now on swept like any other: a row names it, or nothing does. */
  release(name: string): void {
    this.#held.delete(name);
  }

  /**
   * The plaintext, chunk by chunk, each given out once it was found good. All of it was there only when the generator
   * has ended without throwing.
   *
   * @throws VaultError VAULT_BLOB_MISSING, and as `openStream` does.
   */
  async *read(key: StreamKey): AsyncGenerator<Buffer> {
    const file = await this.#open(key.name);
    try {
      const opener = new ChunkOpener(key, await readExactly(file, 0, STREAM_HEAD_BYTES));
      const { size } = await ioDone(file.stat());
      const expected = sealedLength(key.plainBytes, opener.chunkBytes);
      if (size > expected)
        throw new VaultError('VAULT_STREAM_TRAILING', 'bytes behind the end of the sealed stream');
      for (let number = 0; number < opener.chunks; number++) {
        const sealed = await readExactly(file, opener.offset(number), opener.sealedBytes(number));
        const plain = opener.open(number, sealed);
        if (plain.length > 0) yield plain;
      }
    } finally {
      await file.close();
    }
  }

  /**
   * Bytes `from` to `to` (excluded) of the plaintext. Only the chunks that hold them are read.
   *
   * @throws VaultError VAULT_BAD_INPUT for a range that is none; else as {@link read}.
   */
  async *readRange(key: StreamKey, from: number, to: number): AsyncGenerator<Buffer> {
    const isRange = Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from <= to;
    if (!isRange || to > key.plainBytes) throw new VaultError('VAULT_BAD_INPUT', 'no range of this file');
    if (from === to) return;
    const file = await this.#open(key.name);
    try {
      const opener = new ChunkOpener(key, await readExactly(file, 0, STREAM_HEAD_BYTES));
      const { chunkBytes } = opener;
      for (let number = Math.floor(from / chunkBytes); number * chunkBytes < to; number++) {
        const sealed = await readExactly(file, opener.offset(number), opener.sealedBytes(number));
        const before = number * chunkBytes;
        yield opener.open(number, sealed).subarray(Math.max(0, from - before), to - before);
      }
    } finally {
      await file.close();
    }
  }

  /** SHA-256 of a file, as the log names it; `undefined` where it is not there. Needs no key. */
  async hash(name: string): Promise<Buffer | undefined> {
    let file: FileHandle;
    try {
      file = await this.#open(name);
    } catch (error) {
      if (error instanceof VaultError && error.code === 'VAULT_BLOB_MISSING') return undefined;
      throw error;
    }
    try {
      const sum = createHash('sha256');
      for await (const piece of sequence(file)) sum.update(piece);
      return sum.digest();
    } finally {
      await file.close();
    }
  }

  /** Length of a file; `undefined` where it is not there. */
  async size(name: string): Promise<number | undefined> {
    try {
      return (await stat(this.#path(name))).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw ioFailed(error);
    }
  }

  /** Removes a file, finished or not; nothing to do where there is none. @throws VaultError VAULT_BLOB_IO */
  async remove(name: string): Promise<void> {
    const path = this.#path(name);
    await ioDone(rm(path + UNFINISHED, { force: true }));
    await ioDone(rm(path, { force: true }));
  }

  /**
   * Removes the files that nothing names.
   *
   * @param isNamed - Asked of each file that is not held.
   * @returns How many went.
   * @throws VaultError VAULT_BLOB_IO
   */
  async sweep(isNamed: (name: string) => boolean): Promise<number> {
    let gone = 0;
    for (const entry of await this.#list()) {
      const name = entry.endsWith(UNFINISHED) ? entry.slice(0, -UNFINISHED.length) : entry;
      // What is not of our naming is not ours to remove. Held is asked first: what is released has its row by then.
      if (!isStreamName(name) || this.#held.has(name) || (name === entry && isNamed(name))) continue;
      await ioDone(rm(join(this.#dir, entry), { force: true }));
      gone += 1;
    }
    return gone;
  }

  async #list(): Promise<string[]> {
    try {
      return await readdir(this.#dir);
    } catch (error) {
      if (isMissing(error)) return [];
      throw ioFailed(error);
    }
  }

  #path(name: string): string {
    if (!isStreamName(name)) throw new VaultError('VAULT_BAD_INPUT', 'no name of a sealed file');
    return join(this.#dir, name);
  }

  async #create(path: string): Promise<FileHandle> {
    try {
      mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
      return await open(path, 'wx', 0o600);
    } catch (error) {
      throw ioFailed(error);
    }
  }

  async #open(name: string): Promise<FileHandle> {
    try {
      return await open(this.#path(name), 'r');
    } catch (error) {
      if (isMissing(error))
        throw new VaultError('VAULT_BLOB_MISSING', 'the file of a record is not there', { cause: error });
      throw error instanceof VaultError ? error : ioFailed(error);
    }
  }

  async #syncFolder(): Promise<void> {
    const folder = await ioDone(open(this.#dir, 'r'));
    try {
      await ioDone(folder.sync());
    } finally {
      await folder.close();
    }
  }
}

/** A file from its beginning, in pieces that share one buffer: each is to be used up before the next is asked for. */
async function* sequence(file: FileHandle): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  for (;;) {
    const { bytesRead } = await ioDone(file.read(buffer, 0, buffer.length));
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function readExactly(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await ioDone(file.read(buffer, filled, length - filled, at + filled));
    if (bytesRead === 0) throw new VaultError('VAULT_STREAM_TRUNCATED', 'the sealed stream was cut off');
    filled += bytesRead;
  }
  return buffer;
}

async function writeAll(file: FileHandle, pieces: readonly Buffer[]): Promise<void> {
  const { bytesWritten } = await ioDone(file.writev([...pieces]));
  let left = pieces.reduce((sum, { length }) => sum + length, 0) - bytesWritten;
  if (left === 0) return;
  // A short write, as on a disk that fills: what is left goes on its own, and fails with the reason.
  const rest = Buffer.concat(pieces).subarray(-left);
  while (left > 0) left -= (await ioDone(file.write(rest, rest.length - left, left))).bytesWritten;
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function ioFailed(cause: unknown): VaultError {
  return new VaultError('VAULT_BLOB_IO', 'the folder of sealed files cannot be used', { cause });
}

async function ioDone<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw ioFailed(error);
  }
}
