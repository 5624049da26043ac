/** People who work for a hospital or the authority, in the browser: keys, certificates, their pages. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { readPortal } from '../../adapter/services/portal-files.js';
import { openBench } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { until } from '../adapter/support/channel-bench.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import { approveAll, takeCertificate, twoOfficers } from '../support/officers.js';
import type { Officers } from '../support/officers.js';
import { askForCertificate, go } from '../support/portal-journey.js';
import { look, visit } from '../support/portal-page.js';

const chromium = findChromium();
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;

let bench: Bench;
let opened: OpenedBrowser;
let authority: Officers;

before(async () => {
  if (skip !== false) return;
  bench = await openBench();
  authority = await twoOfficers(bench.instance);
  opened = await openBrowser(chromium ?? '');
});
after(async () => {
  if (skip !== false) return;
  await opened.close();
  await bench.close();
});

const certified = (page: Page): Promise<void> => takeCertificate(page, bench.instance, authority);

for (const how of [
  { width: 1280, dark: false },
  { width: 360, dark: true },
]) {
  const where = `${how.width} px, ${how.dark ? 'dark' : 'light'}`;
  test(`an officer approves, refuses and ends, ${where}`, { skip, timeout: 240_000 }, async () => {
    const { context, page, complaints } = await visit(opened.browser, how);
    await page.goto(`${bench.url}/app/join`);
    await page.getByLabel('Your name').waitFor();
    await look(page, 'join', how);
    await askForCertificate(page, bench.url, 'Ann Lee', 'An officer of the certification authority');
    await look(page, 'join-waiting', how);
    await certified(page);
    await look(page, 'join-done', how);

    const other = await visit(opened.browser);
    await askForCertificate(other.page, bench.url, 'Dr Cy Holm', 'A clinician of a hospital');
    const number = await other.page.locator('code').first().textContent();
    await go(page, 'Certificates');
    await page.getByText('Dr Cy Holm').waitFor();
    assert.ok(
      await page
        .getByText(number ?? 'none')
        .first()
        .isVisible(),
    );
    await look(page, 'authority', how);
    await page.getByRole('button', { name: 'Sign my approval' }).click();
    await page.getByText('You have approved it. Another officer is needed now.').waitFor();
    await approveAll(bench.instance, authority, authority.officers[1]);
    await other.page.getByRole('button', { name: 'Look again' }).click();
    await other.page.getByText('You have your certificate').waitFor();
    await go(other.page, 'Patients');

    const third = await visit(opened.browser);
    await askForCertificate(third.page, bench.url, 'Eve', 'At a hospital’s desk');
    await page.getByRole('link', { name: 'Ledger' }).click();
    await go(page, 'Certificates');
    await page.getByLabel('Why it is refused').fill('nobody knows her');
    await page.getByRole('button', { name: 'Sign the refusal' }).click();
    await page.getByText('Nobody waits for a certificate.').waitFor();
    await third.page.getByRole('button', { name: 'Look again' }).click();
    await third.page.getByText('nobody knows her').waitFor();
    await look(third.page, 'join-refused', {});

    const { certification } = bench.instance;
    const doctor = (await certification.rows.organisations()).find(
      ({ role, revoked }) => role === 'clinician' && revoked === undefined,
    );
    await page.getByRole('button', { name: `End ${doctor?.id ?? ''}` }).click();
    await page.getByText('nobody can undo this').waitFor();
    await look(page, 'authority-end', how);
    await page.getByRole('button', { name: 'Sign and end it' }).click();
    await until(
      'the certificate is ended',
      () => certification.rows.get(doctor?.handle ?? '')?.revoked !== undefined,
    );
    await page.getByText('(cessationOfOperation)').first().waitFor();

    for (const { context: of } of [other, third]) await of.close();
    assert.deepEqual(complaints, []);
    await context.close();
  });
}
