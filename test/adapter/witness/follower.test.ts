import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogReader } from '../../../ledger/verify/index.js';
import { checkEvidence, findCosignature, formatAddCheckpoint } from '../../../ledger/witness/index.js';
import { Follower } from '../../../adapter/services/witness/index.js';
import type { PinStore } from '../../../adapter/services/witness/index.js';
import { LedgerError } from '../../../ledger/errors.js';
import { SampleLog } from '../../ledger/witness/sample-log.js';
import { testWitness } from './test-witness.js';
import type { TestWitness } from './test-witness.js';

const URL = 'https://log.example';

class Pins implements PinStore {
  readonly rows = new Map<string, string>();
  pinned(url: string): string | undefined {
    return this.rows.get(url);
  }
  async pin(url: string, vkey: string): Promise<void> {
    this.rows.set(url, vkey);
  }
  readonly sizes = new Map<string, number>();
  servedSize(url: string): number {
    return this.sizes.get(url) ?? 0;
  }
  async served(url: string, size: number): Promise<void> {
    this.sizes.set(url, size);
  }
}

interface Setting {
  readonly own: TestWitness;
  readonly follower: Follower;
  /** What the address serves from now on. */
  readonly serve: (reader: LogReader) => void;
}

function follow(reader: LogReader, vkeys: readonly string[] = [], pins: PinStore = new Pins()): Setting {
  const own = testWitness([]);
  let present = reader;
  const readerOf = (): LogReader => ({ read: (path, bytesMax) => present.read(path, bytesMax) });
  const follower = new Follower({ url: `${URL}/`, witness: own.witness, pins, vkeys, readerOf });
  return { own, follower, serve: (next) => void (present = next) };
}

test('a growing log is cosigned at each look, through every kind of size', async () => {
  const log = new SampleLog();
  const { own, follower } = follow(log.reader(), [log.vkey]);
  for (const size of [0, 1, 2, 255, 256, 257, 300, 512, 1000]) {
    log.grow(size - log.size);
    const followed = await follower.look();
    assert.ok(followed.outcome === 'cosigned', `${size}: ${JSON.stringify(followed)}`);
    assert.equal(followed.checkpoint.size, size);
    assert.ok(findCosignature(followed.note, own.cosigner.verifier) !== undefined);
    assert.equal((await follower.look()).outcome, 'unchanged');
  }
  assert.equal(own.kept.length, 0);
  assert.equal(follower.origin, log.origin);
});

test('a fork that goes on from any size is caught, with evidence', async () => {
  for (const [seen, shared, size] of [
    [300, 200, 300],
    [300, 299, 700],
    [256, 200, 700],
    [700, 100, 300],
  ] as const) {
    const log = new SampleLog().grow(700);
    const { own, follower, serve } = follow(
      log.reader(() => seen),
      [log.vkey],
    );
    assert.equal((await follower.look()).outcome, 'cosigned');
    const fork = log.fork(shared, size - shared);
    // The tiles of the longer history are still there when the shorter one is shown.
    const shown = fork.reader();
    const tiles = size < seen ? log.reader(() => seen) : shown;
    serve({ read: (path, bytesMax) => (path === 'checkpoint' ? shown : tiles).read(path, bytesMax) });
    const followed = await follower.look();
    assert.ok(followed.outcome === 'refused', `${seen} ${size}`);
    assert.equal(followed.code, 'log-contradicts-itself');
    assert.equal(followed.evidence.length, 1);
    const verdict = checkEvidence(own.kept[0]?.bytes ?? Buffer.alloc(0), [log.vkey]);
    assert.ok(verdict.ok);
    assert.equal(own.witness.latest(log.origin)?.checkpoint.size, seen);
  }
});

test('a rollback is refused, and a notice is kept', async () => {
  const log = new SampleLog().grow(700);
  const { own, follower, serve } = follow(log.reader(), [log.vkey]);
  await follower.look();
  serve(log.reader(() => 300));
  const followed = await follower.look();
  assert.ok(followed.outcome === 'refused' && followed.code === 'rollback');
  assert.deepEqual(
    own.kept.map(({ kind }) => kind),
    ['rollback'],
  );
  assert.equal(own.witness.latest(log.origin)?.checkpoint.size, 700);
});

test('a log that shows an older head than it asked us for is behind, not rolled back', async () => {
  const log = new SampleLog().grow(700);
  const { own, follower, serve } = follow(
    log.reader(() => 300),
    [log.vkey],
  );
  await follower.look();
  // It asks for 500 and 700 by itself, and goes on to show 300 until others have cosigned those too.
  for (const [before, size] of [
    [300, 500],
    [500, 700],
  ] as const) {
    const body = formatAddCheckpoint({
      oldSize: before,
      proof: log.proof(before, size),
      note: log.note(size),
    });
    assert.equal((await own.witness.addCheckpoint(body)).status, 200);
  }
  const tiles = log.reader();
  const show = (size: number): void =>
    serve({
      read: async (path, bytesMax) => (path === 'checkpoint' ? log.note(size) : tiles.read(path, bytesMax)),
    });
  for (const size of [300, 500]) {
    show(size);
    const followed = await follower.look();
    assert.ok(followed.outcome === 'unchanged', JSON.stringify(followed));
    assert.equal(followed.checkpoint.size, 700);
  }
  // Once it has shown 500, 300 is a rollback; and so is an empty tree.
  for (const size of [300, 0]) {
    show(size);
    const followed = await follower.look();
    assert.ok(followed.outcome === 'refused' && followed.code === 'rollback', `${size}`);
  }
  assert.equal(own.kept.length, 2);
  // A smaller head of another history is no smaller crime for being small.
  const fork = log.fork(100, 500).note(600);
  serve({ read: async (path, bytesMax) => (path === 'checkpoint' ? fork : tiles.read(path, bytesMax)) });
  const forked = await follower.look();
  assert.ok(forked.outcome === 'refused' && forked.code === 'log-contradicts-itself');
});

test('a fork offered by others is found out at the next look', async () => {
  const log = new SampleLog().grow(700);
  const { own, follower } = follow(log.reader(), [log.vkey]);
  await follower.look();
  const fork = log.fork(100, 200);
  // No head of size 300 was cosigned, and nothing is sent that shows what the log was at 300.
  const body = formatAddCheckpoint({ oldSize: 300, proof: [], note: fork.note() });
  assert.equal((await own.witness.addCheckpoint(body)).status, 409);
  assert.equal(own.kept.length, 0);
  await follower.look();
  assert.ok(checkEvidence(own.kept[0]?.bytes ?? Buffer.alloc(0), [log.vkey]).ok);
});

test('tiles that do not give the signed root accuse nobody', async () => {
  const log = new SampleLog().grow(700);
  const { own, follower, serve } = follow(
    log.reader(() => 300),
    [log.vkey],
  );
  await follower.look();
  const honest = log.reader();
  serve({
    read: async (path, bytesMax) => {
      const bytes = await honest.read(path, bytesMax);
      if (bytes !== undefined && path.startsWith('tile/')) bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
      return bytes;
    },
  });
  const followed = await follower.look();
  assert.ok(followed.outcome === 'refused');
  assert.equal(followed.code, 'tiles-do-not-give-the-root');
  assert.equal(own.kept.length, 0);
  // Neither do tiles that are missing.
  serve({
    read: async (path, bytesMax) => (path.startsWith('tile/') ? undefined : honest.read(path, bytesMax)),
  });
  assert.deepEqual(await follower.look(), { outcome: 'unreachable', code: 'tiles-unreadable' });
  serve(honest);
  assert.equal((await follower.look()).outcome, 'cosigned');
});

test('without a key the log’s own is believed once, and no other afterwards', async () => {
  const log = new SampleLog().grow(5);
  const pins = new Pins();
  const first = follow(log.reader(), [], pins);
  assert.equal((await first.follower.look()).outcome, 'cosigned');
  assert.deepEqual([...pins.rows], [[URL, log.vkey]]);
  const other = new SampleLog(log.origin, Buffer.alloc(32, 66)).grow(5);
  const later = follow(other.reader(), [], pins);
  const followed = await later.follower.look();
  assert.ok(followed.outcome === 'refused');
  assert.equal(followed.code, 'checkpoint-no-known-signature');
});

const unreadable: LogReader = {
  read: async () => {
    throw new LedgerError('LEDGER_UNREADABLE', 'no answer');
  },
};

test('what is refused or unreachable at the door', async () => {
  const log = new SampleLog().grow(5);
  const other = new SampleLog('other.example/log').grow(5);
  const reader = log.reader();
  const without = (absent: string): LogReader => ({
    read: async (path, bytesMax) => (path === absent ? undefined : reader.read(path, bytesMax)),
  });
  const cases: [string, Setting, string, string][] = [
    ['no checkpoint', follow(without('checkpoint')), 'unreachable', 'no-checkpoint'],
    ['no answer', follow(unreadable), 'unreachable', 'LEDGER_UNREADABLE'],
    ['no key', follow(without('vkey')), 'refused', 'no-key-for-this-origin'],
    ['another log’s key', follow(reader, [other.vkey]), 'refused', 'no-key-for-this-origin'],
    [
      'no checkpoint at all',
      follow({ read: async () => Buffer.from('hello\n') }),
      'refused',
      'checkpoint-malformed',
    ],
  ];
  for (const [name, { follower, own }, outcome, code] of cases) {
    const followed = await follower.look();
    assert.deepEqual([followed.outcome, 'code' in followed && followed.code], [outcome, code], name);
    assert.equal(own.witness.listing().length, 0);
  }
});

test('an instance’s address stands for its log', async () => {
  const log = new SampleLog().grow(5);
  const own = testWitness([]);
  const asked: string[] = [];
  const readerOf = (url: string): LogReader => {
    asked.push(url);
    return url.endsWith('/log') ? log.reader() : { read: async () => undefined };
  };
  const follower = new Follower({
    url: URL,
    witness: own.witness,
    pins: new Pins(),
    vkeys: [log.vkey],
    readerOf,
  });
  assert.equal((await follower.look()).outcome, 'cosigned');
  assert.deepEqual(asked, [URL, `${URL}/log`]);
});
