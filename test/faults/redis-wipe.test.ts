import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startUp, eventually } from '../support/firebreak-process.js';
import { openHookScenario } from '../support/hook-scenario.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';

const folders: string[] = [];
after(() => folders.forEach(removeFolder));

function newFolder(): string {
  const folder = temporaryFolder();
  folders.push(folder);
  return folder;
}

/** The private Redis of a folder, as its socket lies there. */
async function redisOf(
  folder: string,
): Promise<{ wipe(): Promise<void>; pid(): Promise<number>; end(): void }> {
  const socket = await eventually('the socket of Redis', () => {
    const dir = join(folder, 'redis');
    const name = existsSync(dir) ? readdirSync(dir).find((file) => file.endsWith('.sock')) : undefined;
    return name === undefined ? undefined : join(dir, name);
  });
  const client = new Redis({ path: socket, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  return {
    wipe: async () => {
      await client.flushall();
    },
    pid: async () => Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1]),
    end: () => client.disconnect(),
  };
}

async function pending(address: string): Promise<number> {
  const response = await fetch(`${address}/metrics`);
  return Number(/^firebreak_inbox_pending (\d+)$/m.exec(await response.text())?.[1] ?? -1);
}

const FAULTS = {
  'wiped six times': async (redis: Awaited<ReturnType<typeof redisOf>>) => {
    for (let i = 0; i < 6; i++) {
      await sleep(350);
      await redis.wipe();
    }
  },
  'killed three times': async (redis: Awaited<ReturnType<typeof redisOf>>) => {
    for (let i = 0; i < 3; i++) {
      await sleep(500);
      process.kill(await redis.pid(), 'SIGKILL');
      await sleep(400);
    }
  },
  'stopped for two seconds': async (redis: Awaited<ReturnType<typeof redisOf>>) => {
    await sleep(400);
    const pid = await redis.pid();
    process.kill(pid, 'SIGSTOP');
    await sleep(2000);
    process.kill(pid, 'SIGCONT');
    await sleep(300);
  },
} as const;

for (const [what, harm] of Object.entries(FAULTS)) {
  test(`Redis is ${what} in mid-load: every acknowledged event is stored once`, async () => {
    const folder = newFolder();
    const { poster, signNext, finish, check } = await openHookScenario(folder, 53);
    const up = await startUp(folder, '--log-level', 'error');
    const redis = await redisOf(folder);
    try {
      const done = new AbortController();
      const load = poster.run(up.address, () => !done.signal.aborted);
      const signing = (async () => {
        while (!done.signal.aborted && (await signNext(up.address))) await sleep(120);
      })();
      await harm(redis);
      done.abort();
      await Promise.all([load, signing]);
      await finish(up.address);
      assert.equal(poster.lostAnswers, 0, 'hooks are acknowledged without Redis');
      assert.deepEqual([...poster.refused], []);
      // By itself, and not only because the next start looks into the inbox.
      await eventually('an empty inbox', async () => (await pending(up.address)) === 0, 30_000);
      up.child.kill('SIGTERM');
      assert.deepEqual(await up.ended, { code: 0, signal: null }, up.stderr);
    } finally {
      redis.end();
      await up.dispose();
    }
    await check();
  });
}
