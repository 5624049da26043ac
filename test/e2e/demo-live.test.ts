import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Summary } from '../../adapter/services/summary.js';
import { Random } from '../../demo/random.js';
import { audit } from '../support/audit.js';
import { eventually, isAlive, runFirebreak, startUp } from '../support/firebreak-process.js';
import type { FirebreakProcess } from '../support/firebreak-process.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../support/instance.js';
import { descendantsOf } from '../support/process-tree.js';

const PATIENTS = ['--patients', '60'];
/** Ctrl-C ends everything in this time, ms. */
const STOP_MS_MAX = 5000;
/** Kills in mid-run, and when, in ms after the start. */
const KILLS = process.env['FIREBREAK_TEST_LONG'] === '1' ? 40 : 3;
const KILL_MS = [300, 3500] as const;

const folder = temporaryFolder();
after(() => removeFolder(folder));

async function hooksReceived(address: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  return Number(/^firebreak_events_received\{channel="hook"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** The summary of a run that goes on. */
async function summaryOf(up: FirebreakProcess): Promise<Summary> {
  await eventually('the summary', () => {
    assert.ok(up.isRunning, up.stderr);
    return up.stdout.endsWith('\n');
  });
  return JSON.parse(up.stdout) as Summary;
}

/** Ends a run by Ctrl-C, and checks that all that it started has ended with it. */
async function stopByCtrlC(up: FirebreakProcess): Promise<void> {
  const started = descendantsOf(up.pid);
  const commands = started.map(({ command }) => command).join('\n');
  assert.match(commands, /redis-server/);
  assert.match(commands, /demo\/main\.js/);
  const begun = performance.now();
  assert.deepEqual(await up.interrupt(), { code: 0, signal: null }, up.stderr);
  const took = performance.now() - begun;
  assert.ok(took < STOP_MS_MAX, `Ctrl-C took ${Math.round(took)} ms`);
  const left = started.filter(({ pid }) => isAlive(pid));
  assert.deepEqual(left, [], 'nothing is left running');
}

test('up --demo goes on listening, live events arrive, Ctrl-C ends it all, and the next start goes on', async () => {
  const dataDir = join(folder, 'live');
  const up = await startUp(dataDir, '--demo', '--json', ...PATIENTS);
  let size: number;
  try {
    const summary = await summaryOf(up);
    assert.ok(summary.verify.ok);
    assert.equal(summary.address, up.address);
    const before = await hooksReceived(up.address);
    await eventually('live hooks', async () => (await hooksReceived(up.address)) >= before + 3);
    const ready = await fetch(`${up.address}/health/ready`);
    assert.equal(((await ready.json()) as { demo: boolean }).demo, true);
    await stopByCtrlC(up);
    size = summary.log.size;
  } finally {
    await up.dispose();
  }

  const again = await startUp(dataDir, '--demo', '--json', ...PATIENTS);
  try {
    const summary = await summaryOf(again);
    assert.ok(summary.verify.ok);
    assert.ok(summary.log.size >= size, 'the log goes on where it stood');
    const before = await hooksReceived(again.address);
    await eventually('live hooks', async () => (await hooksReceived(again.address)) > before);
    await stopByCtrlC(again);
  } finally {
    await again.dispose();
  }
  const opened = await openTestInstance(dataDir, {}, true);
  try {
    for (const [name, count] of (await audit(opened.instance)).versions) {
      if (!name.startsWith('RiskAssessment/')) assert.equal(count, 1, name);
    }
  } finally {
    await opened.close();
  }
});

test('Ctrl-C before the first summary ends it as cleanly', async () => {
  const up = await startUp(join(folder, 'early'), '--demo', ...PATIENTS);
  try {
    await eventually('the demo', () =>
      descendantsOf(up.pid).some(({ command }) => /demo\/main/.test(command)),
    );
    await stopByCtrlC(up);
    assert.equal(up.stdout, '');
  } finally {
    await up.dispose();
  }
});

test(`up --demo killed ${KILLS} times in mid-run: nothing of it is left running, the next start goes on`, async () => {
  const dataDir = join(folder, 'killed');
  const random = new Random(71, 'kills');
  for (let round = 0; round < KILLS; round++) {
    const up = await startUp(dataDir, '--demo', ...PATIENTS);
    try {
      await sleep(random.integer(...KILL_MS));
      const started = descendantsOf(up.pid);
      await up.kill();
      await eventually('their end', () => !started.some(({ pid }) => isAlive(pid)), 10_000);
    } finally {
      await up.dispose();
    }
  }
  const last = await runFirebreak(
    '--data',
    dataDir,
    'up',
    '--demo',
    '--once',
    '--json',
    '--port',
    '0',
    ...PATIENTS,
  );
  assert.equal(last.code, 0, last.stderr);
  const { verify, waiting, log } = JSON.parse(last.stdout) as Summary;
  assert.deepEqual(verify, { ok: true, failures: [] });
  assert.deepEqual(waiting, { events: 0, patients: 0 });
  const opened = await openTestInstance(dataDir, {}, true);
  try {
    const { versions, entries, deadLetters } = await audit(opened.instance);
    assert.equal(entries.length, log.size);
    assert.equal(deadLetters, 0);
    for (const [name, count] of versions) {
      if (!name.startsWith('RiskAssessment/')) assert.equal(count, 1, name);
    }
  } finally {
    await opened.close();
  }
});
