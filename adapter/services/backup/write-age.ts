/** A stream into an age file: whole under its name, or not there at all. */
import { link, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ReadableStream } from 'node:stream/web';
import { Encrypter } from 'age-encryption';
import { AdapterError, codeOf, messageOf } from '../../errors.js';

/** Bytes gathered before they are written: age's own chunks are of 64 KiB. */
const WRITE_BYTES = 1024 * 1024;

/**
 * Encrypts to a file that did not exist.
 *
 * @param recipient - `age1…`.
 * @param content - Pulled as fast as it can be written; memory stays flat.
 * @returns Bytes of the file.
 * @throws AdapterError ADAPTER_USAGE when the file exists, ADAPTER_DISK_FULL, ADAPTER_CONFLICT when it cannot be
 * written; what the content throws, and the signal's reason. Nothing is left behind then.
 */
export async function writeAge(
  path: string,
  recipient: string,
  content: AsyncIterable<Buffer>,
  signal?: AbortSignal,
): Promise<number> {
  await requireAbsent(path);
  const temporary = join(dirname(path), `.${basename(path)}.part`);
  try {
    const length = await writeWhole(temporary, recipient, content, signal);
    await giveName(temporary, path);
    await syncFolder(dirname(path));
    return length;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw failureOf(error, path);
  }
}

async function writeWhole(
  path: string,
  recipient: string,
  content: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  const encrypted: AsyncIterable<Uint8Array> = await encrypter.encrypt(
    ReadableStream.from(content) as Parameters<Encrypter['encrypt']>[0] & ReadableStream<Uint8Array>,
  );
  const file = await open(path, 'w', 0o600);
  try {
    let waiting: Uint8Array[] = [];
    let waitingBytes = 0;
    let length = 0;
    const flush = async (): Promise<void> => {
      for (const part of waiting) await file.writeFile(part);
      length += waitingBytes;
      waiting = [];
      waitingBytes = 0;
    };
    for await (const part of encrypted) {
      signal?.throwIfAborted();
      waiting.push(part);
      waitingBytes += part.length;
      if (waitingBytes >= WRITE_BYTES) await flush();
    }
    await flush();
    await file.sync();
    return length;
  } finally {
    await file.close();
  }
}

/** A link fails where the name is taken, a rename does not; some file systems, as on a USB stick, know no links. */
async function giveName(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
    await rm(temporary);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(error))) throw error;
    await requireAbsent(path);
    await rename(temporary, path);
  }
}

async function requireAbsent(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined)
    throw new AdapterError('ADAPTER_USAGE', `${path} exists: a backup never replaces a file`);
}

/** The name is durable once its folder is synced. Windows cannot open folders, and needs no such thing. */
export async function syncFolder(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(dir, 'r');
  try {
    // Some file systems cannot sync a folder; the file itself is synced.
    await folder.sync().catch(() => undefined);
  } finally {
    await folder.close();
  }
}

function failureOf(error: unknown, path: string): unknown {
  const code = codeOf(error);
  if (code === 'EEXIST')
    return new AdapterError('ADAPTER_USAGE', `${path} exists: a backup never replaces a file`);
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code))
    return new AdapterError('ADAPTER_DISK_FULL', `no room for ${path}: nothing was left there`, {
      cause: error,
    });
  if (/^E[A-Z]+$/.test(code))
    return new AdapterError('ADAPTER_CONFLICT', `${path} cannot be written: ${messageOf(error)}`, {
      cause: error,
    });
  return error;
}
