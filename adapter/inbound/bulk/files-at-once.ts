/** Going through the files of an export. */
import { AdapterError } from '../../errors.js';
import { rankOf } from './manifest.js';
import type { ExportFile } from './manifest.js';

/** Files read at once: of small ones most of the time goes into waiting for the server and the disk. */
const FILES_AT_ONCE = 4;

/**
 * Reads files, some at a time, and none before those of a lower rank have been read. When one cannot be read, the
 * others are left as they are.
 *
 * @returns Whether all were there.
 */
export async function readAll(
  files: readonly ExportFile[],
  read: (index: number, file: ExportFile, until: AbortSignal) => Promise<boolean>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  let next = 0;
  let areThere = true;
  const readSome = async (rank: number): Promise<void> => {
    for (let file = files[next]; file !== undefined && rankOf(file) === rank; file = files[next]) {
      stop.signal.throwIfAborted();
      if (await read(next++, file, stop.signal)) continue;
      areThere = false;
      stop.abort(new AdapterError('ADAPTER_SOURCE_UNREACHABLE', 'a file of the export is gone'));
    }
  };
  try {
    for (let file = files[next]; file !== undefined; file = files[next]) {
      const rank = rankOf(file);
      const failures: unknown[] = [];
      const guarded = async (): Promise<void> => {
        try {
          await readSome(rank);
        } catch (error) {
          failures.push(error);
          // Whatever the others throw after this they throw because of it.
          stop.abort(error);
        }
      };
      await Promise.all(Array.from({ length: FILES_AT_ONCE }, guarded));
      if (!areThere) return false;
      if (failures.length > 0) throw failures[0];
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  return true;
}
