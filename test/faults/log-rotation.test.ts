/**
 * Rotation of the log's key, ended at each of its writes: the write that fails was not made, or was made and not heard
 * of. Nothing is written after it, as in a process that is gone. What is left must open, go on, and verify from the key
 * that was known before.
 */
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Level } from 'level';
import { bootstrap } from '../../adapter/instance/bootstrap.js';
import type { Identity } from '../../adapter/instance/identity.js';
import { LogRotation } from '../../adapter/instance/log-rotation.js';
import { Appender } from '../../ledger/custody/index.js';
import { openEmbedded } from '../../ledger/engines/index.js';
import type { EmbeddedEngine } from '../../ledger/engines/index.js';
import { encodeVkey, openNote, parseVkey, publicKey } from '../../ledger/log/index.js';
import type { Store } from '../../ledger/store.js';
import { openKeyRing } from '../../ledger/vault/index.js';
import type { KeyRing } from '../../ledger/vault/index.js';
import { storeReader, verifyLog } from '../../ledger/verify/index.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';

const HOUR = 3_600_000;
const identity: Identity = {
  format: 1,
  origin: 'rotating.firebreak.example/log',
  demo: false,
  createdAt: '2026-01-01T00:00:00Z',
};
const folder = temporaryFolder();
after(() => removeFolder(folder));

type How = 'before' | 'after';
let now = Date.now();
const nowMs = (): number => now;

/** Fails the n-th write from the moment that it is armed, and all behind it. */
class Faults {
  left = Infinity;
  how: How = 'before';
  get hasStruck(): boolean {
    return this.left < 0;
  }
}

interface Opened {
  readonly store: Store;
  readonly engine: EmbeddedEngine;
  readonly rotation: LogRotation;
  readonly keyRing: KeyRing;
  readonly faults: Faults;
  readonly close: () => Promise<void>;
}

async function open(dir: string, armed?: { readonly at: number; readonly how: How }): Promise<Opened> {
  const store: Store = new Level<string, Buffer>(join(dir, 'store'), {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
  });
  await store.open();
  const faults = new Faults();
  for (const name of ['batch', 'put', 'del'] as const) {
    const write = store[name].bind(store) as (...args: unknown[]) => Promise<void>;
    (store as unknown as Record<string, unknown>)[name] = async (...args: unknown[]) => {
      if (faults.left < 0) throw new Error('gone');
      faults.left -= 1;
      if (faults.left >= 0) return write(...args);
      if (faults.how === 'after') await write(...args);
      throw new Error('gone');
    };
  }
  const keyRing = await openKeyRing(join(dir, 'keys'));
  const { keys } = keyRing;
  const engine = await openEmbedded(store, {
    origin: identity.origin,
    logKeySeed: keys.logSeed,
    ...(keys.nextLogSeed === undefined ? {} : { nextLogKeySeed: keys.nextLogSeed }),
    nowMs,
  });
  const { instanceSigner } = await bootstrap({ store, keys, engine, identity, nowMs });
  const appender = new Appender({ store, engine, origin: identity.origin, instance: instanceSigner });
  const rotation = new LogRotation({ store, engine, appender, keyRing, nowMs });
  if (armed !== undefined) {
    faults.left = armed.at;
    faults.how = armed.how;
  }
  return {
    store,
    engine,
    rotation,
    keyRing,
    faults,
    close: async () => {
      await rotation.close();
      await appender.close();
      await engine.close();
      await store.close();
    },
  };
}

function signersOf({ engine }: Opened, vkeys: readonly string[]): string[] {
  const opened = openNote(engine.checkpoint(), vkeys.map(parseVkey));
  return opened.ok ? opened.signedBy.map((key) => encodeVkey(key.name, key.publicKey)) : [];
}

async function assertVerifies({ store }: Opened, vkey: string, where: string): Promise<void> {
  const report = await verifyLog(storeReader(store), { vkeys: [vkey] });
  assert.ok(report.ok, `${where}: ${JSON.stringify(report.checks.filter(({ ok }) => !ok))}`);
}

const template = join(folder, 'template');
let old: string;
before(async () => {
  const opened = await open(template);
  old = opened.engine.vkey;
  await opened.close();
});

for (const how of ['before', 'after'] as const) {
  test(`begun, and ended ${how} each write`, async () => {
    let struck = true;
    for (let at = 0; struck; at++) {
      const where = `${how} ${at}`;
      const dir = join(folder, `begin-${how}-${at}`);
      cpSync(template, dir, { recursive: true });
      const dying = await open(dir, { at, how });
      await dying.rotation.begin(HOUR).catch(() => undefined);
      struck = dying.faults.hasStruck;
      await dying.close().catch(() => undefined);

      const opened = await open(dir);
      await assertVerifies(opened, old, where);
      await opened.rotation.settle();
      // Made a second time, it is under way from the same key to the same next one, or it is now.
      const underWay = opened.rotation.underWay ?? (await opened.rotation.begin(HOUR));
      assert.equal(underWay.from, old, where);
      const { nextLogSeed } = opened.keyRing.keys;
      assert.ok(nextLogSeed !== undefined);
      assert.equal(underWay.to, encodeVkey(identity.origin, publicKey(nextLogSeed)), where);
      assert.deepEqual(signersOf(opened, [old, underWay.to]), [old, underWay.to], where);
      await assertVerifies(opened, old, where);
      await assertVerifies(opened, underWay.to, where);
      await opened.close();
      rmSync(dir, { recursive: true });
    }
  });

  test(`its overlap over, and ended ${how} each write`, async () => {
    const begun = join(folder, `begun-${how}`);
    cpSync(template, begun, { recursive: true });
    const first = await open(begun);
    const { to } = await first.rotation.begin(HOUR);
    const formerSeed = Buffer.from(first.keyRing.keys.logSeed);
    await first.close();
    now += HOUR;
    let struck = true;
    for (let at = 0; struck; at++) {
      const where = `${how} ${at}`;
      const dir = join(folder, `end-${how}-${at}`);
      cpSync(begun, dir, { recursive: true });
      const dying = await open(dir, { at, how });
      await dying.rotation.settle().catch(() => undefined);
      struck = dying.faults.hasStruck;
      await dying.close().catch(() => undefined);

      const opened = await open(dir);
      await assertVerifies(opened, old, where);
      await opened.rotation.settle();
      assert.equal(opened.rotation.underWay, undefined, where);
      assert.equal(opened.keyRing.keys.nextLogSeed, undefined, where);
      assert.ok(!opened.keyRing.keys.logSeed.equals(formerSeed), where);
      assert.equal(opened.engine.vkey, to, where);
      await assertVerifies(opened, old, where);
      await assertVerifies(opened, to, where);
      // One file leads on, however often the end was begun; and the next rotation makes the second.
      assert.ok((await opened.engine.read('rotations/0')) !== undefined, where);
      assert.equal(await opened.engine.read('rotations/1'), undefined, where);
      const second = await opened.rotation.begin(0);
      assert.deepEqual(signersOf(opened, [old, to, second.to]), [second.to], where);
      for (const vkey of [old, to, second.to]) await assertVerifies(opened, vkey, where);
      await opened.close();
      rmSync(dir, { recursive: true });
    }
  });
}

test('while no checkpoint can be stored, the former key is not given up: what is stored bears its signature alone', async () => {
  const dir = join(folder, 'unstored');
  cpSync(template, dir, { recursive: true });
  const opened = await open(dir);
  opened.store.put = async () => {
    throw new Error('no space');
  };
  await assert.rejects(opened.rotation.begin(0), { code: 'LEDGER_WRITE_FAILED' });
  await opened.close();
  const again = await open(dir);
  await assertVerifies(again, old, 'opened');
  await again.rotation.settle();
  const to = again.engine.vkey;
  assert.notEqual(to, old);
  assert.deepEqual(signersOf(again, [old, to]), [to]);
  await assertVerifies(again, old, 'settled');
  await again.close();
});
