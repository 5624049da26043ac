import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  decodeBundle,
  encodeBundle,
  entriesPath,
  leafHash,
  openCheckpoint,
  parseTilePath,
  parseVkey,
  partialWidth,
  rootOf,
  tilePath,
  tilesOf,
} from '../../../ledger/log/index.js';
import { sharedData } from '../../support/shared-data.js';

test('paths both ways', () => {
  const cases: [number, string][] = [
    [0, '000'],
    [7, '007'],
    [999, '999'],
    [1000, 'x001/000'],
    [1_234_067, 'x001/x234/067'],
    [1_000_000, 'x001/x000/000'],
    [2 ** 45, 'x035/x184/x372/x088/832'],
  ];
  for (const [index, path] of cases) {
    assert.equal(tilePath(0, index), `tile/0/${path}`);
    assert.equal(tilePath(2, index, 7), `tile/2/${path}.p/7`);
    assert.equal(entriesPath(index, 255), `tile/entries/${path}.p/255`);
    assert.deepEqual(parseTilePath(`tile/0/${path}`), { kind: 'hashes', level: 0, index, width: 256 });
    assert.deepEqual(parseTilePath(`tile/entries/${path}.p/255`), { kind: 'entries', index, width: 255 });
  }
});

test('other spellings of a path are none', () => {
  const bad = [
    'tile/0/0',
    'tile/0/x000/001',
    'tile/00/000',
    'tile/7/000',
    'tile/-1/000',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
  ];
  bad.push(
    'tile/0/000.p/01',
    'tile/0/000.p/',
    'tile/0/1000',
    'tile/0/001/000',
    '/tile/0/000',
    'tile/0/000/',
    'tile/0/../000',
  );
  bad.push(
    'tile/entries/x00/000',
    `tile/0/${'x999/'.repeat(20)}999`,
    'tile/0/x999/x999/x999/x999/x999/x999/999',
    '',
  );
  for (const path of bad) assert.equal(parseTilePath(path), undefined, path);
  assert.throws(() => tilePath(0, 0, 0), { code: 'LEDGER_RANGE' });
  assert.throws(() => tilePath(0, -1), { code: 'LEDGER_RANGE' });
  assert.throws(() => tilePath(7, 0), { code: 'LEDGER_RANGE' });
});

test('what a tree of a size publishes', () => {
  assert.deepEqual([...tilesOf(0)], []);
  assert.deepEqual(
    [...tilesOf(256)],
    [
      { level: 0, index: 0, width: 256 },
      { level: 1, index: 0, width: 1 },
    ],
  );
  assert.equal(partialWidth(70_000, 0), 112);
  assert.equal(partialWidth(70_000, 1), 17);
  assert.equal(partialWidth(70_000, 2), 1);
  assert.equal([...tilesOf(70_000)].length, 274 + 2 + 1);
});

test('bundles both ways', () => {
  const entries = [Buffer.from('a'), Buffer.alloc(0), Buffer.alloc(65_535, 3)];
  const bundle = encodeBundle(entries);
  assert.deepEqual(decodeBundle(bundle, 3), entries);
  for (const count of [0, 1, 2, 4])
    assert.throws(() => decodeBundle(bundle, count), { code: 'LEDGER_CORRUPT' });
  assert.throws(() => decodeBundle(bundle.subarray(0, -1), 3), { code: 'LEDGER_CORRUPT' });
  assert.throws(() => encodeBundle([Buffer.alloc(65_536)]), { code: 'LEDGER_ENTRY_TOO_LARGE' });
});

const log = sharedData('tlog/tessera-log/testdata/log');

function read(path: string): Buffer {
  return readFileSync(join(log ?? '', path));
}

test(
  'a log that Tessera wrote, at each of its sizes',
  { skip: log === undefined && 'the shared test data is absent' },
  () => {
    const verifier = parseVkey(
      'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx',
    );
    for (let size = 0; size <= 15; size++) {
      const opened = openCheckpoint(read(`checkpoint.${size}`), [verifier]);
      assert.ok(opened.ok);
      assert.equal(opened.checkpoint.size, size);
      const entries = size === 0 ? [] : decodeBundle(read(entriesPath(0, size)), size);
      const hashes = entries.map(leafHash);
      assert.deepEqual(rootOf(hashes), opened.checkpoint.root);
      if (size > 0) assert.deepEqual(read(tilePath(0, 0, size)), Buffer.concat(hashes));
    }
  },
);
