import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { QueueError, findRedisBinary, startPrivateRedis } from '../../../adapter/queue/index.js';
import type { QueueErrorCode } from '../../../adapter/queue/index.js';

const root = mkdtempSync(join(tmpdir(), 'fb-redis-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newDir = (): string => join(root, `d${(folders += 1)}`);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function eventually(what: string, holds: () => boolean, timeoutMs = 5_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `not in time: ${what}`);
    await sleep(10);
  }
}

/** A process that starts a private Redis, prints what it is, and waits. */
async function startInChild(dir: string): Promise<{ pid: number; redisPid: number; socketPath: string }> {
  const module = new URL('../../../adapter/queue/index.js', import.meta.url).href;
  const code =
    `import { startPrivateRedis } from ${JSON.stringify(module)};` +
    `const r = await startPrivateRedis({ dir: ${JSON.stringify(dir)} });` +
    'console.log(JSON.stringify({ pid: process.pid, redisPid: r.pid, socketPath: r.socketPath }));' +
    'setInterval(() => {}, 1000);';
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await child.stdout.take(1).toArray()) as Buffer[];
  return JSON.parse(String(line)) as { pid: number; redisPid: number; socketPath: string };
}

test('starts with a socket for this user alone, no port, nothing on disk; stops within two seconds', async () => {
  const dir = newDir();
  const redis = await startPrivateRedis({ dir });
  assert.equal(statSync(dir).mode & 0o777, 0o700);
  assert.equal(statSync(redis.socketPath).mode & 0o777, 0o700);
  const client = new Redis({ path: redis.socketPath });
  assert.equal(await client.ping(), 'PONG');
  for (const [name, value] of [
    ['port', '0'],
    ['save', ''],
    ['appendonly', 'no'],
    ['maxmemory-policy', 'noeviction'],
  ] as const) {
    assert.deepEqual(await client.config('GET', name), [name, value]);
  }
  client.disconnect();
  assert.ok(isAlive(redis.pid));
  const begun = performance.now();
  await Promise.all([redis.stop(), redis.stop()]);
  assert.ok(performance.now() - begun < 2_000);
  assert.ok(!isAlive(redis.pid));
  assert.deepEqual(readdirSync(dir), []);
});

test('a redis-server that does not obey is ended within two seconds all the same', async () => {
  const redis = await startPrivateRedis({ dir: newDir() });
  process.kill(redis.pid, 'SIGSTOP');
  const begun = performance.now();
  await redis.stop();
  assert.ok(performance.now() - begun < 2_000);
  assert.ok(!isAlive(redis.pid));
  assert.ok(!existsSync(redis.socketPath));
});

test('a folder whose path is too long for a socket gets its socket elsewhere, in a private folder', async () => {
  const dir = join(newDir(), 'long-'.repeat(24));
  const redis = await startPrivateRedis({ dir });
  assert.ok(Buffer.byteLength(redis.socketPath) <= 100);
  const folder = join(redis.socketPath, '..');
  assert.notEqual(folder, dir);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  const before = redis.pid;
  process.kill(before, 'SIGKILL');
  await eventually('restart', () => redis.pid !== before);
  await redis.stop();
  assert.ok(!existsSync(folder));
});

test('SIGKILL of the process that started it leaves no Redis and no socket', async () => {
  const { pid, redisPid, socketPath } = await startInChild(newDir());
  assert.ok(isAlive(redisPid));
  process.kill(pid, 'SIGKILL');
  await eventually('end of Redis', () => !isAlive(redisPid) && !existsSync(socketPath), 3_000);
});

test('what crashed runs left is ended and removed; what lives is left alone', async () => {
  const dir = newDir();
  const living = await startInChild(dir);
  const dead = await startInChild(newDir());
  process.kill(dead.pid, 'SIGKILL');
  await eventually('end of the process', () => !isAlive(dead.pid));
  // A Redis without its supervisor, and a socket that nobody listens on, both of a process that is gone.
  const orphanPath = join(dir, `redis-${dead.pid}-00000001.sock`);
  const { path, libraryPath } = findRedisBinary();
  const orphan = spawn(path, ['--port', '0', '--unixsocket', orphanPath, '--save', ''], {
    stdio: 'ignore',
    env: { ...process.env, ...(libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraryPath }) },
  });
  const orphanEnded = new Promise((settle) => orphan.on('exit', settle));
  const stalePath = join(dir, `redis-${dead.pid}-00000002.sock`);
  writeFileSync(stalePath, '');
  await eventually('start of the orphan', () => existsSync(orphanPath));

  const redis = await startPrivateRedis({ dir });
  await orphanEnded;
  assert.ok(!existsSync(stalePath) && !existsSync(orphanPath));
  assert.ok(isAlive(living.redisPid) && existsSync(living.socketPath));
  await redis.stop();
  process.kill(living.pid, 'SIGKILL');
  await eventually('end of the other Redis', () => !isAlive(living.redisPid), 3_000);
});

test('comes back empty on the same socket when it dies, and says why', async () => {
  const told: [string, number][] = [];
  const redis = await startPrivateRedis({
    dir: newDir(),
    onRestart: (why, attempt) => told.push([why, attempt]),
  });
  const client = new Redis({ path: redis.socketPath, retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on('error', () => undefined); // It is refused until Redis is back.
  await client.set('x', '1');
  const first = redis.pid;
  process.kill(first, 'SIGKILL');
  await eventually('restart', () => redis.pid !== first);
  assert.equal(await client.get('x'), null);
  assert.deepEqual(told, [['exit code 137', 1]]);
  client.disconnect();
  await redis.stop();
  assert.ok(!isAlive(redis.pid));
});

test('stop during a restart leaves nothing behind', async () => {
  const dir = newDir();
  let told = false;
  const redis = await startPrivateRedis({ dir, onRestart: () => (told = true) });
  process.kill(redis.pid, 'SIGKILL');
  await eventually('notice of its death', () => told);
  await redis.stop();
  assert.ok(!isAlive(redis.pid));
  assert.deepEqual(readdirSync(dir), []);
});

const coded =
  (code: QueueErrorCode) =>
  (error: unknown): boolean =>
    error instanceof QueueError && error.code === code;

test('no such program, and a program that is no Redis, are told apart by code', async () => {
  for (const binary of ['/no/such/redis-server', 'no-such-redis-server', root]) {
    await assert.rejects(startPrivateRedis({ dir: newDir(), binary }), coded('QUEUE_REDIS_MISSING'));
  }
  await assert.rejects(
    startPrivateRedis({ dir: newDir(), binary: '/bin/true' }),
    coded('QUEUE_REDIS_FAILED'),
  );
  const file = join(root, 'file');
  writeFileSync(file, '');
  await assert.rejects(startPrivateRedis({ dir: file }), coded('QUEUE_REDIS_FAILED'));
});

test('a running Redis does not keep its process alive', async () => {
  const module = new URL('../../../adapter/queue/index.js', import.meta.url).href;
  const code = `const { startPrivateRedis } = await import(${JSON.stringify(module)});
    console.log((await startPrivateRedis({ dir: ${JSON.stringify(newDir())} })).pid);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = new Promise((settle) => child.on('exit', settle));
  const pid = Number(String((await child.stdout.toArray())[0]));
  assert.equal(await exit, 0);
  await eventually('end of Redis', () => !isAlive(pid), 3_000);
});
