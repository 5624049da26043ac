/** Every file of reference values must be read by a test. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { goldenFolder, skipWithoutGolden } from './support/golden.js';

/** Calls that read a file of reference values, by the two functions that do. */
const READ = /\bgolden(?:Csv)?\(\s*'([^']+)'/g;

test('every file of reference values is read by a test', { skip: skipWithoutGolden }, () => {
  const sources = join('test', 'analytics');
  const read = new Set(
    readdirSync(sources, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .flatMap((name) => [...readFileSync(join(sources, name), 'utf8').matchAll(READ)])
      .map(([, name]) => name),
  );
  const there = readdirSync(goldenFolder ?? '').filter((name) => /\.(?:csv|json)$/.test(name));
  assert.ok(there.length >= 10);
  assert.deepEqual(
    there.filter((name) => !read.has(name)),
    [],
  );
});
