import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceFiles } from './source-files.js';

const sources = sourceFiles();

/** Both forms: `export default x` and `export { x as default }`. */
const DEFAULT_EXPORT = /^\s*export\s+(default\b|\{[^}]*\bas\s+default\b)/m;

test('nothing is exported as default', () => {
  // Declarations of a package that is not ours say what it exports.
  const ours = sources.filter(({ path }) => !path.endsWith('.d.ts'));
  const faults = ours.filter(({ text }) => DEFAULT_EXPORT.test(text)).map(({ path }) => path);
  assert.deepEqual(faults, []);
});

test('each index.ts re-exports by name, types as types, and holds nothing else', () => {
  const faults: string[] = [];
  for (const { path, text } of sources.filter((source) => /(^|\/)index\.ts$/.test(source.path))) {
    const rest = text
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/^\s*\/\/.*$/gm, '')
      .replace(/^\s*export\s+(?:type\s+)?\{[^}]*\}\s*from\s*'[^']+';?/gm, '')
      .trim();
    if (rest !== '') faults.push(`${path}: ${rest.split('\n')[0]}`);
  }
  assert.deepEqual(faults, []);
});

test('no name is exported twice from one index.ts', () => {
  const faults: string[] = [];
  for (const { path, text } of sources.filter((source) => /(^|\/)index\.ts$/.test(source.path))) {
    const names = [...text.matchAll(/\{([^}]*)\}/g)]
      .flatMap(([, list]) => (list ?? '').split(','))
      .map((item) => item.trim().split(/\s+/).at(-1) ?? '')
      .filter((name) => name !== '');
    faults.push(...names.filter((name, i) => names.indexOf(name) !== i).map((name) => `${path}: ${name}`));
  }
  assert.deepEqual(faults, []);
});

test('files and folders are named in kebab-case, and for what they decide', () => {
  const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.types\.test|\.d)?(\.tsx?)?$/;
  const faults = sources
    .map(({ path }) => path)
    .filter((path) =>
      path.split('/').some((part) => !kebab.test(part) || /^(utils?|helpers?)(\.ts)?$/.test(part)),
    );
  assert.deepEqual(faults, []);
});
