/** A patient has the own record erased: by a signed request, not by a session. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { OwnErasure } from '../../../adapter/http/contract/index.js';
import { ERASURE_REQUEST } from '../../../ledger/custody/index.js';
import { signDocument } from '../../../ledger/consent/index.js';
import { setHold, releaseHold } from '../../../adapter/services/erasure/index.js';
import { signIn } from '../../support/sign-in.js';
import type { Wallet } from '../../support/wallet.js';
import { ask, consenting, openBench, push, refusalOf } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { readerOf } from '../support/facade.js';
import type { Reader } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

const requestOf = (own: string, more: object = {}): object => ({
  kind: ERASURE_REQUEST,
  patient: own,
  scope: 'all',
  dateTime: new Date().toISOString(),
  ...more,
});
const signed = ({ seed, enrolled: { fingerprint } }: Wallet, request: object): string =>
  JSON.stringify({ request, jws: signDocument(request as never, seed, fingerprint) });

describe('the own record, erased', () => {
  let bench: Bench;
  let reader: Reader;
  before(async () => {
    bench = await openBench();
    reader = await readerOf(bench, { source: bench.source.id, name: 'Ward system' });
  });
  after(() => bench.close());

  const enrolled = async (name: string): Promise<{ wallet: Wallet; token: string; own: string }> => {
    const wallet = await consenting(bench, name);
    await push(bench, patient(name, { version: '1', minute: 1 }));
    await push(bench, heartRate(`h-${name}`, name, 70, { version: '1', minute: 1 }));
    const { participant, fingerprint, patient: own } = wallet.enrolled;
    const { token } = await signIn(bench.url, {
      participant,
      fingerprint,
      key: wallet.seed,
      purpose: 'PATRQT',
    });
    return { wallet, token, own: own.reference };
  };
  const post = (token: string, body: string): Promise<Answer> =>
    ask(bench.url, '/me/erasure', { method: 'POST', headers: { authorization: `Bearer ${token}` }, body });
  const look = async (token: string): Promise<OwnErasure> => {
    const answer = await ask(bench.url, '/me/erasure', { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 200);
    return JSON.parse(answer.body.toString()) as OwnErasure;
  };

  it('is told first and done on a signature; nobody is left to be signed in', async () => {
    const { wallet, token, own } = await enrolled('a');
    const planned = await look(token);
    assert.deepEqual([planned.outcome, planned.records, planned.isHeld], ['planned', 2, false]);
    assert.equal((await reader.get(`${own}/$everything`)).status, 200);
    const answer = await post(token, signed(wallet, requestOf(own)));
    assert.equal(answer.status, 200);
    const done = JSON.parse(answer.body.toString()) as OwnErasure;
    assert.deepEqual([done.outcome, done.records, done.isGone], ['erased', 2, true]);
    assert.equal((await reader.get(`${own}/$everything`)).status, 404);
    assert.equal((await post(token, signed(wallet, requestOf(own)))).status, 401);
  });

  it('is refused for another’s, for an old key’s and for half a request', async () => {
    const { wallet, token, own } = await enrolled('b');
    const other = await enrolled('c');
    for (const [body, refusal] of [
      [signed(other.wallet, requestOf(own)), '403 forbidden ADAPTER_FORBIDDEN'],
      [signed(wallet, requestOf(other.own)), '403 forbidden ADAPTER_FORBIDDEN'],
      [
        signed(wallet, requestOf(own, { dateTime: '2020-01-01T00:00:00Z' })),
        '403 forbidden ADAPTER_FORBIDDEN',
      ],
      [signed(wallet, requestOf(own, { scope: ['Observation/x'] })), '400 invalid ADAPTER_BAD_REQUEST'],
      [JSON.stringify({ request: requestOf(own) }), '400 invalid ADAPTER_BAD_REQUEST'],
      ['null', '400 invalid ADAPTER_BAD_REQUEST'],
      ['{', '400 invalid ADAPTER_BAD_REQUEST'],
    ] as const)
      assert.equal(refusalOf(await post(token, body)), refusal, body.slice(0, 80));
    assert.equal((await post('x'.repeat(43), signed(wallet, requestOf(own)))).status, 401);
    assert.deepEqual(
      [(await look(token)).outcome, (await look(other.token)).outcome],
      ['planned', 'planned'],
    );
  });

  it('waits while a legal hold lies', async () => {
    const { wallet, token, own } = await enrolled('d');
    const hold = { patient: own.replace('Patient/', ''), by: 'M. Keller', reason: 'case 7' };
    await setHold(bench.instance, hold);
    assert.equal((await look(token)).isHeld, true);
    const refused = await post(token, signed(wallet, requestOf(own)));
    assert.equal(refusalOf(refused), '409 conflict ADAPTER_CONFLICT');
    await releaseHold(bench.instance, hold);
    assert.equal((await post(token, signed(wallet, requestOf(own)))).status, 200);
  });
});
