import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Decrypter, Encrypter } from 'age-encryption';
import { backupPeriods, beginPeriod, lastBackupPeriodEnd } from '../../../adapter/services/backup-periods.js';
import {
  backedUp,
  makeBackup,
  newIdentity,
  restore,
  settle,
} from '../../../adapter/services/backup/index.js';
import type { BackupReport, Identity, RestoreOptions } from '../../../adapter/services/backup/index.js';
import { exportPublished } from '../../../adapter/services/export-published.js';
import { storeReader, verifyLog } from '../../../ledger/verify/index.js';
import { openTestInstance } from '../../support/instance.js';
import { consenting, push } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { openBackupBench, restoring } from '../support/backup-bench.js';
import type { BackupBench } from '../support/backup-bench.js';
import { heartRate } from '../support/resources.js';

const DAY_MS = 86_400_000;

let backups: BackupBench;
let bench: Bench;
let folder: string;
let identity: Identity;
let file: string;
let report: BackupReport;
const fresh = (): string => backups.fresh();
const options = (dataDir: string, more?: Partial<RestoreOptions>): RestoreOptions =>
  restoring(file, identity, dataDir, more);

before(async () => {
  backups = await openBackupBench();
  ({ bench, folder, identity } = backups);
  await consenting(bench, 'a');
  await consenting(bench, 'b');
  await push(bench, heartRate('a1', 'a', 70), heartRate('b1', 'b', 71), heartRate('c1', 'c', 72));
  mkdirSync(join(bench.dir, 'blobs'));
  // Larger than what is read at once.
  writeFileSync(join(bench.dir, 'blobs', 'x-ray'), Buffer.alloc(700_000, 'x-ray '));
  ({ file, report } = await backups.backUp('one.age'));
});

after(() => backups.close());

describe('a backup of a running instance', () => {
  test('comes to life in another folder: records readable, log verified, and it goes on', async () => {
    const dataDir = fresh();
    const restored = await restore(options(dataDir));
    assert.equal(restored.outcome, 'live');
    assert.equal(restored.size, report.size);
    assert.equal(report.size, bench.instance.engine.head().size);
    const opened = await openTestInstance(dataDir);
    const { instance } = opened;
    try {
      assert.equal(instance.identity.origin, bench.instance.identity.origin);
      const { records, store, subjects } = instance;
      const subject = await subjects.find(subjects.keyOf('ward', 'a'));
      assert.ok(subject !== undefined);
      const kept: string[] = [];
      for await (const { card } of records.cards(store, subject)) kept.push(card.gate.id);
      assert.ok(kept.includes('a1'));
      assert.equal((await instance.inbox.waiting()).events, 1);
      const size = instance.engine.head().size;
      await instance.anchorState();
      assert.ok(instance.engine.head().size > size);
      const verified = await verifyLog(storeReader(store), {});
      assert.ok(verified.ok, JSON.stringify(verified.checks));
      assert.deepEqual(readFileSync(join(dataDir, 'blobs', 'x-ray')), Buffer.alloc(700_000, 'x-ray '));
    } finally {
      await opened.close();
    }
    assert.equal(statSync(join(dataDir, 'keys', 'log.key')).mode & 0o777, 0o600);
    assert.equal(existsSync(join(dataDir, 'restore-unsettled.json')), false);
  });

  test('shows nothing of what is in it', () => {
    const bytes = readFileSync(file);
    for (const text of ['firebreak', 'heart', bench.instance.identity.origin, 'x-ray'])
      assert.equal(bytes.includes(text), false, text);
    const key = readFileSync(join(bench.dir, 'keys', 'log.key'));
    assert.equal(bytes.includes(key.subarray(0, 32)), false);
  });

  test('is an age file that the age program opens', (t) => {
    if (spawnSync('age', ['--version']).status !== 0) return t.skip('age is not on PATH');
    const key = join(folder, 'plain.agekey');
    writeFileSync(key, `${identity.secret}\n`, { mode: 0o600 });
    const plain = execFileSync('age', ['-d', '-i', key, file], { maxBuffer: 1 << 28 });
    assert.ok(plain.subarray(0, 30).toString('latin1').startsWith('firebreak/backup/v1\n'));
    return undefined;
  });

  test('never replaces a file, and never lies in the data folder', async () => {
    const of = backedUp(bench.instance);
    for (const target of [file, join(bench.dir, 'b.age'), bench.dir])
      await assert.rejects(
        makeBackup(of, { target }, () => undefined),
        { code: 'ADAPTER_USAGE' },
      );
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.part')),
      [],
    );
  });

  test('into a folder is named after log and time', async () => {
    const dir = join(folder, 'many');
    mkdirSync(dir);
    const made = await makeBackup(backedUp(bench.instance), { target: dir }, () => undefined);
    assert.match(made.file, /many\/firebreak\.example-[0-9a-f]{16}-\d{8}T\d{9}Z\.age$/);
    assert.deepEqual(readdirSync(dir), [made.file.slice(dir.length + 1)]);
  });

  test('that is stopped leaves nothing', async () => {
    const stop = new AbortController();
    const target = join(folder, 'stopped.age');
    const making = makeBackup(
      backedUp(bench.instance),
      { target },
      () => stop.abort(new Error('stopped')),
      stop.signal,
    );
    await assert.rejects(making, { message: 'stopped' });
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.includes('stopped')),
      [],
    );
  });
});

const changed = async (name: string, change: (bytes: Buffer) => Buffer): Promise<string | undefined> => {
  const path = join(folder, `${name}.age`);
  writeFileSync(path, change(readFileSync(file)));
  const dataDir = fresh();
  let code: string | undefined;
  await restore(options(dataDir, { file: path })).catch((error: unknown) => {
    code = (error as { code?: string }).code;
  });
  assert.equal(existsSync(dataDir), false, 'something is in the place');
  assert.deepEqual(
    readdirSync(folder).filter((one) => one.endsWith('.restoring')),
    [],
  );
  return code;
};
const flipped = (at: (bytes: Buffer) => number) => (bytes: Buffer) => {
  const index = at(bytes);
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  return bytes;
};
const headerEnd = (bytes: Buffer): number => bytes.indexOf('\n', bytes.indexOf('\n---') + 1) + 1;

/** A file to the right key, of other content. */
const remade = async (change: (plain: Buffer) => Buffer): Promise<string> => {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity.secret);
  const plain = Buffer.from(await decrypter.decrypt(readFileSync(file)));
  const encrypter = new Encrypter();
  encrypter.addRecipient(identity.recipient);
  const path = `${fresh()}.age`;
  writeFileSync(path, await encrypter.encrypt(new Uint8Array(change(plain))));
  return path;
};

describe('a backup that is not whole', () => {
  const cases: readonly [string, (bytes: Buffer) => Buffer, string][] = [
    ['empty', () => Buffer.alloc(0), 'BACKUP_CUT'],
    ['cut in its first line', (bytes) => bytes.subarray(0, 10), 'BACKUP_CUT'],
    ['cut in its header', (bytes) => bytes.subarray(0, 60), 'BACKUP_CUT'],
    ['cut behind its header', (bytes) => bytes.subarray(0, headerEnd(bytes)), 'BACKUP_CUT'],
    ['cut in its nonce', (bytes) => bytes.subarray(0, headerEnd(bytes) + 8), 'BACKUP_CUT'],
    ['cut within a chunk', (bytes) => bytes.subarray(0, bytes.length >> 1), 'BACKUP_CUT'],
    ['cut between chunks', (bytes) => bytes.subarray(0, headerEnd(bytes) + 16 + 65_552 * 2), 'BACKUP_CUT'],
    ['cut by one byte', (bytes) => bytes.subarray(0, -1), 'BACKUP_CUT'],
    ['changed in its first line', flipped(() => 3), 'BACKUP_FOREIGN'],
    ['changed in its MAC', flipped((bytes) => bytes.indexOf('\n---') + 10), 'BACKUP_DAMAGED'],
    ['changed in its nonce', flipped((bytes) => headerEnd(bytes) + 3), 'BACKUP_DAMAGED'],
    ['changed in its first chunk', flipped((bytes) => headerEnd(bytes) + 1000), 'BACKUP_DAMAGED'],
    ['changed in its middle', flipped((bytes) => bytes.length >> 1), 'BACKUP_DAMAGED'],
    ['changed in its last byte', flipped((bytes) => bytes.length - 1), 'BACKUP_DAMAGED'],
    ['with a byte behind it', (bytes) => Buffer.concat([bytes, Buffer.from('x')]), 'BACKUP_TRAILING'],
    ['with a chunk behind it', (bytes) => Buffer.concat([bytes, bytes.subarray(-65_552)]), 'BACKUP_TRAILING'],
    ['something else', () => Buffer.from('PK\u0003\u0004 not age'), 'BACKUP_FOREIGN'],
  ];
  for (const [name, change, code] of cases)
    test(`${name}: ${code}`, async () => assert.equal(await changed(name, change), code));

  test('to another key: BACKUP_OTHER_KEY', async () => {
    const other = await newIdentity();
    const dataDir = fresh();
    await assert.rejects(restore(options(dataDir, { identities: [other] })), { code: 'BACKUP_OTHER_KEY' });
    assert.equal(existsSync(dataDir), false);
  });

  const inside: readonly [string, (plain: Buffer) => Buffer, string][] = [
    [
      'of another version',
      (plain) => Buffer.concat([Buffer.from('firebreak/backup/v2\n'), plain.subarray(20)]),
      'BACKUP_VERSION',
    ],
    ['of something else', () => Buffer.alloc(65_536, 'else'), 'BACKUP_FOREIGN'],
    [
      'with more behind its end',
      (plain) => Buffer.concat([plain, Buffer.alloc(65_536, 1)]),
      'BACKUP_TRAILING',
    ],
    ['with another byte in a row', flipped((plain) => plain.length >> 1), 'BACKUP_DAMAGED'],
    ['with a frame of a wrong length', flipped(() => 'firebreak/backup/v1\n'.length + 1), 'BACKUP_DAMAGED'],
    ['that ends within a frame', (plain) => plain.subarray(0, plain.length >> 1), 'BACKUP_DAMAGED'],
    [
      'with a path that leads out',
      (plain) => {
        const at = plain.indexOf('"path":"keys/log.key"');
        plain.write('"path":"../s/log.key"', at, 'latin1');
        return plain;
      },
      'BACKUP_DAMAGED',
    ],
  ];
  for (const [name, change, code] of inside)
    test(`${name}: ${code}`, async () => {
      const dataDir = fresh();
      await assert.rejects(restore(options(dataDir, { file: await remade(change) })), { code });
      assert.equal(existsSync(dataDir), false);
    });

  test('a folder that is not empty is left alone', async () => {
    const dataDir = fresh();
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'mine'), 'x');
    await assert.rejects(restore(options(dataDir)), { code: 'RESTORE_NOT_EMPTY' });
    assert.deepEqual(readdirSync(dataDir), ['mine']);
  });

  test('of another log than the one named: RESTORE_OTHER_LOG', async () => {
    const vkey = 'other.example+f8d1e2a3+AQ';
    await assert.rejects(restore(options(fresh(), { vkeys: [vkey] })), { code: 'RESTORE_OTHER_LOG' });
  });
});

describe('a restore beside a published log', () => {
  test('waits when nothing was compared, and is started by nobody', async () => {
    const dataDir = fresh();
    const waiting = await restore(options(dataDir, { nothingPublished: false }));
    assert.deepEqual([waiting.outcome, waiting.waitsFor], ['waiting', 'not-compared']);
    await assert.rejects(openTestInstance(dataDir), { code: 'ADAPTER_UNSETTLED' });
    const { file: _file, identities: _identities, ...settling } = options(dataDir);
    assert.equal((await settle(settling)).outcome, 'live');
    await (await openTestInstance(dataDir)).close();
    await assert.rejects(settle(settling), { code: 'RESTORE_NOTHING_TO_SETTLE' });
  });

  test('goes live when the published log is level or behind', async () => {
    const published = join(folder, 'published-level');
    await exportPublished(bench.instance, published);
    const restored = await restore(options(fresh(), { log: published, nothingPublished: false }));
    assert.equal(restored.outcome, 'live');
  });
});

describe('periods', () => {
  test('say until when backups may be readable', async () => {
    const { store } = bench.instance;
    const [period] = backupPeriods(store);
    assert.ok(period?.lastBackupAt !== undefined);
    assert.equal(lastBackupPeriodEnd(store), period.destroyAt);
    assert.equal(period.destroyAt - period.from, 35 * DAY_MS);
  });

  test('each has a key of its own', async () => {
    const { store } = bench.instance;
    await assert.rejects(beginPeriod(store, { recipient: identity.recipient }, Date.now()), {
      code: 'ADAPTER_USAGE',
    });
    await assert.rejects(beginPeriod(store, { recipient: 'age1' }, Date.now()), { code: 'ADAPTER_USAGE' });
  });
});
