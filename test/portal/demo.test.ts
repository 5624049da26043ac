/** A demo in the browser: its visitor is a patient, or somebody of each group, by one click. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readPortal } from '../../adapter/services/portal-files.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import { eventually, startUp } from '../support/firebreak-process.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../support/instance.js';
import { serveHttp } from '../../adapter/services/server.js';
import { go } from '../support/portal-journey.js';
import { barriers, shot, visit, widthBeside } from '../support/portal-page.js';

const chromium = findChromium();
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;
const PATIENTS = 12;

const folder = temporaryFolder();
let demo: Awaited<ReturnType<typeof startUp>>;
let address = '';
let opened: OpenedBrowser;

before(async () => {
  if (skip !== false) return;
  demo = await startUp(folder, '--demo', '--json', '--patients', String(PATIENTS));
  await eventually('the summary', () => {
    assert.ok(demo.isRunning, demo.stderr);
    return demo.stdout.endsWith('\n');
  });
  address = demo.address;
  opened = await openBrowser(chromium ?? '');
});
after(async () => {
  if (skip === false) {
    await demo.dispose();
    await opened.close();
  }
  removeFolder(folder);
});

test('a patient, and somebody of each group', { skip, timeout: 240_000 }, async () => {
  for (const how of [
    { width: 1280, dark: false },
    { width: 360, dark: true },
  ]) {
    const { context, page, complaints } = await visit(opened.browser, how);
    await page.goto(`${address}/app/wallet`);
    await page.getByText('All patients are invented').waitFor();
    assert.deepEqual(await barriers(page), []);
    assert.ok((await widthBeside(page)) <= 0);
    await shot(page, 'demo', how);
    await page.getByRole('button', { name: 'Be a patient' }).click();
    await page.getByText('Who may see my record now').waitFor();
    await page.getByText('Kept for you by Demo Hospital.').waitFor();
    await go(page, 'Claims about me');
    await page.getByText('No claim was compared with your record').waitFor();
    assert.deepEqual(await barriers(page), []);
    await go(page, 'My record', 'Timeline');
    await page.locator('.lane-row').first().waitFor();
    await shot(page, 'demo-timeline', how);
    for (const [name, work] of [
      ['Be a clinician', 'Patients'],
      ['Be at the hospital’s desk', 'Desk'],
      ['Be an officer of the certification authority', 'Certificates'],
      ['Be the second officer', 'Certificates'],
      ['Be the ministry of health', undefined],
      ['Be the insurer', undefined],
    ] as const) {
      await go(page, 'Wallet');
      await page.getByRole('button', { name: 'Lock', exact: true }).click();
      await page.getByRole('button', { name }).click();
      await page.getByText('Fingerprint').first().waitFor();
      if (work === undefined) continue;
      await go(page, work);
      await page.getByText(/^You work for /).waitFor();
      if (work !== 'Patients') continue;
      await page.getByRole('button', { name: 'Open the record' }).first().click();
      await page.getByRole('heading', { name: 'Severity' }).waitFor();
      await page.locator('.lane-row').first().waitFor();
      assert.deepEqual(await barriers(page), []);
      await shot(page, 'demo-clinician', how);
    }
    // Nothing of it is kept in the browser.
    await page.reload();
    await page.getByText('All patients are invented').waitFor();
    assert.deepEqual(complaints, []);
    await context.close();
  }
});

test('the same people each time, and none on a real instance', { skip }, async () => {
  const of = async (role: string): Promise<string> =>
    (await fetch(`${address}/demo/wallets/${role}`, { method: 'POST' })).text();
  const [first, second] = await Promise.all([of('payer'), of('payer')]);
  assert.equal(first, second);
  assert.equal((await fetch(`${address}/demo/wallets/king`, { method: 'POST' })).status, 404);
  const other = temporaryFolder();
  const { instance } = await openTestInstance(other);
  const server = await serveHttp(instance, () => undefined);
  assert.equal((await fetch(`${server.address}/demo/wallets/payer`, { method: 'POST' })).status, 404);
  await server.close();
  await instance.close();
  removeFolder(other);
});
