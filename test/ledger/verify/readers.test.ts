import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { entriesPath, TILE_WIDTH } from '../../../ledger/log/index.js';
import { cacheReader, urlReader, verifyLog } from '../../../ledger/verify/index.js';
import type { LogReader } from '../../../ledger/verify/index.js';
import { genesis, records, scratchDir, theCast } from '../log/fixture.js';
import { failureOf, leavesOf, publish, readerOf, VKEY } from './published-log.js';
import type { Files } from './published-log.js';

let files: Files;
before(async () => {
  const cast = await theCast();
  files = publish(leavesOf([genesis(cast), ...records(cast, 1100)]));
});

/** What is asked anew each time; whether the log's key was rotated since, too. */
const isFresh = (path: string): boolean =>
  path === 'checkpoint' || path === 'rotations/0' || path.includes('.p/');

/** Counts what is fetched, and fails from some fetch on. */
function counting(from: Files, fetchesMax = Infinity): { reader: LogReader; fetched: string[] } {
  const fetched: string[] = [];
  const reader: LogReader = {
    read: async (path) => {
      if (fetched.length >= fetchesMax) throw new Error('the line is cut');
      fetched.push(path);
      return from.get(path);
    },
  };
  return { reader, fetched };
}

test('a cache: full tiles and bundles are fetched once, also after an interruption', async (context) => {
  const dir = await scratchDir(context);
  const cut = counting(files, 7);
  await assert.rejects(verifyLog(cacheReader(cut.reader, dir, 'log'), { vkeys: [VKEY] }), /the line is cut/);
  const kept = cut.fetched.filter((path) => path.startsWith('tile/') && !path.includes('.p/'));
  assert.ok(kept.length >= 3);
  const again = counting(files);
  assert.ok((await verifyLog(cacheReader(again.reader, dir, 'log'), { vkeys: [VKEY] })).ok);
  assert.deepEqual(
    again.fetched.filter((path) => kept.includes(path)),
    [],
  );
  const third = counting(files);
  assert.ok((await verifyLog(cacheReader(third.reader, dir, 'log'), { vkeys: [VKEY] })).ok);
  assert.ok(third.fetched.every(isFresh), third.fetched.join(' '));
  // Another log in the same folder has nothing of it.
  const other = counting(files);
  assert.ok((await verifyLog(cacheReader(other.reader, dir, 'other'), { vkeys: [VKEY] })).ok);
  assert.ok(other.fetched.includes(entriesPath(0, TILE_WIDTH)));
});

test('a cached file that was damaged or cut is fetched anew, and one that cannot be written is an error', async (context) => {
  const dir = await scratchDir(context);
  assert.ok((await verifyLog(cacheReader(readerOf(files), dir, 'log'), { vkeys: [VKEY] })).ok);
  const names = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = names.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
  for (const [i, path] of paths.entries()) {
    const bytes = await readFile(path);
    if (i % 2 === 0) bytes[i] = (bytes[i] ?? 0) ^ 1;
    await writeFile(path, i % 2 === 0 ? bytes : bytes.subarray(0, i));
  }
  const { fetched, reader } = counting(files);
  assert.ok((await verifyLog(cacheReader(reader, dir, 'log'), { vkeys: [VKEY] })).ok);
  assert.ok(paths.length > 6 && fetched.length >= paths.length);
  const file = join(dir, 'a-file');
  await writeFile(file, '');
  await assert.rejects(verifyLog(cacheReader(readerOf(files), file, 'log'), { vkeys: [VKEY] }), {
    code: 'LEDGER_WRITE_FAILED',
  });
});

test('what a cache holds is judged as if it had just come', async (context) => {
  const dir = await scratchDir(context);
  const path = entriesPath(1, TILE_WIDTH);
  const changed = Buffer.from(files.get(path) ?? '');
  changed[300] = (changed[300] ?? 0) ^ 1;
  const reader = readerOf(new Map(files).set(path, changed));
  assert.equal((await verifyLog(cacheReader(reader, dir, 'log'), { vkeys: [VKEY] })).ok, false);
  const report = await verifyLog(cacheReader(readerOf(files), dir, 'log'), { vkeys: [VKEY] });
  assert.equal(failureOf(report, 'leaf-hashes')?.path, path);
});

test('a server that refuses now and then is asked again, a bounded number of files at once', async () => {
  let [asked, open, openMost] = [0, 0, 0];
  const server = createServer((request, response) => {
    asked += 1;
    open += 1;
    openMost = Math.max(openMost, open);
    const bytes = files.get((request.url ?? '').slice(1));
    const status = asked % 3 === 0 ? 503 : asked % 5 === 0 ? 429 : bytes === undefined ? 404 : 200;
    // Slow until it was seen that several are asked for at once.
    const waitMs = openMost > 4 ? 2 : 100;
    setTimeout(() => {
      open -= 1;
      response.writeHead(status).end(status === 200 ? bytes : '');
    }, waitMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const report = await verifyLog(urlReader(base, { attemptsMax: 12 }), { vkeys: [VKEY] });
    assert.ok(report.ok, JSON.stringify(report.checks));
    assert.ok(asked > files.size && openMost > 4 && openMost <= 24, `${asked} ${openMost}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
