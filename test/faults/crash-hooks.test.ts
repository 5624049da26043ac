import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../demo/random.js';
import { startUp } from '../support/firebreak-process.js';
import { openHookScenario } from '../support/hook-scenario.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';

const KILLS = process.env['FIREBREAK_TEST_LONG'] === '1' ? 150 : 20;
/** After the server listens, ms. */
const KILL_MS = [20, 700] as const;

const folder = temporaryFolder();
after(() => removeFolder(folder));

test(`hooks into a server killed ${KILLS} times: what was acknowledged is stored once`, async () => {
  const { poster, signNext, finish, check } = await openHookScenario(folder, 47);
  const random = new Random(47, 'kills');
  for (let round = 0; round < KILLS; round++) {
    const up = await startUp(folder, '--log-level', 'error');
    try {
      const killed = sleep(random.integer(...KILL_MS)).then(() => up.kill());
      await Promise.all([signNext(up.address), poster.run(up.address, () => up.isRunning)]);
      await killed;
    } finally {
      await up.dispose();
    }
  }
  const up = await startUp(folder, '--log-level', 'error');
  try {
    await finish(up.address);
    assert.ok(poster.lostAnswers > 0, 'some answers were lost in a crash');
    assert.ok(poster.acknowledged.size > KILLS * 20, `only ${poster.acknowledged.size} were acknowledged`);
    up.child.kill('SIGTERM');
    assert.deepEqual(await up.ended, { code: 0, signal: null }, up.stderr);
  } finally {
    await up.dispose();
  }
  await check();
});
