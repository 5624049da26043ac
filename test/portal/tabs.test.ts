/** Two tabs that race, and sessions that have ended, for everybody. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { readPortal } from '../../adapter/services/portal-files.js';
import { failedChecks, openBench } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { signedTask, taskOf } from '../support/access.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import { invitationOf } from '../support/invitations.js';
import { enrolOrganisation } from '../support/person.js';
import { enrolInPage, go, PASSPHRASE } from '../support/portal-journey.js';
import { look, quiet, visit } from '../support/portal-page.js';

const chromium = findChromium();
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;

let bench: Bench;
let opened: OpenedBrowser;

before(async () => {
  if (skip !== false) return;
  bench = await openBench({}, true);
  opened = await openBrowser(chromium ?? '');
});
after(async () => {
  if (skip !== false) return;
  await opened.close();
  assert.deepEqual(await failedChecks(bench.instance), []);
  await bench.close();
});

async function unlock(page: Page): Promise<void> {
  await page.getByLabel('Passphrase').fill(PASSPHRASE);
  await page.getByRole('button', { name: 'Unlock' }).click();
}

test('two tabs sign the same: one answer counts, the other says so', { skip, timeout: 120_000 }, async () => {
  const { context, page: first } = await visit(opened.browser);
  first.setDefaultTimeout(20_000);
  await enrolInPage(first, bench.url, await invitationOf(bench.url, bench.source, 'racing'));
  const { instance, source } = bench;
  const subject = await instance.subjects.find(instance.subjects.keyOf(source.id, 'racing'));
  const ministry = await enrolOrganisation(instance, 'Ministry of Haste', 'authority');
  const task = taskOf(ministry, {
    patient: `Patient/${subject?.facadeId ?? ''}`,
    custodian: source.custodian.id,
    purpose: 'HRESCH',
  });
  const { id } = await instance.accessRequests.ask(signedTask(ministry, task));
  await instance.accessRequests.decideAsCustodian(id, 'approved', 'Cy Holm');
  await go(first, 'To my record', 'Requests');
  const second = await context.newPage();
  await second.goto(`${bench.url}/app/me/requests`);
  await unlock(second);
  const pages = [first, second];
  for (const page of pages) await page.getByRole('button', { name: 'Sign my approval' }).waitFor();
  // Both signatures are made before either arrives.
  const held: (() => void)[] = [];
  for (const page of pages)
    await page.route('**/requests/decisions', async (route) => {
      await new Promise<void>((release) => held.push(release));
      await route.continue();
    });
  await first.getByRole('button', { name: 'Sign my approval' }).click();
  await second.getByRole('button', { name: 'Sign my refusal' }).click();
  while (held.length < pages.length) await first.waitForTimeout(50);
  for (const release of held) release();
  const raced = 'This was answered already, perhaps in another tab.';
  const losing = await Promise.any(
    pages.map(async (page) => {
      await page.getByText(raced).waitFor();
      return page;
    }),
  );
  await look(losing, 'raced', {});
  const winning = losing === first ? second : first;
  assert.equal(await winning.getByText(raced).count(), 0);
  // Both show the same end, whichever it is.
  const end = losing === second ? 'in force' : 'refused';
  for (const page of pages) await page.getByText(end, { exact: true }).first().waitFor();
  const decisions = (await instance.accessRequests.list()).find((row) => row.handle === id)?.decisions ?? [];
  assert.equal(decisions.length, 2);

  await go(first, 'Wallet');
  await first.getByRole('button', { name: 'Lock', exact: true }).click();
  await second.getByText('Your wallet was locked in another tab.').waitFor();
  await look(second, 'locked-elsewhere', {});
  await context.close();
});

for (const [button, link, shown] of [
  ['Be a clinician', 'Patients', 'Declare an emergency'],
  ['Be at the hospital’s desk', 'Desk', 'Sources'],
  ['Be an officer of the certification authority', 'Certificates', 'Nobody waits for a certificate.'],
  ['Be the ministry of health', 'Research', 'Define a cohort'],
  ['Be the insurer', 'Claims', 'The claim'],
] as const) {
  test(`an ended session is opened anew: ${button}`, { skip, timeout: 90_000 }, async () => {
    const { context, page } = await visit(opened.browser);
    page.setDefaultTimeout(15_000);
    await page.goto(`${bench.url}/app/wallet`);
    await page.getByRole('button', { name: button }).click();
    await go(page, link);
    await page.getByText(shown).first().waitFor();
    const { store } = bench.instance;
    const sessions = (): Promise<string[]> =>
      store.keys({ gte: 'auth-session/', lt: 'auth-session/~' }).all();
    while ((await sessions()).length === 0) await page.waitForTimeout(50);
    await quiet(page);
    const keys = await sessions();
    await store.batch(keys.map((key) => ({ type: 'del' as const, key })));
    const isAnew = page.waitForResponse(
      (answer) => answer.url().endsWith('/auth/session') && answer.request().method() === 'POST',
      // Where a page asks nothing of itself, the stream of events is the first to notice.
      { timeout: 45_000 },
    );
    await go(page, 'Ledger', link);
    await page.getByText(shown).first().waitFor();
    assert.equal((await isAnew).status(), 201);
    assert.equal(await page.getByText('This could not be read').count(), 0);
    await context.close();
  });
}
