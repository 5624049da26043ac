import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ask, logSize, openBench } from '../adapter/support/bench.js';
import type { Answer, Bench } from '../adapter/support/bench.js';
import { enrolOrganisation } from '../support/person.js';
import { bearer, signIn } from '../support/session.js';

describe('documents that are signed by themselves', () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(() => bench.close());

  it('are taken from one address so fast and no faster, whatever is wrong with them, and the rest goes on', async () => {
    const begun = logSize(bench.instance);
    // Routes match whatever the case, and with a slash at the end.
    const paths = ['/cohorts/requests', '/requests', '/Cohorts/Decisions', '/REQUESTS/', '/duties'];
    const answers = await flood(paths);
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

  for (const path of ['/COHORTS/requests', '/cohorts/Decisions/', '/Requests'])
    it(`${path} is the same address in another spelling`, async () => {
      assert.ok((await flood([path])).some(({ status }) => status === 429));
    });

  it('by a client’s good token are counted for that client, and by one that is not good for the address', async () => {
    const own: Record<string, string>[] = [];
    for (const name of ['Institute', 'Ministry']) {
      const person = await enrolOrganisation(bench.instance, name, 'authority');
      own.push(bearer(await signIn(bench.url, person, { purpose: 'HRESCH' })));
    }
    const [first = {}, second = {}] = own;
    await flood(['/cohorts/requests']);
    assert.notEqual((await send('/cohorts/requests', first)).status, 429);
    const answers = await flood(['/cohorts/requests', '/requests'], first);
    assert.equal(answers.at(-1)?.status, 429);
    assert.notEqual((await send('/requests', second)).status, 429);
    const bad = await flood(['/requests'], { authorization: `Bearer ${'x'.repeat(43)}` });
    assert.equal(bad.at(-1)?.status, 429);
    // Another bad one is no new sender.
    const more = await Promise.all(
      Array.from({ length: 200 }, (_, i) => send('/requests', { authorization: `Bearer bad${i}` })),
    );
    assert.ok(more.some(({ status }) => status === 429));
    assert.notEqual((await send('/requests', second)).status, 429);
  });

  const send = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    ask(bench.url, path, { method: 'POST', body: '{"document":{},"jws":"x"}', headers });

  /** Sends until one is refused for its haste, or far more than may be taken at once. */
  async function flood(paths: readonly string[], headers: Record<string, string> = {}): Promise<Answer[]> {
    const answers: Answer[] = [];
    while (answers.length < 3000 && answers.at(-1)?.status !== 429) {
      const more = Array.from({ length: 50 }, (_, i) => send(paths[i % paths.length] ?? '', headers));
      answers.push(...(await Promise.all(more)));
    }
    return answers;
  }
});
