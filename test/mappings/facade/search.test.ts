import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compareSorted,
  matchesFilters,
  passesTime,
  rangeOfElement,
  readQuery,
  readTimeTest,
} from '../../../mappings/index.js';
import type { JsonObject } from '../../../mappings/index.js';

const BASE = 'https://f.example/fhir';

function read(text: string, type = 'Observation'): ReturnType<typeof readQuery> {
  return readQuery(type, [...new URLSearchParams(text)], BASE);
}

function matches(text: string, resource: JsonObject, lastUpdatedMs = 0): boolean {
  const found = read(text);
  assert.ok(found.ok, text);
  return matchesFilters(found.query.filters, {
    resource,
    lastUpdatedMs,
    nameOf: (reference) => reference.replace('source-', ''),
  });
}

const OBSERVATION: JsonObject = {
  resourceType: 'Observation',
  status: 'final',
  category: [{ coding: [{ system: 'urn:c', code: 'vital' }] }, { text: 'no coding' }],
  code: { coding: [{ system: 'urn:a', code: 'x' }, { code: 'bare' }] },
  identifier: [{ system: 'urn:i', value: 'a,b|c' }, { value: 'alone' }],
  encounter: { reference: 'Encounter/source-7' },
  effectivePeriod: { start: '2021-04-02', end: '2021-04-03T10:00:00+02:00' },
};

test('tokens: system and code, alone or together', () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ['code=x', true],
    ['code=X', false],
    ['code=urn:a|x', true],
    ['code=urn:b|x', false],
    ['code=|x', false],
    ['code=|bare', true],
    ['code=urn:a|', true],
    ['code=urn:b|', false],
    ['code=y,x', true],
    ['code=x&code=bare', true],
    ['code=x&code=y', false],
    ['status=final', true],
    ['status=|final', true],
    ['category=vital', true],
    ['identifier=alone', true],
    ['identifier=|alone', true],
    [String.raw`identifier=a\,b\|c`, true],
    [String.raw`identifier=urn:i|a\,b\|c`, true],
    ['identifier=a', false],
    ['encounter=7', true],
    ['encounter=Encounter/7', true],
    [`encounter=${BASE}/Encounter/7`, true],
    ['encounter=8', false],
  ];
  for (const [query, expected] of rows) assert.equal(matches(query, OBSERVATION), expected, query);
});

test('times: every prefix against stretches before, across, within and behind', () => {
  const prefixes = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb'] as const;
  const rows: readonly (readonly [string, string, string])[] = [
    // element, its start and end against 2021-04, and which prefixes pass
    ['2021-03-01', '2021-03-02', 'ne lt le eb'],
    ['2021-03-30', '2021-04-02', 'ne lt le'],
    ['2021-04-02', '2021-04-03', 'eq ge le'],
    ['2021-04-29', '2021-05-02', 'ne gt ge'],
    ['2021-03-01', '2021-06-01', 'ne gt lt ge le'],
    ['2021-05-01', '2021-05-02', 'ne gt ge sa'],
  ];
  for (const [start, end, passing] of rows) {
    const element = rangeOfElement({ start, end });
    assert.ok(element !== undefined);
    const passed = prefixes.filter((prefix) => {
      const time = readTimeTest(`${prefix}2021-04`);
      return time !== undefined && passesTime(time, element);
    });
    assert.equal(passed.join(' '), passing, `${start} to ${end}`);
  }
});

test('times: as precise as they are written, without a zone in UTC', () => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['2021-04-02', '2021-04-02T23:59:59.999Z', true],
    ['2021-04-02', '2021-04-03T00:00:00Z', false],
    ['2021-04-02T10:11', '2021-04-02T10:11:59Z', true],
    ['2021-04-02T10:11Z', '2021-04-02T12:11:30+02:00', true],
    ['2021-04-02T10:11:12', '2021-04-02T10:11:12.500Z', true],
    ['2021-04-02T10:11:12.500Z', '2021-04-02T10:11:12Z', false],
    ['2021', '2021-12-31', true],
  ];
  for (const [asked, element, expected] of rows) {
    const time = readTimeTest(asked);
    const range = rangeOfElement(element);
    assert.ok(time !== undefined && range !== undefined, asked);
    assert.equal(passesTime(time, range), expected, `${asked} and ${element}`);
  }
  for (const text of [
    '',
    'ap2021',
    'x',
    '2021-13',
    '2021-04-31',
    'gt',
    'eqeq2021',
    '2021-04-02T10',
    'ge 2021',
  ])
    assert.equal(readTimeTest(text), undefined, text);
  assert.deepEqual(rangeOfElement({ event: ['2021-01-01T00:00:00.000Z', '2021-01-02T00:00:00.000Z'] }), {
    startMs: Date.UTC(2021, 0, 1),
    endMs: Date.UTC(2021, 0, 2),
  });
  assert.deepEqual(rangeOfElement({ start: '2021-01-01T00:00:00.000Z' }), {
    startMs: Date.UTC(2021, 0, 1),
    endMs: Infinity,
  });
});

test('what is not understood is refused by name', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['value-quantity=1', 'unknown-parameter'],
    ['_include=x', 'unknown-parameter'],
    ['code:not=x', 'modifier'],
    ['subject:Patient.name=x', 'unknown-parameter'],
    ['patient.name=x', 'modifier'],
    ['code=', 'bad-value'],
    ['code=a,,b', 'bad-value'],
    ['code=a|b|c', 'bad-value'],
    ['code=|', 'bad-value'],
    [String.raw`code=a\b`, 'bad-value'],
    ['code=a\\', 'bad-value'],
    ['status=urn:s|final', 'bad-value'],
    ['date=yesterday', 'bad-value'],
    ['patient=a b', 'bad-value'],
    ['patient=Practitioner/1', 'bad-value'],
    ['patient=http://other.example/Patient/1', 'bad-value'],
    ['_count=0', 'bad-count'],
    ['_count=1&_count=1', 'repeated'],
    ['_sort=code', 'unsupported-sort'],
    ['_sort=--date', 'unsupported-sort'],
    [`_id=${Array.from({ length: 101 }, (_, i) => i).join()}`, 'too-many-values'],
    [Array.from({ length: 51 }, () => 'code=x').join('&'), 'too-many-values'],
  ];
  for (const [query, refusal] of rows) {
    const found = read(query);
    assert.ok(!found.ok, query);
    assert.equal(found.refusal, refusal, query);
  }
  assert.ok(!read('_sort=date', 'Condition').ok, 'a type without the parameter is not sorted by it');
  assert.ok(!read('code=x', 'hasOwnProperty').ok);
  assert.ok(!read('patient=x', 'Patient').ok);
});

test('any text is read or refused, and never throws', () => {
  let seed = 3;
  const alphabet = 'a|,\\$=&:._-%20ge1T"\'[]{}é';
  for (let i = 0; i < 20_000; i++) {
    let text = '';
    for (let n = 0; n < 12; n++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      text += alphabet[seed % alphabet.length] ?? '';
    }
    for (const name of ['code', 'date', 'patient', '_id', '_sort', 'status', text])
      assert.equal(typeof readQuery('Observation', [[name, text]], BASE).ok, 'boolean');
  }
});

test('an order is total, and turns round where it descends', () => {
  const up = [{ field: 'date', isDescending: false }] as const;
  const down = [{ field: 'date', isDescending: true }] as const;
  assert.ok(compareSorted(up, [1, 'a'], [2, 'a']) < 0);
  assert.ok(compareSorted(down, [1, 'a'], [2, 'a']) > 0);
  assert.ok(compareSorted(down, [1, 'a'], [1, 'b']) < 0, 'the id behind them ascends');
  assert.equal(compareSorted(up, [1, 'a'], [1, 'a']), 0);
});
