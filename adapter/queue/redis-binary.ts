/** Which `redis-server` to run: the one given, the one that set-up found, or the one on PATH. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A `redis-server` to run. */
export interface RedisBinary {
  /** Path of the program, or its bare name, to be looked for on PATH. */
  readonly path: string;
  /** Folders of the libraries unpacked beside it, joined by `:`; absent for one that the system installed. */
  readonly libraryPath?: string;
}

/** Where set-up notes what it found, below the project's root. */
const STAMP = join('.setup', 'redis.json');

/** The nearest folder above this file that holds a package.json: the project's root, built or not. */
function projectRoot(): string | undefined {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
  return folder;
}

function fromStamp(): RedisBinary | undefined {
  const root = projectRoot();
  if (root === undefined) return undefined;
  let stamp: unknown;
  try {
    stamp = JSON.parse(readFileSync(join(root, STAMP), 'utf8'));
  } catch {
    // Set-up has not run here, or was cut off: PATH is left.
    return undefined;
  }
  if (typeof stamp !== 'object' || stamp === null) return undefined;
  const { path, libraryPath } = stamp as { path?: unknown; libraryPath?: unknown };
  if (typeof path !== 'string' || !existsSync(path)) return undefined;
  return typeof libraryPath === 'string' ? { path, libraryPath } : { path };
}

/**
 * The `redis-server` to run. Does not try to run it.
 *
 * @param given - Path from the configuration; it wins, so that its being wrong is seen.
 */
export function findRedisBinary(given?: string): RedisBinary {
  if (given !== undefined) return { path: given };
  return fromStamp() ?? { path: 'redis-server' };
}
