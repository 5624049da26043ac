import assert from 'node:assert/strict';
import test from 'node:test';
import type { AccessRequest, Decision, Policy } from '../../../ledger/consent/index.js';
import { decide, isPermitted, requestHash } from '../../../ledger/consent/index.js';
import { DECISIONS } from './decision-table.js';
import { asks, consent, CUSTODIAN, denies, HRESCH, NOW_MS, permits, SUBJECT } from './fixtures.js';

const said = (decision: Decision): string => (decision.outcome === 'permit' ? 'permit' : decision.reason);

for (const { clause, name, request, policies, bare, expect } of DECISIONS) {
  test(`${clause}: ${name}`, () => {
    const all = bare === true ? policies : [CUSTODIAN, ...policies];
    assert.equal(said(decide(request, all, NOW_MS)), expect);
    assert.equal(said(decide(request, all.toReversed(), NOW_MS)), expect, 'in reverse order');
  });
}

test('at least 150 decisions, each naming its clause', () => {
  assert(DECISIONS.length >= 150, `${DECISIONS.length}`);
  for (const { clause, name } of DECISIONS) assert.match(clause, /^(DESIGN|STANDARDS|ATTACKS|FHIR)/, name);
  assert.equal(new Set(DECISIONS.map(({ clause, name }) => `${clause}: ${name}`)).size, DECISIONS.length);
});

test('obligations of all that permits, of both layers, are joined in a fixed order', () => {
  const patient = [
    consent(
      permits(
        { obligations: [{ kind: 'no-onward-use' }] },
        permits({ obligations: [{ kind: 'redact', elements: ['note'] }] }),
        permits({ obligations: [{ kind: 'redact', elements: ['code', 'note'] }] }),
        permits({ purposes: [HRESCH], obligations: [{ kind: 'pseudonymise' }] }),
      ),
    ),
    consent(permits({ obligations: [{ kind: 'redact', elements: ['text'] }] })),
    consent(permits({ purposes: [HRESCH], obligations: [{ kind: 'pseudonymise' }] })),
  ];
  const custodian = consent(permits({ obligations: [{ kind: 'no-onward-use' }] }), { layer: 'custodian' });
  const expected = [{ kind: 'redact', elements: ['code', 'note', 'text'] }, { kind: 'no-onward-use' }];
  const all = [...patient, CUSTODIAN, custodian];
  for (const order of [all, all.toReversed()]) {
    const decision = decide(asks(), order, NOW_MS);
    assert(decision.outcome === 'permit');
    assert.deepEqual(decision.obligations, expected);
    assert.deepEqual(decision.permit.obligations, expected);
    assert.throws(() => (decision.permit.obligations as unknown[]).pop(), TypeError);
  }
});

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

test('113: whatever fails while judging denies', () => {
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
