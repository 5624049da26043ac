/** The lines that must not compile are the test; at run time the same values are refused. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { AccessRequest, PermitClaims, Permitted } from '../../../ledger/consent/index.js';
import { decide, isPermitted } from '../../../ledger/consent/index.js';
import { Permitted as PermittedClass } from '../../../ledger/consent/permitted.js';
import { asks, consent, CUSTODIAN, NOW_MS, permits, RESEARCHER } from './fixtures.js';

function append(permit: Permitted): boolean {
  return isPermitted(permit);
}

const claims: PermitClaims = {
  requestText: () => '',
  subject: 'patient-1',
  action: 'access',
  standsOn: [],
  obligations: [],
};

test('nothing but a permit is one', () => {
  const request: AccessRequest = asks();
  // @ts-expect-error a plain object has not the private field
  assert.equal(append(claims), false);
  // @ts-expect-error a request is not yet permitted
  assert.equal(append(request), false);
  // @ts-expect-error nor is a decision, before its outcome was looked at
  assert.equal(append(decide(request, [], NOW_MS)), false);
  assert.equal(append(JSON.parse(JSON.stringify(claims)) as never), false);
  for (const value of [undefined, null, 1, 'permit', () => true]) assert.equal(isPermitted(value), false);
});

test('nothing but the gate makes one', async () => {
  const decision = decide(asks(), [CUSTODIAN, consent(permits())], NOW_MS);
  assert(decision.outcome === 'permit');
  const { permit } = decision;
  assert.equal(append(permit), true);
  // @ts-expect-error the folder exports the type alone, so there is nothing to construct
  const build = (): unknown => new Permitted(claims);
  assert.throws(build, ReferenceError);
  // @ts-expect-error even within the folder its constructor is private
  void (() => new PermittedClass(claims));
  // @ts-expect-error a permit is read-only
  assert.throws(() => (permit.subject = 'patient-2'), TypeError);
  assert.throws(() =>
    (permit.standsOn as { handle: string; version: number }[]).push({ handle: RESEARCHER, version: 0 }),
  );
  assert.equal(append(Object.assign({}, permit) as never), false, 'a copy');
  assert.equal(append(Object.create(permit) as never), false, 'an heir');
  assert.equal(append(structuredClone(permit) as never), false, 'a clone');
  const { constructor } = permit as object as { constructor: new (claims: PermitClaims) => unknown };
  assert.equal(isPermitted(new constructor(claims)), false);
  const { takeMint } = await import('../../../ledger/consent/permitted.js');
  assert.throws(takeMint, { code: 'CONSENT_MINT_TAKEN' });
});
