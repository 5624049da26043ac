import assert from 'node:assert/strict';
import { after, before, describe, it, mock } from 'node:test';
import { openInstance } from '../../../../adapter/instance/instance.js';
import type { Instance } from '../../../../adapter/instance/instance.js';
import { createLogger } from '../../../../adapter/logger.js';
import { addClient } from '../../../../adapter/services/client-admin.js';
import { presentDer, presentOf } from '../../../../adapter/services/ca/index.js';
import type { EngineBatch } from '../../../../ledger/engines/index.js';
import { enrolOrganisation } from '../../../../adapter/services/organisations.js';
import { LedgerError } from '../../../../ledger/errors.js';
import { makeCsr, readCertificate } from '../../../../ledger/participants/index.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
  testConfig,
} from '../../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../../support/wallet.js';
import { x509 } from '../../../ledger/participants/support.js';
import { failedChecks, logSize, typesSince } from '../../support/bench.js';
import { enrolByTwo, newRequest, proofOf } from './organisation.js';

/** Serial numbers on the list that is served, and its number. */
async function listed({ certification }: Instance): Promise<{ serials: string[]; number: number }> {
  const { der, number } = await certification.revocations.list();
  const crl = new x509.X509Crl(der, { berOptions: { maxNodes: 100_000 } });
  return { serials: crl.entries.map(({ serialNumber }) => serialNumber), number };
}

describe('the authority at work', () => {
  const dir = temporaryFolder();
  let instance: Instance;
  before(async () => {
    ({ instance } = await openTestInstance(dir));
  });
  after(async () => {
    assert.deepEqual(await failedChecks(instance), [], 'the log verifies after all of it');
    await instance.close();
    removeFolder(dir);
  });

  it('certifies what one asked for and another approved, in one batch with its entry', async () => {
    const size = logSize(instance);
    const requested = await newRequest();
    const input = { csr: requested.csr, name: 'Ministry of Health', group: 'authority', by: '  Ann   Lee ' };
    const request = await instance.certification.enrol(input);
    assert.deepEqual([request.state, request.askedBy], ['pending', 'Ann Lee']);
    assert.equal(logSize(instance), size, 'a request is no entry');
    const again = await instance.certification.enrol(input);
    assert.equal(again.id, request.id, 'the same request again is the same');
    const approved = await instance.certification.approve(request.id, 'Bo Rask');
    assert.equal(approved.state, 'approved');
    assert.deepEqual(await typesSince(instance, size), ['participant.enrolled']);
    const certified = instance.certification.rows.get(approved.handle ?? '');
    assert.ok(certified !== undefined);
    assert.deepEqual(certified.people, { askedBy: 'Ann Lee', approvedBy: 'Bo Rask' });
    const { group, role, organisation, notAfter } = presentOf(certified);
    assert.deepEqual([group, role, organisation], ['authority', 'organisation', 'Ministry of Health']);
    assert.ok(notAfter > Date.now() + 89 * 86_400_000);
    // Once approved it stays so, and says so again.
    assert.deepEqual(await instance.certification.approve(request.id, 'Bo Rask'), approved);
    assert.equal((await instance.certification.enrol(input)).state, 'approved');
    assert.deepEqual(await typesSince(instance, size), ['participant.enrolled']);
  });

  it('approves at once twice: one entry', async () => {
    const { csr } = await newRequest();
    const { id } = await instance.certification.enrol({ csr, name: 'Twice', group: 'payer', by: 'Ann' });
    const size = logSize(instance);
    const outcomes = await Promise.allSettled([
      instance.certification.approve(id, 'Bo'),
      instance.certification.approve(id, 'Cy'),
    ]);
    assert.ok(outcomes.some(({ status }) => status === 'fulfilled'));
    assert.deepEqual(await typesSince(instance, size), ['participant.enrolled']);
  });

  it('a refused request certifies nobody, and may be made again', async () => {
    const { csr } = await newRequest();
    const input = { csr, name: 'Refused', group: 'payer', by: 'Ann' };
    const { id } = await instance.certification.enrol(input);
    await assert.rejects(instance.certification.refuse(id, 'Bo', ' '), { code: 'ADAPTER_USAGE' });
    const refused = await instance.certification.refuse(id, 'Bo', 'nobody answers their telephone');
    assert.deepEqual([refused.state, refused.decidedBy], ['refused', 'Bo']);
    await assert.rejects(instance.certification.approve(id, 'Bo'), { code: 'ADAPTER_CONFLICT' });
    const again = await instance.certification.enrol(input);
    assert.notEqual(again.id, id);
    await instance.certification.approve(again.id, 'Bo');
    await assert.rejects(instance.certification.refuse(again.id, 'Bo', 'too late'), {
      code: 'ADAPTER_CONFLICT',
    });
    await assert.rejects(instance.certification.approve('r-unknown', 'Bo'), { code: 'ADAPTER_NOT_FOUND' });
  });

  it('renews: same keys, longer, no enrolment; the former stays good', async () => {
    const requested = await newRequest();
    const former = await enrolByTwo(instance, requested, 'Renewing');
    const size = logSize(instance);
    const present = await instance.certification.renew(former.id, requested.csr);
    assert.deepEqual(await typesSince(instance, size), ['participant.renewed']);
    assert.equal(present.handle, former.handle);
    assert.ok(presentOf(present).publicKey.equals(presentOf(former).publicKey));
    const leaf = logSize(instance);
    for (const { fingerprint } of [presentOf(former), presentOf(present)]) {
      const found = instance.certification.rows.certificateAt(present.handle, fingerprint, {
        leaf,
        atMs: Date.now(),
      });
      assert.equal(found.ok, true);
    }
    assert.deepEqual(
      (await listed(instance)).serials.filter((one) => one === presentOf(former).serialNumber),
      [],
    );
    await assert.rejects(instance.certification.renew(former.id, (await newRequest()).csr), {
      code: 'ADAPTER_CONFLICT',
    });
  });

  it('rotates by proof of both keys: the former key ends at its leaf and is on the list', async () => {
    const requested = await newRequest();
    const former = await enrolByTwo(instance, requested, 'Rotating');
    const next = await newRequest();
    const proof = proofOf(requested.seed, next.csr);
    for (const wrong of [Buffer.alloc(64), Buffer.alloc(0), proofOf(next.seed, next.csr)])
      await assert.rejects(instance.certification.rotate(former.id, next.csr, wrong), {
        code: 'ADAPTER_FORBIDDEN',
      });
    const size = logSize(instance);
    const present = await instance.certification.rotate(former.id, next.csr, proof);
    assert.deepEqual(await typesSince(instance, size), ['key.rotated']);
    const old = presentOf(former);
    const leaf = logSize(instance);
    const at = (fingerprint: string, asked: number): string => {
      const position = { leaf: asked, atMs: Date.now() };
      const found = instance.certification.rows.certificateAt(present.handle, fingerprint, position);
      return found.ok ? 'ok' : found.code;
    };
    assert.equal(at(old.fingerprint, leaf), 'rotated-away');
    assert.equal(at(old.fingerprint, size), 'ok', 'what was signed before stays checkable');
    assert.equal(at(presentOf(present).fingerprint, leaf), 'ok');
    assert.ok((await listed(instance)).serials.includes(old.serialNumber));
    // The former key is never certified again, for anybody, by any way.
    const input = { csr: requested.csr, name: 'Somebody else', group: 'payer', by: 'Ann' };
    await assert.rejects(instance.certification.enrol(input), { code: 'ADAPTER_CONFLICT' });
    const back = await makeCsr(requested);
    await assert.rejects(instance.certification.rotate(present.id, back.pem, proofOf(next.seed, back.pem)), {
      code: 'ADAPTER_CONFLICT',
    });
  });

  it('revokes: entry, rows and list in one batch; only once', async () => {
    const former = await enrolByTwo(instance, await newRequest(), 'Leaving');
    const { number } = await listed(instance);
    const size = logSize(instance);
    await instance.certification.revoke(former.handle, 'keyCompromise');
    await instance.certification.revoke(former.id, 'superseded');
    assert.deepEqual(await typesSince(instance, size), ['participant.revoked']);
    const list = await listed(instance);
    assert.ok(list.serials.includes(presentOf(former).serialNumber));
    assert.equal(list.number, number + 1);
    for (const change of [
      () => instance.certification.renew(former.id),
      () => instance.certification.rotate(former.id, '', Buffer.alloc(64)),
    ])
      await assert.rejects(change, { code: 'ADAPTER_CONFLICT' });
    await assert.rejects(instance.certification.revoke(former.id, 'boredom'), { code: 'ADAPTER_USAGE' });
    await assert.rejects(instance.certification.revoke('p-nobody', 'superseded'), {
      code: 'ADAPTER_NOT_FOUND',
    });
    await assert.rejects(instance.certification.revoke(instance.organisation.id, 'superseded'), {
      code: 'ADAPTER_CONFLICT',
    });
  });

  it('a step that the log did not take leaves rows and list as they were', async () => {
    const requested = await newRequest();
    const former = await enrolByTwo(instance, requested, 'Unlucky');
    const size = logSize(instance);
    const list = await listed(instance);
    const failing = mock.method(instance.engine, 'commit', () =>
      Promise.reject(new LedgerError('LEDGER_BUSY', 'as the test asked')),
    );
    const next = await newRequest();
    const pending = { csr: next.csr, name: 'Never', group: 'payer', by: 'Ann' };
    for (const step of [
      () => instance.certification.enrol(pending),
      () => instance.certification.renew(former.id),
      () => instance.certification.rotate(former.id, next.csr, proofOf(requested.seed, next.csr)),
      () => instance.certification.revoke(former.id, 'keyCompromise'),
    ])
      await assert.rejects(step, { code: 'LEDGER_BUSY' });
    failing.mock.restore();
    assert.equal(logSize(instance), size);
    assert.deepEqual(await listed(instance), list);
    assert.deepEqual(instance.certification.rows.get(former.handle), former);
    assert.deepEqual(
      (await instance.certification.requests.all()).filter(({ name }) => name === 'Never'),
      [],
    );
    // And asked again it is done.
    await instance.certification.revoke(former.id, 'keyCompromise');
    assert.ok((await listed(instance)).serials.includes(presentOf(former).serialNumber));
  });

  it('a step whose answer was lost is done, and asked again it is not done twice', async () => {
    const requested = await newRequest();
    const input = { csr: requested.csr, name: 'Unheard', group: 'payer', by: 'Ann' };
    const { id } = await instance.certification.enrol(input);
    const size = logSize(instance);
    const losing = async (step: () => Promise<unknown>): Promise<void> => {
      const commit = instance.engine.commit.bind(instance.engine);
      const failing = mock.method(instance.engine, 'commit', async (batch: EngineBatch) => {
        await commit(batch);
        throw new LedgerError('LEDGER_WRITE_FAILED', 'as the test asked');
      });
      await assert.rejects(step, { code: 'LEDGER_WRITE_FAILED' });
      failing.mock.restore();
      await step();
    };
    await losing(() => instance.certification.approve(id, 'Bo'));
    const { handle = '' } = await instance.certification.approve(id, 'Bo');
    const next = await newRequest();
    const proof = proofOf(requested.seed, next.csr);
    await assert.rejects(
      losing(() => instance.certification.rotate(handle, next.csr, proof)),
      {
        // It was done: the proof is of a key that is no longer the certified one.
        code: 'ADAPTER_FORBIDDEN',
      },
    );
    await losing(() => instance.certification.revoke(handle, 'superseded'));
    assert.deepEqual(await typesSince(instance, size), [
      'participant.enrolled',
      'key.rotated',
      'participant.revoked',
    ]);
    const certified = instance.certification.rows.get(handle);
    assert.ok(certified !== undefined);
    const { serials } = await listed(instance);
    for (const { der } of certified.certificates) {
      const { serialNumber } = readCertificate(Buffer.from(der, 'base64'));
      assert.equal(serials.filter((one) => one === serialNumber).length, 1);
    }
  });

  it('a client’s keys follow its certificate', async () => {
    const requested = await newRequest();
    const args = { name: 'Clinic', group: 'provider', csr: requested.csr, scopes: ['system/*.rs'] };
    const { id, kid } = await addClient(instance, args);
    await assert.rejects(addClient(instance, args), { code: 'ADAPTER_CONFLICT' });
    const renewed = await instance.certification.renew(id);
    const kids = (): (string | undefined)[] => instance.clients.get(id)?.keys.map((key) => key.kid) ?? [];
    assert.deepEqual(kids(), [presentOf(renewed).fingerprint, kid]);
    assert.equal(instance.clients.get(id)?.notAfter, presentOf(renewed).notAfter);
    const next = await newRequest();
    const rotated = await instance.certification.rotate(id, next.csr, proofOf(requested.seed, next.csr));
    assert.deepEqual(kids(), [presentOf(rotated).fingerprint]);
    await instance.certification.revoke(id, 'cessationOfOperation');
    assert.equal(instance.clients.active(id, Date.now()), undefined);
  });

  it('one who was enrolled by two becomes client under that enrolment, and only as who it is', async () => {
    const requested = await newRequest();
    const certified = await enrolByTwo(instance, requested, 'Known', 'payer');
    const args = { name: 'Known', group: 'payer', csr: requested.csr, scopes: ['system/Claim.rs'] };
    await assert.rejects(addClient(instance, { ...args, name: 'Other' }), { code: 'ADAPTER_CONFLICT' });
    await assert.rejects(addClient(instance, { ...args, group: 'provider' }), { code: 'ADAPTER_CONFLICT' });
    const size = logSize(instance);
    const { id } = await addClient(instance, args);
    assert.equal(id, certified.id);
    assert.deepEqual(await typesSince(instance, size), []);
  });

  it('the same key again joins the enrolment that there is, as a source that is added again does', async () => {
    const { csr } = await newRequest();
    const size = logSize(instance);
    const first = await enrolOrganisation(instance, csr, 'City Hospital', 'provider');
    assert.deepEqual(await enrolOrganisation(instance, csr, 'City Hospital', 'provider'), first);
    assert.deepEqual(await typesSince(instance, size), ['participant.enrolled']);
    await instance.certification.revoke(first.id, 'superseded');
    await assert.rejects(enrolOrganisation(instance, csr, 'City Hospital', 'provider'), {
      code: 'ADAPTER_CONFLICT',
    });
  });

  it('a patient’s revoked certificate signs no more; the list has the serial and the day alone', async () => {
    await addImportSource(instance, 'ward');
    const wallet = await enrolWallet(servicesOf(instance), 'ward', 'p1');
    const { participant, fingerprint } = wallet.enrolled;
    await instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
    const leaf = logSize(instance);
    await assert.rejects(instance.certification.revoke(participant, 'affiliationChanged'), {
      code: 'ADAPTER_USAGE',
    });
    await instance.certification.revoke(participant, 'keyCompromise');
    await assert.rejects(instance.consents.submit(signedBundle(wallet, consentFor(wallet))), (error: Error) =>
      error.message.includes('certificate-revoked'),
    );
    const { rows } = instance.certification;
    const found = (at: number): boolean =>
      rows.certificateAt(participant, fingerprint, { leaf: at, atMs: Date.now() }).ok;
    assert.deepEqual([found(leaf - 1), found(logSize(instance))], [true, false]);
    const certified = rows.get(participant);
    assert.ok(certified !== undefined);
    const { serialNumber } = readCertificate(presentDer(certified));
    const { der } = await instance.certification.revocations.list();
    const entry = new x509.X509Crl(der).entries.find((one) => one.serialNumber === serialNumber);
    assert.equal((entry?.revocationDate.getTime() ?? 1) % 86_400_000, 0);
  });

  it('names of people are compared as people read them', async () => {
    const { csr } = await newRequest();
    const input = { csr, name: 'Names', group: 'payer', by: 'Ann Lee' };
    const { id } = await instance.certification.enrol(input);
    for (const same of ['Ann Lee', 'ann lee', ' ANN  LEE ', 'Ａnn Lee', 'Ann\u00a0Lee'])
      await assert.rejects(instance.certification.approve(id, same), { code: 'ADAPTER_FORBIDDEN' }, same);
    for (const nobody of ['', '   ', 'x'.repeat(65), 'Ann\u200bLee', 'a\u0007b'])
      await assert.rejects(instance.certification.approve(id, nobody), { code: 'ADAPTER_USAGE' }, nobody);
  });
});

describe('a folder opened again', () => {
  it('has the same list, renewed before its end, its number never going back', async () => {
    const dir = temporaryFolder();
    try {
      const first = await openTestInstance(dir);
      const gone = await enrolByTwo(first.instance, await newRequest());
      await first.instance.certification.revoke(gone.id, 'keyCompromise');
      const former = await listed(first.instance);
      await first.close();
      let nowMs = Date.now();
      const logger = createLogger('error', () => undefined);
      const second = await openInstance({ config: testConfig(dir), demo: false, logger, nowMs: () => nowMs });
      assert.deepEqual(await listed(second), former);
      const { nextUpdate } = await second.certification.revocations.list();
      // A day and a half on, then with the clock put back, then long present its end.
      let last = former.number;
      for (const [shift, isRenewed] of [
        [1.5, true],
        [-1, false],
        [30, true],
      ] as const) {
        nowMs = Date.now() + shift * 86_400_000;
        const renewed = await listed(second);
        assert.equal(renewed.number > last, isRenewed);
        assert.ok((await second.certification.revocations.list()).nextUpdate >= nextUpdate);
        assert.deepEqual(renewed.serials, former.serials);
        last = renewed.number;
      }
      // Once the certificate itself has ended it is listed once more, and then no longer.
      nowMs = Date.now() + 91 * 86_400_000;
      assert.deepEqual((await listed(second)).serials, former.serials);
      nowMs += 2 * 86_400_000;
      assert.deepEqual((await listed(second)).serials, []);
      await second.close();
    } finally {
      removeFolder(dir);
    }
  });

  it('that knew no rows of certificates gets them, revocations included', async () => {
    const dir = temporaryFolder();
    try {
      const first = await openTestInstance(dir);
      const { instance } = first;
      await addImportSource(instance, 'ward');
      const wallet = await enrolWallet(servicesOf(instance), 'ward', 'p1');
      const requested = await newRequest();
      const args = { name: 'Old clinic', group: 'provider', csr: requested.csr, scopes: ['system/*.rs'] };
      const { id } = await addClient(instance, args);
      await instance.certification.revoke(id, 'keyCompromise');
      const certified = await instance.certification.find(id);
      const older = await instance.store.keys({ gte: 'ca/', lt: 'ca/~' }).all();
      const kept = new Set(['ca/root', 'ca/issuing', 'ca/instance']);
      await instance.store.batch(older.filter((key) => !kept.has(key)).map((key) => ({ type: 'del', key })));
      const plain = { id, name: 'Old clinic', certificate: presentDer(certified).toString('base64') };
      await instance.store.put(`participant/${certified.handle}`, Buffer.from(JSON.stringify(plain)));
      await first.close();

      const second = await openTestInstance(dir);
      const found = second.instance.certification.rows;
      assert.notEqual(found.get(certified.handle)?.revoked, undefined);
      assert.equal(found.get(second.instance.organisation.participant)?.role, 'instance');
      assert.equal(found.get(wallet.enrolled.participant)?.group, 'patient');
      assert.deepEqual((await listed(second.instance)).serials, [presentOf(certified).serialNumber]);
      await second.instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
      const input = { csr: requested.csr, name: 'Back', group: 'payer', by: 'Ann' };
      await assert.rejects(second.instance.certification.enrol(input), { code: 'ADAPTER_CONFLICT' });
      await second.close();
    } finally {
      removeFolder(dir);
    }
  });

  it('with enrolmentApproval two takes no client without an approved enrolment; with one, one is enough', async () => {
    const dir = temporaryFolder();
    try {
      const two = await openTestInstance(dir, { enrolmentApproval: 'two' });
      const requested = await newRequest();
      const args = { name: 'Strict', group: 'payer', csr: requested.csr, scopes: ['system/Claim.rs'] };
      await assert.rejects(addClient(two.instance, args), { code: 'ADAPTER_FORBIDDEN' });
      const input = { csr: requested.csr, name: 'Strict', group: 'payer', by: 'Ann' };
      const { id } = await two.instance.certification.enrol(input);
      await assert.rejects(addClient(two.instance, args), { code: 'ADAPTER_CONFLICT' });
      await two.instance.certification.approve(id, 'Bo');
      await addClient(two.instance, args);
      await two.close();
      const one = await openTestInstance(dir, { enrolmentApproval: 'one' });
      const { csr } = await newRequest();
      const enrolled = await one.instance.certification.enrol({
        csr,
        name: 'Easy',
        group: 'payer',
        by: 'Ann',
      });
      assert.equal(enrolled.state, 'approved');
      await one.close();
    } finally {
      removeFolder(dir);
    }
  });
});
