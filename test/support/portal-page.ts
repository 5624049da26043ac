/** A visitor of the portal: a browser profile of its own, whose page complains of nothing. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Browser, BrowserContext, Page, Request } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** How far the page is wider than its window, px. */
const BESIDE = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

export interface Visit {
  readonly width?: number;
  readonly dark?: boolean;
}

export interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors and warnings of the console, broken policies among them. */
  readonly complaints: string[];
}

/** Requests of a page that have no answer yet. */
const unanswered = new WeakMap<Page, Set<Request>>();
/** A page is quiet when it has asked nothing for so long, ms. */
const QUIET_MS = 500;
const QUIET_LOOK_MS = 50;
const QUIET_TIMEOUT_MS = 30_000;

function watch(page: Page): Set<Request> {
  const known = unanswered.get(page);
  if (known !== undefined) return known;
  const open = new Set<Request>();
  unanswered.set(page, open);
  page.on('request', (request) => open.add(request));
  page.on('requestfinished', (request) => open.delete(request));
  page.on('requestfailed', (request) => open.delete(request));
  return open;
}

/** Waits until a page has all its answers. The stream of events never ends, so the network itself is never idle. */
export async function quiet(page: Page): Promise<void> {
  const open = watch(page);
  const until = performance.now() + QUIET_TIMEOUT_MS;
  let since = performance.now();
  const asked = new Map<string, number>();
  const count = (request: Request): void => {
    const { pathname } = new URL(request.url());
    asked.set(pathname, (asked.get(pathname) ?? 0) + 1);
  };
  page.on('request', count);
  try {
    while (performance.now() - since < QUIET_MS) {
      const paths = [...open].map((request) => new URL(request.url()).pathname);
      const busy = paths.find((path) => path !== '/events');
      if (busy !== undefined) since = performance.now();
      if (performance.now() > until)
        throw new Error(`the page does not come to rest: ${JSON.stringify({ busy, asked: [...asked] })}`);
      await setTimeout(QUIET_LOOK_MS);
    }
  } finally {
    page.off('request', count);
  }
}

export async function visit(browser: Browser, { width = 1280, dark = false }: Visit = {}): Promise<Visitor> {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: dark ? 'dark' : 'light',
    // Nothing moves while a picture is taken or a colour is measured.
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  watch(page);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  return { context, page, complaints };
}

/** What axe calls serious or critical. */
export async function barriers(page: Page): Promise<string[]> {
  // By the debugger's way: the page's own policy lets no script in.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => ['serious', 'critical'].includes(impact))
      .map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`);
  });
}

/** How far the page is wider than its window, px. */
export function widthBeside(page: Page): Promise<number> {
  return page.evaluate<number>(BESIDE);
}

/** Pictures go here when it is set: `npm run shots`. */
const SHOTS = process.env['FIREBREAK_SHOTS'];

/** Nobody looks at more. */
const SHOT_PX_MAX = 1600;

/** Sizes and colours that pictures are taken in: a phone's and a desk's, light and dark. */
const WIDTHS = [360, 1280];
const SCHEMES = ['light', 'dark'] as const;

/** Takes pictures of a page, where pictures are wanted, and leaves it as it was. */
export async function shot(
  page: Page,
  name: string,
  { width = 1280, dark = false }: Visit = {},
): Promise<void> {
  if (SHOTS === undefined) return;
  mkdirSync(SHOTS, { recursive: true });
  const size = page.viewportSize() ?? { width, height: 900 };
  for (const wide of WIDTHS)
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width: wide, height: 900 });
      // As tall as the page, so that nothing is left out that is drawn only when it is seen, and the head stays on top.
      const tall = await page.evaluate<number>('document.documentElement.scrollHeight');
      await page.setViewportSize({ width: wide, height: Math.max(900, Math.min(tall, SHOT_PX_MAX)) });
      await page.evaluate('scrollTo(0, 0)');
      await page.screenshot({ path: join(SHOTS, `${name}-${wide}-${colorScheme}.png`) });
    }
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
  await page.setViewportSize(size);
}

/** No barrier, nothing beside the window. */
export async function look(page: Page, name: string, how: Visit): Promise<void> {
  await quiet(page);
  assert.equal(await page.locator('h1').count(), 1, name);
  assert.deepEqual(await barriers(page), [], name);
  const beside = await widthBeside(page);
  assert.ok(beside <= 0, `${name}: ${beside} px`);
  await shot(page, name, how);
}
