/** The gate against a second evaluator, written from the text alone. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { decide } from '../../../ledger/consent/index.js';
import type { Decision } from '../../../ledger/consent/index.js';
import { NOW_MS } from './fixtures.js';
import { policies, random, request } from './generator.js';
import { literally } from './literal-evaluator.js';
import type { LiteralAnswer } from './literal-evaluator.js';

const isLong = process.env['FIREBREAK_TEST_LONG'] === '1';
const CASES = isLong ? 1_000_000 : 100_000;

function answered(decision: Decision): LiteralAnswer {
  if (decision.outcome === 'deny') return { outcome: decision.reason, obligations: [] };
  const obligations = decision.obligations.map((one) =>
    one.kind === 'redact' ? `redact ${one.elements.join(' ')}` : one.kind,
  );
  return { outcome: 'permit', obligations: obligations.toSorted() };
}

test(`the gate and the literal evaluator agree on ${CASES} random consents and requests`, (t) => {
  const draw = random(20261123);
  const counts = new Map<string, number>();
  let bound = 0;
  for (let i = 0; i < CASES; i++) {
    const asked = request(draw);
    const all = policies(draw);
    const expected = literally(asked, all, NOW_MS);
    const given = answered(decide(asked, all, NOW_MS));
    if (
      given.outcome !== expected.outcome ||
      given.obligations.join() !== expected.obligations.toSorted().join()
    ) {
      assert.deepEqual(given, expected, `case ${i}: ${JSON.stringify({ asked, all })}`);
    }
    counts.set(given.outcome, (counts.get(given.outcome) ?? 0) + 1);
    if (given.obligations.length > 0) bound++;
  }
  t.diagnostic(`${[...counts].map(([k, n]) => `${k} ${n}`).join(', ')}; with obligations ${bound}`);
  for (const reason of [
    'permit',
    'one-purpose',
    'unknown-element',
    'ambiguous',
    'refused',
    'custodian',
    'expired',
    'not-yet-valid',
    'no-answer',
  ])
    assert((counts.get(reason) ?? 0) >= CASES / 2000, `too few answers of ${reason}`);
  assert(bound >= CASES / 500, 'too few permits with obligations');
});
