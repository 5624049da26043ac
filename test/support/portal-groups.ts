/** What insurers, researchers, hospitals and patients do with each other in the portal, step by step. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Locator, Page } from 'playwright-core';
import { eventually } from './firebreak-process.js';
import { go, readForm, signShown } from './portal-journey.js';

/** Reads a page's answers again: pages are asked anew when they are opened. */
export async function again(page: Page, link: string): Promise<void> {
  await go(page, 'Ledger');
  await go(page, link);
}

export interface Request {
  /** `Patient/…` */
  readonly patient: string;
  readonly hospital: string;
  readonly types: readonly string[];
  readonly reason: string;
}

/** Asks for access; how many requests there were before does not matter. */
export async function askForAccess(page: Page, { patient, hospital, types, reason }: Request): Promise<void> {
  await again(page, 'Ask for access');
  await page.getByLabel('Patient', { exact: true }).fill(patient);
  await page.getByLabel('Hospital that keeps the record').selectOption({ label: hospital });
  for (const type of types) await page.getByLabel(type).check();
  await page.getByLabel('Why', { exact: true }).fill(reason);
  await page.getByRole('button', { name: 'Sign and ask' }).click();
  await page.getByText('waits for the hospital').first().waitFor();
}

/** The desk approves all that waits for the hospital. */
export async function approveAtDesk(desk: Page, count: number): Promise<void> {
  await again(desk, 'Desk');
  const approve = desk.getByRole('button', { name: 'Sign my approval' });
  await approve.first().waitFor();
  for (let left = count - 1; left >= 0; left--) {
    await approve.first().click();
    await eventually('one less to answer', async () => (await approve.count()) === left);
  }
}

/** A patient signs a form for somebody. @param choose - Fills in what the form asks besides. */
export async function permitBy(
  patient: Page,
  form: string,
  choose: (page: Page) => Promise<void>,
): Promise<void> {
  await go(patient, 'My record', 'Permissions');
  await patient.getByLabel('What for').selectOption({ label: form });
  await choose(patient);
  await readForm(patient);
  await signShown(patient);
}

/** A patient takes back the one permission in force that says so. */
export async function withdraw(patient: Page, says: string): Promise<void> {
  await go(patient, 'My record', 'Permissions');
  await signedCard(patient, says).getByRole('button', { name: 'Withdraw' }).click();
  await signShown(patient, 'Sign the withdrawal');
  await signedCard(patient, says).getByRole('button', { name: 'Withdraw' }).waitFor({ state: 'detached' });
}

function signedCard(patient: Page, says: string): Locator {
  return patient
    .locator('.mantine-Card-root')
    .filter({ hasText: says })
    .filter({ has: patient.getByRole('button', { name: 'Withdraw' }) });
}

/** Asks about a claim. @returns Path of the proof file that came with the answer. */
export async function askClaim(insurer: Page, claim: object): Promise<string> {
  await again(insurer, 'Claims');
  await insurer.getByLabel('The claim').fill(JSON.stringify(claim));
  await insurer.getByRole('button', { name: 'Ask', exact: true }).click();
  await insurer.getByText('Supported:').or(insurer.getByRole('alert')).waitFor();
  assert.deepEqual(await insurer.getByRole('alert').allTextContents(), []);
  const [download] = await Promise.all([
    insurer.waitForEvent('download'),
    insurer.getByRole('button', { name: 'Save the proof' }).click(),
  ]);
  return download.path();
}

/** Has the page check a proof file by itself. */
export async function checkProof(page: Page, file: string): Promise<void> {
  await go(page, 'Check a proof');
  // The page before may have a field for files, too.
  await page.getByRole('heading', { name: 'Check a proof' }).waitFor();
  await page.locator('input[type=file]').setInputFiles(file);
  await page.getByText('is good').waitFor();
}

/** Begins an export of an approved cohort, and waits for it. @param patients - As the page counts them. */
export async function exportCohort(card: Locator, patients: string): Promise<void> {
  const counted = card.getByText(patients, { exact: false });
  await card.getByRole('button', { name: 'Export', exact: true }).click();
  await counted.first().waitFor({ timeout: 60_000 });
}

/** Lines of a type's first file in the newest export. */
export async function exportedLines(page: Page, card: Locator, type: string): Promise<string[]> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    card
      .getByRole('button', { name: new RegExp(`^Save ${type}.*ndjson`) })
      .first()
      .click(),
  ]).catch(async (error: unknown) => {
    const shown = await card.getByRole('alert').allTextContents();
    throw new Error(`nothing was saved; the page says ${JSON.stringify(shown)}`, { cause: error });
  });
  const lines = readFileSync(await download.path(), 'utf8')
    .trim()
    .split('\n');
  assert.ok(lines.length > 0);
  return lines;
}
