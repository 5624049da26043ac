/** `/events` and webhooks: those concerned hear that something happened, and nothing of a patient. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { AccessOutcome } from '../../../adapter/services/access/index.js';
import { signedDecision, signedTask, taskOf } from '../../support/access.js';
import { enrolOrganisation, enrolPerson } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signerOf, signIn } from '../../support/session.js';
import type { Wallet } from '../../support/wallet.js';
import { heartRate, patient } from '../support/resources.js';
import { ask, consenting, openBench, push, refusalOf } from '../support/bench.js';
import type { Bench } from '../support/bench.js';

interface Heard {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Reads a stream until it ends, or is left. */
function listenTo(url: string, headers: Record<string, string>) {
  const leave = new AbortController();
  const heard: Heard[] = [];
  let text = '';
  const waiting: (() => void)[] = [];
  const opened = fetch(`${url}/events`, { headers, signal: leave.signal });
  const ended = (async () => {
    const response = await opened;
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk as Uint8Array, { stream: true });
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) {
          const found = /^(?:id: (.*)\n)?event: (.*)\ndata: (.*)$/.exec(block);
          if (found !== null) heard.push({ id: found[1] ?? '', event: found[2] ?? '', data: found[3] ?? '' });
        }
        for (const wake of waiting.splice(0)) wake();
      }
    } catch (error) {
      if (!leave.signal.aborted) throw error;
    }
    for (const wake of waiting.splice(0)) wake();
  })();
  return {
    heard,
    opened,
    ended,
    leave: () => leave.abort(),
    until: async (count: number): Promise<void> => {
      while (heard.length < count) await new Promise<void>((wake) => waiting.push(wake));
    },
  };
}

describe('events', () => {
  let bench: Bench;
  let wallet: Wallet;
  let ministry: TestPerson;
  let staff: TestPerson;

  before(async () => {
    bench = await openBench();
    wallet = await consenting(bench, 'a');
    ministry = await enrolOrganisation(bench.instance, 'Ministry of Health', 'authority');
    staff = await enrolPerson(bench.instance, 'staff');
  });
  after(() => bench.close());

  const log = (): string => bench.instance.identity.origin;
  async function inForce(): Promise<{ id: string; task: ReturnType<typeof taskOf> }> {
    const { reference } = wallet.enrolled.patient;
    const custodian = bench.source.custodian.id;
    const task = taskOf(ministry, { patient: reference, custodian, purpose: 'HRESCH' });
    const asked = await ask(bench.url, '/requests', { method: 'POST', body: signedTask(ministry, task) });
    const { id } = JSON.parse(asked.body.toString()) as AccessOutcome;
    for (const who of [staff, signerOf(wallet)])
      await bench.instance.accessRequests.decide(
        signedDecision(who, log(), { id, task }, { outcome: 'approved' }),
      );
    return { id, task };
  }

  it('are heard as they happen, and after a pause from where one was', async () => {
    const token = await signIn(bench.url, ministry, { purpose: 'HRESCH' });
    const stream = listenTo(bench.url, bearer(token));
    assert.equal((await stream.opened).headers.get('content-type'), 'text/event-stream; charset=utf-8');
    const request = await inForce();
    await stream.until(2);
    assert.deepEqual(
      stream.heard.map(({ event }) => event),
      ['access-requested', 'access-decided'],
    );
    for (const { data } of stream.heard) {
      assert.deepEqual(Object.keys(JSON.parse(data) as object), ['id', 'at']);
      assert.doesNotMatch(data, /Patient|Observation|HRESCH|Study/);
    }
    stream.leave();
    await stream.ended;
    const ended = signedDecision(signerOf(wallet), log(), request, { outcome: 'ended' });
    await bench.instance.accessRequests.decide(ended);
    const again = listenTo(bench.url, { ...bearer(token), 'last-event-id': stream.heard[1]?.id ?? '' });
    await again.until(1);
    assert.deepEqual(
      again.heard.map(({ event, data }) => [event, (JSON.parse(data) as { id: string }).id]),
      [['access-ended', request.id]],
    );
    again.leave();
    await again.ended;
  });

  it('hint that pages are to look again, name nothing, and are many in one', async () => {
    const own = await signIn(bench.url, signerOf(wallet));
    const others = await consenting(bench, 'b');
    const other = await signIn(bench.url, signerOf(others));
    const [stream, second] = [listenTo(bench.url, bearer(own)), listenTo(bench.url, bearer(other))];
    await Promise.all([stream.opened, second.opened]);
    await push(bench, patient('a'), ...[1, 2, 3, 4].map((n) => heartRate(`h${n}`, 'a', 60 + n)));
    await stream.until(1);
    assert.ok(stream.heard.length < 5);
    for (const { id, event, data } of stream.heard) {
      assert.deepEqual([id, event], ['', 'record-changed']);
      assert.deepEqual(Object.keys(JSON.parse(data) as object), ['at']);
    }
    assert.deepEqual(second.heard, []);
    stream.leave();
    second.leave();
    await Promise.all([stream.ended, second.ended]);
  });

  it('are heard by nobody who is not signed in, and no longer than one is', async () => {
    assert.equal(refusalOf(await ask(bench.url, '/events')), '401 login ADAPTER_UNAUTHORIZED');
    assert.equal((await ask(bench.url, '/events', { method: 'POST' })).status, 405);
    const token = await signIn(bench.url, ministry, { purpose: 'HRESCH' });
    const wrong = await ask(bench.url, '/events', { headers: { ...bearer(token), 'last-event-id': 'x' } });
    assert.equal(wrong.status, 400);
    const stream = listenTo(bench.url, bearer(token));
    await stream.opened;
    await ask(bench.url, '/auth/session', { method: 'DELETE', headers: bearer(token) });
    await inForce();
    // The stream ends of itself at the next word, which it does not say.
    await stream.ended;
    assert.deepEqual(stream.heard, []);
  });
});
