import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { analyse } from '../../../adapter/services/analysis.js';
import { eraseAsAsked } from '../../../adapter/services/erasure/index.js';
import { listModels, publicationOf, reproduceModel } from '../../../adapter/services/models.js';
import type { ModelLine } from '../../../adapter/services/models.js';
import { publishModel } from '../../../adapter/services/severity-model.js';
import { covidDeterioration } from '../../../analytics/index.js';
import { cohort } from '../../analytics/severity/cohort.js';
import { enrolWallet } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';
import { servicesOf } from '../../support/instance.js';
import { openBench, push, readLog, sign } from '../support/bench.js';
import type { Bench } from '../support/bench.js';

const PATIENTS = 60;
const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason';
const research = {
  provision: { purpose: ['TREAT', 'HRESCH'].map((code) => ({ system: ACT_REASON, code })) },
};
const silent = (): undefined => undefined;
let bench: Bench;
const wallets: Wallet[] = [];

before(async () => {
  bench = await openBench();
  const resources: object[] = [];
  for (const { key, resources: own } of cohort(PATIENTS, 4)) {
    const wallet = await enrolWallet(servicesOf(bench.instance), bench.source.id, key);
    // One patient permits care alone.
    await sign(bench, wallet, wallets.length === 1 ? {} : research);
    wallets.push(wallet);
    own.forEach((resource, i) => {
      const isPatient = (resource as { resourceType: string }).resourceType === 'Patient';
      const subject = { reference: `Patient/${key}` };
      resources.push(
        isPatient
          ? { ...(resource as object), id: key }
          : { ...(resource as object), id: `${key}-${i}`, subject },
      );
    });
  }
  await push(bench, ...resources);
});
after(() => bench.close());

async function lineOf(handle: string): Promise<ModelLine> {
  return (await listModels(bench.instance)).find((line) => line.handle === handle) ?? assert.fail();
}

test('a model is fitted on those who permit research alone, and made again until one of them withdraws', async () => {
  const { instance } = bench;
  const first = await publishModel(instance, silent, covidDeterioration);
  assert.ok('handle' in first, JSON.stringify(first));
  assert.equal(first.flow.patients, PATIENTS - 1);
  const again = await reproduceModel(instance, first.handle, silent);
  assert.deepEqual([again.outcome, again.made], ['same', again.published]);
  assert.equal((await lineOf(first.handle)).isTouched, false);

  await sign(bench, wallets[0] ?? assert.fail(), { type: 'deny', purpose: 'HRESCH' });
  const touched = await lineOf(first.handle);
  // How few withdrew is not told.
  assert.deepEqual([touched.isTouched, touched.withdrawn], [true, null]);
  assert.equal((await reproduceModel(instance, first.handle, silent)).outcome, 'inputs-withdrawn');
  const { card } = await publicationOf(instance, first.handle);
  assert.match(card.use.knownLimits.join(' '), /withdrawn since/);

  const refreshed = await analyse(instance, silent, true);
  assert.equal(refreshed.why, undefined);
  const [inForce, ...others] = await listModels(instance);
  assert.ok(inForce?.inForce === true && !inForce.isTouched);
  assert.deepEqual(
    others.map(({ handle }) => handle),
    [first.handle],
  );
  assert.match(refreshed.headline[0] ?? '', new RegExp(`^${PATIENTS - 2} permitted patients`));
  assert.equal((await reproduceModel(instance, inForce.handle, silent)).outcome, 'same');

  const entries = (await readLog(instance)).filter(({ type }) => type === 'model.published');
  assert.deepEqual(
    entries.map(({ body }) => body['handle']),
    [first.handle, inForce.handle],
  );
  // Of patients and the model's hash the log has commitments under salts.
  const published = JSON.stringify(entries);
  assert.ok(!published.includes(inForce.hash) && !published.includes('patient-'));
});

test('who refuses while a model is fitted is not in what is published', async () => {
  const { instance } = bench;
  let isRefused = false;
  const refusing = wallets[2] ?? assert.fail();
  const { subjects } = instance;
  const find = subjects.find.bind(subjects);
  let found = 0;
  // The word comes when most patients have been read.
  subjects.find = async (key) => {
    found += 1;
    if (found === PATIENTS && !isRefused) {
      isRefused = true;
      await sign(bench, refusing, { type: 'deny', purpose: 'HRESCH' });
    }
    return find(key);
  };
  try {
    const model = await publishModel(instance, silent, covidDeterioration);
    assert.ok(isRefused && 'handle' in model);
    assert.equal(model.flow.patients, PATIENTS - 3);
  } finally {
    subjects.find = find;
  }
});

test('a model whose inputs were erased is not made again', async () => {
  const { instance } = bench;
  const [inForce] = await listModels(instance);
  assert.ok(inForce !== undefined && !inForce.isTouched);
  const own = cohort(PATIENTS, 4)[5]?.resources ?? [];
  const i = own.findIndex((one) => (one as { resourceType: string }).resourceType === 'Observation');
  await eraseAsAsked(instance, {
    name: `Observation/patient-5-${i}`,
    ground: 'objection',
    by: 'M. Keller',
    reason: 'letter of 3 May',
    yes: true,
  });
  const again = await reproduceModel(instance, inForce.handle, silent);
  assert.deepEqual([again.outcome, again.made], ['inputs-erased', undefined]);
});
