/** What a patient does in the portal, step by step. */
import type { Page } from 'playwright-core';

export const PASSPHRASE = 'correct horse battery staple';

/** Makes a wallet as its future owner does. @param code - Of the hospital's invitation. */
export async function enrolInPage(page: Page, url: string, code: string): Promise<void> {
  await page.goto(`${url}/app/wallet`);
  await page.getByLabel('Code of the invitation').fill(code);
  const form = page.locator('form').filter({ hasText: 'I have an invitation' });
  await form.getByLabel('New passphrase').fill(PASSPHRASE);
  await form.getByLabel('The same passphrase again').fill(PASSPHRASE);
  await form.getByRole('button', { name: 'Make my wallet' }).click();
  await page.getByRole('link', { name: 'To my record' }).waitFor({ timeout: 60_000 });
}

/** Goes to a page without loading anew: the open wallet lives in this page alone. */
export async function go(page: Page, ...links: readonly string[]): Promise<void> {
  for (const name of links) await page.getByRole('link', { name, exact: true }).first().click();
}

/** Fills in the form for treatment, sensitive data included, and has it shown. */
export async function readForm(page: Page): Promise<void> {
  await page.getByLabel('Also sensitive data').check();
  await page.getByRole('button', { name: 'Read it' }).click();
}

export async function signShown(page: Page, button = 'Sign'): Promise<void> {
  await page.getByText('Read before you sign').waitFor();
  await page.getByRole('button', { name: button, exact: true }).click();
  await page.getByText('Signed. It stands on the ledger.').waitFor();
}

/**
 * Asks for a certificate as its future holder does.
 *
 * @param organisation - The hospital somebody works for, if not the first one; of a new organisation its kind, a colon and
 * its name.
 */
export async function askForCertificate(
  page: Page,
  url: string,
  name: string,
  role: string,
  organisation?: string,
): Promise<void> {
  page.setDefaultTimeout(15_000);
  await page.goto(`${url}/app/join`);
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('What you are').selectOption({ label: role });
  const [kind = '', called] = organisation?.split(': ') ?? [];
  if (called !== undefined) {
    await page.getByLabel('What kind of organisation').selectOption({ label: kind });
    await page.getByLabel('Name of the organisation').fill(called);
  } else if (organisation !== undefined) {
    await page.getByLabel('Organisation', { exact: true }).selectOption({ label: organisation });
  }
  await page.getByLabel('New passphrase').fill(PASSPHRASE);
  await page.getByLabel('The same passphrase again').fill(PASSPHRASE);
  await page.getByRole('button', { name: 'Make keys and ask' }).click();
  await page.getByText('Your request waits for the first officer.').waitFor({ timeout: 60_000 });
}
