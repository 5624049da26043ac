/** Names the arithmetic behind a model: the version of the software, and a hash of the code that computes. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of the package. */
const VERSION = '0.1.0';
/** Folders whose code or tables decide the bits of a model. */
const FOLDERS = ['analytics', 'mappings/views'];
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let known: string | undefined;

/**
 * Version and hash, such as `0.1.0+9f3c…`: two runs of one name have the same code and tables, so the same inputs give the
 * same bits.
 *
 * @throws Error when the code cannot be read.
 */
export function codeVersion(): string {
  known ??= `${VERSION}+${hashOf(FOLDERS)}`;
  return known;
}

function hashOf(folders: readonly string[]): string {
  const sum = createHash('sha256');
  for (const folder of folders)
    for (const file of filesOf(join(ROOT, folder))) {
      const bytes = readFileSync(file);
      // The length keeps a name from running into what follows it.
      sum.update(`${relative(ROOT, file).replaceAll('\\', '/')}\n${bytes.length}\n`).update(bytes);
    }
  return sum.digest('hex').slice(0, 24);
}

/** What runs, and the tables it reads; in one order everywhere. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:js|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}
