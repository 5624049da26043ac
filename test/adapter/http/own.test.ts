/** What a patient is told of the own record: consents, accesses with proofs, what waits. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Observation } from 'fhir/r4.js';
import type {
  OwnAccesses,
  OwnConsent,
  OwnHome,
  OwnWaitingList,
} from '../../../adapter/http/contract/index.js';
import { drain } from '../../../adapter/services/drain.js';
import { checkProof, proofTrust } from '../../../ledger/proofs/index.js';
import { servicesOf } from '../../support/instance.js';
import { enrolClient } from '../../support/client.js';
import { signIn } from '../../support/sign-in.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';
import { ask, consenting, openBench, push, typesSince } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { facadeIdOf, readerOf } from '../support/facade.js';
import type { Reader } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';

const later = (s: number): string => new Date(Date.now() + s * 1000).toISOString();

describe('the own record', () => {
  let bench: Bench;
  let wallet: Wallet;
  let reader: Reader;
  let token: string;

  before(async () => {
    bench = await openBench();
    wallet = await consenting(bench, 'a');
    reader = await readerOf(bench, { source: bench.source.id, name: 'Ward system' });
    await push(bench, patient('a', { version: '1', minute: 1 }));
    await push(bench, heartRate('h1', 'a', 70, { version: '1', minute: 1 }));
    token = await tokenOf(wallet);
  });
  after(() => bench.close());

  const tokenOf = async ({ enrolled, seed }: Wallet): Promise<string> => {
    const { participant, fingerprint } = enrolled;
    return (await signIn(bench.url, { participant, fingerprint, key: seed, purpose: 'PATRQT' })).token;
  };
  const get = (path: string, as = token): Promise<Answer> =>
    ask(bench.url, path, { headers: { authorization: `Bearer ${as}` } });
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- tests say what they expect where they read it
  const read = async <T>(path: string, as = token): Promise<T> => {
    const { status, body } = await get(path, as);
    assert.equal(status, 200, path);
    return JSON.parse(body.toString()) as T;
  };

  it('says whose it is, and is for patients who are signed in', async () => {
    const home = await read<OwnHome>('/me');
    assert.deepEqual(home, {
      patient: wallet.enrolled.patient.reference,
      hospital: wallet.enrolled.custodian,
      waiting: 0,
    });
    const client = await enrolClient(bench.instance, { group: 'payer', name: 'Insurer' });
    const member = { participant: client.id, fingerprint: client.kid, key: client.key, purpose: 'HPAYMT' };
    const session = await signIn(bench.url, member);
    for (const path of ['/me', '/me/consents', '/me/accesses', '/me/waiting']) {
      assert.equal((await get(path, session.token)).status, 403, path);
      assert.equal((await get(path, randomBytes(32).toString('base64url'))).status, 401, path);
      assert.equal((await ask(bench.url, path, { method: 'POST' })).status, 405, path);
    }
  });

  it('has what was signed, and how it stands', async () => {
    const other = await consenting(bench, 'signs');
    const own = await tokenOf(other);
    const identifier = '0f8b3b52-53cc-4d2c-a5e5-6f9fb7f4d002';
    const research = consentFor(other, { identifier, purpose: 'HRESCH', dateTime: later(1) });
    await bench.instance.consents.submit(signedBundle(other, research));
    let { consents } = await read<{ consents: OwnConsent[] }>('/me/consents', own);
    assert.deepEqual(
      consents.map(({ standing }) => standing),
      ['in-force', 'in-force'],
    );
    assert.deepEqual(consents[0]?.document, research);
    const withdrawal = { ...research, status: 'inactive' as const, dateTime: later(2) };
    await bench.instance.consents.submit(signedBundle(other, withdrawal));
    ({ consents } = await read<{ consents: OwnConsent[] }>('/me/consents', own));
    assert.deepEqual(
      consents.map(({ standing }) => standing),
      ['withdrawn', 'in-force'],
    );
  });

  it('has every access once, with whom, why and what, and its proof', async () => {
    const h1 = `Observation/${facadeIdOf(bench, 'Observation', 'h1')}`;
    const own = wallet.enrolled.patient.reference;
    await reader.get(h1);
    await reader.get(`${own}/$everything`);
    await reader.get(`Observation?patient=${own}`);
    await get(`/fhir/${h1}`);
    // Nothing of this patient is shown by these.
    await reader.get('Observation/unknown');
    const { accesses, total } = await read<OwnAccesses>('/me/accesses');
    assert.deepEqual(
      accesses
        .map(({ to, purpose, interaction, records }) => [to, purpose, interaction, records])
        .toReversed(),
      [
        [reader.reference, 'TREAT', 'read', 1],
        [reader.reference, 'TREAT', 'everything', 2],
        [reader.reference, 'TREAT', 'search', 1],
        [own, 'PATRQT', 'read', 1],
      ],
    );
    assert.equal(total, 4);
    assert.equal(accesses.find(({ to }) => to === reader.reference)?.name, 'Ward system');
    const [first] = accesses;
    assert.ok(first !== undefined && first.under.length > 0);
    const { body } = await get(`/me/accesses/${first.handle}/proof`);
    const { instance } = bench;
    const vkeys = ((await instance.engine.read('vkey'))?.toString() ?? '').trim().split('\n');
    const verdict = checkProof(body, proofTrust({ vkeys, caRoot: instance.authority.root }));
    assert.ok(verdict.ok && verdict.kind === 'disclosure', JSON.stringify(verdict));
    // Having it proved was an access too.
    assert.equal((await read<OwnAccesses>('/me/accesses')).total, 5);
  });

  it('proves no access of another patient', async () => {
    const other = await consenting(bench, 'other');
    await push(bench, patient('other', { version: '1', minute: 1 }));
    await reader.get(other.enrolled.patient.reference);
    const theirs = await tokenOf(other);
    const { accesses } = await read<OwnAccesses>('/me/accesses', theirs);
    const handle = accesses[0]?.handle ?? '';
    assert.equal((await get(`/me/accesses/${handle}/proof`, theirs)).status, 200);
    const [denied, unknown] = await Promise.all([
      get(`/me/accesses/${handle}/proof`),
      get(`/me/accesses/${randomBytes(32).toString('base64url')}/proof`),
    ]);
    assert.equal(denied.status, 404);
    assert.deepEqual(denied.body, unknown.body);
    assert.equal((await get('/me/accesses/..%2f..%2fmetrics/proof')).status, 404);
  });

  it('shows what waits to the patient alone, until the patient answers', async () => {
    const silent = await enrolWallet(servicesOf(bench.instance), bench.source.id, 'silent');
    await push(bench, patient('silent', { version: '1', minute: 1 }));
    await push(bench, heartRate('w1', 'silent', 88, { version: '1', minute: 1 }));
    const own = await tokenOf(silent);
    assert.equal((await read<OwnHome>('/me', own)).waiting, 2);
    const begun = bench.instance.engine.head().size;
    const { waiting, total } = await read<OwnWaitingList>('/me/waiting', own);
    assert.equal(total, 2);
    const found = waiting.find(({ type }) => type === 'Observation')?.resource as Observation | undefined;
    assert.equal(found?.valueQuantity?.value, 88);
    assert.deepEqual(await typesSince(bench.instance, begun), ['disclosure']);
    assert.equal((await reader.get(silent.enrolled.patient.reference)).status, 404);
    assert.equal((await get(`/fhir/${silent.enrolled.patient.reference}`, own)).status, 404);
    await bench.instance.consents.submit(signedBundle(silent, consentFor(silent)));
    await drain(bench.instance);
    assert.equal((await read<OwnWaitingList>('/me/waiting', own)).total, 0);
    assert.equal((await get(`/fhir/${silent.enrolled.patient.reference}`, own)).status, 200);
  });
});
