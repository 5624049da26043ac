import assert from 'node:assert/strict';
import { writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observation, Patient } from 'fhir/r4.js';
import { Random } from '../../demo/random.js';
import { audit, assertKeptOnce } from '../support/audit.js';
import { FirebreakProcess, runFirebreak } from '../support/firebreak-process.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import { ndjson, observationOf, patientOf, versionName } from '../support/ward-data.js';

const IS_LONG = process.env['FIREBREAK_TEST_LONG'] === '1';
const KILLS = IS_LONG ? 200 : 26;
/** New resources of each round, so that there is always something to be cut off in. */
const ROUND_RESOURCES = 500;
const PATIENTS = 20;
const CONSENTING = 12;
const REFUSING = 2;
/** A process needs this long to open the folder, ms; what it does then takes the rest. */
const KILL_MS = [300, 1150] as const;
const SOURCE = 'ward';

const folder = temporaryFolder();
after(() => removeFolder(folder));

/** Who permits from the beginning, who refuses, and who answers only at the end. */
const patients = Array.from({ length: PATIENTS }, (_, i) => `p${i}`);
const refusing = new Set(patients.slice(CONSENTING, CONSENTING + REFUSING));
const late = patients.slice(CONSENTING + REFUSING);

test(`an import killed ${KILLS} times: every event once, and nothing else`, async () => {
  const dataDir = join(folder, 'data');
  const files = join(folder, 'files');
  mkdirSync(files);
  const first = await openTestInstance(dataDir);
  await addImportSource(first.instance, SOURCE);
  const services = servicesOf(first.instance);
  const wallets = new Map(
    await Promise.all(
      patients.map(async (patient) => [patient, await enrolWallet(services, SOURCE, patient)] as const),
    ),
  );
  for (const [patient, wallet] of wallets) {
    if (late.includes(patient)) continue;
    const type = refusing.has(patient) ? 'deny' : 'permit';
    await services.submit(signedBundle(wallet, consentFor(wallet, { type })));
  }
  await first.close();

  const random = new Random(31, 'kills');
  const expected = new Set<string>();
  let cutOff = 0;
  for (let round = 0; round < KILLS; round++) {
    const resources: (Patient | Observation)[] = round === 0 ? patients.map((id) => patientOf(id)) : [];
    for (let i = 0; i < ROUND_RESOURCES; i++) {
      resources.push(observationOf(`r${round}-${i}`, patients[i % PATIENTS] ?? ''));
    }
    writeFileSync(join(files, `${String(round).padStart(3, '0')}.ndjson`), ndjson(resources));
    for (const resource of resources) if (!isRefused(resource)) expected.add(versionName(resource));
    const child = new FirebreakProcess(['--data', dataDir, 'import', '--source', SOURCE, files]);
    await Promise.race([sleep(random.integer(...KILL_MS)), child.ended]);
    if (child.isRunning) {
      cutOff += 1;
      await child.kill();
    } else {
      assert.deepEqual(await child.ended, { code: 0, signal: null }, child.stderr);
    }
  }
  assert.ok(cutOff >= 20, `${cutOff} of ${KILLS} imports were cut off at work`);

  const last = await runFirebreak('--data', dataDir, 'import', '--json', '--source', SOURCE, files);
  assert.equal(last.code, 0, last.stderr);
  const again = await runFirebreak('--data', dataDir, 'import', '--json', '--source', SOURCE, files);
  const { accepted, log } = JSON.parse(again.stdout) as { accepted: number; log: { size: number } };
  // What was refused is judged anew each time, for the patient may have changed mind; it adds nothing.
  assert.equal(accepted, refusedCount(KILLS));
  assert.equal(log.size, (JSON.parse(last.stdout) as { log: { size: number } }).log.size);

  const reopened = await openTestInstance(dataDir);
  try {
    const before = await audit(reopened.instance);
    const isLate = (name: string): boolean => late.includes(owners.get(name) ?? '');
    assertKeptOnce(
      before.versions,
      [...expected].filter((name) => !isLate(name)),
    );
    assert.equal(before.waiting.patients, late.length);
    assert.equal(before.waiting.events, [...expected].filter(isLate).length);
    assert.equal(before.deadLetters, 0);
    for (const patient of late) {
      const wallet = wallets.get(patient);
      assert.ok(wallet !== undefined);
      await servicesOf(reopened.instance).submit(signedBundle(wallet, consentFor(wallet)));
    }
    const end = await audit(reopened.instance);
    assertKeptOnce(end.versions, expected);
    assert.deepEqual(end.waiting, { events: 0, patients: 0 });
  } finally {
    await reopened.close();
  }
});

/** Patient of each version. */
const owners = new Map<string, string>();

function isRefused(resource: Patient | Observation): boolean {
  const owner =
    resource.resourceType === 'Observation'
      ? (resource.subject?.reference?.slice('Patient/'.length) ?? '')
      : (resource.id ?? '');
  owners.set(versionName(resource), owner);
  return refusing.has(owner);
}

function refusedCount(rounds: number): number {
  return REFUSING * (1 + (rounds * ROUND_RESOURCES) / PATIENTS);
}
