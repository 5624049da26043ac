import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
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
        // Waiting for the thread pool costs four times what the file system's cache takes to answer.
        const file = openSync(join(dir, path), 'r');
        try {
          const { size } = fstatSync(file);
          const bytes = Buffer.alloc(Math.min(size, bytesMax + 1));
          return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
        } finally {
          closeSync(file);
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
