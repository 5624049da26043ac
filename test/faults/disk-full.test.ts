import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OperationOutcome } from 'fhir/r4.js';
import { eventually, startUp } from '../support/firebreak-process.js';
import { openHookScenario } from '../support/hook-scenario.js';
import { mountSmallDisk } from '../support/small-disk.js';
import type { SmallDisk } from '../support/small-disk.js';

const MIB = 1024 * 1024;

function smallDisk(t: TestContext, bytes: number): SmallDisk | undefined {
  const disk = mountSmallDisk(bytes);
  if (typeof disk === 'string') {
    t.skip(disk);
    return undefined;
  }
  t.after(() => disk.remove());
  return disk;
}

/** `up` with a reserve of its own. */
function upOn(disk: SmallDisk, reserveBytes: number): ReturnType<typeof startUp> {
  process.env['FIREBREAK_DISK_RESERVE_BYTES'] = String(reserveBytes);
  return startUp(disk.dataDir, '--log-level', 'error').finally(() => {
    delete process.env['FIREBREAK_DISK_RESERVE_BYTES'];
  });
}

async function knock(address: string): Promise<{ status: number; code?: string; retryAfter: string | null }> {
  const response = await fetch(`${address}/hooks/ward/Observation/x1`, { method: 'PUT', body: '{}' });
  const body = (await response.json()) as OperationOutcome;
  const code = body.issue[0]?.code;
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    ...(code === undefined ? {} : { code }),
  };
}

test('below the reserve hooks are answered 503 and not kept; with space again they are taken', async (t) => {
  const disk = smallDisk(t, 96 * MIB);
  if (disk === undefined) return;
  const { poster, signNext, finish, check } = await openHookScenario(disk.dataDir, 61);
  const up = await upOn(disk, 32 * MIB);
  try {
    let isDone = false;
    const load = poster.run(up.address, () => !isDone);
    await eventually('some hooks taken', () => poster.acknowledged.size > 50);
    disk.fill(24 * MIB);
    await eventually('a refusal', () => (poster.refused.get(503) ?? 0) > 0);
    await sleep(1200);
    const before = poster.acknowledged.size;
    // Consents may use the reserve: a withdrawal must not wait for an administrator.
    await signNext(up.address);
    await sleep(500);
    assert.equal(poster.acknowledged.size, before, 'nothing is acknowledged meanwhile');
    assert.deepEqual([...poster.refused.keys()], [503]);
    disk.free();
    await eventually('hooks taken again', () => poster.acknowledged.size > before + 50);
    isDone = true;
    await load;
    await finish(up.address);
    assert.equal(poster.lostAnswers, 0);
    up.child.kill('SIGTERM');
    assert.deepEqual(await up.ended, { code: 0, signal: null }, up.stderr);
  } finally {
    await up.dispose();
  }
  await check();
});

for (const end of ['goes on by itself', 'is killed, and goes on when it is started again'] as const) {
  test(`a disk without a byte left: nothing acknowledged is lost, and the instance ${end}`, async (t) => {
    const disk = smallDisk(t, 64 * MIB);
    if (disk === undefined) return;
    const { poster, finish, check } = await openHookScenario(disk.dataDir, 67);
    let up = await upOn(disk, 0);
    try {
      let isDone = false;
      const load = poster.run(up.address, () => !isDone && up.isRunning);
      await eventually('some hooks taken', () => poster.acknowledged.size > 50);
      disk.fill(1.5 * MIB);
      await eventually('a refusal', () => (poster.refused.get(503) ?? 0) > 0);
      const before = poster.acknowledged.size;
      await eventually('the answer of the full disk', async () => {
        const answer = await knock(up.address).catch(() => undefined);
        return answer?.status === 503 && answer.code === 'no-store' && answer.retryAfter === '5';
      });
      await sleep(1000);
      if (end === 'goes on by itself') {
        disk.free();
        await eventually('hooks taken again', () => poster.acknowledged.size > before + 50);
        isDone = true;
        await load;
      } else {
        await up.kill();
        await load;
        disk.free();
        up = await upOn(disk, 0);
      }
      assert.deepEqual([...poster.refused.keys()], [503]);
      await finish(up.address);
      up.child.kill('SIGTERM');
      assert.deepEqual(await up.ended, { code: 0, signal: null }, up.stderr);
    } finally {
      await up.dispose();
    }
    await check();
  });
}
