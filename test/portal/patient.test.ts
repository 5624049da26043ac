/** A patient in the browser: from the invitation to the withdrawal, with a real record. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Bundle } from 'fhir/r4.js';
import type { Page } from 'playwright-core';
import { drain } from '../../adapter/services/drain.js';
import { readPortal } from '../../adapter/services/portal-files.js';
import { ask, openBench, push } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { readerOf } from '../adapter/support/facade.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { signedTask, taskOf } from '../support/access.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import { enrolOrganisation } from '../support/person.js';
import { enrolInPage, go, PASSPHRASE, readForm, signShown } from '../support/portal-journey.js';
import { barriers, quiet, shot, visit, widthBeside } from '../support/portal-page.js';
import type { Visit } from '../support/portal-page.js';
import { sharedData } from '../support/shared-data.js';

const chromium = findChromium();
const synthea = sharedData('synthea-r4');
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;
const XSS = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';

let bench: Bench;
let opened: OpenedBrowser;

before(async () => {
  if (skip !== false) return;
  bench = await openBench();
  opened = await openBrowser(chromium ?? '');
});
after(async () => {
  if (skip !== false) return;
  await opened.close();
  await bench.close();
});

async function invitationOf(name: string): Promise<string> {
  const answer = await ask(bench.url, `/sources/${bench.source.id}/invitations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bench.source.secret}` },
    body: JSON.stringify({ patients: [name] }),
  });
  const { invitations } = JSON.parse(answer.body.toString()) as { invitations: { code: string }[] };
  return invitations[0]?.code ?? '';
}

const enrol = async (page: Page, name: string): Promise<void> =>
  enrolInPage(page, bench.url, await invitationOf(name));

/** No barrier, nothing beside the window. */
async function look(page: Page, name: string, how: Visit): Promise<void> {
  await quiet(page);
  assert.equal(await page.locator('h1').count(), 1, name);
  assert.deepEqual(await barriers(page), [], name);
  const beside = await widthBeside(page);
  assert.ok(beside <= 0, `${name}: ${beside} px`);
  await shot(page, name, how);
}

/** As models issue it. */
function severityOf(id: string): object {
  return {
    resourceType: 'RiskAssessment',
    id: `risk-${id}`,
    status: 'final',
    subject: { reference: `Patient/${id}` },
    occurrenceDateTime: '2026-11-01T08:00:00Z',
    prediction: [
      {
        outcome: { text: 'severe course within 28 days' },
        qualitativeRisk: { coding: [{ system: 'urn:test:severity', code: 'mild', display: 'Mild' }] },
        probabilityDecimal: 0.12,
        rationale: 'Age at admission raises it, C-reactive protein lowers it.',
      },
      ...Object.entries({ mild: 0.6, moderate: 0.25, severe: 0.1, critical: 0.05 }).map(([level, p]) => ({
        outcome: {
          coding: [{ system: 'urn:firebreak:severity-level', code: level }],
          text: `${level} at worst`,
        },
        probabilityDecimal: p,
      })),
      { outcome: { text: 'death' }, probabilityDecimal: 0.02 },
    ],
  };
}

/** Resources of one Synthea patient, under an id of ours. */
function recordOf(id: string): object[] {
  if (synthea === undefined) return [patient(id), heartRate('h1', id, 70), heartRate('h2', id, 80)];
  const name =
    readdirSync(synthea)
      .filter((file) => file.endsWith('.json'))
      .toSorted()[3] ?? '';
  const bundle = JSON.parse(readFileSync(join(synthea, name), 'utf8')) as Bundle;
  const found = bundle.entry?.find(({ resource }) => resource?.resourceType === 'Patient');
  const text = JSON.stringify(bundle.entry?.map(({ resource }) => resource));
  return JSON.parse(
    text.replaceAll(found?.fullUrl ?? '', `Patient/${id}`).replaceAll(found?.resource?.id ?? '', id),
  ) as object[];
}

for (const how of [
  { width: 1280, dark: false },
  { width: 360, dark: true },
]) {
  const where = `${how.width} px, ${how.dark ? 'dark' : 'light'}`;
  test(`from the invitation to the withdrawal, ${where}`, { skip, timeout: 240_000 }, async () => {
    const name = `p${how.width}`;
    const { context, page, complaints } = await visit(opened.browser, how);
    await page.goto(`${bench.url}/app/wallet`);
    await page.getByRole('heading', { name: 'I have an invitation' }).waitFor();
    await look(page, 'wallet-new', how);
    await enrol(page, name);
    await look(page, 'wallet-open', how);

    // What comes before the consent waits; it is seen by the patient alone.
    await push(bench, ...recordOf(name), severityOf(name));
    await go(page, 'To my record');
    await page.getByText('wait for your answer').waitFor();
    await look(page, 'home-waiting', how);
    await go(page, 'Look at it first');
    await page.getByText(/and wait\. Only you can see them/).waitFor();
    await go(page, 'Answer');

    await page.getByRole('button', { name: 'Read it' }).waitFor();
    await look(page, 'permissions-new', how);
    await readForm(page);
    await page.getByText('may add to my record, read it and use it to treat me').first().waitFor();
    await page.getByRole('button', { name: /^What would .+ see if I agree/ }).click();
    await page.getByText('Your record holds nothing yet').waitFor();
    await look(page, 'sign', how);
    await signShown(page);
    await drain(bench.instance);
    await look(page, 'permissions', how);

    const hospital = await readerOf(bench, { source: bench.source.id, name: 'Ward system' });
    const subject = await bench.instance.subjects.find(bench.instance.subjects.keyOf(bench.source.id, name));
    const own = `Patient/${subject?.facadeId ?? ''}`;
    assert.equal((await hospital.get(`${own}/$everything`)).status, 200);

    await go(page, 'My record');
    await page.getByText('Ward system').first().waitFor();
    await look(page, 'home', how);
    await go(page, 'Timeline');
    await page.getByLabel('Find').waitFor();
    await page.getByText('12 % risk: severe course within 28 days').waitFor();
    await page.getByText('Age at admission raises it').waitFor();
    await page
      .getByText('mild 60 %, moderate 25 %, severe 10 %, critical 5 %. Death, as part of critical: 2 %.')
      .waitFor();
    await look(page, 'timeline', how);
    if (synthea !== undefined) {
      await page.getByRole('button', { name: 'Closer' }).click();
      const row = page.locator('.lane-row').first();
      await row.getByRole('button').first().click();
      const open = page.getByRole('button', { name: 'Open', exact: true }).first();
      if (await open.isVisible()) await open.click();
      await page.getByText('Proved by the ledger').waitFor();
      await look(page, 'record', how);
      await page.keyboard.press('Escape');
    }
    await go(page, 'My record', 'Measurements');
    await page.getByLabel('Find').waitFor();
    await look(page, 'measures', how);
    await go(page, 'My record', 'Take my record with me');
    const [bundle] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save as FHIR' }).click(),
    ]);
    const taken = JSON.parse(readFileSync(await bundle.path(), 'utf8')) as Bundle;
    assert.ok(taken.entry?.some(({ resource }) => `Patient/${resource?.id ?? ''}` === own));
    assert.equal((await page.pdf()).subarray(0, 5).toString(), '%PDF-');
    await look(page, 'take', how);
    await go(page, 'My record', 'Accesses');
    await page.getByText('Ward system').first().waitFor();
    await look(page, 'accesses', how);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save proof' }).first().click(),
    ]);
    const proof = JSON.parse(readFileSync(await download.path(), 'utf8')) as { checkpoint?: string };
    assert.equal(typeof proof.checkpoint, 'string');

    // An authority asks; the hospital agrees, then the patient, to less; then the patient takes it back.
    const ministry = await enrolOrganisation(bench.instance, `Ministry ${how.width}`, 'authority');
    const asked = await bench.instance.accessRequests.ask(
      signedTask(
        ministry,
        taskOf(ministry, {
          patient: own,
          custodian: bench.source.custodian.id,
          purpose: 'HRESCH',
          types: ['Observation', 'Condition'],
        }),
      ),
    );
    await bench.instance.accessRequests.decideAsCustodian(asked.id, 'approved', 'Cy Holm');
    await go(page, 'My record', 'Requests');
    const whatIf = page.getByRole('button', { name: `What would Ministry ${how.width} see if I agree?` });
    await whatIf.click();
    await page.getByText('If you sign this, it will be').waitFor();
    const seen = async (kind: string): Promise<string[]> =>
      page
        .getByLabel('What would be seen')
        .getByRole('row')
        .filter({ hasText: kind })
        .getByRole('cell')
        .allInnerTexts();
    const [, measured = ''] = await seen('Measurements');
    assert.notEqual(measured, '0');
    await page.getByLabel('Illnesses').uncheck();
    // The answer to another question is gone.
    await page.getByText('If you sign this, it will be').waitFor({ state: 'detached' });
    await whatIf.click();
    await page.getByText('If you sign this, it will be').waitFor();
    assert.deepEqual((await seen('Measurements')).slice(0, 2), ['0', measured]);
    assert.deepEqual(await seen('Illnesses'), []);
    await look(page, 'requests', how);
    await page.getByRole('button', { name: 'Sign my approval' }).click();
    await page.getByRole('button', { name: 'Withdraw' }).waitFor();
    const [policy] = await bench.instance.accessRequests.policies(subject?.key ?? '');
    assert.deepEqual(policy?.root.classes, ['http://hl7.org/fhir/resource-types|Observation']);
    await page.getByRole('button', { name: 'Withdraw' }).click();
    await page.getByText('This permits nothing any more').waitFor();
    assert.deepEqual(await bench.instance.accessRequests.policies(subject?.key ?? ''), []);

    await go(page, 'My record', 'Permissions');
    await page.getByRole('button', { name: 'Withdraw' }).click();
    await page.getByText('From then on it permits nothing').waitFor();
    await page.getByRole('button', { name: /^What would .+ still see after that/ }).click();
    await page.getByText('If you sign this, it will be 0').waitFor();
    await signShown(page, 'Sign the withdrawal');
    assert.equal((await hospital.get(own)).status, 404);
    await page.getByText('You have signed nothing yet').waitFor();

    // Locked, nothing of the record is in the page; the passphrase opens it again.
    await go(page, 'Wallet');
    await page.getByRole('button', { name: 'Lock', exact: true }).click();
    await go(page, 'My record');
    await page.getByText('Your wallet is locked').waitFor();
    await look(page, 'locked', how);
    await page.getByLabel('Passphrase').fill('not the passphrase');
    await page.getByRole('button', { name: 'Unlock' }).click();
    await page.getByText('This is not the passphrase').waitFor({ timeout: 30_000 });
    await page.getByLabel('Passphrase').fill(PASSPHRASE);
    await page.getByRole('button', { name: 'Unlock' }).click();
    await page.getByText('What happened lately').waitFor({ timeout: 30_000 });
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test(
  'this insurer, this claim; and research by whom the patient chooses',
  { skip, timeout: 120_000 },
  async () => {
    const how = { width: 360, dark: false };
    const { context, page, complaints } = await visit(opened.browser, how);
    page.setDefaultTimeout(20_000);
    const { instance } = bench;
    await enrol(page, 'claiming');
    await go(page, 'To my record', 'Permissions');
    await page.getByLabel('What for').selectOption({ label: 'This insurer, this claim' });
    await page.getByText('No insurer takes part here yet.').waitFor();
    const insurer = await enrolOrganisation(instance, 'Insurer Seven', 'payer');
    const institute = await enrolOrganisation(instance, 'Institute Nine', 'authority');
    await go(page, 'My record', 'Permissions');
    await page.getByLabel('What for').selectOption({ label: 'This insurer, this claim' });
    await page.getByLabel('Which insurer').selectOption({ label: 'Insurer Seven' });
    await page.getByLabel('Number of the claim').fill('no number');
    await page.getByText('A number of a claim has letters').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Read it' }).isDisabled(), true);
    await page.getByLabel('Number of the claim').fill('c-7');
    await look(page, 'permissions-claim', how);
    await readForm(page);
    await page.getByText('Insurer Seven may see the claim Claim/c-7').first().waitFor();
    await page.getByRole('button', { name: 'What would Insurer Seven see if I agree?' }).waitFor();
    await signShown(page);
    await page.getByLabel('What for').selectOption({ label: 'Health research, without my name' });
    await page.getByLabel('Who does the research').selectOption({ label: 'Institute Nine' });
    await readForm(page);
    await page.getByText('Institute Nine may use my record for health research').first().waitFor();
    await signShown(page);
    const subject = await instance.subjects.find(instance.subjects.keyOf(bench.source.id, 'claiming'));
    assert.ok(subject !== undefined);
    const documents = await instance.consents.documents(subject.key);
    const to = JSON.stringify(documents.map(({ bytes }) => bytes.toString('utf8')));
    for (const { id } of [insurer, institute]) assert.ok(to.includes(`Organization/${id}`), id);
    assert.deepEqual(complaints, []);
    await context.close();
  },
);

test('what a source sends cannot act in the page', { skip, timeout: 120_000 }, async () => {
  const { context, page, complaints } = await visit(opened.browser);
  await enrol(page, 'xss');
  await go(page, 'To my record', 'Permissions');
  await readForm(page);
  await signShown(page);
  const condition = {
    resourceType: 'Condition',
    id: 'c1',
    meta: { versionId: '1', lastUpdated: '2026-01-01T00:01:00Z' },
    text: {
      status: 'generated',
      div: `<div xmlns="http://www.w3.org/1999/xhtml">Kept words ${XSS}<a href="javascript:alert(1)">x</a></div>`,
    },
    clinicalStatus: {
      coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-clinical', code: 'active' }],
    },
    code: { text: XSS },
    subject: { reference: 'Patient/xss' },
    onsetDateTime: '2025-03-01',
  };
  await push(bench, patient('xss', { version: '1', minute: 1 }), condition);
  await go(page, 'My record', 'Timeline');
  await page.locator('.lane-row').getByRole('button').first().click();
  await page.getByText('Kept words').first().waitFor();
  assert.equal(await page.locator('.narrative img, .narrative script, .narrative a').count(), 0);
  assert.equal(await page.title(), 'Firebreak');
  // What is taken apart to be cleaned lies under the page's policy, which names the handler that it does not run.
  assert.deepEqual(
    complaints.filter((text) => !text.startsWith('Executing inline event handler violates')),
    [],
  );
  await context.close();
});

test(
  'a second tab is locked with the first; a recovery file brings the wallet into another browser',
  {
    skip,
    timeout: 120_000,
  },
  async () => {
    const { context, page } = await visit(opened.browser);
    await enrol(page, 'twotabs');
    const second = await context.newPage();
    await second.goto(`${bench.url}/app/me`);
    await second.getByLabel('Passphrase').fill(PASSPHRASE);
    await second.getByRole('button', { name: 'Unlock' }).click();
    await second.getByText('Who may see my record now').waitFor({ timeout: 30_000 });
    const recovery = page.locator('form').filter({ hasText: 'Recovery file' });
    await recovery.getByLabel('Passphrase').fill(PASSPHRASE);
    const [download] = await Promise.all([
      page.waitForEvent('download', { timeout: 60_000 }),
      recovery.getByRole('button', { name: 'Save a recovery file' }).click(),
    ]);
    const file = await download.path();
    assert.match(readFileSync(file, 'utf8'), /^-----BEGIN AGE ENCRYPTED FILE-----/);
    await page.getByRole('button', { name: 'Lock', exact: true }).click();
    await second.getByText('Your wallet was locked in another tab.').waitFor();
    const kept = await page.evaluate<string>('JSON.stringify({ ...localStorage })');
    assert.doesNotMatch(kept, /signing|opening|Patient\//);

    const other = await visit(opened.browser);
    await other.page.goto(`${bench.url}/app/wallet`);
    const form = other.page.locator('form').filter({ hasText: 'I have a recovery file' });
    await form.locator('input[type=file]').setInputFiles(file);
    await form.getByLabel('Passphrase').fill(PASSPHRASE);
    await form.getByRole('button', { name: 'Put back' }).click();
    await other.page.getByRole('link', { name: 'To my record' }).click({ timeout: 60_000 });
    await other.page.getByText('Who may see my record now').waitFor();
    await other.context.close();
    await context.close();
  },
);

test('the whole record is erased on a signature', { skip, timeout: 120_000 }, async () => {
  for (const how of [
    { width: 1280, dark: false },
    { width: 360, dark: true },
  ]) {
    const name = `erased${how.width}`;
    const { context, page, complaints } = await visit(opened.browser, how);
    await enrol(page, name);
    await go(page, 'To my record', 'Permissions');
    await readForm(page);
    await signShown(page);
    await push(bench, patient(name), heartRate(`h-${name}`, name, 70));
    await go(page, 'My record', 'Erase my record');
    await page.getByText('2 entries are destroyed with their keys').waitFor();
    await look(page, 'erase', how);
    const erase = page.getByRole('button', { name: 'Sign and erase everything' });
    assert.equal(await erase.isDisabled(), true);
    await page.getByLabel('Type “erase” to go on').fill('Erase');
    await erase.click();
    await page.getByText('Your record has been erased').waitFor();
    await look(page, 'erased', how);
    assert.equal(
      bench.instance.subjects.isErased(bench.instance.subjects.keyOf(bench.source.id, name)),
      true,
    );
    assert.deepEqual(complaints, []);
    await context.close();
  }
});

test(
  'an expired session is signed in anew; without an answer it says so',
  { skip, timeout: 120_000 },
  async () => {
    const { context, page } = await visit(opened.browser);
    await enrol(page, 'expired');
    await go(page, 'To my record');
    await page.getByText('Who may see my record now').waitFor();
    const keys = await bench.instance.store.keys({ gte: 'auth-session/', lt: 'auth-session/~' }).all();
    await bench.instance.store.batch(keys.map((key) => ({ type: 'del' as const, key })));
    await go(page, 'Permissions');
    await page.getByRole('button', { name: 'Read it' }).click();
    await signShown(page);
    await page.getByText('in force').first().waitFor();
    await context.setOffline(true);
    await page.getByRole('button', { name: 'Withdraw' }).click();
    await page.getByRole('button', { name: 'Sign the withdrawal' }).click();
    await page.getByText('The server cannot be reached').waitFor();
    await context.setOffline(false);
    await signShown(page, 'Sign the withdrawal');
    await context.close();
  },
);
