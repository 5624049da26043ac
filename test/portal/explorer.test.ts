import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page, Route } from 'playwright-core';
import { serveHttp } from '../../adapter/services/server.js';
import type { HttpServer } from '../../adapter/services/server.js';
import { readPortal } from '../../adapter/services/portal-files.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../support/instance.js';
import type { TestInstance } from '../support/instance.js';
import { filesOf, openProofBench } from '../support/proof-files.js';
import { barriers, visit, widthBeside } from '../support/portal-page.js';
import type { Visit, Visitor } from '../support/portal-page.js';
import { enrolWallet } from '../support/wallet.js';

const chromium = findChromium();
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;
/** First load, compressed. */
const SCRIPT_BYTES_MAX = 250_000;

const folder = temporaryFolder();
let bench: TestInstance;
let server: HttpServer;
let opened: OpenedBrowser;
let patients = 0;

/** Entries: two for each patient that is enrolled. */
async function enrol(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await enrolWallet(servicesOf(bench.instance), 'ward', `p${patients++}`);
}

before(async () => {
  if (skip !== false) return;
  bench = await openTestInstance(folder);
  await addImportSource(bench.instance);
  await enrol(140);
  server = await serveHttp(bench.instance, () => undefined);
  opened = await openBrowser(chromium ?? '');
});

after(async () => {
  if (skip === false) {
    await opened.close();
    await server.close();
    await bench.close();
  }
  removeFolder(folder);
});

const visitor = (how: Visit = {}): Promise<Visitor> => visit(opened.browser, how);

async function open(page: Page, path = ''): Promise<void> {
  await page.goto(`${server.address}/app/${path}`, { waitUntil: 'networkidle' });
}

const text = (page: Page): Promise<string> => page.locator('#content').innerText();

const PAGES = ['', 'entries', 'entries/3', 'check', 'nowhere'];

for (const [width, dark] of [
  [1280, false],
  [360, true],
] as const) {
  test(
    `each page at ${width} px, ${dark ? 'dark' : 'light'}: no barrier, no complaint, nothing beside the window`,
    { skip },
    async () => {
      const { page, complaints } = await visitor({ width, dark });
      for (const path of PAGES) {
        await open(page, path);
        assert.deepEqual(await barriers(page), [], path);
        const beside = await widthBeside(page);
        assert.ok(beside <= 0, `${path}: ${beside} px`);
        assert.equal(await page.locator('h1').count(), 1, path);
      }
      assert.deepEqual(complaints, []);
      await page.context().close();
    },
  );
}

test(
  'the ledger is seen by who signs in nowhere, and grows under one’s eyes from visit to visit',
  { skip },
  async () => {
    const { page, complaints } = await visitor();
    await open(page);
    const { size } = bench.instance.engine.head();
    assert.equal(await page.getByTestId('size').innerText(), size.toLocaleString());
    assert.match(await text(page), /for the first time/);
    await enrol(3);
    await open(page);
    const now = bench.instance.engine.head().size;
    assert.match(await text(page), new RegExp(`not rewritten its past[^]*from ${size} to ${now} entries`));
    assert.deepEqual(complaints, []);
    await page.context().close();
  },
);

test('an entry is proved in the browser, by keyboard alone', { skip }, async () => {
  const { page } = await visitor();
  await open(page, 'entries');
  const link = page.locator('table a').first();
  await link.focus();
  await page.keyboard.press('Enter');
  await page.getByText('Proved in your browser').waitFor();
  assert.match(await text(page), /root [0-9a-f]{8}… ✓/);
  await open(page, 'entries/99999999');
  assert.match(await text(page), /no entry of this number/);
  await page.context().close();
});

/** Lets a page see other bytes than the server sends. */
async function tamper(page: Page, pattern: RegExp, change: (bytes: Buffer) => Buffer): Promise<void> {
  await page.route(pattern, async (route: Route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: change(await response.body()) });
  });
}

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

test('a tampered server is noticed: an altered entry, an altered tile', { skip }, async () => {
  for (const pattern of [/\/log\/tile\/entries\//, /\/log\/tile\/0\//]) {
    const { page } = await visitor();
    await open(page);
    await tamper(page, pattern, (bytes) => {
      // A digit of the time of the entry, or a hash beside it.
      const at = pattern.source.includes('entries') ? bytes.indexOf('"at":') + 6 : 40;
      return flip(bytes, at);
    });
    await open(page, 'entries/0');
    await page.getByText('This entry does not belong to the ledger').waitFor();
    await page.context().close();
  }
});

test('a tampered server is noticed: a forged, a rolled-back and a forked head', { skip }, async () => {
  const old = await (await fetch(`${server.address}/log/checkpoint`)).text();
  await enrol(1);

  const forged = await visitor();
  await open(forged.page);
  await tamper(forged.page, /\/log\/checkpoint$/, (bytes) =>
    Buffer.from(bytes.toString('utf8').replace(/\n\d+\n/, '\n7\n')),
  );
  await open(forged.page);
  await forged.page.getByText('The ledger’s signature is wrong').waitFor();
  await forged.page.context().close();

  const rolledBack = await visitor();
  await open(rolledBack.page);
  await tamper(rolledBack.page, /\/log\/checkpoint$/, () => Buffer.from(old));
  await open(rolledBack.page);
  await rolledBack.page.getByText('Entries are missing').waitFor();
  // What was remembered is not given up for it.
  await open(rolledBack.page, 'entries');
  await rolledBack.page.getByText('Entries are missing').waitFor();
  await rolledBack.page.context().close();

  const forked = await visitor();
  await open(forked.page);
  await forked.page.evaluate((note) => {
    const { localStorage } = globalThis as unknown as {
      localStorage: { getItem(name: string): string | null; setItem(name: string, value: string): void };
    };
    const name = 'firebreak.log';
    const value = JSON.parse(localStorage.getItem(name) ?? '{}') as object;
    localStorage.setItem(name, JSON.stringify({ ...value, note }));
  }, old);
  // The head is right, and the hashes that are to lead to it from the last visit's are not.
  await tamper(forked.page, /\/log\/tile\/[01]\//, (bytes) => Buffer.from(bytes.map((byte) => byte ^ 255)));
  await open(forked.page);
  await forked.page.getByText('The past was rewritten').waitFor();
  await forked.page.context().close();
});

test('without an answer it says so, and goes on when there is one', { skip }, async () => {
  const { page } = await visitor();
  await page.route(/\/log\//, (route) => route.abort());
  await page.goto(`${server.address}/app/`);
  await page.getByText('This could not be read').waitFor();
  await page.unroute(/\/log\//);
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByTestId('size').waitFor();
  await page.context().close();
});

test(
  'a proof file is judged in the page, also without a network; a damaged one by its reason',
  { skip },
  async () => {
    const from = await openProofBench();
    try {
      const [file] = await filesOf(from);
      assert.ok(file !== undefined);
      const { page } = await visitor();
      // The page of this server with the keys of the bench's log: what a visitor of that one would have.
      await page.route(/\/log\/(vkey|checkpoint)$/, async (route) => {
        const isKey = route.request().url().endsWith('vkey');
        await route.fulfill({ body: isKey ? `${from.trust.vkeys.join('\n')}\n` : checkpointOf(file.bytes) });
      });
      await page.route(/\/pki\/root\.crt$/, (route) =>
        route.fulfill({ body: Buffer.from(from.trust.caRoot) }),
      );
      await open(page, 'check');
      await page.context().setOffline(true);
      const choose = (bytes: Buffer): Promise<void> =>
        page
          .locator('input[type=file]')
          .setInputFiles({ name: 'proof.json', mimeType: 'application/json', buffer: bytes });
      await choose(Buffer.from(file.bytes));
      await page.getByText('proof.json is good').waitFor();
      await choose(flip(Buffer.from(file.bytes), Math.floor(file.bytes.length / 2)));
      await page.getByText('proof.json is not good').waitFor();
      await page.context().close();
    } finally {
      await from.close();
    }
  },
);

function checkpointOf(file: Uint8Array): string {
  return (JSON.parse(Buffer.from(file).toString('utf8')) as { checkpoint: string }).checkpoint;
}

test('served under a strict policy, small, and without a way out', { skip }, async () => {
  const page = await fetch(`${server.address}/app/`);
  const html = await page.text();
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self' 'nonce-[\w+/=]{24}'/);
  assert.match(policy, /require-trusted-types-for 'script'/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  assert.doesNotMatch(html, /%NONCE%|<script(?![^>]*\bsrc=)/);
  const again = (await fetch(`${server.address}/app/`)).headers.get('content-security-policy');
  assert.notEqual(again, policy, 'a nonce is used once');
  let bytes = 0;
  for (const [, name] of html.matchAll(/(?:src|href)="([^"]+\.js)"/g)) {
    const script = await fetch(server.address + (name ?? ''), { headers: { 'accept-encoding': 'gzip' } });
    assert.match(script.headers.get('cache-control') ?? '', /immutable/);
    bytes += Number(script.headers.get('content-length'));
  }
  assert.ok(bytes > 0 && bytes < SCRIPT_BYTES_MAX, `${bytes} bytes`);
  assert.equal((await fetch(`${server.address}/app/assets/..%2Findex.html`)).status, 404);
  assert.equal((await fetch(`${server.address}/app/`, { method: 'POST' })).status, 405);
  const front = await fetch(`${server.address}/`, { redirect: 'manual' });
  assert.deepEqual([front.status, front.headers.get('location')], [302, '/app/']);
});
