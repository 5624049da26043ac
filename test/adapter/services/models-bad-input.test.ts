/** Bad studies, altered models and patients who refuse, at an instance: each told, and nothing written by halves. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { analyseStudy } from '../../../adapter/services/analysis.js';
import { listModels, publicationOf, publishStudy } from '../../../adapter/services/models.js';
import { scoreNow } from '../../../adapter/services/scoring.js';
import definition from '../../../analytics/severity/covid-deterioration.json' with { type: 'json' };
import { cohort } from '../../analytics/severity/cohort.js';
import { observation } from '../../analytics/support/inpatient.js';
import { consenting, openBench, push, readLog } from '../support/bench.js';
import type { Bench } from '../support/bench.js';

const PATIENTS = 60;
const FEW = 8;
const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason';
const research = {
  provision: { purpose: ['TREAT', 'HRESCH'].map((code) => ({ system: ACT_REASON, code })) },
};
const silent = (): undefined => undefined;
const STUDY = JSON.stringify({
  ...definition,
  fitting: { ...definition.fitting, imputedShareMax: 1 },
});
const patients = cohort(PATIENTS, 4);
let bench: Bench;

before(async () => {
  bench = await openBench();
  await admit(patients.slice(0, FEW));
});
after(() => bench.close());

/** Patients who permit care and research, with their records and a value in a unit that does not convert. */
async function admit(those: typeof patients): Promise<void> {
  const resources: object[] = [];
  for (const { key, resources: own } of those) {
    await consenting(bench, key, research);
    [...own, observation('1988-5', 5, 'furlong', 3)].forEach((resource, i) => {
      const { resourceType } = resource as { resourceType: string };
      const subject = { reference: `Patient/${key}` };
      resources.push(
        resourceType === 'Patient'
          ? { ...(resource as object), id: key }
          : { ...(resource as object), id: `${key}-${i}`, subject },
      );
    });
  }
  await push(bench, ...resources);
}

/** All rows that are there, by key, with what they hold. */
async function rows(): Promise<string[]> {
  const found: string[] = [];
  for await (const [key, value] of bench.instance.store.iterator())
    found.push(`${key} ${value.toString('base64')}`);
  return found;
}

async function leavesAllAsItWas(act: () => Promise<void>): Promise<void> {
  const [earlier, log] = [await rows(), (await readLog(bench.instance)).length];
  await act();
  assert.equal((await readLog(bench.instance)).length, log);
  const later = await rows();
  assert.deepEqual(
    later.filter((row) => !earlier.includes(row)),
    [],
  );
  assert.equal(later.length, earlier.length);
}

test('a study file with an unknown family: its line and the nearest name, and nothing is written', () =>
  leavesAllAsItWas(async () => {
    const wrong = JSON.stringify(definition, null, 2).replace('"family": "crp"', '"family": "cpr"');
    const refusal = { code: 'ANALYTICS_STUDY_INVALID', message: /^mine\.json:\d+: .*did you mean crp\?/ };
    await assert.rejects(publishStudy(bench.instance, wrong, 'mine.json', silent), refusal);
    await assert.rejects(analyseStudy(bench.instance, wrong, 'mine.json', silent), refusal);
  }));

for (const [what, text, code] of [
  [
    'an outcome with one class',
    { outcome: { ...definition.outcome, threshold: 99, death: false } },
    'ANALYTICS_ONE_CLASS',
  ],
  [
    'fewer patients than parameters',
    {
      interactions: [
        ['age', 'spo2'],
        ['age', 'crp'],
        ['spo2', 'crp'],
      ],
    },
    'ANALYTICS_TOO_FEW_ROWS',
  ],
] as const)
  test(`${what}: told with how many permit research, and nothing is written`, () =>
    leavesAllAsItWas(async () => {
      const study = JSON.stringify({ ...JSON.parse(STUDY), ...text });
      const done = await publishStudy(bench.instance, study, 'mine.json', silent);
      assert.ok('why' in done, JSON.stringify(done));
      assert.match(done.why, new RegExp(`^no model: .+ \\(${code}; ${FEW} patients permit research\\)$`));
      assert.deepEqual(await listModels(bench.instance), []);
      await assert.rejects(scoreNow(bench.instance, { patient: 'patient-1' }), {
        code: 'ADAPTER_CONFLICT',
        message: /there is no model/,
      });
    }));

test('units that do not convert and columns that say nothing are told by name where a model is published', async () => {
  await admit(patients.slice(FEW));
  const done = await publishStudy(bench.instance, STUDY, 'mine.json', silent);
  assert.ok('handle' in done, JSON.stringify(done));
  const said = done.remarks.join('\n');
  assert.match(said, /^Values that could not be used: crp \(unit-unknown: furlong\) 60\.$/m);
  assert.match(said, /^Columns left out: .*heartRate \(all-missing\)/m);
  const { card } = await publicationOf(bench.instance, done.handle);
  assert.match(JSON.stringify(card), /heartRate: all-missing/);
});

test('a score request for a patient without consent: refused, with nothing scored, shown or written', async () => {
  for (const [patient, choices] of [
    ['unasked', undefined],
    ['refusing', { type: 'deny' }],
  ] as const) {
    if (choices !== undefined) await consenting(bench, patient, choices);
    await push(bench, { resourceType: 'Patient', id: patient, gender: 'male', birthDate: '1950-01-01' });
    await leavesAllAsItWas(async () => {
      const { outcome, assessment } = await scoreNow(bench.instance, { patient });
      assert.deepEqual([outcome, assessment], ['not-permitted', undefined]);
    });
  }
});

test('an altered model is not scored by, and is told as what it is', async () => {
  const { store } = bench.instance;
  const key = 'model/severity';
  const row = store.getSync(key) ?? assert.fail();
  for (const at of [1, 40, row.length - 1]) {
    const altered = Buffer.from(row);
    altered[at] = (altered[at] ?? 0) ^ 1;
    await store.put(key, altered);
    await leavesAllAsItWas(async () => {
      for (const act of [
        () => scoreNow(bench.instance, { patient: 'patient-1' }),
        () => listModels(bench.instance),
      ])
        await assert.rejects(act, { code: 'ADAPTER_STORE_FAILED', message: /model\/severity was altered/ });
    });
  }
  await store.put(key, row);
  assert.equal((await scoreNow(bench.instance, { patient: 'patient-1' })).outcome, 'scored');
});
