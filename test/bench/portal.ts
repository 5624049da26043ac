/**
 * The portal in Chromium: how soon the ledger's page is there on a slow phone, how soon the timeline of the largest
 * patient is, the longest that the page stands still while it is scrolled, and how soon that record is a PDF file.
 */
import type { Browser, Page } from 'playwright-core';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import { enrolInPage, go, PASSPHRASE, readForm, signShown } from '../support/portal-journey.js';
import { quiet } from '../support/portal-page.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { loadCorpus } from './corpus.js';
import { settled, startInstance } from './instance-process.js';
import type { InstanceProcess } from './instance-process.js';
import { Poster } from './poster.js';

const ROUNDS = 5;
const FIRST_LOAD_MS = 2000;
const OPEN_MS = 1000;
const TASK_MS = 50;
const PDF_MS = 5000;
/** Of a phone on a slow network: processor time times four, 1.6 Mbit/s, 150 ms to and fro. */
const PHONE = { slower: 4, bytesPerS: 200_000, latencyMs: 150 };
const SCROLLS = 60;
const WHEEL_PX = 600;
const FRAME_MS = 50;
/** The passphrase’s key is made slowly on purpose. */
const UNLOCK_MS_MAX = 30_000;
const PDF_MS_MAX = 120_000;

export const portal: Bench = {
  names: ['portal-first-load', 'portal-timeline-open', 'portal-scroll-task', 'portal-pdf'],
  about:
    'the ledger’s page on a slow phone; the largest patient’s timeline, opened, scrolled, saved as PDF, in Chromium',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const chromium = findChromium();
  if (chromium === undefined) {
    say(NO_CHROMIUM);
    return [];
  }
  const instance = await startInstance();
  const opened = await openBrowser(chromium);
  try {
    const loads = await firstLoads(opened.browser, instance);
    say(`first load on a phone: ${loads.map((ms) => ms.toFixed(0)).join(' ')} ms`);
    const { opens, tasks, pdfs } = await timelines(opened.browser, instance, say);
    return [
      { bench: 'portal-first-load', unit: 'ms', ours: loads, aim: { of: 'ours', most: FIRST_LOAD_MS } },
      { bench: 'portal-timeline-open', unit: 'ms', ours: opens, aim: { of: 'ours', most: OPEN_MS } },
      { bench: 'portal-scroll-task', unit: 'ms', ours: tasks, aim: { of: 'ours', most: TASK_MS } },
      { bench: 'portal-pdf', unit: 'ms', ours: pdfs, aim: { of: 'ours', most: PDF_MS } },
    ];
  } finally {
    await opened.close();
    await instance.stop();
  }
}

/** Until the largest thing of the page is painted, each time with an empty cache. */
async function firstLoads(browser: Browser, { address }: InstanceProcess): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const context = await browser.newContext({ viewport: { width: 360, height: 740 } });
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: PHONE.slower });
    await devtools.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: PHONE.latencyMs,
      downloadThroughput: PHONE.bytesPerS,
      uploadThroughput: PHONE.bytesPerS,
    });
    await page.goto(`${address}/app/`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    times.push(
      await page.evaluate<number>(`new Promise((resolve) => {
        new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime))
          .observe({ type: 'largest-contentful-paint', buffered: true });
      })`),
    );
    await context.close();
  }
  return times;
}

async function timelines(
  browser: Browser,
  instance: InstanceProcess,
  say: BenchContext['say'],
): Promise<{ opens: number[]; tasks: number[]; pdfs: number[] }> {
  const largest = loadCorpus().bundles.reduce((a, b) => (b.resources > a.resources ? b : a));
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const poster = new Poster(instance.address, instance.secret);
  const asked = Buffer.from(JSON.stringify({ patients: [largest.patient] }));
  const answer = await poster.send('POST', `/sources/${instance.source}/invitations`, asked);
  const { invitations } = JSON.parse(answer) as { invitations: { code: string }[] };
  await enrolInPage(page, instance.address, invitations[0]?.code ?? '');
  await go(page, 'To my record', 'Permissions');
  await readForm(page);
  await signShown(page);
  await poster.send('POST', `/hooks/${instance.source}`, largest.bytes);
  poster.close();
  await settled(instance);
  say(`the largest patient has ${largest.resources} resources`);
  const opens: number[] = [];
  const tasks: number[] = [];
  const pdfs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await unlock(page);
    opens.push(await openTimeline(page));
    tasks.push(await longestTask(page));
    pdfs.push(await savePdf(page));
    const [open = 0, pdf = 0] = [opens.at(-1), pdfs.at(-1)];
    say(
      `round ${round + 1}: open ${open.toFixed(0)} ms, longest task ${tasks.at(-1) ?? 0} ms, PDF ${pdf.toFixed(0)} ms`,
    );
  }
  await context.close();
  return { opens, tasks, pdfs };
}

async function unlock(page: Page): Promise<void> {
  await page.goto(page.url().replace(/\/app\/.*$/, '/app/me'));
  await page.getByLabel('Passphrase').fill(PASSPHRASE);
  await page.getByRole('button', { name: 'Unlock' }).click();
  await page.getByRole('link', { name: 'Timeline', exact: true }).first().waitFor({ timeout: UNLOCK_MS_MAX });
  await quiet(page);
}

/** From the click until rows are in the page: the whole record has been read and drawn. */
async function openTimeline(page: Page): Promise<number> {
  const startedMs = performance.now();
  await go(page, 'Timeline');
  await page.locator('.lane-row').first().waitFor();
  return performance.now() - startedMs;
}

/** From the click until the file is there; what makes it is loaded in that time, out of the cache after the first. */
async function savePdf(page: Page): Promise<number> {
  await go(page, 'My record', 'Take my record with me');
  const save = page.getByRole('button', { name: 'Save as PDF' });
  await save.waitFor();
  const startedMs = performance.now();
  const [file] = await Promise.all([page.waitForEvent('download', { timeout: PDF_MS_MAX }), save.click()]);
  const ms = performance.now() - startedMs;
  await file.delete();
  return ms;
}

/** The longest task while the whole page is scrolled, ms; 0 where none was over 50 ms, which is what browsers tell. */
async function longestTask(page: Page): Promise<number> {
  await page.evaluate(`{
    globalThis.longTasks = [];
    new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map((task) => task.duration)))
      .observe({ type: 'longtask' });
  }`);
  await page.mouse.move(640, 600);
  for (let i = 0; i < SCROLLS; i++) {
    await page.mouse.wheel(0, i < SCROLLS / 2 ? WHEEL_PX : -WHEEL_PX);
    await page.waitForTimeout(FRAME_MS);
  }
  return page.evaluate<number>('Math.max(0, ...globalThis.longTasks)');
}
