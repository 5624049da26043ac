import assert from 'node:assert/strict';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../demo/random.js';
import type { Instance } from '../../adapter/instance/instance.js';
import { drain } from '../../adapter/services/drain.js';
import { logEntries } from '../support/audit.js';
import { FirebreakProcess, runFirebreak } from '../support/firebreak-process.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import { ndjson, observationOf } from '../support/ward-data.js';
import { storeReader, verifyLog } from '../../ledger/verify/index.js';
import { findSecrets, secretsOf } from '../security/disk-scan.js';
import type { Secret } from '../security/disk-scan.js';

const KILLS = process.env['FIREBREAK_TEST_LONG'] === '1' ? 60 : 5;
/** More than one batch takes, so that kills fall between batches too. */
const RECORDS = 2300;
/** Of the time that a whole erasure takes here and now, opening included: its first batch lies somewhere in the middle. */
const KILL_SHARE = [0.25, 1] as const;
const DUTY = ['--ground', 'legal-obligation', '--by', 'clerk', '--reason', 'order', '--yes'];

const folder = temporaryFolder();
after(() => removeFolder(folder));

test(`an erasure killed ${KILLS} times is none, or is finished at the next start`, async (context) => {
  const dataDir = join(folder, 'data');
  const file = join(folder, 'in.ndjson');
  const first = await openTestInstance(dataDir);
  await addImportSource(first.instance);
  for (let i = 0; i <= KILLS; i++) {
    const wallet = await enrolWallet(servicesOf(first.instance), 'ward', `p${i}`);
    await first.instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
  }
  await first.close();
  const random = new Random(7, 'erasure kills');
  let begun = 0;
  let wholeMs = Number.POSITIVE_INFINITY;
  // The first is let to its end, which says how long one takes.
  for (let round = 0; round <= KILLS; round++) {
    const id = `p${round}`;
    writeFileSync(file, ndjson(Array.from({ length: RECORDS }, (_, i) => observationOf(`${id}-${i}`, id))));
    const imported = await runFirebreak('--data', dataDir, 'import', '--source', 'ward', file);
    assert.equal(imported.code, 0, imported.stderr);
    const before = await withInstance(dataDir, async (instance) => {
      const subject = await instance.subjects.find(instance.subjects.keyOf('ward', id));
      assert.ok(subject !== undefined);
      const secrets = await secretsOf(instance, subject);
      return { key: subject.key, secrets: [...secrets.slice(0, 9), ...secrets.slice(-8)] };
    });
    const child = new FirebreakProcess(['--data', dataDir, 'erase', `Patient/${id}`, ...DUTY]);
    const startedMs = performance.now();
    if (round > 0) {
      const share = KILL_SHARE[0] + random.uniform() * (KILL_SHARE[1] - KILL_SHARE[0]);
      await Promise.race([sleep(share * wholeMs), child.ended]);
      if (child.isRunning) await child.kill();
    } else {
      assert.equal((await child.ended).code, 0, child.stderr);
      wholeMs = performance.now() - startedMs;
    }
    begun += await withInstance(dataDir, (instance) => check(instance, dataDir, before));
  }
  context.diagnostic(`${begun - 1} of ${KILLS} kills fell behind the first batch`);
  assert.ok(begun > 0, 'the first erasure came to its end');
});

/** @returns 1 when the erasure had begun before the kill: then it is finished now, to the last byte. */
async function check(
  instance: Instance,
  dataDir: string,
  { key, secrets }: { readonly key: string; readonly secrets: readonly Secret[] },
): Promise<number> {
  await instance.erasures.resume();
  await drain(instance);
  const report = await verifyLog(storeReader(instance.store));
  assert.deepEqual(
    report.checks.filter(({ ok }) => !ok),
    [],
  );
  const entries = await logEntries(storeReader(instance.store));
  const erased = entries.flatMap(({ type, body }) => (type === 'record.erased' ? [body['handle']] : []));
  assert.equal(new Set(erased).size, erased.length, 'each version once');
  const kept = await instance.store.keys({ gte: `vault/${key}/`, lt: `vault/${key}/~` }).all();
  const begun = instance.subjects.isErased(key);
  assert.equal(kept.length, begun ? 0 : RECORDS);
  const stored = entries.filter(({ type }) => type === 'record.stored').length;
  const vault = await instance.store.keys({ gte: 'vault/', lt: 'vault/~' }).all();
  assert.equal(erased.length, stored - vault.length);
  if (!begun) return 0;
  assert.deepEqual(await instance.store.keys({ gte: 'erasing/', lt: 'erasing/~' }).all(), []);
  assert.deepEqual(findSecrets(dataDir, secrets), []);
  return 1;
}

async function withInstance<T>(dataDir: string, work: (instance: Instance) => Promise<T>): Promise<T> {
  const opened = await openTestInstance(dataDir);
  try {
    return await work(opened.instance);
  } finally {
    await opened.close();
  }
}
