/** The portal as the build left it: beside the compiled server, in `portal/`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { PortalFiles } from '../http/portal.js';

/** The build's packed form of a file, beside it. */
const BROTLI = '.br';
const FOLDER = fileURLToPath(new URL('../../portal/', import.meta.url));

/** Reads the files, some hundred kilobytes; `undefined` where none were built. */
export function readPortal(folder = FOLDER): PortalFiles | undefined {
  let page: string;
  let names: string[];
  try {
    page = readFileSync(join(folder, 'index.html'), 'utf8');
    names = readdirSync(join(folder, 'assets'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const read = (name: string): Buffer => readFileSync(join(folder, 'assets', name));
  const assets = names
    .filter((name) => !name.endsWith(BROTLI))
    .map((name) => {
      const bytes = read(name);
      return [name, { bytes, gzip: gzipSync(bytes, { level: 9 }), br: read(name + BROTLI) }] as const;
    });
  return { page, assets: new Map(assets) };
}
