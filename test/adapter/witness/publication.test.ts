import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { splitNote } from '../../../ledger/log/index.js';
import { cosigner, withSignatures } from '../../../ledger/witness/index.js';
import { forgetPublication, Publication } from '../../../adapter/services/witness/index.js';
import type { PublicationOptions } from '../../../adapter/services/witness/index.js';
import { scratchDir } from '../../ledger/log/fixture.js';
import { SampleLog } from '../../ledger/witness/sample-log.js';
import { keepingLogger, openLevel, silent } from './test-witness.js';

const witness = cosigner('witness.example/p', Buffer.alloc(32, 31));

function cosigned(log: SampleLog, size: number): Buffer {
  const note = log.note(size);
  return withSignatures(note, [witness.cosign(splitNote(note)?.text ?? '', 1_800_000_000)]);
}

/** Rows in memory; each write takes a turn, and can fail. */
interface MemoryStore {
  fails: boolean;
  readonly getSync: (key: string) => Buffer | undefined;
  readonly put: (key: string, value: Buffer) => Promise<void>;
  readonly del: (key: string) => Promise<void>;
}

function memoryStore(): MemoryStore {
  const rows = new Map<string, Buffer>();
  const own: MemoryStore = {
    fails: false,
    getSync: (key: string) => rows.get(key),
    put: async (key: string, value: Buffer) => {
      await sleep(1);
      if (own.fails) throw Object.assign(new Error('disk full'), { code: 'ENOSPC' });
      rows.set(key, value);
    },
    del: async (key: string) => {
      rows.delete(key);
    },
  };
  return own;
}

function publication(log: SampleLog, store: PublicationOptions['store'], plainIsEnough = false): Publication {
  return new Publication({ store, newest: () => log.note(), plainIsEnough, logger: silent });
}

test('the newest is shown until the first quorum, and from then on what a quorum cosigned', async () => {
  const log = new SampleLog().grow(10);
  const own = publication(log, memoryStore());
  assert.equal(own.size, 10);
  log.grow(5);
  assert.equal(own.size, 15);
  // A quorum for a smaller one comes late: 15 was shown already, and stays until it is overtaken.
  own.take(cosigned(log, 10));
  log.grow(5);
  await own.close();
  assert.equal(own.size, 15);
  own.take(cosigned(log, 14));
  await own.close();
  assert.equal(own.size, 15);
  own.take(cosigned(log, 20));
  await own.close();
  assert.deepEqual(own.note(), cosigned(log, 20));
  log.grow(5);
  assert.equal(own.size, 20, 'a cosigned one goes before a newer plain one');
});

test('a reader that comes faster than witnesses answer does not keep cosigned ones from being shown', async () => {
  const log = new SampleLog().grow(10);
  const own = publication(log, memoryStore());
  let shown = 0;
  for (let round = 0; round < 50; round++) {
    const size = log.size;
    log.grow(3);
    const now = own.size;
    assert.ok(now >= shown);
    shown = now;
    own.take(cosigned(log, size));
    await own.close();
  }
  assert.deepEqual(own.note(), cosigned(log, log.size - 3));
});

test('a restart shows no less than before, whatever was cosigned meanwhile', async (context) => {
  const store = await openLevel(await scratchDir(context));
  const log = new SampleLog().grow(10);
  const before = publication(log, store);
  before.take(cosigned(log, 10));
  await before.close();
  log.grow(10);
  const after = publication(log, store);
  assert.deepEqual(after.note(), cosigned(log, 10));
  assert.deepEqual(after.kept, cosigned(log, 10));
  // Frozen at a plain one, and ended.
  await forgetPublication(store);
  const plain = publication(log, store);
  assert.equal(plain.size, 20);
  plain.take(cosigned(log, 15));
  await plain.close();
  log.grow(10);
  assert.equal(publication(log, store).size, 20);
  // The log lost what was published.
  const short = new SampleLog().grow(19);
  assert.throws(() => publication(short, store), { code: 'LEDGER_CORRUPT' });
  await store.put('published/checkpoint', Buffer.from('hello'));
  assert.throws(() => publication(log, store), { code: 'LEDGER_CORRUPT' });
  await store.close();
});

test('what could not be kept is not shown, and the next one is tried again', async () => {
  const log = new SampleLog().grow(10);
  const store = memoryStore();
  const { logger, lines } = keepingLogger();
  const own = new Publication({ store, newest: () => log.note(), plainIsEnough: false, logger });
  own.take(cosigned(log, 10));
  await own.close();
  log.grow(10);
  store.fails = true;
  own.take(cosigned(log, 15));
  await own.close();
  assert.equal(own.size, 10, 'a crash now would show 10 again');
  assert.ok(lines.some((line) => line.includes('not kept')));
  store.fails = false;
  own.take(cosigned(log, 20));
  await own.close();
  assert.equal(own.size, 20);
});

test('where no cosignature is asked for, those that come are shown while nothing is newer', async () => {
  const log = new SampleLog().grow(10);
  const own = publication(log, memoryStore(), true);
  own.take(cosigned(log, 10));
  await own.close();
  assert.deepEqual(own.note(), cosigned(log, 10));
  log.grow(1);
  assert.deepEqual(own.note(), log.note(11));
  own.take(cosigned(log, 10));
  await own.close();
  assert.equal(own.size, 11);
});

test('who waits for the next one is told, or gives up in time', async () => {
  const log = new SampleLog().grow(10);
  const own = publication(log, memoryStore());
  const told = own.changed(10_000);
  own.take(cosigned(log, 10));
  await told;
  assert.equal(own.size, 10);
  const started = performance.now();
  await own.changed(20);
  assert.ok(performance.now() - started < 5000);
});
