/** Started where no Redis can be: events are taken, and worked on as soon as there is one. */
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openInstance } from '../../../adapter/instance/instance.js';
import { createLogger } from '../../../adapter/logger.js';
import { findRedisBinary } from '../../../adapter/queue/redis-binary.js';
import { drain } from '../../../adapter/services/drain.js';
import { serveHttp } from '../../../adapter/services/server.js';
import { addImportSource, removeFolder, temporaryFolder, testConfig } from '../../support/instance.js';
import { ask } from '../support/bench.js';
import { patient } from '../support/resources.js';

const dir = temporaryFolder();
after(() => removeFolder(dir));

test('an instance without Redis takes events, says that it is degraded, and goes on when there is one', async () => {
  const redisServer = join(dir, 'redis-server-to-come');
  const config = testConfig(join(dir, 'data'), { redisServer });
  let logged = '';
  const options = { config, demo: false, logger: createLogger('warn', (line) => (logged += line)) };
  // Who runs it once is told at once.
  await assert.rejects(openInstance(options), { code: 'QUEUE_REDIS_MISSING' });

  const instance = await openInstance({ ...options, mayWaitForRedis: true });
  try {
    assert.match(logged, /QUEUE_REDIS_MISSING/);
    const source = await addImportSource(instance);
    const server = await serveHttp(instance, () => undefined);
    try {
      const health = async (): Promise<{ status: string; checks: { redis: boolean } }> =>
        JSON.parse((await ask(server.address, '/health/ready')).body.toString('utf8')) as never;
      const { status, checks } = await health();
      assert.deepEqual([status, checks.redis], ['degraded', false]);
      const answer = await ask(server.address, `/hooks/${source.id}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${source.secret}` },
        body: JSON.stringify(patient('p')),
      });
      assert.equal(answer.status, 200);
      assert.equal(instance.inbox.pendingCount, 1);

      const { path } = findRedisBinary(process.env['FIREBREAK_REDIS_SERVER']);
      symlinkSync(path.includes('/') ? path : `/usr/bin/${path}`, redisServer);
      await drain(instance, undefined, AbortSignal.timeout(40_000));
      assert.equal(instance.statistics.pipeline.waiting, 1);
      for (let i = 0; i < 100 && (await health()).status !== 'ready'; i++) await sleep(100);
      assert.equal((await health()).status, 'ready');
    } finally {
      await server.close();
    }
  } finally {
    await instance.close();
  }
});
