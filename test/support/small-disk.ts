/** A file system of a few MiB, so that a full disk is a real one. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder, temporaryFolder } from './instance.js';

export interface SmallDisk {
  /** A folder on it. */
  readonly dataDir: string;
  /** Takes all space but so many bytes. */
  fill(leaveBytes: number): void;
  /** Gives it back. */
  free(): void;
  freeBytes(): number;
  remove(): void;
}

/** @returns A reason instead where this system does not let us mount one. */
export function mountSmallDisk(bytes: number): SmallDisk | string {
  const mountPoint = temporaryFolder();
  if (process.platform !== 'linux') return 'a small file system is mounted on Linux only';
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', mountPoint], {
      stdio: 'pipe',
    });
  } catch {
    removeFolder(mountPoint);
    return 'this user may not mount a small file system';
  }
  const dataDir = join(mountPoint, 'data');
  mkdirSync(dataDir);
  const ballast = join(mountPoint, 'ballast');
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(mountPoint);
    return bavail * bsize;
  };
  return {
    dataDir,
    fill: (leaveBytes) => writeFileSync(ballast, Buffer.alloc(Math.max(0, freeBytes() - leaveBytes))),
    free: () => rmSync(ballast, { force: true }),
    freeBytes,
    remove: () => {
      // Lazily: what a test has left open must not keep it mounted.
      execFileSync('umount', ['-l', mountPoint], { stdio: 'pipe' });
      removeFolder(mountPoint);
    },
  };
}
