import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { openInstance } from '../../../adapter/instance/instance.js';
import type { Instance } from '../../../adapter/instance/instance.js';
import { createLogger } from '../../../adapter/logger.js';
import { exportLog, VKEY_KEY } from '../../../ledger/engines/index.js';
import {
  encodeVkey,
  generateSeed,
  noteSigner,
  parseVkey,
  openNote,
  publicKey,
  signCheckpoint,
} from '../../../ledger/log/index.js';
import { folderReader, storeReader, verifyLog } from '../../../ledger/verify/index.js';
import type { Failure, LogReader } from '../../../ledger/verify/index.js';
import { cosigner } from '../../../ledger/witness/index.js';
import { removeFolder, temporaryFolder, testConfig } from '../../support/instance.js';

const HOUR = 3_600_000;

/** The key that the log began its present signing with. */
function vkeyOf({ store }: Instance): string {
  return store.getSync(VKEY_KEY)?.toString('utf8').split('\n')[0] ?? '';
}

async function failureOf(reader: LogReader, vkeys?: readonly string[]): Promise<Failure | undefined> {
  const report = await verifyLog(reader, vkeys === undefined ? {} : { vkeys });
  const failed = report.checks.filter(({ ok }) => !ok);
  assert.ok(
    failed.every(({ name }) => name === 'checkpoint'),
    JSON.stringify(failed),
  );
  return failed[0]?.failure;
}

function signers(note: Buffer, vkeys: readonly string[]): string[] {
  const opened = openNote(note, vkeys.map(parseVkey));
  return opened.ok ? opened.signedBy.map((key) => encodeVkey(key.name, key.publicKey)) : [];
}

describe('rotation of the log’s key', () => {
  const root = mkdtempSync(join(tmpdir(), 'firebreak-test-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  let dir: string;
  let now: number;
  beforeEach(() => {
    dir = temporaryFolder();
    now = Date.now();
  });

  let opened: Instance | undefined;
  const open = async (): Promise<Instance> => {
    opened = await openInstance({
      config: testConfig(dir),
      demo: undefined,
      logger: createLogger('error', () => undefined),
      nowMs: () => now,
    });
    return opened;
  };
  // Closing twice does nothing; a test that fails must not leave its Redis behind.
  afterEach(async () => {
    await opened?.close();
    removeFolder(dir);
  });

  it('has both keys sign through the overlap, over restarts, and then the next alone', async () => {
    let instance = await open();
    const old = vkeyOf(instance);
    const formerSeed = Buffer.from(instance.keys.logSeed);
    const { from, to, overlapUntil } = await instance.logRotation.begin(HOUR);
    assert.equal(from, old);
    assert.equal(overlapUntil, now + HOUR);
    await assert.rejects(instance.logRotation.begin(HOUR), { code: 'ADAPTER_CONFLICT' });
    const both = [from, to];
    for (let restart = 0; restart < 2; restart++) {
      assert.deepEqual(signers(instance.engine.checkpoint(), both), both);
      assert.equal((await instance.engine.read('vkey'))?.toString('utf8'), `${from}\n${to}\n`);
      for (const vkeys of [undefined, [from], [to], both])
        assert.equal(await failureOf(storeReader(instance.store), vkeys), undefined);
      await instance.anchorState();
      assert.deepEqual(signers(instance.engine.checkpoint(), both), both);
      await instance.close();
      instance = await open();
    }
    await instance.close();

    now += HOUR + 1;
    instance = await open();
    assert.deepEqual(signers(instance.engine.checkpoint(), both), [to]);
    assert.equal(vkeyOf(instance), to);
    assert.equal(instance.logRotation.underWay, undefined);
    const keyFiles = readFileSync(join(dir, 'keys', 'log.key'));
    assert.ok(!keyFiles.includes(formerSeed));
    await instance.anchorState();

    // Who knows the former key alone is led to the next one, in a folder too, and so through two rotations.
    const exported = join(dir, 'export');
    await exportLog(instance.engine, exported);
    for (const reader of [storeReader(instance.store), folderReader(exported)]) {
      for (const vkeys of [undefined, [from], [to]]) assert.equal(await failureOf(reader, vkeys), undefined);
    }
    // Without an overlap it is over at once.
    const second = await instance.logRotation.begin(0);
    assert.equal(instance.logRotation.underWay, undefined);
    await instance.anchorState();
    assert.deepEqual(signers(instance.engine.checkpoint(), [from, to, second.to]), [second.to]);
    for (const vkeys of [[from], [to], [second.to]])
      assert.equal(await failureOf(storeReader(instance.store), vkeys), undefined);
    await instance.close();
  });

  it('is not followed where the former key has not signed it, or no entry tells of it', async () => {
    const instance = await open();
    const old = vkeyOf(instance);
    const formerSeed = Buffer.from(instance.keys.logSeed);
    const { to } = await instance.logRotation.begin(0);
    now += 1;
    await instance.anchorState();
    const exported = join(dir, 'export');
    await exportLog(instance.engine, exported);
    const { origin } = instance.identity;
    const { size, root: treeRoot } = instance.engine.head();
    await instance.close();
    const path = join(exported, 'rotations', '0');
    const good = readFileSync(path);
    assert.equal(await failureOf(folderReader(exported), [old]), undefined);

    const expectCode = async (code: string, ...vkeys: string[]): Promise<void> => {
      assert.equal((await failureOf(folderReader(exported), vkeys))?.code, code);
    };
    // Any byte of it.
    for (let at = 0; at < good.length; at += 3) {
      const changed = Buffer.from(good);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(path, changed);
      const failure = await failureOf(folderReader(exported), [old]);
      assert.ok(failure !== undefined, `byte ${at}`);
    }
    // A key of an impostor, with a checkpoint of the log that it signs beside the former key’s signature.
    const impostor = generateSeed();
    const theirs = encodeVkey(origin, publicKey(impostor));
    const note = good.subarray(good.indexOf(`${origin}\n`, old.length + to.length + 2));
    const line = signCheckpoint({ origin, size, root: treeRoot }, [noteSigner(origin, impostor)]);
    writeFileSync(path, Buffer.concat([Buffer.from(`${old}\n${theirs}\n`), note]));
    await expectCode('bad-rotation', old);
    const text = note.toString('utf8');
    const body = text.slice(0, text.indexOf('\n\n') + 1);
    const [, sizeText = '', rootText = ''] = body.split('\n');
    const same = { origin, size: Number(sizeText), root: Buffer.from(rootText, 'base64') };
    const signedByBoth = signCheckpoint(same, [noteSigner(origin, formerSeed), noteSigner(origin, impostor)]);
    writeFileSync(path, Buffer.concat([Buffer.from(`${old}\n${theirs}\n`), signedByBoth]));
    writeFileSync(join(exported, 'checkpoint'), line);
    await expectCode('bad-rotation', old);
    // Without the file the former key alone leads nowhere.
    rmSync(path);
    await expectCode('no-known-signature', old);
    // The former key, stolen after its time, signs for nothing.
    now += HOUR;
    writeFileSync(
      join(exported, 'checkpoint'),
      signCheckpoint({ origin, size, root: treeRoot }, [noteSigner(origin, formerSeed)]),
    );
    await expectCode('rotated-away', old);
  });

  it('goes on after a crash at each of its steps', async () => {
    // 1. A next key that nothing names.
    let instance = await open();
    const first = vkeyOf(instance);
    await instance.keyRing.keepNextLogKey(generateSeed());
    const next = instance.keyRing.keys.nextLogSeed ?? Buffer.alloc(0);
    await instance.close();
    instance = await open();
    assert.deepEqual(signers(instance.engine.checkpoint(), [first]), [first]);
    const rotation = await instance.logRotation.begin(HOUR);
    assert.equal(rotation.to, encodeVkey(instance.identity.origin, publicKey(next)));
    // 2. The overlap is over while nothing runs: it ends when the instance opens again.
    await instance.close();
    now += HOUR;
    instance = await open();
    assert.deepEqual(signers(instance.engine.checkpoint(), [rotation.from, rotation.to]), [rotation.to]);
    assert.equal(await failureOf(storeReader(instance.store), [first]), undefined);
    assert.equal(instance.keyRing.keys.nextLogSeed, undefined);
    await instance.close();
    // 3. The row names the next key alone, and the former one’s file is still there.
    const keep = readFileSync(join(dir, 'keys', 'log.key'));
    instance = await open();
    const later = await instance.logRotation.begin(HOUR);
    const nextFile = readFileSync(join(dir, 'keys', 'log-next.key'));
    now += HOUR;
    await instance.logRotation.settle();
    await instance.close();
    writeFileSync(join(dir, 'keys', 'log.key'), keep, { mode: 0o600 });
    writeFileSync(join(dir, 'keys', 'log-next.key'), nextFile, { mode: 0o600 });
    instance = await open();
    assert.deepEqual(signers(instance.engine.checkpoint(), [later.from, later.to]), [later.to]);
    assert.equal(instance.keyRing.keys.nextLogSeed, undefined);
    assert.equal(await failureOf(storeReader(instance.store), [first]), undefined);
    await instance.close();
  });

  it('does not disturb who cosigns: a witness signs the body, whoever signed it before', async () => {
    const instance = await open();
    const { from, to } = await instance.logRotation.begin(HOUR);
    const note = instance.engine.checkpoint().toString('utf8');
    const witness = cosigner('witness.example/w', generateSeed());
    const text = note.slice(0, note.indexOf('\n\n') + 1);
    const cosigned = Buffer.from(`${note}${witness.cosign(text, 1_795_000_000)}\n`);
    assert.deepEqual(signers(cosigned, [from]), [from]);
    assert.deepEqual(signers(cosigned, [to]), [to]);
    await instance.close();
  });
});
