/** A new file that is there whole or not at all. */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The steps of a durable write, so that a test can fail each of them. */
export interface DurableSteps {
  /** Writes and syncs a file that is not there yet. */
  readonly write: (path: string, bytes: Buffer, mode: number) => Promise<void>;
  readonly rename: (from: string, to: string) => Promise<void>;
  /** Makes the folder's entries durable. */
  readonly syncFolder: (dir: string) => Promise<void>;
}

/** The steps as the file system does them. */
export const durableSteps: DurableSteps = {
  write: async (path, bytes, mode) => {
    await rm(path, { force: true });
    const file = await open(path, 'wx', mode);
    try {
      // Whatever the umask took away, the owner must be able to read it again.
      await file.chmod(mode);
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  },
  rename,
  syncFolder: async (dir) => {
    // Windows opens no folders, and keeps their entries by itself.
    if (process.platform === 'win32') return;
    const folder = await open(dir, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

/**
 * Writes a file. A crash or failure before the rename leaves the name free, and at most a `.tmp` file, which the
 * next attempt replaces; after it the file is whole, and its entry durable once the folder is synced.
 *
 * @throws An error of `node:fs`; whether the file is there is then to be looked up.
 */
export async function writeDurably(
  path: string,
  bytes: Buffer,
  mode: number,
  steps: DurableSteps = durableSteps,
): Promise<void> {
  await steps.write(`${path}.tmp`, bytes, mode);
  await steps.rename(`${path}.tmp`, path);
  await steps.syncFolder(dirname(path));
}
