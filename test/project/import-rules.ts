/** Which folder may import which, and through which files. */
import { posix } from 'node:path';

/** The arrows. `test` may import all; it is not listed. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  adapter: ['adapter', 'analytics', 'demo', 'ledger', 'mappings'],
  analytics: ['analytics', 'ledger', 'mappings'],
  demo: ['demo'],
  ledger: ['ledger'],
  mappings: ['ledger', 'mappings'],
  portal: ['portal'],
};

/** What may be imported besides: files for all who may import the folder, and the portal's two doors. */
const SHARED_FILES = ['ledger/store.ts', 'ledger/errors.ts'];
const PORTAL_DOORS = /^(adapter\/http\/contract|ledger\/proofs)\/index\.ts$/;

/** Packages that would let the innermost folders know what they must not. */
const FORBIDDEN_PACKAGES: Readonly<Record<string, RegExp>> = {
  ledger: /^(@types\/fhir|fhir\/|fhir-kit-client|@medplum\/|express|bullmq|ioredis|node:https?$|danfojs)/,
  mappings: /^(express|bullmq|ioredis|level|node:(https?|net|fs)$|danfojs)/,
};

/** `index.ts` of a folder or of its direct subfolder: where a folder may be entered. */
const DOOR = /^[a-z]+(\/[a-z-]+)?\/index\.ts$/;

/**
 * Judges one import.
 *
 * @param from - The importing file, from the project's folder.
 * @param specifier - The module name as written.
 * @returns What is wrong with it, or undefined.
 */
export function faultOfImport(from: string, specifier: string): string | undefined {
  const fromFolder = from.split('/')[0] ?? '';
  if (!specifier.startsWith('.')) {
    return FORBIDDEN_PACKAGES[fromFolder]?.test(specifier)
      ? `${fromFolder} must not know ${specifier}`
      : undefined;
  }
  const allowed = ARROWS[fromFolder];
  if (allowed === undefined) return undefined;
  const to = posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts');
  const toFolder = to.split('/')[0] ?? '';
  // The project's own package.json and the like.
  if (!to.includes('/')) return undefined;
  if (fromFolder === 'portal' && PORTAL_DOORS.test(to)) return undefined;
  if (!allowed.includes(toFolder)) return `${fromFolder} must not import ${toFolder}`;
  if (toFolder === fromFolder || SHARED_FILES.includes(to) || DOOR.test(to)) return undefined;
  return `${to} is inside ${toFolder}: enter by an index.ts`;
}
