/** A patient takes the record along as a PDF file that the page itself makes. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { readPortal } from '../../adapter/services/portal-files.js';
import { drain } from '../../adapter/services/drain.js';
import { hook, openBench, push } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import { invitationOf } from '../support/invitations.js';
import { readPdf } from '../support/pdf-text.js';
import type { PdfRead } from '../support/pdf-text.js';
import { enrolInPage, go, readForm, signShown } from '../support/portal-journey.js';
import { look, visit } from '../support/portal-page.js';

const chromium = findChromium();
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;
const VISITS = 60;
/** Of one thing that was done again and again. */
const AGAIN = 45;

let bench: Bench;
let opened: OpenedBrowser;
let picture: Buffer;

before(async () => {
  if (skip !== false) return;
  bench = await openBench();
  opened = await openBrowser(chromium ?? '');
  await opened.page.setContent('<body style="margin:0;background:#246"><h1 style="color:#fff">Picture</h1>');
  picture = await opened.page.screenshot();
});
after(async () => {
  if (skip !== false) return;
  await opened.close();
  await bench.close();
});

/** A record in several European scripts, and a word in one that the file's font lacks. */
function recordOf(id: string): object[] {
  const subject = { reference: `Patient/${id}` };
  const data = picture.toString('base64');
  return [
    { ...patient(id), name: [{ text: 'Zoë Ångström-Nuñez Łukasiewicz Ελένη Жанна' }] },
    {
      resourceType: 'Condition',
      id: 'asthma',
      clinicalStatus: { coding: [{ code: 'active' }] },
      // Its accent is a letter of its own.
      code: { text: 'Asthme se\u0301ve\u0300re' },
      subject,
      onsetDateTime: '2020-03-01',
    },
    {
      resourceType: 'MedicationRequest',
      id: 'order',
      status: 'completed',
      intent: 'order',
      medicationCodeableConcept: { text: 'Prednisolone 40 mg' },
      subject,
      authoredOn: '2024-01-01',
      dispenseRequest: { validityPeriod: { start: '2024-01-01', end: '2024-03-01' } },
    },
    {
      resourceType: 'Procedure',
      id: 'appendix',
      status: 'completed',
      code: { text: 'Appendectomy' },
      subject,
      performedPeriod: { start: '2021-05-03T08:00:00Z', end: '2021-05-03T09:30:00Z' },
    },
    ...Array.from({ length: AGAIN }, (_, i) => ({
      resourceType: 'Procedure',
      id: `exercise${i}`,
      status: 'completed',
      code: { text: 'Physiotherapy' },
      subject,
      performedPeriod: {
        start: new Date(Date.UTC(2023, 0, 1 + i, 8)).toISOString(),
        end: new Date(Date.UTC(2023, 0, 1 + i, 8, 20)).toISOString(),
      },
    })),
    heartRate('pulse', id, 71),
    { ...heartRate('pulse2', id, 96), effectiveDateTime: '2025-01-01T08:00:00Z' },
    {
      resourceType: 'Observation',
      id: 'smoking',
      status: 'final',
      code: { text: 'Tobacco' },
      subject,
      effectiveDateTime: '2025-02-01',
      valueCodeableConcept: { text: 'Never smoked' },
    },
    // Longer than a page, and a word longer than a line.
    {
      resourceType: 'Observation',
      id: 'essay',
      status: 'final',
      code: { text: 'Essay' },
      subject,
      effectiveDateTime: '2025-03-01',
      valueString: `${'word '.repeat(3000)}${'x'.repeat(300)}end of the essay`,
    },
    {
      resourceType: 'Observation',
      id: 'lines',
      status: 'final',
      code: { text: 'Lines' },
      subject,
      effectiveDateTime: '2025-03-02',
      valueString: Array.from({ length: 400 }, (_, i) => `Line ${i + 1} ends. `).join('\n'),
    },
    {
      resourceType: 'DocumentReference',
      id: 'letter',
      status: 'current',
      description: 'Letter 手紙 of discharge',
      subject,
      date: '2021-05-04T10:00:00Z',
      content: [{ attachment: { contentType: 'text/plain', data: 'aGVsbG8=' } }],
    },
    {
      resourceType: 'DocumentReference',
      id: 'photo',
      status: 'current',
      description: 'Photograph of the wound',
      subject,
      date: '2021-05-05T10:00:00Z',
      content: [
        { attachment: { contentType: 'image/png', data } },
        { attachment: { contentType: 'image/png', data: 'bm8gcGljdHVyZQ==' } },
        { attachment: { contentType: 'image/png', url: `Binary/xray-${id}` } },
      ],
    },
    ...Array.from({ length: VISITS }, (_, i) => ({
      resourceType: 'Encounter',
      id: `visit${i}`,
      status: 'finished',
      class: { code: 'AMB', display: 'ambulatory' },
      type: [{ text: `Visit number ${i}` }],
      subject,
      period: {
        start: new Date(Date.UTC(2022, 0, 1 + i, 8)).toISOString(),
        end: new Date(Date.UTC(2022, 0, 1 + i, 8, 45)).toISOString(),
      },
    })),
  ];
}

async function download(page: Page): Promise<Buffer> {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save as PDF' }).click(),
  ]);
  assert.match(file.suggestedFilename(), /^record-\d{4}-\d\d-\d\d\.pdf$/);
  return readFileSync(await file.path());
}

function keep(name: string, file: Buffer): void {
  const folder = process.env['FIREBREAK_SHOTS'];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), file);
}

/** Where lines are broken is the file's own matter. */
function assertSays(read: PdfRead, words: readonly string[]): void {
  const text = read.pages.join('');
  for (const word of words)
    assert.ok(text.replaceAll(' ', '').includes(word.replaceAll(' ', '')), `${word}\n${text}`);
}

for (const how of [
  { width: 1280, dark: false },
  { width: 360, dark: true },
]) {
  test(`the record as a PDF file, ${how.width} px`, { skip, timeout: 120_000 }, async () => {
    const { context, page, complaints } = await visit(opened.browser, how);
    page.setDefaultTimeout(30_000);
    const scripts: string[] = [];
    page.on('response', (answer) => scripts.push(new URL(answer.url()).pathname));
    const name = `take${how.width}`;
    await enrolInPage(page, bench.url, await invitationOf(bench.url, bench.source, name));
    await go(page, 'To my record', 'Permissions');
    await readForm(page);
    await signShown(page);
    const headers = { 'content-type': 'image/png', 'x-security-context': `Patient/${name}` };
    await hook(bench, `/Binary/xray-${name}`, { method: 'PUT', body: picture, headers });
    await drain(bench.instance);
    await push(bench, ...recordOf(name));
    await go(page, 'My record', 'Take my record with me');
    await page.getByText('Never smoked').waitFor();
    await look(page, 'take-all', how);
    // Nobody waits for what makes the file before it is wanted.
    assert.equal(scripts.filter((path) => /pdf|Roboto/.test(path)).length, 0);

    const file = await download(page);
    keep(`record-${how.width}.pdf`, file);
    const read = readPdf(file);
    assertSays(read, [
      'Zoë Ångström-Nuñez Łukasiewicz Ελένη Жанна',
      'Kept by',
      'UTC',
      'Asthme sévère',
      'Prednisolone 40 mg',
      'Appendectomy',
      '1 hour, 30 minutes',
      `${AGAIN} times: Feb 14, 2023, 20 minutes; Feb 13, 2023, 20 minutes;`,
      'Jan 1, 2023, 20 minutes',
      '71 /min',
      'Never smoked',
      'Photograph of the wound',
      'This picture cannot be shown here.',
      '2 characters of your record are in scripts that this file cannot show',
      `Visit number ${VISITS - 1}`,
    ]);
    // Nothing of what is higher than a page is lost.
    assertSays(read, ['Line 1 ends. ', 'Line 400 ends. ', 'of the essay']);
    const letters = read.pages.join('').replaceAll(' ', '');
    assert.equal(letters.match(/word/g)?.length, 3000);
    assert.ok((letters.match(/x/g)?.length ?? 0) >= 300);
    assert.ok(read.pages.length >= 3);
    for (const [i, text] of read.pages.entries())
      assert.ok(text.includes(`page ${i + 1} of ${read.pages.length}`), text);
    assert.equal(read.images, 2);
    // Of each font no more than what is used.
    assert.equal(read.fonts.size, 2);
    for (const [font, bytes] of read.fonts) assert.ok(bytes > 1000 && bytes < 60_000, `${font}: ${bytes}`);
    const checkpoint = await (await fetch(`${bench.url}/log/checkpoint`)).text();
    const [origin = '', , root = ''] = checkpoint.split('\n');
    assertSays(read, [origin, 'The ledger at that time']);
    assert.equal(root.length, 44);
    const sizes = [...read.pages.join(' ').matchAll(/The ledger had ([\d,]+) entries/g)];
    assert.equal(sizes.length, 1);
    assert.ok(file.length < 500_000, `${file.length}`);
    assert.deepEqual(complaints, []);

    // Without a network nothing is saved, and the page says so; a ledger that is not believed is told of in the file.
    await page.route(/\/log\/checkpoint$/, (route) => route.fulfill({ body: 'no checkpoint' }));
    assertSays(readPdf(await download(page)), ['Your browser did not believe the ledger’s head then']);
    await page.unroute(/\/log\/checkpoint$/);
    await page.route(/Binary/, (route) => route.abort());
    await page.getByRole('button', { name: 'Save as PDF' }).click();
    await page.getByRole('alert').waitFor();
    await context.close();
  });
}
