import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * Path of a folder or file of the shared test data, or `undefined` where it is absent.
 *
 * @param sub - Path below the data folder, such as `tlog/tessera-log`.
 */
export function sharedData(sub: string): string | undefined {
  const root = process.env['FIREBREAK_SHARED'] ?? resolve(process.cwd(), '..', 'shared');
  const path = join(root, 'data', sub);
  return existsSync(path) ? path : undefined;
}
