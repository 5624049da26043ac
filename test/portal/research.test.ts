/** A researcher and a hospital's desk in the browser: a cohort from its definition to its files. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { readPortal } from '../../adapter/services/portal-files.js';
import { consenting, openBench, push, sign } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import { go } from '../support/portal-journey.js';
import { barriers, quiet, shot, visit, widthBeside } from '../support/portal-page.js';

const chromium = findChromium();
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;
const PATIENTS = 14;
const PERMITTING = 12;
let bench: Bench;
let opened: OpenedBrowser;

before(async () => {
  if (skip !== false) return;
  bench = await openBench({ privacyBudget: 5 }, true);
  opened = await openBrowser(chromium ?? '');
  const answer = await fetch(`${bench.url}/demo/wallets/authority`, { method: 'POST' });
  const { certificate } = (await answer.json()) as { certificate: { id: string } };
  for (let i = 0; i < PATIENTS; i++) {
    const wallet = await consenting(bench, `p${i}`);
    if (i < PERMITTING)
      await sign(bench, wallet, {
        type: 'permit',
        actor: `Organization/${certificate.id}`,
        actions: ['access', 'use', 'disclose'],
        purpose: 'HRESCH',
      });
    await push(
      bench,
      { ...patient(`p${i}`, { version: '1', minute: 1 }), birthDate: '1950-03-01', gender: 'female' },
      heartRate(`h${i}`, `p${i}`, 60 + i, { version: '1', minute: 1 }),
    );
  }
});
after(async () => {
  if (skip !== false) return;
  await opened.close();
  await bench.close();
});

test(
  'research: defined, counted, asked for, approved by the hospital, exported, asked without rows',
  { skip, timeout: 240_000 },
  async () => {
    const { context, page, complaints } = await visit(opened.browser);
    const be = async (name: string): Promise<void> => {
      await page.goto(`${bench.url}/app/wallet`);
      await page.getByRole('button', { name, exact: true }).click();
      await page.getByText('Fingerprint').first().waitFor();
    };
    const look = async (name: string): Promise<void> => {
      await quiet(page);
      assert.deepEqual(await barriers(page), [], name);
      assert.ok((await widthBeside(page)) <= 0, name);
      await shot(page, name, {});
    };
    await be('Be the ministry of health');
    await go(page, 'Research');
    await page.getByText('There is no cohort yet').waitFor();
    await page.getByLabel('Title').fill('Heart rates');
    await page.getByLabel('Study').fill('Study 7, vote 12/2026');
    await page.getByLabel('Who is in').fill('http://loinc.org|8867');
    await page.getByRole('button', { name: 'Define it' }).click();
    // The code is wrong by its check digit, and the definition is kept to be mended.
    await page.getByRole('alert').waitFor();
    assert.match(await page.getByRole('alert').innerText(), /definition:\d+/);
    await page.getByLabel('Who is in').fill('http://loinc.org|8867-4');
    await page.getByRole('button', { name: 'Define it' }).click();
    const card = page.getByRole('article', { name: 'Heart rates' });
    await card.getByRole('button', { name: 'About how many?' }).click();
    await card.getByText('Left of the budget').waitFor();
    await look('research');
    await card.getByRole('button', { name: 'Sign and ask the hospitals' }).click();
    await card.getByText(/: asked for$/).waitFor();
    await be('Be at the hospital’s desk');
    await go(page, 'Desk');
    await page.getByRole('tab', { name: 'Research' }).click();
    await page
      .getByRole('article', { name: 'Heart rates' })
      .getByRole('button', { name: 'Sign my approval' })
      .click();
    await page.getByText(/: approved$/).waitFor();
    await look('research-desk');
    await be('Be the ministry of health');
    await go(page, 'Research');
    await card.getByRole('button', { name: 'Export' }).click();
    await card.getByText('Export: ready').waitFor({ timeout: 60_000 });
    await card.getByText('12 patients').waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      card
        .getByRole('button', { name: /^Save Patient.*ndjson/ })
        .first()
        .click(),
    ]);
    const lines = readFileSync(await download.path(), 'utf8')
      .trim()
      .split('\n');
    assert.equal(lines.length, PERMITTING);
    assert.doesNotMatch(lines.join(), /p\d+"|1950-03-01|Patient\/p/);
    await card.getByRole('button', { name: 'Ask', exact: true }).click();
    await card.getByText(/This cost|it cost nothing/).waitFor();
    await look('research-export');
    assert.deepEqual(
      complaints.filter((text) => !text.includes('422')),
      [],
    );
    await context.close();
  },
);
