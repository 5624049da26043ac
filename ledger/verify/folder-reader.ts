import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { LedgerError } from '../errors.js';
import type { LogReader } from './reader.js';

/** The file is not there, or a part of its path is a file itself. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);

/** Reads a log exported into a folder. */
export function folderReader(dir: string): LogReader {
  return {
    async read(path, bytesMax) {
      try {
        const file = await open(join(dir, path), 'r');
        try {
          const { size } = await file.stat();
          const bytes = Buffer.alloc(Math.min(size, bytesMax + 1));
          const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
          return bytes.subarray(0, bytesRead);
        } finally {
          await file.close();
        }
      } catch (cause) {
        if (ABSENT.has(codeOf(cause))) return undefined;
        throw new LedgerError('LEDGER_UNREADABLE', `${path} cannot be read`, { cause });
      }
    },
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
