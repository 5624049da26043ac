import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ask, logSize, openBench } from '../adapter/support/bench.js';
import type { Answer, Bench } from '../adapter/support/bench.js';

describe('documents that are signed by themselves', () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(() => bench.close());

  it('are taken from one address so fast and no faster, whatever is wrong with them, and the rest goes on', async () => {
    const begun = logSize(bench.instance);
    const paths = ['/cohorts/requests', '/requests', '/cohorts/decisions', '/duties'];
    const answers: Answer[] = [];
    for (let sent = 0; sent < 800 && answers.at(-1)?.status !== 429; sent += 50) {
      const more = Array.from({ length: 50 }, (_, i) =>
        ask(bench.url, paths[i % paths.length] ?? '', { method: 'POST', body: '{"document":{},"jws":"x"}' }),
      );
      answers.push(...(await Promise.all(more)));
    }
    const statuses = new Set(answers.map(({ status }) => status));
    assert.ok(statuses.has(429), [...statuses].join());
    const refused = answers.find(({ status }) => status === 429);
    assert.match(String(refused?.headers['retry-after']), /^[1-9]\d*$/);
    assert.ok(answers.every(({ status }) => status >= 400 && status < 500));
    // Nobody else waits for it, nor does a reading at the same address.
    assert.equal((await ask(bench.url, '/health/live')).status, 200);
    assert.equal((await ask(bench.url, '/cohorts/schema')).status, 200);
    assert.equal(logSize(bench.instance), begun);
  });
});
