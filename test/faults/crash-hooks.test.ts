import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observation, Patient } from 'fhir/r4.js';
import { Random } from '../../demo/random.js';
import { audit, assertKeptOnce } from '../support/audit.js';
import { startUp } from '../support/firebreak-process.js';
import { HookPoster } from '../support/hook-poster.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import { observationOf, patientOf } from '../support/ward-data.js';

const IS_LONG = process.env['FIREBREAK_TEST_LONG'] === '1';
const KILLS = IS_LONG ? 150 : 20;
const PATIENTS = 24;
/** Of these the consent comes over HTTP while hooks arrive, so that kills hit releases too. */
const LATE = 12;
/** After the server listens, ms. */
const KILL_MS = [20, 700] as const;
const SOURCE = 'ward';
/** Share of the observations that are corrected, and of those that are deleted, once acknowledged. */
const AMENDED = 0.15;
const DELETED = 0.05;

const folder = temporaryFolder();
after(() => removeFolder(folder));

test(`hooks into a server killed ${KILLS} times: what was acknowledged is stored once`, async () => {
  const first = await openTestInstance(folder);
  const { secret } = await addImportSource(first.instance, SOURCE);
  const patients = Array.from({ length: PATIENTS }, (_, i) => `p${i}`);
  const services = servicesOf(first.instance);
  const wallets = await Promise.all(
    patients.map((patient) => enrolWallet(services, SOURCE, patient)),
  );
  for (const wallet of wallets.slice(LATE)) await services.submit(signedBundle(wallet, consentFor(wallet)));
  await first.close();
  const consents = wallets.slice(0, LATE).map((wallet) => signedBundle(wallet, consentFor(wallet)));

  const random = new Random(47, 'hooks');
  const poster = new HookPoster(SOURCE, secret, nextHooks(patients, random));
  let signed = 0;
  for (let round = 0; round < KILLS; round++) {
    const up = await startUp(folder, '--log-level', 'error');
    try {
      const killed = sleep(random.integer(...KILL_MS)).then(() => up.kill());
      // A consent whose answer is lost in the crash is handed in again, the same bytes.
      const consent = consents[signed];
      if (consent !== undefined && (await submit(up.address, consent))) signed += 1;
      await poster.run(up.address, () => up.isRunning);
      await killed;
    } finally {
      await up.dispose();
    }
  }
  const up = await startUp(folder, '--log-level', 'error');
  try {
    for (const consent of consents.slice(signed)) assert.ok(await submit(up.address, consent));
    await poster.finish(up.address);
    assert.ok(poster.lostAnswers > 0, 'some answers were lost in a crash');
  } finally {
    up.child.kill('SIGTERM');
    assert.deepEqual(await up.ended, { code: 0, signal: null }, up.stderr);
  }

  const reopened = await openTestInstance(folder);
  try {
    const { versions, counts, waiting, deadLetters } = await audit(reopened.instance);
    assert.ok(poster.acknowledged.size > KILLS * 20, `${poster.acknowledged.size} versions were acknowledged`);
    assertKeptOnce(versions, poster.acknowledged);
    assert.equal(counts['record.stored'], poster.acknowledged.size);
    assert.equal(counts['record.deleted'], poster.deleted.size);
    assert.deepEqual({ waiting, deadLetters }, { waiting: { events: 0, patients: 0 }, deadLetters: 0 });
  } finally {
    await reopened.close();
  }
});

type Step = Observation | Patient | { readonly deleted: string };

/** For each slot the steps that follow one another; a step begins when the one before was acknowledged. */
function* nextHooks(patients: readonly string[], random: Random): Generator<readonly Step[], void, undefined> {
  for (const patient of patients) yield [patientOf(patient)];
  for (let i = 0; ; i++) {
    const patient = patients[random.integer(0, patients.length - 1)] ?? '';
    const steps: Step[] = [observationOf(`o${i}`, patient)];
    if (random.chance(AMENDED)) steps.push(observationOf(`o${i}`, patient, '2', 38.1));
    if (random.chance(DELETED)) steps.push({ deleted: `Observation/o${i}` });
    yield steps;
  }
}

async function submit(address: string, bundle: Buffer): Promise<boolean> {
  try {
    const response = await fetch(`${address}/fhir`, {
      method: 'POST',
      headers: { 'content-type': 'application/fhir+json' },
      body: new Uint8Array(bundle),
    });
    await response.arrayBuffer();
    assert.ok([200, 201].includes(response.status), `the consent was answered ${response.status}`);
    return true;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return false;
  }
}

