/**
 * What a real HAPI JPA server does that a reader of the standard would not expect, one by one: what our channels and readings
 * are built around. Should a version of it do otherwise, the test of that line says so.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bundle, Observation, OperationOutcome, Patient, Subscription } from 'fhir/r4.js';
import { drain } from '../../adapter/services/drain.js';
import { bodyOf, startLocalServer } from '../adapter/support/local-server.js';
import type { LocalServer } from '../adapter/support/local-server.js';
import { consenting, hook, openBench } from '../adapter/support/bench.js';
import { eventually } from '../support/firebreak-process.js';
import { HapiServer, hapiMissing } from '../support/hapi-server.js';

const DELETES = 'http://hapifhir.io/fhir/StructureDefinition/subscription-send-delete-messages';
const POLL_MS = 300;
/** One failing delivery is retried for so long. */
const RETRY_MS = 5000;
/** What does not come within this does not come. */
const SILENCE_MS = 8 * POLL_MS;
const UPDATES = 40;

interface Delivery {
  readonly method: string;
  readonly path: string;
  readonly ifMatch: string | undefined;
  readonly test: string | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

const observation = (code: string, value = 70): object => ({
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code }] },
  valueInteger: value,
});
const criteriaOf = (code: string): string => `Observation?code=${code}`;

describe('HAPI, as it is', { skip: hapiMissing() }, () => {
  let hapi: HapiServer;
  let receiver: LocalServer;
  const got: Delivery[] = [];
  /** Names of endpoints that answer 500. */
  const failing = new Set<string>();

  before(async () => {
    const options = [`--poll-ms=${POLL_MS}`, '--batch-ms=300', `--retry-ms=${RETRY_MS}`];
    hapi = await HapiServer.start(...options);
    receiver = await startLocalServer((request, response) => {
      const take = async (): Promise<void> => {
        const body = await bodyOf(request);
        const path = request.url ?? '';
        got.push({
          method: request.method ?? '',
          path,
          ifMatch: request.headers['if-match'],
          test: String(request.headers['x-test'] ?? ''),
          type: request.headers['content-type'],
          body,
        });
        const isFailing = [...failing].some((name) => path.startsWith(`/${name}`));
        response.writeHead(isFailing ? 500 : 200).end();
      };
      void take();
    });
  });
  after(async () => {
    await receiver.close();
    await hapi.stop();
  });

  const to = (name: string): Delivery[] =>
    got.filter(({ path }) => path === `/${name}` || path.startsWith(`/${name}/`));
  const comes = (name: string, count: number): Promise<Delivery[]> =>
    eventually(`${count} deliveries to ${name}`, () => (to(name).length >= count ? to(name) : undefined));

  async function subscribe(
    name: string,
    criteria: string,
    { payload = true, deletes = false } = {},
  ): Promise<string> {
    const { id = '' } = await hapi.good<Subscription>('POST', 'Subscription', {
      resourceType: 'Subscription',
      status: 'requested',
      reason: 'test',
      criteria,
      channel: {
        ...(deletes ? { extension: [{ url: DELETES, valueBoolean: true }] } : {}),
        type: 'rest-hook',
        endpoint: `${receiver.url}/${name}`,
        ...(payload ? { payload: 'application/fhir+json' } : {}),
        header: ['X-Test: abc'],
      },
    });
    await eventually(`${name} to be active`, async () => {
      const { status } = await hapi.good<Subscription>('GET', `Subscription/${id}`);
      return status === 'active' || undefined;
    });
    return id;
  }

  const create = (code: string, value?: number): Promise<Observation> =>
    hapi.good<Observation>('POST', 'Observation', observation(code, value));

  it('with a payload a hook is a PUT of Type/id with If-Match, for creates too, with the headers named', async () => {
    await subscribe('full', criteriaOf('a1'));
    const { id = '' } = await create('a1');
    const [delivery] = await comes('full', 1);
    assert.ok(delivery !== undefined);
    const { method, path, ifMatch, test, type, body } = delivery;
    assert.deepEqual([method, path, ifMatch, test], ['PUT', `/full/Observation/${id}`, 'W/"1"', 'abc']);
    assert.match(type ?? '', /^application\/fhir\+json/);
    assert.equal((JSON.parse(body) as Observation).id, id);
  });

  it('without a payload it is an empty POST, and is not tried again on a 500', async () => {
    await subscribe('empty', criteriaOf('a2'), { payload: false });
    failing.add('empty');
    await create('a2');
    const [delivery] = await comes('empty', 1);
    assert.deepEqual([delivery?.method, delivery?.path, delivery?.body], ['POST', '/empty', '']);
    await sleep(SILENCE_MS);
    assert.equal(to('empty').length, 1);
  });

  it('deletions are told, without a version, where the channel has the extension; not where the criteria need what is stored', async () => {
    await subscribe('told', 'Observation?', { deletes: true });
    await subscribe('filtered', 'Observation?code:text=odd', { deletes: true });
    await subscribe('silent', criteriaOf('a3'));
    const { id = '' } = await hapi.good<Observation>('POST', 'Observation', {
      ...observation('a3'),
      code: { coding: [{ system: 'http://loinc.org', code: 'a3' }], text: 'odd' },
    });
    await comes('silent', 1);
    await hapi.good('DELETE', `Observation/${id}`);
    const deletion = await eventually('the deletion', () =>
      to('told').find(({ method, path }) => method === 'DELETE' && path.endsWith(`/${id}`)),
    );
    assert.deepEqual([deletion.ifMatch, deletion.body], [undefined, '']);
    await sleep(SILENCE_MS);
    for (const name of ['filtered', 'silent'])
      assert.ok(
        to(name).every(({ method }) => method === 'PUT'),
        name,
      );
  });

  it('an update without a change makes no version and sends nothing', async () => {
    await subscribe('unchanged', criteriaOf('a4'));
    const { id = '' } = await create('a4');
    await comes('unchanged', 1);
    const again = await hapi.good<Observation>('PUT', `Observation/${id}`, { ...observation('a4'), id });
    assert.equal(again.meta?.versionId, '1');
    await sleep(SILENCE_MS);
    assert.equal(to('unchanged').length, 1);
  });

  it(`of ${UPDATES} quick updates each is sent, in any order, and we end with the last`, async () => {
    await subscribe('quick', criteriaOf('a5'));
    const bench = await openBench();
    try {
      await consenting(bench, 'quick');
      const { id = '' } = await create('a5', 0);
      for (let i = 1; i <= UPDATES; i++)
        await hapi.good('PUT', `Observation/${id}`, { ...observation('a5', i), id });
      const deliveries = await comes('quick', UPDATES + 1);
      const versions = deliveries.map(({ ifMatch }) => Number(/\d+/.exec(ifMatch ?? '')?.[0]));
      assert.deepEqual(
        versions.toSorted((a, b) => a - b),
        Array.from({ length: UPDATES + 1 }, (_, i) => i + 1),
      );
      for (const { body, ifMatch } of deliveries) {
        const resource = { ...(JSON.parse(body) as Observation), subject: { reference: 'Patient/quick' } };
        const answer = await hook(bench, `/Observation/${id}`, {
          method: 'PUT',
          body: JSON.stringify(resource),
          headers: { authorization: `Bearer ${bench.source.secret}`, 'if-match': ifMatch ?? '' },
        });
        assert.equal(answer.status, 200);
      }
      await drain(bench.instance);
      const name = bench.instance.records.facadeId(bench.source.id, 'Observation', id);
      const subject = await bench.instance.subjects.find(
        bench.instance.subjects.keyOf(bench.source.id, 'quick'),
      );
      assert.ok(subject !== undefined);
      const kept = (await bench.instance.listings.of(subject)).find(
        ({ facadeId, isCurrent }) => facadeId === name && isCurrent,
      );
      assert.equal(kept?.card.versionId, String(UPDATES + 1));
    } finally {
      await bench.close();
    }
  });

  it('a delivery answered with 500 is tried for a while, then dropped; the Subscription stays active', async () => {
    const id = await subscribe('dropped', criteriaOf('a6'));
    failing.add('dropped');
    await create('a6');
    await comes('dropped', 2);
    await sleep(RETRY_MS + 3000);
    const tried = to('dropped').length;
    assert.ok(tried >= 3, String(tried));
    await sleep(3000);
    assert.equal(to('dropped').length, tried);
    failing.delete('dropped');
    await sleep(SILENCE_MS);
    assert.equal(to('dropped').length, tried);
    assert.equal((await hapi.good<Subscription>('GET', `Subscription/${id}`)).status, 'active');
  });

  it('criteria with a parameter that is not known are a 422; another channel type is stored', async () => {
    const endpoint = `${receiver.url}/x`;
    const subscription = (criteria: string, type: string): object => ({
      resourceType: 'Subscription',
      status: 'requested',
      reason: 'test',
      criteria,
      channel: { type, endpoint, payload: 'application/fhir+json' },
    });
    const wrong = await hapi.ask('POST', 'Subscription', subscription('Observation?nosuch=1', 'rest-hook'));
    assert.equal(wrong.status, 422);
    const other = await hapi.ask('POST', 'Subscription', subscription('Observation?', 'websocket'));
    assert.equal(other.status, 201);
  });

  it('_since and ge include their own instant, gt and sa do not', async () => {
    const { id = '', meta } = await create('b1');
    const at = encodeURIComponent(meta?.lastUpdated ?? '');
    const found = async (query: string): Promise<boolean> => {
      const { entry = [] } = await hapi.good<Bundle>('GET', query);
      return entry.some(({ resource }) => resource?.id === id);
    };
    assert.equal(await found(`Observation/_history?_since=${at}`), true);
    for (const [prefix, isIn] of [
      ['ge', true],
      ['gt', false],
      ['sa', false],
    ] as const)
      assert.equal(await found(`Observation?code=b1&_lastUpdated=${prefix}${at}`), isIn, prefix);
  });

  const count = async (query: string, headers: Record<string, string>): Promise<number> =>
    ((await hapi.ask('GET', query, undefined, headers)).body as Bundle).entry?.length ?? 0;

  it('a search is answered from its cache for a minute, also where gt and ge differ, unless told not to', async () => {
    const cached = { 'cache-control': '' };
    assert.equal(await count('Observation?code=b2', cached), 0);
    const { meta } = await create('b2');
    assert.equal(await count('Observation?code=b2', cached), 0);
    assert.equal(await count('Observation?code=b2', { 'cache-control': 'no-cache' }), 1);
    const at = encodeURIComponent(meta?.lastUpdated ?? '');
    assert.equal(await count(`Observation?code=b2&_lastUpdated=gt${at}`, cached), 0);
    // By itself it finds one.
    assert.equal(await count(`Observation?code=b2&_lastUpdated=ge${at}`, cached), 0);
    assert.equal(await count(`Observation?code=b2&_lastUpdated=ge${at}`, { 'cache-control': 'no-cache' }), 1);
  });

  it('a history is newest first, its deletions have no time, and with _since there is no total', async () => {
    const { id = '', meta } = await create('b3');
    await hapi.good('PUT', `Observation/${id}`, { ...observation('b3', 71), id });
    const old = await hapi.ask(
      'PUT',
      `Observation/${id}`,
      { ...observation('b3', 72), id },
      {
        'if-match': 'W/"1"',
      },
    );
    assert.equal(old.status, 409);
    await hapi.good('DELETE', `Observation/${id}`);
    assert.equal((await hapi.ask('GET', `Observation/${id}`)).status, 410);
    const { entry = [] } = await hapi.good<Bundle>('GET', `Observation/${id}/_history`);
    assert.deepEqual(
      entry.map(({ request }) => request?.method),
      ['DELETE', 'PUT', 'POST'],
    );
    assert.equal(entry[0]?.resource, undefined);
    assert.equal(entry[0]?.response?.lastModified, undefined);
    const at = encodeURIComponent(meta?.lastUpdated ?? '');
    assert.equal((await hapi.good<Bundle>('GET', `Observation/_history?_since=${at}`)).total, undefined);
  });

  it('an export: 400 without respond-async, 200 with a message where nothing is found, its files are Binaries', async () => {
    assert.equal((await hapi.ask('GET', '$export?_type=Observation')).status, 400);
    const exported = async (type: string): Promise<Record<string, unknown>> => {
      const begun = await hapi.ask('GET', `$export?_type=${type}`, undefined, { prefer: 'respond-async' });
      assert.equal(begun.status, 202);
      const location = begun.headers.get('content-location') ?? '';
      return eventually(
        'the export',
        async () => {
          await sleep(200);
          const { status, body } = await hapi.ask('GET', location);
          return status === 200 ? (body as Record<string, unknown>) : undefined;
        },
        60_000,
      );
    };
    const askedAt = Date.now();
    const some = await exported('Observation');
    assert.ok((some['output'] as unknown[]).length > 0);
    assert.ok(Date.parse(String(some['transactionTime'])) >= askedAt - 1000);
    const none = await exported('Goal');
    assert.deepEqual(none['output'] ?? [], []);
    assert.equal(typeof none['message'], 'string');
    const { entry = [] } = await hapi.good<Bundle>('GET', '_history?_count=50');
    assert.ok(entry.some(({ request }) => request?.url?.startsWith('Binary/')));
  });

  it('references: to nothing 400, elsewhere taken; a bad code 400, an unknown element dropped; what is referred to 409', async () => {
    const posted = (more: object): Promise<{ status: number; body: unknown }> =>
      hapi.ask('POST', 'Observation', { ...observation('b4'), ...more });
    assert.equal((await posted({ subject: { reference: 'Patient/none' } })).status, 400);
    assert.equal(
      (await posted({ subject: { reference: 'http://elsewhere.example/fhir/Patient/1' } })).status,
      201,
    );
    assert.equal((await posted({ status: 'nonsense' })).status, 400);
    const odd = await posted({ nosuch: 1 });
    assert.equal(odd.status, 201);
    assert.equal((odd.body as Record<string, unknown>)['nosuch'], undefined);
    const { id = '' } = await hapi.good<Patient>('POST', 'Patient', { resourceType: 'Patient' });
    assert.equal((await posted({ subject: { reference: `Patient/${id}` } })).status, 201);
    const refused = await hapi.ask('DELETE', `Patient/${id}`);
    assert.equal(refused.status, 409);
    assert.equal((refused.body as OperationOutcome).resourceType, 'OperationOutcome');
  });
});
