/** Redis stopped or killed in mid-run: hooks are acknowledged all the same, and work goes on by itself. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { drain } from '../../../adapter/services/drain.js';
import {
  ask,
  consenting,
  failedChecks,
  hook,
  logSize,
  openBench,
  push,
  typesSince,
} from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { heartRate } from '../support/resources.js';

let bench: Bench;
before(async () => {
  bench = await openBench();
  await consenting(bench, 'p');
});
after(() => bench.close());

/** Process id of the private Redis whose socket lies in the bench's folder. */
function redisPid(): number {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  const line = lines.find((text) => /^\s*\d+ \S*redis-server\b/.test(text) && text.includes(bench.dir));
  return Number(/\d+/.exec(line ?? '')?.[0] ?? Number.NaN);
}

async function hooks(name: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const begun = performance.now();
    const answer = await hook(bench, '', { body: JSON.stringify(heartRate(`${name}-${i}`, 'p', 60 + i)) });
    assert.equal(answer.status, 200);
    assert.ok(performance.now() - begun < 2000, 'a hook does not wait for Redis');
  }
}

async function storedSince(size: number): Promise<number> {
  await drain(bench.instance, undefined, AbortSignal.timeout(40_000));
  const types = await typesSince(bench.instance, size);
  assert.ok(types.every((type) => type === 'record.stored'));
  return types.length;
}

test('a Redis that answers no more, and then does again', { timeout: 60_000 }, async () => {
  await push(bench, heartRate('before', 'p', 70));
  const size = logSize(bench.instance);
  const pid = redisPid();
  process.kill(pid, 'SIGSTOP');
  try {
    await hooks('stopped', 20);
    await sleep(300);
    assert.equal(logSize(bench.instance), size);
    assert.equal((await ask(bench.url, '/health/ready')).status, 200);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  assert.equal(await storedSince(size), 20);
});

test('a Redis that is killed, twice, while hooks come', { timeout: 60_000 }, async () => {
  const size = logSize(bench.instance);
  await hooks('one', 10);
  process.kill(redisPid(), 'SIGKILL');
  await hooks('two', 20);
  await sleep(1500);
  process.kill(redisPid(), 'SIGKILL');
  await hooks('three', 20);
  assert.equal(await storedSince(size), 50);
  assert.deepEqual(await failedChecks(bench.instance), []);
  assert.match(bench.logged(), /private redis ended; starting it again/);
});
