import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { Random } from '../../../demo/random.js';
import { findChromium, NO_CHROMIUM } from '../../support/browser.js';
import { filesOf, openProofBench } from '../../support/proof-files.js';
import { bundleChecker, openProofPage } from '../../support/proof-page.js';
import { verdictsOf } from '../../support/proof-verdicts.js';

const FILES = 500;
const chromium = findChromium();
const skip = chromium === undefined ? NO_CHROMIUM : false;

test('the checker and its reader of consents need nothing of Node’s', async () => {
  const text = await bundleChecker();
  // Small enough to be part of a page.
  assert.ok(text.length < 150_000, `${text.length} characters`);
});

/** Good files of all kinds, each of a log that has grown since the one before. */
async function goodFiles(): Promise<{ files: Buffer[]; vkeys: readonly string[]; caRoot: string }> {
  const from = await openProofBench();
  try {
    const files: Buffer[] = [];
    while (files.length < FILES) for (const { bytes } of await filesOf(from)) files.push(bytes);
    const { vkeys, caRoot } = from.trust;
    return { files: files.slice(0, FILES), vkeys, caRoot: Buffer.from(caRoot).toString('base64') };
  } finally {
    await from.close();
  }
}

/** How many of the verdicts are good. */
function accepted(texts: readonly string[]): number {
  return texts.filter((text) => text.startsWith('{"ok":true')).length;
}

/** The file with one thing wrong: a byte, its end, or a stretch that was doubled or is missing. */
function damaged(file: Buffer, random: Random): Buffer {
  const at = random.integer(0, file.length - 1);
  const stretch = random.integer(1, 40);
  switch (random.integer(0, 4)) {
    case 0:
      return file.subarray(0, at);
    case 1:
      return Buffer.concat([file.subarray(0, at), file.subarray(at + stretch)]);
    case 2:
      return Buffer.concat([file.subarray(0, at + stretch), file.subarray(at)]);
    default: {
      const copy = Buffer.from(file);
      copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(0, 7));
      return copy;
    }
  }
}

test(
  `headless Chromium and Node agree on ${FILES} good and ${FILES} damaged files`,
  { skip },
  async (context) => {
    const { files: good, vkeys, caRoot } = await goodFiles();
    const random = new Random(7, 'damage');
    const bad = good.map((file) => damaged(file, random));
    const input = { files: [...good, ...bad].map((file) => file.toString('base64')), vkeys, caRoot };
    const inNode = verdictsOf(input);
    const byNodeCrypto = verdictsOf(input, nodeProofCrypto);
    const page = await openProofPage(chromium ?? '');
    try {
      const inPage = await page.verdictsOf(input);
      assert.deepEqual(inPage.texts, inNode.texts);
      assert.deepEqual(byNodeCrypto.texts, inNode.texts);
      assert.equal(accepted(inPage.texts.slice(0, FILES)), FILES, 'every good file is good');
      assert.equal(accepted(inPage.texts.slice(FILES)), 0, 'no damaged file is');
      context.diagnostic(
        `Chromium ${page.userAgent}: ${(inPage.ms / input.files.length).toFixed(2)} ms a file`,
      );
    } finally {
      await page.close();
    }
  },
);
