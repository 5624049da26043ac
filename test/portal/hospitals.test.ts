/** One wallet, two hospitals: linked, looked at one after the other, brought along, ended. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readPortal } from '../../adapter/services/portal-files.js';
import { failedChecks, openBench, hook } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { drain } from '../../adapter/services/drain.js';
import type { Source } from '../../adapter/instance/sources.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import { invitationOf } from '../support/invitations.js';
import { enrolOrganisation } from '../support/person.js';
import { enrolInPage, go, PASSPHRASE, readForm, signShown } from '../support/portal-journey.js';
import { look, visit } from '../support/portal-page.js';

const chromium = findChromium();
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;
const CLINIC = 'Clinic by the Lake';

let bench: Bench;
let clinic: Source;
let opened: OpenedBrowser;

before(async () => {
  if (skip !== false) return;
  bench = await openBench();
  const { instance } = bench;
  const { participant, id } = await enrolOrganisation(instance, CLINIC, 'provider');
  clinic = await instance.sources.add(
    {
      id: 'clinic',
      kind: 'import',
      name: 'clinic',
      custodian: { participant, id, name: CLINIC },
      allowResearch: true,
    },
    instance.nowMs(),
  );
  opened = await openBrowser(chromium ?? '');
});
after(async () => {
  if (skip !== false) return;
  await opened.close();
  assert.deepEqual(await failedChecks(bench.instance), []);
  await bench.close();
});

async function pushTo(source: Source, ...resources: readonly object[]): Promise<void> {
  const entry = resources.map((resource) => ({ resource }));
  const body = JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry });
  const { status } = await hook({ ...bench, source }, '', { body });
  assert.equal(status, 200);
  await drain(bench.instance);
}

for (const how of [
  { width: 1280, dark: false },
  { width: 360, dark: true },
]) {
  test(`two hospitals, ${how.width} px`, { skip, timeout: 180_000 }, async () => {
    const { context, page, complaints } = await visit(opened.browser, how);
    page.setDefaultTimeout(20_000);
    const first = bench.source.custodian.name;
    const [here, there] = [`here${how.width}`, `there${how.width}`];
    await enrolInPage(page, bench.url, await invitationOf(bench.url, bench.source, here));
    await go(page, 'To my record', 'Permissions');
    await readForm(page);
    await signShown(page);

    // A code that nobody gave is refused, and nothing is left of it.
    await go(page, 'Wallet');
    await page.getByLabel('Code of another hospital’s invitation').fill('A'.repeat(22));
    await page.getByRole('button', { name: 'Sign and add this hospital' }).click();
    await page.getByText('the invitation is unknown, used or expired').waitFor();
    assert.equal(await page.getByText('The other hospital is not added yet').count(), 0);
    complaints.length = 0;

    // An answer that is lost is asked for again.
    const code = await invitationOf(bench.url, clinic, there);
    await page.route('**/pki/links', async (route) => {
      await route.fetch();
      await route.abort();
    });
    await page.getByLabel('Code of another hospital’s invitation').fill(code);
    await page.getByRole('button', { name: 'Sign and add this hospital' }).click();
    await page.getByText('The other hospital is not added yet').waitFor();
    await page.unroute('**/pki/links');
    complaints.length = 0;
    await page.getByRole('button', { name: 'Ask again' }).click();
    await page.getByRole('button', { name: `Look at ${CLINIC}` }).waitFor();
    await look(page, 'hospitals', how);

    await pushTo(bench.source, patient(here), heartRate(`h${here}`, here, 61));
    await pushTo(clinic, patient(there), heartRate(`h${there}`, there, 99));
    await page.getByRole('button', { name: `Look at ${CLINIC}` }).click();
    await go(page, 'To my record');
    // What the one hospital has waits; what was signed for the other permits nothing here.
    await page.getByText('wait for your answer').waitFor();
    await go(page, 'Permissions');
    await page.getByText('You have signed nothing yet').waitFor();
    await readForm(page);
    await page.getByText(`${CLINIC} may add to my record`).first().waitFor();
    await signShown(page);
    await drain(bench.instance);
    await go(page, 'My record', 'Measurements');
    await page.getByText('99').first().waitFor();
    assert.equal(await page.getByText('61').count(), 0);
    await go(page, 'My record');
    await page.getByLabel('Which record').selectOption({ label: first });
    await go(page, 'Measurements');
    await page.getByText('61').first().waitFor();
    assert.equal(await page.getByText('99').count(), 0);

    // Both are in the recovery file.
    await go(page, 'Wallet');
    const recovery = page.locator('form').filter({ hasText: 'Recovery file' });
    await recovery.getByLabel('Passphrase').fill(PASSPHRASE);
    const [download] = await Promise.all([
      page.waitForEvent('download', { timeout: 60_000 }),
      recovery.getByRole('button', { name: 'Save a recovery file' }).click(),
    ]);
    const other = await visit(opened.browser);
    await other.page.goto(`${bench.url}/app/wallet`);
    const form = other.page.locator('form').filter({ hasText: 'I have a recovery file' });
    await form.locator('input[type=file]').setInputFiles(await download.path());
    await form.getByLabel('Passphrase').fill(PASSPHRASE);
    await form.getByRole('button', { name: 'Put back' }).click();
    await other.page.getByRole('button', { name: `Look at ${CLINIC}` }).waitFor({ timeout: 60_000 });
    await other.context.close();

    await page.getByRole('button', { name: `End ${CLINIC}` }).click();
    await page.getByText('All that you permitted for this record is withdrawn.').waitFor();
    await look(page, 'hospital-end', how);
    await page.getByRole('button', { name: 'Sign the end' }).click();
    await page.getByText(CLINIC).first().waitFor({ state: 'detached' });
    const { subjects, certification } = bench.instance;
    const ended = await subjects.find(subjects.keyOf('clinic', there));
    assert.equal(ended?.wallet, undefined);
    const stays = await subjects.find(subjects.keyOf('ward', here));
    assert.equal(certification.rows.get(stays?.wallet?.participant ?? '')?.revoked, undefined);
    await go(page, 'To my record');
    await page.getByText('What happened lately').waitFor();
    assert.deepEqual(complaints, []);
    await context.close();
  });
}
