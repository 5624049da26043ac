/** A real browser for tests, where one is installed: Debian's Chromium, headless. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Path of the browser, or `undefined`: then what needs it is skipped. */
export function findChromium(): string | undefined {
  const named = process.env['FIREBREAK_TEST_CHROMIUM'];
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const candidates = [
    ...(named === undefined ? [] : [named]),
    ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))),
  ];
  return candidates.find((path) => existsSync(path));
}

export const NO_CHROMIUM = 'no chromium is on PATH';

export interface OpenedBrowser {
  readonly browser: Browser;
  readonly page: Page;
  close(): Promise<void>;
}

/** Starts the browser with an empty page and an empty profile. It looks for nothing outside this machine. */
export async function openBrowser(executablePath: string): Promise<OpenedBrowser> {
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const page = await browser.newPage();
  return { browser, page, close: () => browser.close() };
}
