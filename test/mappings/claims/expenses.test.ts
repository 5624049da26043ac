import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXPENSE_RECORD_TYPES, expensesFault, judgeExpenses, parseJson } from '../../../mappings/index.js';
import type { ExpenseRecord, JsonObject } from '../../../mappings/index.js';
import { sharedData } from '../../support/shared-data.js';

const folder = sharedData('synthea-r4');
const skip = folder === undefined ? 'the shared data are not here' : false;

const asked = { atLeast: 10, currency: 'EUR', start: '2026-01-01', end: '2026-12-31' };

function bill(
  more: Readonly<Record<string, unknown>> & { id?: string; resourceType?: string },
): ExpenseRecord {
  const { id = 'c', resourceType = 'Claim' } = more;
  const resource: unknown = {
    resourceType,
    id,
    status: 'active',
    use: 'claim',
    billablePeriod: { start: '2026-05-05', end: '2026-05-05' },
    total: { value: 10, currency: 'EUR' },
    ...more,
  };
  return {
    resource: resource as JsonObject,
    names: new Set([`${resourceType}/${id}`]),
    namesOf: (reference) => [reference],
  };
}

const category = (code: string): object => ({
  coding: [{ system: 'http://terminology.hl7.org/CodeSystem/adjudication', code }],
});

test('which bills count', () => {
  for (const [more, says] of [
    [{}, 'yes'],
    [{ billablePeriod: { start: '2026-01-01T00:00:00+14:00', end: '2026-12-31T23:59:59-12:00' } }, 'yes'],
    [{ billablePeriod: { start: '2026-05' } }, 'yes'],
    [{ billablePeriod: { start: '2026', end: '2026' } }, 'yes'],
    [{ billablePeriod: { start: '2025-12-31', end: '2026-01-02' } }, 'no'],
    [{ billablePeriod: { start: '2026-12-31', end: '2027' } }, 'no'],
    [{ billablePeriod: undefined }, 'no'],
    [{ billablePeriod: undefined, created: '2026-05-05' }, 'yes'],
    [{ billablePeriod: { start: 'yesterday' } }, 'no'],
    [{ status: 'draft' }, 'no'],
    [{ status: 'entered-in-error' }, 'no'],
    [{ use: 'preauthorization' }, 'no'],
    [{ total: { value: 10, currency: 'USD' } }, 'no'],
    [{ total: { value: 10 } }, 'no'],
    [{ total: { value: -10, currency: 'EUR' } }, 'no'],
    [{ total: { value: 1e300, currency: 'EUR' } }, 'no'],
    [{ total: { value: '10', currency: 'EUR' } }, 'no'],
    [{ total: undefined }, 'no'],
    [{ resourceType: 'ExplanationOfBenefit', total: [] }, 'no'],
    [
      {
        resourceType: 'ExplanationOfBenefit',
        total: [
          { category: category('benefit'), amount: { value: 99, currency: 'EUR' } },
          { category: category('submitted'), amount: { value: 9, currency: 'EUR' } },
        ],
      },
      'no',
    ],
  ] as const)
    assert.equal(judgeExpenses(asked, [bill(more)]).says, says, JSON.stringify(more));
});

test('sums are exact, whatever the order', () => {
  const bills = Array.from({ length: 100 }, (_, i) =>
    bill({ id: `c${i}`, total: { value: 0.1, currency: 'EUR' } }),
  );
  for (const list of [bills, bills.toReversed()]) {
    assert.equal(judgeExpenses(asked, list).says, 'yes');
    assert.equal(judgeExpenses({ ...asked, atLeast: 10.01 }, list).says, 'no');
    assert.equal(judgeExpenses(asked, list.slice(1)).says, 'no');
  }
});

test('what no question is', () => {
  for (const [more, fault] of [
    [{}, undefined],
    [{ atLeast: 0 }, ['bad-amount', 'atLeast']],
    [{ atLeast: Number.NaN }, ['bad-amount', 'atLeast']],
    [{ atLeast: '10' }, ['bad-amount', 'atLeast']],
    [{ atLeast: 0.1234567 }, ['bad-amount', 'atLeast']],
    [{ currency: 'eur' }, ['bad-currency', 'currency']],
    [{ start: '2026-02-30' }, ['bad-date', 'start']],
    [{ end: '2026-12' }, ['bad-date', 'end']],
    [{ end: '2025-12-31' }, ['reversed-dates', 'end']],
    [{ start: '2000-01-01' }, ['too-long', 'end']],
  ] as const)
    assert.deepEqual(expensesFault({ ...asked, ...more }), fault, JSON.stringify(more));
});

test(
  'Synthea: the sum of a year, reckoned in cents from the text, is the most that is answered yes',
  { skip },
  () => {
    let years = 0;
    for (const name of readdirSync(folder ?? '').filter((one) => one.endsWith('.json'))) {
      const text = readFileSync(join(folder ?? '', name));
      const entries = ((parseJson(text) as JsonObject)['entry'] ?? []) as readonly JsonObject[];
      const records = entries.flatMap(({ resource, fullUrl }): ExpenseRecord[] => {
        const of = resource as JsonObject;
        if (!EXPENSE_RECORD_TYPES.has(of['resourceType'] as string)) return [];
        return [{ resource: of, names: new Set([fullUrl as string]), namesOf: (reference) => [reference] }];
      });
      const cents = new Map<string, number>();
      for (const { resource } of records) {
        const { resourceType, billablePeriod, total } = resource as unknown as {
          resourceType: string;
          billablePeriod: { start: string; end: string };
          total: { value: number };
        };
        const [first, last] = [billablePeriod.start.slice(0, 4), billablePeriod.end.slice(0, 4)];
        // Each account of benefits is of a claim that is there.
        if (resourceType !== 'Claim' || first !== last) continue;
        cents.set(first, (cents.get(first) ?? 0) + Math.round(total.value * 100));
      }
      for (const [year, sum] of cents) {
        const within = { currency: 'USD', start: `${year}-01-01`, end: `${year}-12-31` };
        if (sum > 0)
          assert.equal(judgeExpenses({ ...within, atLeast: sum / 100 }, records).says, 'yes', name);
        const more = Number(((sum + 1) / 100).toFixed(2));
        assert.equal(judgeExpenses({ ...within, atLeast: more }, records).says, 'no', name);
        years++;
      }
    }
    assert.ok(years > 500, `${years} years`);
  },
);
