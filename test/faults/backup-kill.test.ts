/** Backups and restores killed at random instants: the target is absent or whole, and the source unharmed. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import { readIdentities, restore } from '../../adapter/services/backup/index.js';
import type { Identity } from '../../adapter/services/backup/index.js';
import { Random } from '../../demo/random.js';
import { restoring } from '../adapter/support/backup-bench.js';
import { FirebreakProcess, runFirebreak, startUp } from '../support/firebreak-process.js';
import { audit, assertKeptOnce } from '../support/audit.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import { ndjson, observationOf, patientOf, versionName } from '../support/ward-data.js';

const KILLS = process.env['FIREBREAK_TEST_LONG'] === '1' ? 60 : 10;
const RESOURCES = 400;
/** Makes a backup take long enough to be cut off: written once, read in parts. */
const BLOB_BYTES = 24 * 1024 * 1024;
/** A process needs this long to begin, ms. */
const BEGUN_MS = 350;

let folder: string;
let data: string;
let keyFile: string;
let identity: Identity;
const expected = new Set<string>();

before(async () => {
  folder = temporaryFolder();
  data = join(folder, 'data');
  const opened = await openTestInstance(data);
  const { instance } = opened;
  await addImportSource(instance, 'ward');
  const services = servicesOf(instance);
  const patients = ['p0', 'p1', 'p2', 'p3'];
  for (const patient of patients) {
    const wallet = await enrolWallet(services, 'ward', patient);
    await services.submit(signedBundle(wallet, consentFor(wallet)));
  }
  await opened.close();
  const resources = [
    ...patients.map((id) => patientOf(id)),
    ...Array.from({ length: RESOURCES }, (_, i) =>
      observationOf(`o${i}`, patients[i % patients.length] ?? ''),
    ),
  ];
  for (const resource of resources) expected.add(versionName(resource));
  writeFileSync(join(folder, 'ward.ndjson'), ndjson(resources));
  const imported = await runFirebreak(
    '--data',
    data,
    'import',
    '--source',
    'ward',
    join(folder, 'ward.ndjson'),
  );
  assert.equal(imported.code, 0, imported.stderr);
  mkdirSync(join(data, 'blobs'), { recursive: true });
  writeFileSync(join(data, 'blobs', 'large'), randomBytes(BLOB_BYTES));
  keyFile = join(folder, 'period.agekey');
  const made = await runFirebreak('--data', data, 'backup', 'keys', 'new', '--out', keyFile);
  assert.equal(made.code, 0, made.stderr);
  const [first] = await readIdentities(keyFile);
  assert.ok(first !== undefined);
  identity = first;
});

after(() => removeFolder(folder));

async function checkRestored(file: string): Promise<void> {
  const dataDir = join(folder, 'checked');
  const restored = await restore(restoring(file, identity, dataDir));
  assert.equal(restored.outcome, 'live');
  rmSync(dataDir, { recursive: true });
}

/** Starts a command and kills it at a random instant of its time. @returns Whether it was cut off. */
async function killed(args: readonly string[], withinMs: number, random: Random): Promise<boolean> {
  const child = new FirebreakProcess(args);
  await Promise.race([sleep(random.integer(BEGUN_MS, withinMs)), child.ended]);
  const { isRunning } = child;
  if (isRunning) await child.kill();
  return isRunning;
}

test(`a backup killed ${KILLS} times: no file or a whole one, of a folder and of a running instance`, async () => {
  const random = new Random(47, 'backups');
  const started = performance.now();
  const whole = await runFirebreak('--data', data, 'backup', join(folder, 'whole.age'));
  const withinMs = Math.ceil(performance.now() - started);
  assert.equal(whole.code, 0, whole.stderr);
  let cutOff = 0;
  for (let round = 0; round < KILLS; round++) {
    const target = join(folder, `killed-${round}.age`);
    if (await killed(['--data', data, 'backup', target], withinMs, random)) cutOff += 1;
    if (existsSync(target)) await checkRestored(target);
  }
  assert.ok(cutOff >= KILLS / 2, `${cutOff} of ${KILLS} were cut off at work`);

  // The client's end stops the instance's work, and the instance goes on.
  const up = await startUp(data);
  try {
    for (let round = 0; round < KILLS / 2; round++) {
      const target = join(folder, `hot-${round}.age`);
      await killed(['--data', data, 'backup', target], withinMs, random);
      await sleep(300);
      if (existsSync(target)) await checkRestored(target);
    }
    const last = join(folder, 'after.age');
    const made = await runFirebreak('--data', data, 'backup', last);
    assert.equal(made.code, 0, made.stderr);
    await checkRestored(last);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('.hot')),
      [],
    );
    // The instance itself dies in the middle of one.
    const dying = join(folder, 'dying.age');
    const child = new FirebreakProcess(['--data', data, 'backup', dying]);
    await sleep(BEGUN_MS + 200);
    await up.kill();
    await child.ended;
    if (existsSync(dying)) await checkRestored(dying);
  } finally {
    await up.dispose();
  }
  const opened = await openTestInstance(data);
  const { instance } = opened;
  try {
    assertKeptOnce((await audit(instance)).versions, expected);
  } finally {
    await opened.close();
  }
});

test(`a restore killed ${KILLS} times: no folder, or one that waits, or a whole one`, async () => {
  const random = new Random(53, 'restores');
  const file = join(folder, 'whole.age');
  const args = ['restore', file, '--identity', keyFile, '--nothing-published-since'];
  const started = performance.now();
  const whole = await runFirebreak('--data', join(folder, 'live'), ...args);
  const withinMs = Math.ceil(performance.now() - started);
  assert.equal(whole.code, 0, whole.stderr);
  let cutOff = 0;
  for (let round = 0; round < KILLS; round++) {
    const place = join(folder, 'place');
    if (await killed(['--data', place, ...args], withinMs, random)) cutOff += 1;
    if (existsSync(join(place, 'restore-unsettled.json'))) {
      await assert.rejects(openTestInstance(place), { code: 'ADAPTER_UNSETTLED' });
      const settled = await runFirebreak('--data', place, 'restore', '--nothing-published-since');
      assert.equal(settled.code, 0, settled.stderr);
    } else if (!existsSync(place)) {
      // What was left beside it is in nobody's way.
      const again = await runFirebreak('--data', place, ...args);
      assert.equal(again.code, 0, again.stderr);
    }
    const opened = await openTestInstance(place);
    const { instance } = opened;
    try {
      assertKeptOnce((await audit(instance)).versions, expected);
    } finally {
      await opened.close();
    }
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.restoring')),
      [],
    );
    rmSync(place, { recursive: true });
  }
  assert.ok(cutOff >= KILLS / 2, `${cutOff} of ${KILLS} were cut off at work`);
});
