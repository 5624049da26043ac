import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalyticsError } from '../../analytics/errors.js';
import { riskAssessment, type RiskAssessmentContext } from '../../analytics/risk-assessment.js';
import type { SeverityScore } from '../../analytics/severity/index.js';

const score: SeverityScore = {
  status: 'scored',
  probability: 0.123456,
  level: 'mild',
  meaning: 'rests at home',
  outcome: 'score 6 or higher, within 28 days of admission',
  intercept: -1,
  contributions: [
    {
      feature: 'age',
      label: 'age at admission',
      value: 70,
      unit: 'a',
      logOdds: 0.3,
      imputed: false,
      outside: true,
    },
    {
      feature: 'crp',
      label: 'C-reactive protein',
      value: null,
      unit: 'mg/L',
      logOdds: -0.4,
      imputed: true,
      outside: false,
    },
  ],
  imputed: ['crp'],
  problems: [{ family: 'crp', problem: 'unit-unknown', unit: 'furlong' }],
  basisIds: [{ type: 'Encounter', id: 'e' }],
  t0: 0,
  s: 86_400_000,
  horizonEnd: 28 * 86_400_000,
  encounterId: 'e',
};
const context: RiskAssessmentContext = {
  id: 'r1',
  patientReference: 'Patient/p',
  encounterReference: 'Encounter/e',
  modelHandle: 'handle',
  nowMs: 86_400_500,
  basisReferences: ['Encounter/e', 'Observation/o'],
};

test('a RiskAssessment says what, how, on what basis and what was imputed', () => {
  const made = riskAssessment(score, context);
  assert.deepEqual(
    [made.status, made.subject.reference, made.encounter?.reference],
    ['final', 'Patient/p', 'Encounter/e'],
  );
  assert.deepEqual(made.basis, [{ reference: 'Encounter/e' }, { reference: 'Observation/o' }]);
  assert.equal(made.method?.coding?.[0]?.code, 'handle');
  assert.equal(made.occurrenceDateTime, '1970-01-02T00:00:00.500Z');
  const prediction = made.prediction?.[0];
  assert.equal(prediction?.probabilityDecimal, 0.1235);
  assert.deepEqual(
    prediction.qualitativeRisk?.coding?.map((c) => `${c.system}|${c.code}`),
    ['http://terminology.hl7.org/CodeSystem/risk-probability|low', 'urn:firebreak:severity-level|mild'],
  );
  assert.deepEqual(prediction.whenPeriod, {
    start: '1970-01-02T00:00:00.000Z',
    end: '1970-01-29T00:00:00.000Z',
  });
  assert.match(prediction.rationale ?? '', /C-reactive protein −0\.40 \(imputed\), age at admission \+0\.30/);
  const notes = made.note?.map((n) => n.text).join('\n') ?? '';
  assert.match(notes, /Imputed, since missing at the scoring time: C-reactive protein\./);
  assert.match(notes, /Outside the range .*: age at admission/);
  assert.match(notes, /crp \(unit-unknown: furlong\)/);
  assert.equal('meta' in made || 'performer' in made, false);
});

test('tags and performer are taken over; nothing imputed is said too', () => {
  const tags = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'HTEST' }];
  const complete = { ...score, imputed: [], contributions: [] };
  const made = riskAssessment(complete, { ...context, tags, performerReference: 'Organization/x' });
  assert.deepEqual(made.meta, { tag: tags });
  assert.equal(made.performer?.reference, 'Organization/x');
  assert.match(made.note?.[0]?.text ?? '', /none was imputed/);
});

test('without a basis there is no RiskAssessment', () => {
  assert.throws(
    () => riskAssessment(score, { ...context, basisReferences: [] }),
    (error) => error instanceof AnalyticsError && error.code === 'ANALYTICS_BASIS_EMPTY',
  );
});
