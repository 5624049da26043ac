/** Webhooks against a real server of a participant: in order, signed, again until taken, to no address that is inside. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { AddedWebhook, ShownWebhook, WebhookMessage } from '../../../adapter/http/contract/index.js';
import type { Instance } from '../../../adapter/instance/instance.js';
import {
  addWebhook,
  listWebhooks,
  testWebhook,
  WebhookDelivery,
} from '../../../adapter/services/webhooks/index.js';
import type { DeliveryPatience } from '../../../adapter/services/webhooks/index.js';
import { enrolOrganisation } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signIn } from '../../support/session.js';
import { ask, openBench, refusalOf } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { until } from '../support/channel-bench.js';

interface Received {
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
  readonly body: string;
}

/** A participant's server, which answers as it is told. */
async function startReceiver(): Promise<{
  readonly url: string;
  readonly received: Received[];
  answer: (n: number) => number | 'hang';
  close(): Promise<void>;
}> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString('utf8')));
    request.on('end', () => {
      const { headers } = request;
      received.push({
        id: String(headers['webhook-id']),
        timestamp: String(headers['webhook-timestamp']),
        signature: String(headers['webhook-signature']),
        body,
      });
      const status = receiver.answer(received.length);
      if (status === 'hang') return;
      if (status === 302) response.setHeader('location', `${receiver.url}/elsewhere`);
      response.statusCode = status;
      response.end('thank you');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answer: (_n: number): number | 'hang' => 204,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return receiver;
}

const messageOf = ({ body }: Received): WebhookMessage => JSON.parse(body) as WebhookMessage;

describe('webhooks', () => {
  let bench: Bench;
  let instance: Instance;
  let insurer: TestPerson;
  let ministry: TestPerson;
  let delivery: WebhookDelivery | undefined;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;

  before(async () => {
    bench = await openBench({ logLevel: 'debug' });
    instance = bench.instance;
    insurer = await enrolOrganisation(instance, 'Insurer', 'payer');
    ministry = await enrolOrganisation(instance, 'Ministry', 'authority');
    receiver = await startReceiver();
  });
  after(async () => {
    await delivery?.close();
    await receiver.close();
    await bench.close();
  });

  const start = async (patience: DeliveryPatience = {}): Promise<void> => {
    await delivery?.close();
    delivery = new WebhookDelivery(instance, { waitsMs: [20], lookMs: 10, timeoutMs: 500, ...patience });
  };
  const add = (who = insurer, url = receiver.url): Promise<AddedWebhook> =>
    addWebhook(instance, { participant: who.id, url, allowPrivate: [] });
  const notify = (id: string, who = insurer): Promise<unknown> =>
    instance.notices.notify(who.participant, { kind: 'access-decided', id });
  const shown = (id: string): ShownWebhook | undefined => listWebhooks(instance).find((one) => one.id === id);
  const fresh = (): void => {
    receiver.received.length = 0;
    receiver.answer = () => 204;
  };

  it('tell in order and once, signed, and nothing from before', async () => {
    fresh();
    await notify('before');
    const { id, secret } = await add();
    await start();
    for (const name of ['r1', 'r2', 'r3']) await notify(name);
    await until('three are told', () => receiver.received.length === 3);
    assert.deepEqual(
      receiver.received.map((one) => [messageOf(one).type, messageOf(one).data.id]),
      [
        ['access-decided', 'r1'],
        ['access-decided', 'r2'],
        ['access-decided', 'r3'],
      ],
    );
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
    for (const { id: message, timestamp, signature, body } of receiver.received) {
      const expected = createHmac('sha256', key).update(`${message}.${timestamp}.${body}`).digest('base64');
      assert.equal(signature, `v1,${expected}`);
      assert.ok(Math.abs(Number(timestamp) - Date.now() / 1000) < 30);
    }
    assert.equal(new Set(receiver.received.map((one) => one.id)).size, 3);
    await until('it is noted', () => shown(id)?.pending === 0);
    assert.equal(shown(id)?.state, 'active');
    assert.doesNotMatch(JSON.stringify(listWebhooks(instance)), /secret|whsec/);
    assert.ok(!bench.logged().includes(secret) && !bench.logged().includes(receiver.url));
    await instance.webhooks.remove(insurer.participant, id);
  });

  it('are sent again under the same id until they are taken, and the next one waits', async () => {
    fresh();
    await start();
    const { id } = await add();
    receiver.answer = (n) => (n === 1 ? 500 : n === 2 ? 302 : n === 3 ? 'hang' : 200);
    await notify('again');
    await notify('next');
    await until('both are taken', () => shown(id)?.pending === 0);
    assert.deepEqual(
      receiver.received.map((one) => messageOf(one).data.id),
      ['again', 'again', 'again', 'again', 'next'],
    );
    assert.equal(new Set(receiver.received.map((one) => one.id)).size, 2);
    assert.equal(shown(id)?.failure, undefined);
    await instance.webhooks.remove(insurer.participant, id);
  });

  it('go on after a restart where they were', async () => {
    fresh();
    await start();
    const { id } = await add();
    receiver.answer = () => 503;
    await notify('down');
    await until('it is tried', () => shown(id)?.state === 'waiting');
    assert.equal(shown(id)?.failure, '503');
    await delivery?.close();
    const tried = receiver.received.length;
    receiver.answer = () => 200;
    await notify('while away');
    await start();
    await until('both are taken', () => shown(id)?.pending === 0);
    assert.deepEqual(
      receiver.received.slice(tried).map((one) => messageOf(one).data.id),
      ['down', 'while away'],
    );
    await instance.webhooks.remove(insurer.participant, id);
  });

  it('are given up after days, or when the server says that it is gone', async () => {
    fresh();
    await start({ giveUpMs: 0 });
    const late = await add();
    receiver.answer = () => 500;
    await notify('never');
    await until('given up', () => shown(late.id)?.state === 'dead');
    await start();
    const gone = await add();
    receiver.answer = () => 410;
    await notify('gone');
    await until('given up', () => shown(gone.id)?.state === 'dead');
    const tried = receiver.received.length;
    await notify('more');
    await start();
    assert.deepEqual([shown(late.id)?.pending, receiver.received.length], [0, tried]);
    for (const { id } of [late, gone]) await instance.webhooks.remove(insurer.participant, id);
  });

  it('reach no address inside, whatever a name stands for when it is connected to', async () => {
    fresh();
    const refused = '422 processing ADAPTER_UNPROCESSABLE';
    const headers = bearer(await signIn(bench.url, insurer, { purpose: 'CLMATTCH' }));
    const post = (body: object) =>
      ask(bench.url, '/webhooks', { method: 'POST', headers, body: JSON.stringify(body) });
    for (const url of [
      receiver.url,
      'https://127.0.0.1/hook',
      'https://localhost/hook',
      'https://[::1]/hook',
      'https://2130706433/hook',
      'https://169.254.169.254/latest',
      'https://10.0.0.1/hook',
      'https://[fd00::1]/hook',
      'http://insurer.example/hook',
      'ftp://insurer.example/hook',
      'https://name:word@insurer.example/hook',
      'no address',
    ])
      assert.equal(refusalOf(await post({ url })), refused, url);
    assert.equal(refusalOf(await post({ url: 'https://x.example/', more: 1 })), refused);
    const made = await post({ url: 'https://insurer.example/hook' });
    assert.equal(made.status, 201);
    const { id } = JSON.parse(made.body.toString()) as AddedWebhook;
    await start({ resolveName: (_name, done) => done(null, [{ address: '127.0.0.1', family: 4 }]) });
    await notify('inside');
    await until('it is refused', () => shown(id)?.failure === 'address-refused');
    assert.equal(receiver.received.length, 0);
    // Another's is answered as none.
    const others = bearer(await signIn(bench.url, ministry, { purpose: 'HRESCH' }));
    const seen = await ask(bench.url, '/webhooks', { headers: others });
    assert.deepEqual(JSON.parse(seen.body.toString()), { webhooks: [] });
    const remove = (by: typeof headers) =>
      ask(bench.url, `/webhooks/${id}`, { method: 'DELETE', headers: by });
    assert.equal((await remove(others)).status, 404);
    assert.equal((await remove(headers)).status, 204);
    assert.equal((await remove(headers)).status, 404);
    assert.equal(refusalOf(await ask(bench.url, '/webhooks')), '401 login ADAPTER_UNAUTHORIZED');
    await assert.rejects(addWebhook(instance, { participant: insurer.id, url: 'http://x.example' }), {
      code: 'ADAPTER_UNPROCESSABLE',
    });
    await assert.rejects(addWebhook(instance, { participant: 'nobody', url: receiver.url }), {
      code: 'ADAPTER_NOT_FOUND',
    });
  });

  it('are ten at most for one participant', async () => {
    const made: AddedWebhook[] = [];
    for (let i = 0; i < 10; i++) made.push(await add(ministry));
    await assert.rejects(add(ministry), { code: 'ADAPTER_CONFLICT' });
    for (const { id } of made) await instance.webhooks.remove(undefined, id);
  });

  it('can be tried, and tell a revoked participant nothing more', async () => {
    fresh();
    await start();
    const { id } = await add();
    assert.deepEqual(await testWebhook(instance, { id }), { id });
    receiver.answer = () => 500;
    assert.deepEqual(await testWebhook(instance, { id }), { id, failure: '500' });
    fresh();
    await delivery?.close();
    await notify('too late');
    await instance.certification.revoke(insurer.participant, 'keyCompromise');
    await start();
    await until('it has ended', () => shown(id)?.state === 'ended');
    assert.equal(receiver.received.length, 0);
    assert.equal(instance.webhooks.get(id)?.secret, '');
  });
});
