/** A restore from a backup that is older than what was published: nothing is forked, and nothing comes back. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { beginPeriod, lastBackupPeriodEnd } from '../../../adapter/services/backup-periods.js';
import { backedUp, makeBackup, restore, settle } from '../../../adapter/services/backup/index.js';
import type { Identity, RestoreOptions, RestoreReport } from '../../../adapter/services/backup/index.js';
import { drain } from '../../../adapter/services/drain.js';
import { eraseAsAsked } from '../../../adapter/services/erasure/index.js';
import { exportPublished } from '../../../adapter/services/export-published.js';
import { LOST_RECORDS, vaultOfStore } from '../../../adapter/services/vault-rows.js';
import { serveHttp } from '../../../adapter/services/server.js';
import { tagCount } from '../../../ledger/custody/index.js';
import { tag } from '../../../ledger/vault/index.js';
import { folderReader, storeReader, verifyLog } from '../../../ledger/verify/index.js';
import type { VaultRow, VaultView } from '../../../ledger/verify/index.js';
import { openTestInstance, servicesOf } from '../../support/instance.js';
import { DUTY_END_KIND, DUTY_KIND } from '../../../adapter/services/exceptional/index.js';
import { enrolOrganisation, enrolPerson, signedBy } from '../../support/person.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';
import {
  consenting,
  deadLetters,
  failedChecks,
  hook,
  openBench,
  push,
  readLog,
  sign,
} from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { openBackupBench, restoring } from '../support/backup-bench.js';
import type { BackupBench } from '../support/backup-bench.js';
import { heartRate } from '../support/resources.js';

const DUTY = { ground: 'objection', by: 'M. Keller', reason: 'letter of 3 May', yes: true } as const;
const CARE = 'c4b1f7b2-5b0e-4a8e-9b59-7a6f0f3c1d01';
const version = (id: string, of: string, value: number, minute: number): object =>
  heartRate(id, of, value, { version: String(minute), minute });

let backups: BackupBench;
let bench: Bench;
let folder: string;
let identity: Identity;
let file: string;
let published: string;
let refuser: Wallet;
const fresh = (): string => backups.fresh();
const options = (dataDir: string, more: Partial<RestoreOptions> = {}): RestoreOptions =>
  restoring(file, identity, dataDir, { log: published, catchUp: true, nothingPublished: false, ...more });

/** The restored folder behind its own HTTP server, as `openBench` gives it. */
async function reopen(dir: string): Promise<Bench> {
  const opened = await openTestInstance(dir);
  const server = await serveHttp(opened.instance, () => undefined);
  const source = opened.instance.sources.get('ward');
  assert.ok(source !== undefined);
  return {
    dir,
    instance: opened.instance,
    source,
    url: server.address,
    caughtUp: [],
    logged: opened.logged,
    close: async () => {
      await server.close();
      await opened.close();
    },
  };
}

const count = async (of: Bench, type: string): Promise<number> =>
  (await readLog(of.instance)).filter((entry) => entry.type === type).length;

before(async () => {
  backups = await openBackupBench();
  ({ bench, folder, identity } = backups);
  const { instance } = bench;
  await consenting(bench, 'a');
  const yesterday = new Date(Date.now() - 60_000).toISOString();
  const withdrawer = await consenting(bench, 'w', { identifier: CARE, dateTime: yesterday });
  refuser = await consenting(bench, 's', { dateTime: yesterday });
  await consenting(bench, 'e');
  await consenting(bench, 'f');
  for (const id of ['a1', 'a3', 'a4', 'a6']) await push(bench, version(id, 'a', 70, 1));
  for (const id of ['w', 's', 'e', 'f'])
    await push(bench, version(`${id}1`, id, 71, 1), version(`${id}2`, id, 72, 1));
  const ministry = await enrolOrganisation(instance, 'Ministry of Health', 'authority');
  const staff = await enrolPerson(instance, 'staff');
  const said = { log: instance.identity.origin, signer: staff.id, at: new Date().toISOString() };
  const { duties } = instance.exceptional;
  const document = {
    ...said,
    kind: DUTY_KIND,
    source: 'ward',
    basis: 'https://law.example|1',
    recipient: ministry.id,
    purpose: 'PUBHLTH',
    types: ['Observation'],
    codes: ['http://loinc.org|8867-4'],
    start: said.at,
    end: new Date(Date.now() + 86_400_000).toISOString(),
  } as const;
  const { id: ended } = await duties.add(signedBy(staff, document));
  await duties.add(signedBy(staff, { ...document, basis: 'https://law.example|2' }));
  ({ file } = await backups.backUp('old.age'));
  await duties.end(signedBy(staff, { ...said, kind: DUTY_END_KIND, duty: ended }));

  await push(bench, version('a1', 'a', 80, 2), version('a6', 'a', 80, 2));
  await push(bench, version('a1', 'a', 81, 3), version('a2', 'a', 82, 2));
  await hook(bench, '/Observation/a3', { method: 'DELETE' });
  await push(bench, version('a5', 'a', 83, 2));
  await instance.consents.submit(
    signedBundle(withdrawer, consentFor(withdrawer, { identifier: CARE, status: 'inactive' })),
  );
  await sign(bench, refuser, { type: 'deny', purpose: 'HRESCH' });
  await eraseAsAsked(instance, { name: 'Observation/e1', ...DUTY });
  await eraseAsAsked(instance, { name: 'Patient/f', ...DUTY });
  await consenting(bench, 'n');
  await push(bench, version('n1', 'n', 84, 2));
  published = await backups.publish();
});

after(() => backups.close());

describe('a published log that is ahead', () => {
  test('keeps the restored folder waiting, and says how far it is', async () => {
    const dataDir = fresh();
    const waiting = await restore(options(dataDir, { catchUp: false, nothingPublished: true }));
    const { size } = bench.instance.engine.head();
    assert.deepEqual([waiting.outcome, waiting.waitsFor, waiting.published], ['waiting', 'ahead', size]);
    await assert.rejects(openTestInstance(dataDir), { code: 'ADAPTER_UNSETTLED' });
    const { file: _f, identities: _i, ...settling } = options(dataDir);
    assert.equal((await settle(settling)).outcome, 'live');
  });

  describe('is caught up with', () => {
    let dataDir: string;
    let report: RestoreReport;
    let again: Bench;
    before(async () => {
      dataDir = fresh();
      report = await restore(options(dataDir));
      again = await reopen(dataDir);
    });
    after(() => again.close());

    test('entry by entry: the log is the published one, and verifies with its checkpoint as its beginning', async () => {
      assert.equal(report.outcome, 'live');
      const [ours, theirs] = [again.instance, bench.instance].map(({ engine }) => engine.head());
      assert.ok((ours?.size ?? 0) >= (theirs?.size ?? 0));
      const then = (await readLog(bench.instance)).map((entry) => JSON.stringify(entry));
      const now = (await readLog(again.instance)).map((entry) => JSON.stringify(entry));
      assert.deepEqual(now.slice(0, then.length), then);
      assert.deepEqual(await failedChecks(again.instance), []);
      assert.deepEqual(existsSync(join(dataDir, '.catch-up')), false);
      const totals = { ...again.instance.totals() };
      assert.equal(totals['record.stored'], await count(again, 'record.stored'));
    });

    test('a duty by law that was ended since is not in force again', async () => {
      const { subjects, consents } = again.instance;
      const subject = await subjects.find(subjects.keyOf('ward', 'a'));
      assert.ok(subject !== undefined);
      const { policies } = await consents.policies(subject);
      assert.equal(policies.filter(({ kind }) => kind === 'legal-basis').length, 1);
    });

    test('says what came of it', () => {
      assert.deepEqual(report.consequences, {
        recordsLost: 6,
        resourcesChanged: 3,
        consentsWithdrawn: 1,
        patientsToSignAgain: 1,
        recordsErased: 3,
        patientsErased: 1,
        clientsRevoked: 0,
      });
    });

    test('what is delivered again follows the versions that were lost, and uses no tag twice', async () => {
      const stored = await count(again, 'record.stored');
      await push(again, version('a1', 'a', 81, 3), version('a2', 'a', 82, 2), version('a5', 'a', 83, 2));
      await push(again, version('a4', 'a', 85, 4));
      assert.equal(await count(again, 'record.stored'), stored + 4);
      // Of a1 the lost third version is superseded, of a4 the kept one.
      const ended = (await readLog(again.instance)).filter(({ type }) => type === 'record.superseded');
      assert.equal(ended.length, 3 + 2);
      assert.deepEqual(await failedChecks(again.instance), []);
      const { store, subjects } = again.instance;
      const log = await readLog(again.instance);
      const seen = log.flatMap(({ tags }) => tags);
      assert.equal(new Set(seen).size, seen.length);
      const subject = await subjects.find(subjects.keyOf('ward', 'a'));
      assert.ok(subject !== undefined);
      const used = tagCount({ get: (key) => store.getSync(key) }, subject.key);
      assert.ok(seen.includes(tag(subject.tagKey, used - 1)) && !seen.includes(tag(subject.tagKey, used)));
    });

    test('a deletion of a resource whose current version is lost is logged as any', async () => {
      const log = await readLog(again.instance);
      const successors = log.filter(({ type }) => type === 'record.superseded').map(({ body }) => body['by']);
      const response = await hook(again, '/Observation/a6', { method: 'DELETE' });
      assert.ok(response.status < 300);
      await drain(again.instance);
      const [deleted, ...more] = (await readLog(again.instance))
        .slice(log.length)
        .filter(({ type }) => type === 'record.deleted');
      assert.deepEqual(more, []);
      assert.ok(successors.includes(deleted?.body['handle']), 'the lost version is the one that ends');
      assert.deepEqual(await failedChecks(again.instance), []);
    });

    test('a consent that was withdrawn since permits nothing', async () => {
      const stored = await count(again, 'record.stored');
      await push(again, version('w3', 'w', 90, 4));
      assert.equal(await count(again, 'record.stored'), stored);
      const { consents, subjects } = again.instance;
      const subject = await subjects.find(subjects.keyOf('ward', 'w'));
      assert.ok(subject !== undefined);
      const { policies } = await consents.policies(subject);
      const own = policies.filter(({ layer }) => layer === 'patient');
      assert.deepEqual(
        own.map(({ withdrawnAtLeaf }) => withdrawnAtLeaf !== undefined),
        [true],
      );
      assert.deepEqual(await deadLetters(again.instance), []);
    });

    test('who signed something since that is lost permits nothing before signing again', async () => {
      const stored = await count(again, 'record.stored');
      await push(again, version('s3', 's', 90, 4));
      assert.equal(await count(again, 'record.stored'), stored);
      await sign(again, refuser);
      await push(again, version('s4', 's', 91, 5));
      assert.ok((await count(again, 'record.stored')) > stored);
      assert.deepEqual(await failedChecks(again.instance), []);
    });

    test('what was erased since is not there, and does not come in again', async () => {
      const { store, records, subjects } = again.instance;
      const keys = await store.keys({ gte: 'vault/', lt: 'vault/~' }).all();
      const erased = (await readLog(bench.instance)).filter(({ type }) => type === 'record.erased');
      assert.equal(erased.length, 3);
      for (const { body } of erased)
        assert.ok(!keys.some((key) => key.endsWith(`/${String(body['handle'])}`)));
      const stored = await count(again, 'record.stored');
      await push(again, version('e1', 'e', 71, 1), version('e1', 'e', 75, 5));
      await push(again, version('f3', 'f', 75, 5));
      assert.equal(await count(again, 'record.stored'), stored);
      assert.ok(subjects.isErased(subjects.keyOf('ward', 'f')));
      const view = { get: (key: string) => store.getSync(key) };
      assert.ok(records.isBarred(view, records.resourceKey('ward', 'Observation', 'e1')));
    });

    test('a patient who enrolled since enrols again', async () => {
      const wallet = await enrolWallet(servicesOf(again.instance), 'ward', 'n');
      await sign(again, wallet);
      const stored = await count(again, 'record.stored');
      await push(again, version('n1', 'n', 84, 2));
      assert.equal(await count(again, 'record.stored'), stored + 1);
      assert.deepEqual(await failedChecks(again.instance), []);
    });

    test('lost records are marked, and the periods of backups count as used', async () => {
      const { store } = again.instance;
      const lost = await store.keys({ gte: LOST_RECORDS, lt: `${LOST_RECORDS}~` }).all();
      assert.equal(lost.length, 6);
      assert.ok(lastBackupPeriodEnd(store) !== undefined);
    });

    test('verify says of each lost record that it is lost, and hides nothing else behind that', async () => {
      const { store } = again.instance;
      const openings = async (vault: VaultView): Promise<string | undefined> => {
        const { checks } = await verifyLog(storeReader(store), { vault });
        return checks.find(({ name }) => name === 'openings')?.failure?.code;
      };
      assert.equal(await openings(await vaultOfStore(store)), 'opening-lost');
      const { size, rows, lost = new Set<string>() } = await vaultOfStore(store);
      const kept: VaultRow[] = [];
      for await (const row of rows) kept.push(row);
      assert.equal(await openings({ size, rows: kept.slice(1), lost }), 'opening-missing');
    });

    test('a backup of what was restored is a backup as any', async () => {
      const second = join(folder, 'second.age');
      const made = await makeBackup(backedUp(again.instance), { target: second }, () => undefined);
      const restored = await restore(
        options(fresh(), { file: second, log: published, nothingPublished: false, catchUp: false }),
      );
      assert.deepEqual([restored.outcome, restored.size], ['live', made.size]);
    });

    test('the published log is a prefix of what it publishes now', async () => {
      const next = join(folder, 'published-next');
      cpSync(published, next, { recursive: true });
      await exportPublished(again.instance, next);
      const note = readFileSync(join(published, 'checkpoint'));
      const grown = await verifyLog(folderReader(next), { since: note });
      assert.ok(grown.ok, JSON.stringify(grown.checks));
    });
  });

  test('nothing of what was erased lies in the restored folder', async () => {
    const { store, subjects } = bench.instance;
    const dataDir = fresh();
    await restore(options(dataDir));
    assert.ok(subjects.isErased(subjects.keyOf('ward', 'f')));
    const needles: Buffer[] = [];
    // Rows of the erased versions as the backup has them: from a restore that does not know of the erasures.
    const older = fresh();
    await restore(options(older, { log: await olderLog(), catchUp: false }));
    const { openStore } = await import('../../../adapter/instance/store.js');
    const old = await openStore(older);
    for (const { type, body } of await readLog(bench.instance)) {
      if (type !== 'record.erased') continue;
      for await (const [key, value] of old.iterator({ gte: 'vault/', lt: 'vault/~' }))
        if (key.endsWith(`/${String(body['handle'])}`))
          needles.push(value.subarray(20, 36), value.subarray(-24));
    }
    await old.close();
    assert.ok(needles.length >= 6 && store.getSync('log/head') !== undefined);
    for (const name of readdirSync(join(dataDir, 'store'))) {
      const bytes = readFileSync(join(dataDir, 'store', name));
      for (const needle of needles) assert.equal(bytes.includes(needle), false, name);
    }
  });
});

/** The log as it was published when the backup was made. */
async function olderLog(): Promise<string> {
  const dataDir = fresh();
  await restore(options(dataDir, { log: undefined, nothingPublished: true } as never));
  const opened = await openTestInstance(dataDir);
  const dir = fresh();
  await exportPublished(opened.instance, dir);
  await opened.close();
  return dir;
}

test('what fails between taking the entries and knowing what follows is done when it is settled again', async () => {
  const dataDir = fresh();
  const { file: _f, identities: _i, ...settling } = options(dataDir);
  let asked = 0;
  // The clock is asked before the published log is verified, and again when the consequences are written.
  const failing = (): number => {
    asked += 1;
    if (asked > 2) throw new Error('the clock stopped');
    return Date.now();
  };
  await assert.rejects(restore(options(dataDir, { nowMs: failing })), { message: 'the clock stopped' });
  await assert.rejects(openTestInstance(dataDir), { code: 'ADAPTER_UNSETTLED' });
  const settled = await settle(settling);
  assert.equal(settled.outcome, 'live');
  assert.deepEqual([settled.consequences?.recordsLost, settled.consequences?.recordsErased], [6, 3]);
});

describe('a published log that is refused', () => {
  test('another history: fork, and nothing is taken from it', async () => {
    const fork = fresh();
    await restore(options(fork, { log: undefined, nothingPublished: true } as never));
    const forked = await reopen(fork);
    for (let i = 0; i < 3; i++) await push(forked, version(`x${i}`, 'a', 70, 1));
    const dir = join(folder, 'fork');
    await exportPublished(forked.instance, dir);
    await forked.close();
    // A backup of the true log, taken later than the fork's beginning.
    const later = join(folder, 'later.age');
    await makeBackup(backedUp(bench.instance), { target: later }, () => undefined);
    const dataDir = fresh();
    const waiting = await restore(options(dataDir, { file: later, log: dir }));
    assert.deepEqual([waiting.outcome, waiting.waitsFor], ['waiting', 'fork']);
    await assert.rejects(openTestInstance(dataDir), { code: 'ADAPTER_UNSETTLED' });
  });

  test('another log: RESTORE_OTHER_LOG', async () => {
    const other = await openBench();
    const dir = join(folder, 'other');
    await exportPublished(other.instance, dir);
    await other.close();
    await assert.rejects(restore(options(fresh(), { log: dir })), { code: 'RESTORE_OTHER_LOG' });
  });

  test('a log whose key was rotated since: RESTORE_KEY_ENDED; a backup made within the overlap comes back', async () => {
    const rotating = await openBench();
    const { instance } = rotating;
    await beginPeriod(instance.store, { recipient: identity.recipient }, Date.now());
    const backup = async (name: string): Promise<string> => {
      const target = join(folder, name);
      await makeBackup(backedUp(instance), { target }, () => undefined);
      return target;
    };
    const older = await backup('before-rotation.age');
    await instance.logRotation.begin(3000);
    const within = await backup('within-rotation.age');
    const dir = join(folder, 'rotating');
    await exportPublished(instance, dir);
    const ended = { code: 'RESTORE_KEY_ENDED' };
    await assert.rejects(restore(options(fresh(), { file: older, log: dir })), ended);
    const dataDir = fresh();
    const back = await restore(options(dataDir, { file: within, log: dir }));
    assert.equal(back.outcome, 'live');
    const reopened = await openTestInstance(dataDir);
    assert.ok(reopened.instance.logRotation.underWay !== undefined);
    assert.ok(reopened.instance.keyRing.keys.nextLogSeed !== undefined);
    await reopened.close();
    while (instance.logRotation.underWay !== undefined) {
      await sleep(200);
      await instance.logRotation.settle();
    }
    await exportPublished(instance, dir);
    await rotating.close();
    await assert.rejects(restore(options(fresh(), { file: older, log: dir })), ended);
  });

  test('no log: RESTORE_PUBLISHED_LOG', async () => {
    await assert.rejects(restore(options(fresh(), { log: folder })), { code: 'RESTORE_PUBLISHED_LOG' });
  });

  test('damaged entries: RESTORE_PUBLISHED_LOG; the folder waits, and settles with the whole log', async () => {
    const dir = join(folder, 'damaged');
    cpSync(published, dir, { recursive: true });
    const [name = ''] = readdirSync(join(dir, 'tile', 'entries', '000.p'));
    const path = join(dir, 'tile', 'entries', '000.p', name);
    const bytes = readFileSync(path);
    bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const dataDir = fresh();
    await assert.rejects(restore(options(dataDir, { log: dir })), { code: 'RESTORE_PUBLISHED_LOG' });
    await assert.rejects(openTestInstance(dataDir), { code: 'ADAPTER_UNSETTLED' });
    const { file: _f, identities: _i, ...settling } = options(dataDir);
    assert.equal((await settle(settling)).outcome, 'live');
    const opened = await openTestInstance(dataDir);
    const report = await verifyLog(storeReader(opened.instance.store));
    await opened.close();
    assert.ok(report.ok);
  });
});
