/** The project's own TypeScript sources, as text, for the checks on how they are written. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Folders that hold sources. `portal` has a build of its own, and the same rules. */
export const SOURCE_FOLDERS = [
  'adapter',
  'analytics',
  'demo',
  'ledger',
  'mappings',
  'portal',
  'test',
] as const;

export interface SourceFile {
  /** Path from the project's folder, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** All sources of the folders that exist, in order of path. */
export function sourceFiles(folders: readonly string[] = SOURCE_FOLDERS): SourceFile[] {
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    )
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => /\.tsx?$/.test(path) && !/(^|\/)(node_modules|dist)\//.test(path))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }));
}

/** A text without its comments, as far as that can be told without a parser: strings with `//` in them stay. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

const STATIC_IMPORT = /^\s*(?:import|export)\b(?:[\s\w$*{},]*?\bfrom\b)?\s*['"]([^'"\n]+)['"]/gm;
const DYNAMIC_IMPORT = /\bimport\s*\(\s*['"]([^'"\n]+)['"]/g;

/** What a source imports or re-exports: module names as written. */
export function importsOf(source: SourceFile): string[] {
  const text = withoutComments(source.text);
  return [STATIC_IMPORT, DYNAMIC_IMPORT].flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => match[1] ?? ''),
  );
}
