import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Level } from 'level';
import {
  compactAway,
  prefixRange,
  probesOf,
  rowRange,
} from '../../../../adapter/services/erasure/compaction.js';
import type { Store } from '../../../../ledger/store.js';
import { removeFolder, temporaryFolder } from '../../../support/instance.js';

const folder = temporaryFolder();
after(() => removeFolder(folder));

interface Tables {
  compactRange(from: string, to: string): Promise<void>;
  getProperty(name: string): string;
}

async function openStore(name: string): Promise<Store & Tables> {
  const store = new Level<string, Buffer>(join(folder, name), {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    writeBufferSize: 64 * 1024 * 1024,
  });
  await store.open();
  return store as unknown as Store & Tables;
}

const tables = (name: string): string[] =>
  readdirSync(join(folder, name)).filter((file) => file.endsWith('.ldb'));

/** Tables of more than one row: one of a single live row holds nothing else, and stays. */
function wideTables(store: Tables, name: string): string[] {
  const lines = store.getProperty('leveldb.sstables').split('\n');
  const single = lines.flatMap((line) => {
    const [, number, first, last] = /^ (\d+):\d+\['(.*)' @ .* \.\. '(.*)' @ /.exec(line) ?? [];
    return number !== undefined && first === last ? [`${number.padStart(6, '0')}.ldb`] : [];
  });
  return tables(name).filter((file) => !single.includes(file));
}

function filesWith(name: string, value: Buffer): string[] {
  return readdirSync(join(folder, name)).filter((file) =>
    readFileSync(join(folder, name, file)).includes(value.subarray(100, 140)),
  );
}

async function fill(store: Store, prefix: string, rows: number): Promise<void> {
  const writes = Array.from({ length: rows }, () => ({
    type: 'put' as const,
    key: `${prefix}${randomBytes(12).toString('hex')}`,
    value: randomBytes(1000),
  }));
  for (let i = 0; i < writes.length; i += 1000) await store.batch(writes.slice(i, i + 1000), { sync: true });
}

test('every table of the ranges is rewritten again and again, however deep it lies, and no other', async () => {
  const store = await openStore('wide');
  // More than 20 MB below: what is merged downward is then cut up, and must still reach all of it.
  for (const prefix of ['a/', 'm/', 'z/']) await fill(store, prefix, 28_000);
  await store.compactRange('a', '~');
  await store.compactRange('a', '~');
  for (let round = 0; round < 3; round++) {
    const old = wideTables(store, 'wide');
    assert.ok(old.length > 20, `${old.length} tables`);
    assert.ok(await compactAway(store, join(folder, 'wide'), [['!', '~']], []));
    const still = old.filter((file) => existsSync(join(folder, 'wide', file)));
    assert.deepEqual(still, [], `round ${round}`);
  }
  const old = tables('wide');
  assert.ok(await compactAway(store, join(folder, 'wide'), [prefixRange('m/')], []));
  const still = old.filter((file) => existsSync(join(folder, 'wide', file)));
  assert.ok(still.length > old.length / 2, 'what lies elsewhere stays as it is');
  assert.ok(still.length < (old.length * 3) / 4);
  await store.close();
});

test('a row that was deleted long before, at whatever level, is gone', async () => {
  const store = await openStore('old');
  for (const isDeep of [false, true]) {
    for (const isMergedFirst of [false, true]) {
      const key = 'b/secret';
      const value = randomBytes(400);
      await fill(store, 'a/', 3000);
      await store.put(key, value, { sync: true });
      await fill(store, 'c/', 3000);
      if (isDeep) await store.compactRange('a', '~');
      assert.equal(filesWith('old', value).length, 1);
      await store.del(key, { sync: true });
      if (isMergedFirst) await store.compactRange('b/', 'b/~');
      // Nothing says which row it was: the range alone must do.
      assert.ok(await compactAway(store, join(folder, 'old'), [rowRange(key)], []));
      assert.deepEqual(filesWith('old', value), [], `${isDeep} ${isMergedFirst}`);
    }
  }
  await store.close();
});

test('a row that is alone in its table is gone once it is deleted', async () => {
  const store = await openStore('one');
  const value = randomBytes(400);
  await store.put('b/alone', value, { sync: true });
  await store.compactRange('a', '~');
  assert.equal(tables('one').length, 1);
  assert.ok(await compactAway(store, join(folder, 'one'), [prefixRange('b/')], []));
  assert.deepEqual(store.getSync('b/alone'), value);
  await store.del('b/alone', { sync: true });
  assert.ok(await compactAway(store, join(folder, 'one'), [prefixRange('b/')], []));
  assert.deepEqual(filesWith('one', value), []);
  await store.close();
});

test('a live row in the range stays what it is', async () => {
  const store = await openStore('live');
  const value = randomBytes(400);
  await store.put('b/kept', value, { sync: true });
  for (let i = 0; i < 3; i++) {
    assert.ok(await compactAway(store, join(folder, 'live'), [prefixRange('b/')], []));
    assert.deepEqual(store.getSync('b/kept'), value);
    await fill(store, 'a/', 10);
  }
  assert.equal(await compactAway(store, join(folder, 'live'), [prefixRange('x/')], probesOf(value)), true);
  assert.equal(await compactAway(store, join(folder, 'live'), [rowRange('b/kept')], probesOf(value)), false);
  await store.close();
});
