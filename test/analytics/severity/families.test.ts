/** Each family of models that a study can name, from patients to a score, a file, a card and a report. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { buildFeatures, STAGE_SCORES, type Features, type Study } from '../../../analytics/features/index.js';
import { logit } from '../../../analytics/math/index.js';
import {
  cardMarkdown,
  modelCard,
  portableOfStudy,
  portableText,
  readPortable,
  scorePortable,
} from '../../../analytics/publication/index.js';
import { applyPreparation, fitStudyPreparation, splitStudy } from '../../../analytics/preprocess/index.js';
import { validationOf } from '../../../analytics/report/validation.js';
import { riskAssessment } from '../../../analytics/risk-assessment.js';
import {
  covidDeterioration,
  explain,
  fitStudyModel,
  modelHash,
  outcomeProbabilities,
  parseModel,
  regressionOf,
  scorePatient,
  stageProbabilities,
  trainOnFeatures,
  type SeverityModel,
  type TrainedSeverity,
} from '../../../analytics/severity/index.js';
import { readStudy } from '../../../analytics/study/index.js';
import { outcomeGradient } from '../../../analytics/severity/gradient.js';
import { takeRows } from '../../../analytics/features/index.js';
import { inpatient, observation, score } from '../support/inpatient.js';
import { stagedCohort } from './cohort.js';

const FAMILIES = ['binary', 'firth', 'multinomial', 'proportional-odds', 'composite'] as const;
type Family = (typeof FAMILIES)[number];
const STAGED = ['multinomial', 'proportional-odds', 'composite'] as const;

/** The shipped study with another model, and fewer features, so that each class has patients enough. */
function studyOf(family: Family, more: object = {}): Study {
  const { levels, ...rest } = covidDeterioration;
  const chosen = covidDeterioration.features.filter(({ name }) => ['age', 'spo2', 'crp'].includes(name));
  const isStaged = STAGED.some((one) => one === family);
  return {
    ...rest,
    features: chosen,
    model: { family, ...more },
    levels: isStaged ? [] : levels,
    fitting: { ...covidDeterioration.fitting, imputedShareMax: 1 },
  };
}

const patients = stagedCohort(700, 5);
const [patient = inpatient('none')] = patients;
let features: Features;
const trained = new Map<Family, TrainedSeverity>();

function trainedOf(family: Family): TrainedSeverity {
  return trained.get(family) ?? assert.fail(`${family} was not trained`);
}

before(async () => {
  features = await buildFeatures(patients, studyOf('composite'));
  for (const family of FAMILIES) trained.set(family, trainOnFeatures(features, studyOf(family)));
});

test('the stage is the worst of the state at the scoring time and what comes by the horizon', async () => {
  const stageOf = async (...resources: ReturnType<typeof score>[]): Promise<number | undefined> =>
    (await buildFeatures([inpatient('a', resources)], studyOf('composite'))).table.stage?.[0];
  assert.equal(await stageOf(), 0);
  assert.equal(await stageOf(score(4, 1)), 0);
  // At score 5 since before the scoring time, and never told anew before leaving.
  assert.equal(await stageOf(score(5, 1), score(2, 200)), 1);
  // Better again by the scoring time.
  assert.equal(await stageOf(score(5, 1), score(3, 10), score(2, 200)), 0);
  assert.equal(await stageOf(score(4, 1), score(6, 40)), 2);
  assert.equal(await stageOf(score(4, 1), score(9, 40), score(6, 50)), 3);
  assert.equal(await stageOf(score(4, 1), score(10, 40)), 4);
  // After the horizon of 28 days.
  assert.equal(await stageOf(score(4, 1), score(6, 24 * 29)), 0);
  const died = { ...inpatient('a', [score(4, 1)], { deceasedDateTime: '2021-03-15T10:00:00Z' }) };
  assert.equal((await buildFeatures([died], studyOf('composite'))).table.stage?.[0], 4);
});

test('outcome and stage tell the same of every patient', () => {
  const { outcome, stage = new Uint8Array(0) } = features.table;
  assert.equal(stage.length, outcome.length);
  assert.deepEqual(
    [...new Set(stage)].toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4],
  );
  outcome.forEach((value, i) => assert.equal(value === 1, (stage[i] ?? 0) >= 2));
});

for (const family of FAMILIES) {
  test(`${family}: fits, ranks held-out patients, and reads back to the same hash`, () => {
    const { model, hash, performance } = trainedOf(family);
    assert.equal(model.study.model?.family, family);
    assert.ok(performance.discrimination.auroc > 0.65, String(performance.discrimination.auroc));
    assert.equal(modelHash(parseModel(JSON.stringify(model), hash)), hash);
    const again = trainOnFeatures(features, studyOf(family));
    assert.equal(again.hash, hash);
    const isStaged = STAGED.some((one) => one === family);
    assert.equal(performance.ordinal !== undefined, isStaged);
    if (performance.ordinal !== undefined) {
      const { cIndex, rankedProbability, kappa } = performance.ordinal;
      assert.ok((cIndex ?? 0) > 0.65 && rankedProbability < 0.25 && (kappa ?? 0) > 0.1);
    }
  });

  test(`${family}: contributions and intercept add up to the log-odds of the outcome`, () => {
    const { model } = trainedOf(family);
    for (const one of patients.slice(0, 20)) {
      const scored = scorePatient(model, one);
      assert.ok(scored.status === 'scored');
      const { table } = { table: features.table };
      const row = table.keys.indexOf(one.key);
      const design = applyPreparation(model.preparation, takeRows(table, [row]).columns);
      const p = outcomeProbabilities(model, design)[0] ?? NaN;
      assert.ok(Math.abs(scored.probability - p) < 1e-12, `${scored.probability} is not ${p}`);
      const sum = scored.contributions.reduce((total, { logOdds }) => total + logOdds, scored.intercept);
      assert.ok(Math.abs(sum - logit(p)) < 1e-9);
    }
  });

  test(`${family}: the portable file scores as the model does; the card and the report tell it`, () => {
    const { model, performance, flow } = trainedOf(family);
    const portable = readPortable(portableText(portableOfStudy(model, '1')));
    const { table } = features;
    for (const row of [0, 7, 99]) {
      const values = Object.fromEntries(
        table.columns.map(({ name, values: all }) => {
          const value = all[row] ?? NaN;
          return [name, Number.isNaN(value) ? null : value];
        }),
      );
      const { probabilities } = scorePortable(portable, values);
      const design = applyPreparation(model.preparation, takeRows(table, [row]).columns);
      const from = portable.kind === 'binary' ? 1 : 2;
      const p = probabilities.slice(from).reduce((total, value) => total + value, 0);
      assert.ok(Math.abs(p - (outcomeProbabilities(model, design)[0] ?? NaN)) < 1e-12);
      assert.ok(Math.abs(probabilities.reduce((total, value) => total + value, 0) - 1) < 1e-12);
    }
    const card = modelCard({ handle: 'h'.repeat(43), model, performance, flow, isTouched: false });
    const text = cardMarkdown(card);
    assert.doesNotMatch(JSON.stringify(card) + text, /undefined|NaN/);
    assert.equal(card.regression.kind, regressionOf(model).kind);
    assert.equal(card.regression.rows.length, regressionOf(model).coefficients.length);
    const validation = validationOf(model.study, features, 3);
    assert.ok(!('why' in validation), JSON.stringify(validation));
    assert.equal(validation.optimism?.samples, 3);
    assert.deepEqual(validation.regression, card.regression);
  });
}

test('stages descend for every patient, and the outcome is the stage at which it begins', () => {
  for (const family of STAGED) {
    const { model } = trainedOf(family);
    const design = applyPreparation(model.preparation, features.table.columns);
    const stages = stageProbabilities(model, design) ?? assert.fail();
    const outcome = outcomeProbabilities(model, design);
    for (let i = 0; i < design.rows; i++) {
      const own = [1, ...stages.subarray(i * 4, i * 4 + 4), 0];
      assert.ok(own.every((p, k) => k === 0 || p <= (own[k - 1] ?? NaN)));
      assert.equal(outcome[i], own[2]);
    }
  }
});

test('the gradient behind an explanation is the derivative of the log-odds', () => {
  for (const family of STAGED) {
    const { model } = trainedOf(family);
    const whole = applyPreparation(model.preparation, takeRows(features.table, [3]).columns);
    const regression = regressionOf(model);
    for (const stage of [1, 2, 3, 4]) {
      const own: SeverityModel = withThreshold(model, stage);
      const slope = outcomeGradient(regression, stage, whole);
      whole.data.forEach((value, j) => {
        const at = (to: number): number => {
          const data = Float64Array.from(whole.data);
          data[j] = to;
          return logit(outcomeProbabilities(own, { ...whole, data })[0] ?? NaN);
        };
        const measured = (at(value + 1e-5) - at(value - 1e-5)) / 2e-5;
        assert.ok(Math.abs(measured - (slope[j] ?? NaN)) < 1e-6, `${family} stage ${stage} column ${j}`);
      });
    }
  }
});

function withThreshold(model: SeverityModel, stage: number): SeverityModel {
  const threshold = STAGE_SCORES[stage - 1] ?? NaN;
  return { ...model, study: { ...model.study, outcome: { ...model.study.outcome, threshold } } };
}

test('where the log-odds are a sum, the explanation is coefficient times value', () => {
  const { model } = trainedOf('proportional-odds');
  const design = applyPreparation(model.preparation, takeRows(features.table, [3]).columns);
  const [row = []] = regressionOf(model).coefficients;
  const { terms } = explain(model, design);
  terms.forEach((term, j) => {
    assert.ok(Math.abs(term - (row[j] ?? NaN) * (design.data[j] ?? NaN)) < 1e-9);
  });
});

test('a composite score tells levels that sum to 1, the median level and death, also as a RiskAssessment', () => {
  const { model } = trainedOf('composite');
  const scored = scorePatient(model, patient);
  assert.ok(scored.status === 'scored' && scored.stages !== undefined);
  const { levels, death, level, stages } = scored.stages;
  const total = Object.values(levels).reduce((sum, p) => sum + p, 0);
  assert.ok(Math.abs(total - 1) < 1e-12 && death <= levels.critical);
  assert.deepEqual([scored.level, scored.probability.toFixed(9)], [level, stages[1].toFixed(9)]);
  const made = riskAssessment(scored, {
    id: 'r',
    patientReference: 'Patient/p',
    modelHandle: 'handle',
    nowMs: 0,
    basisReferences: ['Encounter/e'],
  });
  const told = (made.prediction ?? []).map(({ outcome }) => outcome?.coding?.[0]?.code ?? outcome?.text);
  assert.deepEqual(told.slice(1), ['mild', 'moderate', 'severe', 'critical', '419099009']);
  const shares = (made.prediction ?? []).slice(1, 5).map(({ probabilityDecimal: p }) => p ?? NaN);
  assert.ok(Math.abs(shares.reduce((sum, p) => sum + p, 0) - 1) < 3e-4);
  assert.equal(made.prediction?.[0]?.qualitativeRisk?.coding?.[1]?.code, level);
});

test('Firth’s method says that outcomes are separated, and fits all the same', async () => {
  const separated = stagedCohort(300, 8).map((one, i) => {
    const ill = i % 3 === 0;
    return inpatient(one.key, [
      observation('59408-5', ill ? 82 : 97, '%', 1),
      observation('1988-5', 20 + (i % 7), 'mg/L', 1),
      score(ill ? 6 : 4, 40),
    ]);
  });
  const study = studyOf('firth');
  const made = trainOnFeatures(await buildFeatures(separated, study), study);
  assert.match(made.remarks.join(' '), /separate the training outcomes \(complete, by .*spo2/);
  assert.ok(regressionOf(made.model).coefficients[0]?.every((b) => Number.isFinite(b)));
  const plain = studyOf('binary', { penalty: 0 });
  await assert.rejects(
    buildFeatures(separated, plain).then((read) => trainOnFeatures(read, plain)),
    { code: 'ANALYTICS_SEPARATION' },
  );
});

test('a penalty that the study names is taken, one of each stage else chosen by cross-validation', () => {
  for (const family of ['binary', ...STAGED] as const) {
    const { model, penalties } = trainOnFeatures(features, studyOf(family, { penalty: 3 }));
    assert.ok(penalties.every(({ penalty, folds }) => penalty === 3 && folds === 0));
    const file = model.formatVersion === 1 ? [model.penalty] : model.penalties;
    assert.ok(file.every((penalty) => penalty === 3));
  }
  for (const family of STAGED) assert.ok(trainedOf(family).penalties.every(({ folds }) => folds === 5));
});

test('a class without patients: the one-model families say which, the composite one gives it a rate', () => {
  const alive = [...features.table.keys.keys()].filter((row) => features.table.stage?.[row] !== 4);
  const own = { ...features, table: takeRows(features.table, alive) };
  for (const family of ['multinomial', 'proportional-odds'] as const)
    assert.throws(
      () => trainOnFeatures(own, studyOf(family)),
      /no patient of the training part has death as the worst.*a composite one does not/,
    );
  const { model, remarks } = trainOnFeatures(own, studyOf('composite'));
  assert.match(remarks.join(' '), /went on to, or stayed short of, death/);
  assert.equal(model.formatVersion === 2 && model.penalties[3], 0);
});

test('the training part alone decides: the fit by hand on it is the model', () => {
  for (const family of FAMILIES) {
    const study = studyOf(family);
    const train = takeRows(features.table, splitStudy(features.table, study).train);
    const preparation = fitStudyPreparation(train.columns, study);
    const { fitted } = fitStudyModel(applyPreparation(preparation, train.columns), train, study);
    const { model } = trainedOf(family);
    for (const [name, value] of Object.entries(fitted))
      assert.deepEqual((model as unknown as Record<string, unknown>)[name], value);
  }
});

/** The shipped study's file with other members. */
function definition(more: object): string {
  const { families: _, diseases: __, dropped: ___, ...rest } = covidDeterioration;
  return JSON.stringify({ ...rest, ...more }, null, 1);
}

test('a study file that contradicts itself about its model is refused with its line', () => {
  const cases: [object, RegExp][] = [
    [{ model: { family: 'ordinal' } }, /study\.yaml:\d+: .*ordinal is none of binary, firth/],
    [{ model: { family: 'multinomal' } }, /did you mean multinomial/],
    [{ model: { family: 'firth', penalty: 1 } }, /study\.yaml:\d+: Firth’s method has none/],
    [{ model: { family: 'composite' } }, /study\.yaml:\d+: a composite model has none/],
    [
      {
        model: { family: 'composite' },
        levels: [],
        outcome: { ...covidDeterioration.outcome, threshold: 8 },
      },
      /study\.yaml:\d+: a composite model wants one that begins a stage: 5, 6, 7, 10/,
    ],
    [{ levels: [] }, /study\.yaml:\d+: they ascend from 0, and there is at least one/],
    [{ model: { family: 'binary', penalty: -1 } }, /model\.penalty/],
  ];
  for (const [more, message] of cases)
    assert.throws(() => readStudy(definition(more), 'study.yaml'), {
      code: 'ANALYTICS_STUDY_INVALID',
      message,
    });
  assert.equal(readStudy(definition({ model: { family: 'composite' }, levels: [] }), 's').levels.length, 0);
});

test('an altered model of stages is refused', () => {
  const { model, hash } = trainedOf('composite');
  assert.ok(model.formatVersion === 2);
  const [first = [], ...rest] = model.parameters.coefficients;
  for (const bad of [
    { ...model, kind: 'binary' },
    { ...model, kind: 'constructor' },
    { ...model, formatVersion: 1 },
    { ...model, formatVersion: 3 },
    { ...model, penalties: [1] },
    { ...model, parameters: { ...model.parameters, intercepts: [1, 2, 3] } },
    { ...model, parameters: { ...model.parameters, coefficients: [first] } },
    { ...model, parameters: { ...model.parameters, coefficients: [[...first, 1], ...rest] } },
    { ...model, study: studyOf('binary') },
  ])
    assert.throws(() => parseModel(JSON.stringify(bad)), { code: 'ANALYTICS_MODEL_INVALID' });
  const moved = { ...model, penalties: model.penalties.map((p) => p + 1) };
  assert.throws(() => parseModel(JSON.stringify(moved), hash), { code: 'ANALYTICS_MODEL_INVALID' });
});
