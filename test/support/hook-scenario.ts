/** A ward under load: hooks of many patients, some of whom sign only while the hooks arrive. */
import assert from 'node:assert/strict';
import { Random } from '../../demo/random.js';
import { assertKeptOnce, audit } from './audit.js';
import { HookPoster } from './hook-poster.js';
import type { HookStep } from './hook-poster.js';
import { addImportSource, openTestInstance, servicesOf } from './instance.js';
import { consentFor, enrolWallet, signedBundle } from './wallet.js';
import { observationOf, patientOf } from './ward-data.js';

const SOURCE = 'ward';
const PATIENTS = 24;
/** Of these the consent comes over HTTP, in mid-load. */
const LATE = 12;
/** Shares of the observations that are corrected, and that are deleted, once acknowledged. */
const AMENDED = 0.15;
const DELETED = 0.05;

export interface HookScenario {
  readonly poster: HookPoster;
  /** Hands in the next consent; its answer may be lost, then the same bytes go again. False when none is left. */
  readonly signNext: (address: string) => Promise<boolean>;
  /** All that is still to be said. */
  readonly finish: (address: string) => Promise<void>;
  /** Opens the folder and checks that what was acknowledged is kept once, and nothing else. */
  readonly check: () => Promise<void>;
}

/** Makes an instance in a folder, with patients, wallets and the consents of those who signed in time. */
export async function openHookScenario(folder: string, seed: number): Promise<HookScenario> {
  const first = await openTestInstance(folder);
  const { secret } = await addImportSource(first.instance, SOURCE);
  const patients = Array.from({ length: PATIENTS }, (_, i) => `p${i}`);
  const services = servicesOf(first.instance);
  const wallets = await Promise.all(patients.map((patient) => enrolWallet(services, SOURCE, patient)));
  for (const wallet of wallets.slice(LATE)) await services.submit(signedBundle(wallet, consentFor(wallet)));
  const consents = wallets.slice(0, LATE).map((wallet) => signedBundle(wallet, consentFor(wallet)));
  await first.close();

  const poster = new HookPoster(SOURCE, secret, stepsOf(patients, new Random(seed, 'hooks')));
  const signNext = async (address: string): Promise<boolean> => {
    const [consent] = consents;
    if (consent === undefined) return false;
    if (await submit(address, consent)) consents.shift();
    return true;
  };
  return {
    poster,
    signNext,
    finish: async (address) => {
      while (await signNext(address));
      await poster.finish(address);
    },
    check: () => check(folder, poster),
  };
}

/** What follows one another in each lane. */
function* stepsOf(
  patients: readonly string[],
  random: Random,
): Generator<readonly HookStep[], void, undefined> {
  for (const patient of patients) yield [patientOf(patient)];
  for (let i = 0; ; i++) {
    const patient = patients[random.integer(0, patients.length - 1)] ?? '';
    const steps: HookStep[] = [observationOf(`o${i}`, patient)];
    if (random.chance(AMENDED)) steps.push(observationOf(`o${i}`, patient, '2', 38.1));
    if (random.chance(DELETED)) steps.push({ deleted: `Observation/o${i}` });
    yield steps;
  }
}

/** @returns Whether there was a good answer. */
async function submit(address: string, bundle: Buffer): Promise<boolean> {
  let status: number;
  try {
    const response = await fetch(`${address}/fhir`, {
      method: 'POST',
      headers: { 'content-type': 'application/fhir+json' },
      body: new Uint8Array(bundle),
    });
    await response.arrayBuffer();
    status = response.status;
  } catch {
    return false;
  }
  assert.ok([200, 201, 503].includes(status), `the consent was answered ${status}`);
  return status !== 503;
}

async function check(folder: string, poster: HookPoster): Promise<void> {
  const reopened = await openTestInstance(folder);
  try {
    const { records, store } = reopened.instance;
    const { versions, counts, waiting, deadLetters } = await audit(reopened.instance);
    assertKeptOnce(versions, poster.acknowledged);
    assert.equal(counts['record.stored'], poster.acknowledged.size);
    // A version that waited while its resource was deleted is stored and ended too, so there may be more ends.
    assert.ok((counts['record.deleted'] ?? 0) >= poster.deleted.size);
    for (const name of new Set([...poster.acknowledged].map((version) => version.split('@')[0] ?? ''))) {
      const [type = '', id = ''] = name.split('/');
      const state = records.state(
        { get: (key) => store.getSync(key) },
        records.resourceKey(SOURCE, type, id),
      );
      assert.equal(state?.status, poster.deleted.has(name) ? 'deleted' : 'current', name);
    }
    assert.deepEqual({ waiting, deadLetters }, { waiting: { events: 0, patients: 0 }, deadLetters: 0 });
  } finally {
    await reopened.close();
  }
}
