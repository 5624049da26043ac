import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Level } from 'level';
import { guardWrites } from '../../adapter/instance/guarded-writes.js';
import { AdapterError } from '../../adapter/errors.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';

const folder = temporaryFolder();
after(() => removeFolder(folder));
let stores = 0;

interface Seen {
  readonly keys: readonly string[];
  readonly sync: boolean;
}

/** A store whose writes are noted, and fail while `failure` says so. */
async function openGuarded(failure: () => Error | undefined): Promise<{
  store: Store;
  seen: Seen[];
  failures: AdapterError[];
}> {
  const store: Store = new Level<string, Buffer>(`${folder}/${(stores += 1)}`, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
  });
  await store.open();
  const seen: Seen[] = [];
  const write = store.batch.bind(store) as (rows: StoreWrite[], options: object) => Promise<void>;
  let isWriting = false;
  store.batch = (async (rows: StoreWrite[], options: { sync: boolean }) => {
    assert.ok(!isWriting, 'one write at a time');
    isWriting = true;
    seen.push({ keys: rows.map(({ key }) => key), sync: options.sync });
    await new Promise((resolve) => setTimeout(resolve, 2));
    isWriting = false;
    const error = failure();
    if (error !== undefined) throw error;
    await write(rows, options);
  }) as Store['batch'];
  const failures: AdapterError[] = [];
  guardWrites(store, (error) => failures.push(error));
  return { store, seen, failures };
}

const put = (key: string): StoreWrite => ({ type: 'put', key, value: Buffer.from(key) });
const full = (): Error => new Error('IO error: /data/000003.log: No space left on device');

test('writes that wait together go down together, in order, and none waits for a sync it did not ask for', async () => {
  const { store, seen } = await openGuarded(() => undefined);
  await Promise.all([
    store.batch([put('a')], { sync: true }),
    store.batch([put('b')], { sync: true }),
    store.put('c', Buffer.from('c')),
    store.put('d', Buffer.from('d'), { sync: true }),
    store.batch([put('e'), { type: 'del', key: 'a' }], { sync: true }),
  ]);
  await Promise.all([store.put('f', Buffer.from('f')), store.put('g', Buffer.from('g')), store.del('b')]);
  assert.deepEqual(seen, [
    { keys: ['a'], sync: true },
    { keys: ['b', 'c', 'd', 'e', 'a'], sync: true },
    { keys: ['f'], sync: false },
    { keys: ['g', 'b'], sync: false },
  ]);
  assert.equal(store.getSync('a'), undefined);
  assert.deepEqual(await store.keys().all(), ['c', 'd', 'e', 'f', 'g']);
  await store.close();
});

test('an unsynced write does not wait for a synced one behind it', async () => {
  const { store, seen } = await openGuarded(() => undefined);
  const first = store.put('a', Buffer.from('a'));
  const rest = [store.put('b', Buffer.from('b')), store.put('c', Buffer.from('c'), { sync: true })];
  await Promise.all([first, ...rest]);
  assert.deepEqual(
    seen.map(({ sync }) => sync),
    [false, false, true],
  );
  await store.close();
});

test('after one write has failed, those that wait and all that come are refused', async () => {
  let error: Error | undefined;
  const { store, seen, failures } = await openGuarded(() => error);
  await store.put('before', Buffer.from('x'));
  error = full();
  const outcomes = await Promise.allSettled([
    store.batch([put('a')], { sync: true }),
    store.batch([put('b')], { sync: true }),
  ]);
  error = undefined;
  const late = await Promise.allSettled([store.put('c', Buffer.from('c')), store.del('before')]);
  for (const outcome of [...outcomes, ...late]) {
    assert.equal(outcome.status, 'rejected');
    assert.ok(outcome.reason instanceof AdapterError);
    assert.equal(outcome.reason.code, 'ADAPTER_DISK_FULL');
  }
  assert.equal(seen.length, 2);
  assert.equal(failures.length, 1);
  assert.ok(store.getSync('before') !== undefined, 'reading goes on');
  await store.close();
});

test('another failure than want of space is named as what it is; a refusal ends nothing', async () => {
  let error: Error | undefined = new Error('IO error: /data/000003.log: Input/output error');
  const broken = await openGuarded(() => error);
  await assert.rejects(broken.store.put('a', Buffer.from('a')), { code: 'ADAPTER_STORE_FAILED' });
  await broken.store.close();

  error = Object.assign(new Error('Database is not open'), { code: 'LEVEL_DATABASE_NOT_OPEN' });
  const refusing = await openGuarded(() => error);
  await assert.rejects(refusing.store.put('a', Buffer.from('a')), { code: 'LEVEL_DATABASE_NOT_OPEN' });
  error = undefined;
  await refusing.store.put('b', Buffer.from('b'));
  assert.deepEqual(refusing.failures, []);
  await refusing.store.close();
});
