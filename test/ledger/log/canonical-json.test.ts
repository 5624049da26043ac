import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { LedgerError } from '../../../ledger/errors.js';
import { canonicalBytes, canonicalize, parseCanonical } from '../../../ledger/log/index.js';
import type { JsonValue } from '../../../ledger/log/index.js';

/** Another implementation; its types do not fit its module format. */
const reference = createRequire(import.meta.url)('canonicalize') as (value: unknown) => string | undefined;

const notCanonical = { code: 'LEDGER_NOT_CANONICAL' };

/** A small generator with a seed, so that a failure can be repeated. */
function randomSource(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const ALPHABET = [
  'a',
  'Z',
  '0',
  '"',
  '\\',
  '\n',
  '\u0000',
  '\u001f',
  '\u007f',
  '\u2028',
  'é',
  'µ',
  '\uffff',
  '😀',
  '𐀀',
];

function randomString(next: (below: number) => number): string {
  return Array.from({ length: next(8) }, () => ALPHABET[next(ALPHABET.length)] ?? '').join('');
}

function randomNumber(next: (below: number) => number): number {
  const choices = [0, -0, 1, -1, 1e21, 1e-7, 0.1, 333333333.3333333, 4.5, Number.MAX_SAFE_INTEGER, 5e-324];
  return next(2) === 0 ? (choices[next(choices.length)] ?? 0) : (next(1_000_000) - 500_000) / 10 ** next(12);
}

function randomValue(next: (below: number) => number, depth: number): JsonValue {
  switch (next(depth > 4 ? 4 : 6)) {
    case 0:
      return null;
    case 1:
      return next(2) === 0;
    case 2:
      return randomNumber(next);
    case 3:
      return randomString(next);
    case 4:
      return Array.from({ length: next(5) }, () => randomValue(next, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: next(6) }, () => [randomString(next), randomValue(next, depth + 1)] as const),
      );
  }
}

test('RFC 8785 section 3.2.3: names sort by UTF-16 code units', () => {
  const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, ö: 7 };
  assert.equal(canonicalize(value), '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"\u{1f600}":5,"\ufb33":3}');
});

test('RFC 8785 section 3.2.2: literals, numbers and strings', () => {
  const value = {
    numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '€$\u000f\nA\'B"\\\\"/',
    literals: [null, true, false],
  };
  assert.equal(
    canonicalize(value),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  assert.equal(canonicalize(-0), '0');
});

test('agrees with another implementation on random values, and reads back what it wrote', () => {
  const next = randomSource(20_261_122);
  for (let i = 0; i < 3000; i++) {
    const value = randomValue(next, 0);
    const text = canonicalize(value);
    assert.equal(text, reference(value));
    assert.equal(canonicalize(parseCanonical(canonicalBytes(value))), text);
  }
});

test('refuses what JSON cannot say', () => {
  class Thing {
    readonly a = 1;
  }
  const sparse: unknown[] = [1];
  sparse.length = 2;
  const bad: unknown[] = [
    undefined,
    NaN,
    Infinity,
    -Infinity,
    () => 1,
    Symbol('s'),
    1n,
    '\ud800',
    'a\udc00b',
    { a: undefined },
  ];
  bad.push(
    [undefined],
    sparse,
    new Date(0),
    new Map(),
    Buffer.alloc(1),
    new Thing(),
    { '\ud800': 1 },
    Object(1),
  );
  for (const value of bad) assert.throws(() => canonicalize(value as JsonValue), notCanonical);
});

test('refuses deep nesting with a code, not a stack overflow', () => {
  let deep: JsonValue = 1;
  for (let i = 0; i < 100_000; i++) deep = [deep];
  assert.throws(() => canonicalize(deep), notCanonical);
  assert.throws(() => parseCanonical(Buffer.from('['.repeat(10_000) + ']'.repeat(10_000))), notCanonical);
});

test('takes objects without prototype and a name such as __proto__', () => {
  const bare = Object.assign(Object.create(null) as Record<string, JsonValue>, { b: 1, a: 2 });
  assert.equal(canonicalize(bare), '{"a":2,"b":1}');
  const text = '{"__proto__":{"a":1}}';
  assert.equal(canonicalize(parseCanonical(Buffer.from(text))), text);
});

test('reads only the canonical form', () => {
  const bad = [
    '{"b":1,"a":2}',
    '{"a":1,"a":1}',
    '{ "a":1}',
    '[1.0]',
    '[1e2]',
    '[-0]',
    '"\\u0041"',
    '"\\/"',
    '[1]\n',
    '',
    '{',
  ];
  for (const text of bad) assert.throws(() => parseCanonical(Buffer.from(text)), notCanonical, text);
  assert.throws(() => parseCanonical(Buffer.from([0x22, 0xff, 0x22])), notCanonical);
  assert.throws(() => parseCanonical(Buffer.from('\ufeff1')), notCanonical);
  assert.throws(() => parseCanonical(Buffer.from('"\\ud800"')), notCanonical);
  assert.throws(() => parseCanonical(Buffer.from('{')), LedgerError);
});
