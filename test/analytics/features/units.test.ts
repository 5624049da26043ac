import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conversion, convert, families, normaliseUnit } from '../../../analytics/features/index.js';

function value(amount: number, from: string, to: string, molarMass?: number): number | undefined {
  const by = conversion(from, to, molarMass);
  return by === undefined ? undefined : convert(amount, by);
}

test('laboratory spellings reach the same unit', () => {
  for (const unit of ['K/uL', '10*3/uL', 'x10^3/uL', '10*9/L', '10^9/L', 'G/L', 'K/µL', 'K/μL']) {
    assert.equal(value(7.4, unit, '10*9/L'), 7.4, unit);
  }
  assert.equal(value(900, '/uL', '10*9/L'), 0.9);
  assert.equal(value(900, 'cells/uL', '10*9/L'), 0.9);
  assert.equal(value(3.1, 'mg/dL', 'mg/L'), 31);
  assert.equal(value(250, 'IU/L', 'U/L'), 250);
  assert.equal(value(0.5, 'ug/mL{FEU}', 'ug/L'), 500);
  assert.equal(value(0.5, 'mcg/mL FEU', 'ug/L'), 500);
  assert.equal(value(20, 'breaths/min', '/min'), 20);
  assert.equal(value(120, 'mmHg', 'mm[Hg]'), 120);
  assert.equal(value(15, '{score}', '{score}'), 15);
  assert.equal(normaliseUnit(' µg/L '), 'ug/L');
});

test('scales with an offset, fractions, and mass against amount of substance', () => {
  assert.equal(value(98.6, '[degF]', 'Cel')?.toFixed(6), '37.000000');
  assert.equal(value(38, '°C', 'Cel'), 38);
  assert.equal(value(0.96, '1', '%'), 96);
  assert.equal(value(1, 'mg/dL', 'umol/L', 113.12)?.toFixed(1), '88.4');
  assert.equal(value(10, 'mg/dL', 'mmol/L', 28.014)?.toFixed(2), '3.57');
});

test('what does not convert gives none', () => {
  for (const unit of ['furlong', 'mg{', '', 'x'.repeat(1000), '__proto__', 'mmol/L']) {
    assert.equal(conversion(unit, 'mg/L'), undefined, unit);
  }
  // Twice, since the answer is remembered.
  assert.equal(conversion('furlong', 'mg/L'), undefined);
});

test('every family names its unit and codes, and no code stands in two', () => {
  const seen = new Set<string>();
  for (const [name, family] of families) {
    assert.deepEqual(conversion(family.unit, family.unit), { slope: 1, offset: 0 }, name);
    assert.ok(family.plausible[0] < family.plausible[1]);
    for (const { code } of family.codes) {
      assert.ok(!seen.has(code), code);
      assert.match(code, /^\d+-\d$/);
      seen.add(code);
    }
  }
});
