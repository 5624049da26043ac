/** An insurer in the browser: a claim asked about, answered line by line, its proof kept and checked. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { sealedWallet } from '../../adapter/cli/wallet-file.js';
import { consentFromTemplate, EXPENSES_KIND } from '../../adapter/http/contract/index.js';
import { readPortal } from '../../adapter/services/portal-files.js';
import { signDocument } from '../../ledger/consent/index.js';
import { generateX25519 } from '../../ledger/vault/index.js';
import { consenting, openBench, push } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { patient } from '../adapter/support/resources.js';
import { signedDecision, signedTask, taskOf } from '../support/access.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import { admitPayer } from '../support/claims.js';
import { enrolOrganisation, enrolPerson } from '../support/person.js';
import { go, PASSPHRASE } from '../support/portal-journey.js';
import { barriers, quiet, shot, visit, widthBeside } from '../support/portal-page.js';
import { bearer, signerOf, signIn } from '../support/session.js';
import type { Signer } from '../support/session.js';
import { signedBundle } from '../support/wallet.js';
import type { Wallet } from '../support/wallet.js';

const chromium = findChromium();
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;
const XSS = '<img src=x onerror="document.title=1">';
const visitCode = { coding: [{ system: 'http://snomed.info/sct', code: '185345009', display: XSS }] };
const PERIOD = { start: '2026-03-02T09:00:00Z', end: '2026-03-02T10:30:00Z' };

let bench: Bench;
let opened: OpenedBrowser;
let own: string;
let owner: Wallet;

before(async () => {
  if (skip !== false) return;
  bench = await openBench({}, true);
  opened = await openBrowser(chromium ?? '');
  const wallet = await consenting(bench, 'a');
  owner = wallet;
  own = wallet.enrolled.patient.reference;
  await push(bench, patient('a', { version: '1', minute: 1 }), {
    resourceType: 'Encounter',
    id: 'visit',
    status: 'finished',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
    type: [visitCode],
    subject: { reference: 'Patient/a' },
    serviceProvider: { reference: 'Organization/clinic' },
    period: PERIOD,
  });
  const answer = await fetch(`${bench.url}/demo/wallets/payer`, { method: 'POST' });
  const { signing, certificate } = (await answer.json()) as {
    signing: string;
    certificate: { id: string; fingerprint: string };
  };
  const { instance, source } = bench;
  const organisations = await instance.certification.rows.organisations();
  const participant = organisations.find(({ id }) => id === certificate.id)?.handle ?? '';
  const insurer: Signer = {
    seed: Buffer.from(signing, 'base64url'),
    participant,
    fingerprint: certificate.fingerprint,
  };
  const asking = { patient: own, custodian: source.custodian.id, purpose: 'CLMATTCH', types: ['Claim'] };
  const task = taskOf(certificate, asking);
  const { id } = await instance.accessRequests.ask(signedTask(insurer, task));
  for (const by of [await enrolPerson(instance, 'staff'), signerOf(wallet)])
    await instance.accessRequests.decide(
      signedDecision(by, instance.identity.origin, { id, task }, { outcome: 'approved' }),
    );
  const { custodian } = wallet.enrolled;
  const consent = consentFromTemplate('claim', {
    patient: own,
    hospital: { reference: custodian.reference, name: custodian.display },
    recipient: { reference: `Organization/${certificate.id}`, name: 'Demo Insurance' },
    claim: 'Claim/c1',
    contact: 'privacy@example.org',
    identifier: randomUUID(),
    dateTime: new Date().toISOString(),
    until: new Date(Date.now() + 86_400_000).toISOString(),
    isSensitiveIncluded: true,
    isAbroadAllowed: false,
  });
  await instance.consents.submit(signedBundle(wallet, consent));
});
after(async () => {
  if (skip !== false) return;
  await opened.close();
  await bench.close();
});

for (const how of [
  { width: 1280, dark: false },
  { width: 360, dark: true },
]) {
  test(`a claim, line by line, with its proof, ${how.width} px`, { skip, timeout: 120_000 }, async () => {
    const { context, page, complaints } = await visit(opened.browser, how);
    const look = async (name: string): Promise<void> => {
      await quiet(page);
      assert.deepEqual(await barriers(page), [], name);
      assert.ok((await widthBeside(page)) <= 0, name);
      await shot(page, name, how);
    };
    await page.goto(`${bench.url}/app/wallet`);
    await page.getByRole('button', { name: 'Be the insurer' }).click();
    await go(page, 'Claims');
    const ask = page.getByRole('button', { name: 'Ask', exact: true });
    await page.getByLabel('The claim').fill('not a claim');
    await page.getByText('This is no JSON object').waitFor();
    assert.equal(await ask.isDisabled(), true);
    const claim = {
      resourceType: 'Claim',
      id: 'c1',
      status: 'active',
      use: 'claim',
      patient: { reference: own },
      provider: { reference: 'Organization/clinic' },
      billablePeriod: PERIOD,
      item: [
        { sequence: 1, productOrService: visitCode, encounter: [{ reference: 'Encounter/visit' }] },
        {
          sequence: 2,
          productOrService: {
            coding: [{ system: 'http://snomed.info/sct', code: '80146002', display: XSS }],
          },
        },
      ],
    };
    const [chooser] = await Promise.all([
      page.waitForEvent('filechooser'),
      page.getByRole('button', { name: 'Choose a file' }).click(),
    ]);
    await chooser.setFiles({
      name: 'claim.json',
      mimeType: 'application/json',
      buffer: Buffer.from(JSON.stringify(claim)),
    });
    await ask.click();
    await page.getByText('Supported: 1.').waitFor();
    await page.getByRole('cell', { name: 'not supported' }).waitFor();
    await look('claims');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save the proof' }).click(),
    ]);
    await go(page, 'Check a proof');
    const [proofs] = await Promise.all([
      page.waitForEvent('filechooser'),
      page.getByRole('button', { name: 'Choose a file' }).click(),
    ]);
    await proofs.setFiles(await download.path());
    await page.getByText('A claim was compared with the record').waitFor();
    await look('claims-proof');
    assert.equal(await page.title(), 'Firebreak');
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test(
  'the patient sees what a bank asked on the own signature, and what it was told',
  { skip, timeout: 120_000 },
  async () => {
    const { instance, url } = bench;
    const bank = await enrolOrganisation(instance, 'Bank', 'payer');
    await push(bench, {
      resourceType: 'Claim',
      id: 'bill',
      status: 'active',
      use: 'claim',
      type: { text: XSS },
      patient: { reference: 'Patient/a' },
      created: '2026-03-02',
      billablePeriod: PERIOD,
      provider: { reference: 'Organization/clinic' },
      total: { value: 99.9, currency: 'EUR' },
    });
    await admitPayer(bench, bank, owner, 'HPAYMT');
    const { participant, fingerprint } = owner.enrolled;
    for (const atLeast of [99.9, 100]) {
      const document = {
        kind: EXPENSES_KIND,
        log: instance.identity.origin,
        signer: participant,
        at: new Date().toISOString(),
        until: new Date(Date.now() + 86_400_000).toISOString(),
        patient: own,
        to: `Organization/${bank.id}`,
        purpose: 'HPAYMT',
        atLeast,
        currency: 'EUR',
        start: '2026-01-01',
        end: '2026-12-31',
      };
      const answer = await fetch(`${url}/claims/expenses`, {
        method: 'POST',
        headers: {
          ...bearer(await signIn(url, bank, { purpose: 'HPAYMT' })),
          'content-type': 'application/json',
        },
        body: JSON.stringify({ document, jws: signDocument(document, owner.seed, fingerprint) }),
      });
      assert.equal(answer.status, 200);
    }
    // The wallet, as its recovery file brings it into this browser.
    const recovery = await sealedWallet(
      {
        signing: owner.seed.toString('base64url'),
        opening: generateX25519().toString('base64url'),
        enrolled: owner.enrolled,
      },
      PASSPHRASE,
    );
    for (const how of [
      { width: 1280, dark: false },
      { width: 360, dark: true },
    ]) {
      const { context, page, complaints } = await visit(opened.browser, how);
      await page.goto(`${url}/app/wallet`);
      const form = page.locator('form').filter({ hasText: 'I have a recovery file' });
      const file = { name: 'wallet.age', mimeType: 'text/plain', buffer: Buffer.from(recovery) };
      await form.locator('input[type=file]').setInputFiles(file);
      await form.getByLabel('Passphrase').fill(PASSPHRASE);
      await form.getByRole('button', { name: 'Put back' }).click();
      await page.getByRole('link', { name: 'To my record' }).click({ timeout: 60_000 });
      await go(page, 'Claims about me');
      await page.getByRole('heading', { name: 'What banks asked' }).waitFor();
      await page.getByText('At least 99.9 EUR from 2026-01-01 to 2026-12-31?').waitFor();
      await page.getByText('It was told yes, by 1 bill.').waitFor();
      await page.getByText('It was told no; 1 bill counted.').waitFor();
      await page.waitForLoadState('networkidle');
      assert.deepEqual(await barriers(page), []);
      assert.ok((await widthBeside(page)) <= 0);
      await shot(page, 'claims-own', how);
      await go(page, 'My record', 'Accesses');
      await page.getByText('Yes or no about expenses').first().waitFor();
      assert.deepEqual(complaints, []);
      await context.close();
    }
  },
);
