/** Attacks on consent, by number of the catalogue of attacks; each over HTTP, on a real instance. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Consent } from 'fhir/r4.js';
import {
  ask,
  consenting,
  failedChecks,
  logSize,
  openBench,
  push,
  refusalOf,
} from '../adapter/support/bench.js';
import type { Answer, Bench } from '../adapter/support/bench.js';
import { facadeIdOf, readerOf } from '../adapter/support/facade.js';
import type { Reader } from '../adapter/support/facade.js';
import { heartRate } from '../adapter/support/resources.js';
import { consentFor, signedBundle } from '../support/wallet.js';
import type { ConsentChoices, Wallet } from '../support/wallet.js';

const UNPROCESSABLE = '422 processing ADAPTER_UNPROCESSABLE';
const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
const HEART_RATE = [{ coding: [{ system: 'http://loinc.org', code: '8867-4' }] }];
const TREAT = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'TREAT' }];

function permit(wallet: Wallet, choices: ConsentChoices = {}): Consent {
  return consentFor(wallet, { actions: ['access'], ...choices });
}

/** A refusal of what is restricted. */
function denied(wallet: Wallet): Consent {
  const provision = { securityLabel: [{ system: CONFIDENTIALITY, code: 'R' }] };
  return permit(wallet, { type: 'deny', provision });
}

function inMinutes(minutes: number): string {
  return new Date(Date.now() + minutes * 60_000).toISOString();
}

/** A permit, in which a denial of heart rates has exceptions of its own. */
function within(inner: NonNullable<Consent['provision']>[]): ConsentChoices {
  const exceptions = inner.length === 0 ? {} : { provision: inner };
  return { provision: { provision: [{ type: 'deny', code: HEART_RATE, ...exceptions }] } };
}

describe('consents under attack', () => {
  let bench: Bench;
  let reader: Reader;
  let count = 0;

  before(async () => {
    bench = await openBench();
    reader = await readerOf(bench, { source: bench.source.id });
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
  });

  /** A patient with one record, who permits its update and nothing else. */
  const somebody = async (label?: string): Promise<{ wallet: Wallet; path: string }> => {
    const name = `p${++count}`;
    const wallet = await consenting(bench, name, { actions: ['collect'] });
    const security = label === undefined ? [] : [{ system: CONFIDENTIALITY, code: label }];
    const record = heartRate(`h-${name}`, name, 70) as { meta?: object };
    await push(bench, { ...record, meta: { security } });
    return { wallet, path: `Observation/${facadeIdOf(bench, 'Observation', `h-${name}`)}` };
  };
  const post = (bundle: Buffer): Promise<Answer> =>
    ask(bench.url, '/fhir', {
      method: 'POST',
      headers: { 'content-type': 'application/fhir+json' },
      body: bundle,
    });
  /** What a permit to read comes to, and the answer to reading then. */
  const tried = async (
    make: (wallet: Wallet) => readonly Consent[],
    label?: string,
  ): Promise<readonly number[]> => {
    const { wallet, path } = await somebody(label);
    const answers: number[] = [];
    for (const consent of make(wallet)) answers.push((await post(signedBundle(wallet, consent))).status);
    return [...answers, (await reader.get(path)).status];
  };

  it('a permit to read is what it takes, and is enough', async () => {
    assert.deepEqual(await tried(() => []), [404]);
    assert.deepEqual(await tried((wallet) => [permit(wallet)]), [201, 200]);
  });

  it('44: another method in a header is not that method, and TRACE is none', async () => {
    const { wallet, path } = await somebody();
    await post(signedBundle(wallet, permit(wallet)));
    for (const header of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      const answer = await reader.get(path, { method: 'POST', headers: { [header]: 'DELETE' }, body: '{}' });
      assert.ok(answer.status >= 400, header);
      assert.equal((await reader.get(path, { headers: { [header]: 'DELETE' } })).status, 200);
    }
    for (const at of [`/fhir/${path}`, '/emergencies', '/auth/session', '/nowhere'])
      assert.equal((await ask(bench.url, at, { method: 'TRACE' })).status, 405, at);
    assert.equal((await reader.get(path)).status, 200);
  });

  it('54: any status but active permits nothing', async () => {
    for (const status of ['draft', 'proposed', 'rejected', 'inactive', 'entered-in-error'] as const)
      assert.deepEqual(await tried((wallet) => [permit(wallet, { status })]), [422, 404], status);
  });

  it('59: the third level is right', async () => {
    assert.deepEqual(await tried((wallet) => [permit(wallet, within([]))]), [201, 404]);
    const again = [{ type: 'permit' as const, purpose: TREAT }];
    assert.deepEqual(await tried((wallet) => [permit(wallet, within(again))]), [201, 200]);
    const other = [{ type: 'permit' as const, purpose: [{ ...TREAT[0], code: 'HRESCH' }] }];
    assert.deepEqual(await tried((wallet) => [permit(wallet, within(other))]), [201, 404]);
  });

  it('60, 61: an actor that nobody can resolve, and another one', async () => {
    const role = {
      coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'CST' }],
    };
    const named = (reference: object): ConsentChoices => ({ provision: { actor: [{ role, reference }] } });
    for (const reference of [
      { display: 'my doctor' },
      { identifier: { value: '7' } },
      { reference: '#contained' },
      { reference: 'urn:uuid:5b1d7c1e-90a7-4f0c-8f1a-1f1f6c7a0001' },
      { reference: 'Organization/p-elsewhere' },
    ]) {
      const statuses = await tried((wallet) => [permit(wallet, named(reference))]);
      assert.equal(statuses.at(-1), 404, JSON.stringify(reference));
    }
  });

  it('62: two of one identifier and time: the second changes nothing', async () => {
    const identifier = randomUUID();
    const dateTime = inMinutes(0);
    const first = (wallet: Wallet): Consent => permit(wallet, { identifier, dateTime, type: 'deny' });
    const second = (wallet: Wallet): Consent => permit(wallet, { identifier, dateTime });
    assert.deepEqual(await tried((wallet) => [first(wallet), second(wallet)]), [201, 409, 404]);
    assert.deepEqual(await tried((wallet) => [second(wallet), first(wallet)]), [201, 409, 200]);
  });

  it('63: a dateTime in the future, or from before the enrolment', async () => {
    for (const minutes of [60, -60])
      assert.deepEqual(
        await tried((wallet) => [permit(wallet, { dateTime: inMinutes(minutes) })]),
        [422, 404],
      );
  });

  it('64, 69: signed by another patient, or by the patient for another', async () => {
    const { wallet: a, path: ofA } = await somebody();
    const { wallet: b, path: ofB } = await somebody();
    const size = logSize(bench.instance);
    const forged = { ...a, seed: b.seed };
    assert.equal(refusalOf(await post(signedBundle(forged, permit(a)))), UNPROCESSABLE);
    const borrowed = { ...b, enrolled: { ...b.enrolled, fingerprint: a.enrolled.fingerprint } };
    assert.equal(refusalOf(await post(signedBundle(borrowed, permit(b)))), UNPROCESSABLE);
    const forB = permit({ ...a, enrolled: { ...a.enrolled, patient: b.enrolled.patient } });
    assert.equal(refusalOf(await post(signedBundle(a, forB))), UNPROCESSABLE);
    assert.equal(logSize(bench.instance), size);
    assert.equal((await post(signedBundle(a, permit(a)))).status, 201);
    assert.deepEqual([(await reader.get(ofA)).status, (await reader.get(ofB)).status], [200, 404]);
  });

  it('65: a modifierExtension that is not known permits nothing, beside a permit neither', async () => {
    const modifierExtension = [{ url: 'https://elsewhere.example/not', valueBoolean: true }];
    const odd = (wallet: Wallet): Consent => ({ ...permit(wallet), modifierExtension });
    for (const make of [
      (wallet: Wallet) => [odd(wallet)],
      (wallet: Wallet) => [permit(wallet), odd(wallet)],
    ]) {
      const statuses = await tried(make);
      const wasTaken = statuses.at(-2) === 201;
      assert.equal(statuses.at(-1), wasTaken || statuses.length === 2 ? 404 : 200, statuses.join(' '));
    }
  });

  it('67: what denies restricted data denies what is more confidential', async () => {
    assert.deepEqual(await tried((wallet) => [permit(wallet), denied(wallet)], 'V'), [201, 201, 404]);
    assert.deepEqual(await tried((wallet) => [permit(wallet), denied(wallet)], 'R'), [201, 201, 404]);
    assert.deepEqual(await tried((wallet) => [permit(wallet), denied(wallet)], 'N'), [201, 201, 200]);
  });
});
