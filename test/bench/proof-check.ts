/**
 * Proof files judged a second, one of every kind in turn: with Node's primitives, with the portable ones in Node, and in
 * headless Chromium where there is one. Each under a trust of its own; `-again` under one trust for all, which remembers
 * the signatures that files share.
 */
import { nodeProofCrypto } from '../../adapter/services/proof-crypto.js';
import { findChromium, NO_CHROMIUM } from '../support/browser.js';
import { filesOf, openProofBench } from '../support/proof-files.js';
import { openProofPage } from '../support/proof-page.js';
import { verdictsOf } from '../support/proof-verdicts.js';
import type { VerdictInput, Verdicts } from '../support/proof-verdicts.js';
import type { Bench, BenchContext, Measured } from './bench.js';

const ROUNDS = 5;
/** Sets of one file of every kind, each of a log that has grown since: few signatures occur twice. */
const SETS = 10;
/** 5 ms a file, with the primitives that a place has; Node does not use the portable ones. */
const AIM = 200;

const WAYS = ['proof-check', 'proof-check-noble', 'proof-check-chromium'];

export const proofCheck: Bench = {
  names: WAYS.flatMap((way) => [way, `${way}-again`]),
  about: 'proof files of every kind judged, with Node’s primitives, the portable ones, and in Chromium',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const input = await makeInput();
  const measured: Measured[] = [];
  const both = async (bench: string, judge: (given: VerdictInput) => Promise<Verdicts>): Promise<void> => {
    measured.push(await measure(bench, () => judge({ ...input, apart: true }), say));
    measured.push(await measure(`${bench}-again`, () => judge(input), say));
  };
  await both('proof-check', async (given) => verdictsOf(given, nodeProofCrypto));
  await both('proof-check-noble', async (given) => verdictsOf(given));
  const chromium = findChromium();
  if (chromium === undefined) {
    say(NO_CHROMIUM);
    return measured;
  }
  const page = await openProofPage(chromium);
  try {
    await both('proof-check-chromium', (given) => page.verdictsOf(given));
  } finally {
    await page.close();
  }
  return measured;
}

async function makeInput(): Promise<VerdictInput> {
  const from = await openProofBench();
  try {
    const files: string[] = [];
    for (let i = 0; i < SETS; i++)
      for (const { bytes } of await filesOf(from)) files.push(bytes.toString('base64'));
    const { vkeys, caRoot } = from.trust;
    return { files, vkeys, caRoot: Buffer.from(caRoot).toString('base64') };
  } finally {
    await from.close();
  }
}

async function measure(
  bench: string,
  judge: () => Promise<Verdicts>,
  say: BenchContext['say'],
): Promise<Measured> {
  const ours: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const { texts, ms } = await judge();
    if (texts.some((text) => !text.startsWith('{"ok":true'))) throw new Error('a good file is refused');
    if (round > 0) ours.push((texts.length * 1000) / ms);
    say(
      `${bench} ${round === 0 ? 'warm-up' : `round ${round}`}: ${(ms / texts.length).toFixed(2)} ms a file`,
    );
  }
  const isAimed = !bench.includes('noble');
  return { bench, unit: 'files/s', ours, ...(isAimed ? { aim: { of: 'ours', least: AIM } } : {}) };
}
