import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LedgerError } from '../errors.js';
import { HASH_BYTES, parseTilePath, sha256, TILE_WIDTH } from '../log/index.js';
import type { LogReader } from './reader.js';

/**
 * Reads through a folder: full tiles and bundles never change, so each is fetched once, and a verification that was
 * interrupted goes on with what it has. Each file lies there with its SHA-256 behind it; one that does not fit is
 * fetched anew. What the log means by it is judged as if it had just come.
 *
 * @param dir - Made if absent. May be shared by several logs.
 * @param name - Of the log, such as its address: keeps several apart.
 */
export function cacheReader(inner: LogReader, dir: string, name: string): LogReader {
  const root = join(dir, hash('sha256', name, 'hex').slice(0, 16));
  return {
    async read(path, bytesMax) {
      if (parseTilePath(path)?.width !== TILE_WIDTH) return inner.read(path, bytesMax);
      const file = join(root, path);
      const kept = readKept(file);
      if (kept !== undefined) return kept;
      const bytes = await inner.read(path, bytesMax);
      if (bytes !== undefined && bytes.length <= bytesMax) keep(file, bytes);
      return bytes;
    },
  };
}

function readKept(file: string): Buffer | undefined {
  let all: Buffer;
  try {
    all = readFileSync(file);
  } catch {
    // What cannot be read is fetched.
    return undefined;
  }
  const bytes = all.subarray(0, Math.max(0, all.length - HASH_BYTES));
  return sha256(bytes).equals(all.subarray(bytes.length)) ? bytes : undefined;
}

function keep(file: string, bytes: Buffer): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    const temporary = `${file}.${process.pid}.tmp`;
    writeFileSync(temporary, Buffer.concat([bytes, sha256(bytes)]));
    renameSync(temporary, file);
  } catch (cause) {
    throw new LedgerError('LEDGER_WRITE_FAILED', `the cache cannot be written: ${dirname(file)}`, { cause });
  }
}
