import assert from 'node:assert/strict';
import test from 'node:test';
import type { AccessRequest, Decision, Policy } from '../../../ledger/consent/index.js';
import { decide, isPermitted, requestHash } from '../../../ledger/consent/index.js';
import { DECISIONS } from './decision-table.js';
import { asks, consent, CUSTODIAN, denies, NOW_MS, permits, SUBJECT } from './fixtures.js';

const said = (decision: Decision): string => (decision.outcome === 'permit' ? 'permit' : decision.reason);

for (const { clause, name, request, policies, bare, expect } of DECISIONS) {
  test(`${clause}: ${name}`, () => {
    const all = bare === true ? policies : [CUSTODIAN, ...policies];
    assert.equal(said(decide(request, all, NOW_MS)), expect);
    assert.equal(said(decide(request, all.toReversed(), NOW_MS)), expect, 'in reverse order');
  });
}

test('a permit says what it was asked and what it stands on', () => {
  const signed = consent(permits({}, permits({ codes: asks().resource.codes })), { version: 77 });
  const decision = decide(asks(), [signed, CUSTODIAN], NOW_MS);
  assert(decision.outcome === 'permit');
  assert(isPermitted(decision.permit));
  assert.equal(decision.permit.subject, SUBJECT);
  assert.equal(decision.permit.action, 'access');
  assert.equal(decision.permit.requestHash, requestHash(asks()));
  assert.deepEqual(decision.permit.standsOn, [
    { handle: CUSTODIAN.handle, version: CUSTODIAN.version },
    { handle: signed.handle, version: 77 },
  ]);
  assert.deepEqual(decision.because[1], { handle: signed.handle, path: 'provision.provision[0]' });
});

test('a denial names the provision', () => {
  const refusal = consent(permits({}, permits(), denies()));
  const decision = decide(asks(), [CUSTODIAN, refusal], NOW_MS);
  assert.deepEqual(decision.because, [{ handle: refusal.handle, path: 'provision.provision[1]' }]);
});

test('whatever fails while judging denies', () => {
  const broken = [
    [null, [CUSTODIAN], NOW_MS],
    [{}, [CUSTODIAN], NOW_MS],
    [asks(), null, NOW_MS],
    [asks(), [null], NOW_MS],
    [asks(), [consent(permits(), { layer: 'nobody' as 'patient' })], NOW_MS],
    [asks(), [CUSTODIAN, { ...consent(permits()), root: undefined }], NOW_MS],
    [asks({ resource: { codes: [null as unknown as string] } }), [CUSTODIAN, consent(permits())], NOW_MS],
    [asks({ subject: '' }), [CUSTODIAN], NOW_MS],
    [asks({ action: 'erase' as 'access' }), [CUSTODIAN, consent(permits())], NOW_MS],
    [asks(), [CUSTODIAN, consent(permits())], Number.NaN],
  ] as unknown as [AccessRequest, Policy[], number][];
  for (const [request, policies, nowMs] of broken) {
    assert.deepEqual(decide(request, policies, nowMs), { outcome: 'deny', reason: 'error', because: [] });
  }
  const throwing = new Proxy(consent(permits()), {
    get: () => {
      throw new Error('the store went away');
    },
  });
  assert.equal(said(decide(asks(), [CUSTODIAN, consent(permits()), throwing], NOW_MS)), 'error');
  let deep = denies();
  for (let i = 0; i < 100_000; i++) deep = permits({}, deep);
  assert.equal(said(decide(asks(), [CUSTODIAN, consent(deep)], NOW_MS)), 'error');
});

test('a provision of no known type denies', () => {
  const odd = consent({ type: 'allow' as 'permit', provisions: [] });
  assert.equal(said(decide(asks(), [CUSTODIAN, consent(permits()), odd], NOW_MS)), 'refused');
});
