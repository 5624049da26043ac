import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backOffMs, Rest, retryAfterMs, TokenBucket } from '../../../adapter/inbound/patience.js';
import { SourceClient } from '../../../adapter/inbound/source-client.js';
import { sendJson, startLocalServer } from '../support/local-server.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);

test('Retry-After is read in seconds and as a date of HTTP, and as nothing else', () => {
  assert.equal(retryAfterMs('120', NOW), 120_000);
  assert.equal(retryAfterMs(' 0 ', NOW), 0);
  assert.equal(retryAfterMs('Mon, 23 Nov 2026 12:00:30 GMT', NOW), 30_000);
  assert.equal(retryAfterMs('Monday, 23-Nov-26 12:00:30 GMT', NOW), 30_000);
  assert.equal(retryAfterMs('Mon, 23 Nov 2026 11:59:00 GMT', NOW), 0);
  for (const text of [null, '', '-1', '1.5', '1e9', 'soon', '2026-11-23', 'Infinity']) {
    assert.equal(retryAfterMs(text, NOW), undefined, String(text));
  }
});

test('waits between tries have full jitter, and a longest', () => {
  assert.equal(
    backOffMs(1, () => 0),
    0,
  );
  assert.equal(
    backOffMs(1, () => 1),
    500,
  );
  assert.equal(
    backOffMs(3, () => 0.5),
    1000,
  );
  assert.equal(
    backOffMs(40, () => 1),
    30_000,
  );
});

test('a bucket gives what its rate gives, in order', async () => {
  let now = 0;
  const bucket = new TokenBucket(10, () => now);
  for (let taken = 0; taken < 10; taken++) {
    assert.equal(bucket.waitMs, 0);
    await bucket.take();
  }
  assert.equal(bucket.waitMs, 100);
  now += 50;
  assert.equal(bucket.waitMs, 50);
  now += 10_000;
  assert.equal(bucket.waitMs, 0);
  const seldom = new TokenBucket(0.5, () => now);
  await seldom.take();
  assert.equal(seldom.waitMs, 2000);
});

test('a source that is silent three times in a row is left alone, longer each time', () => {
  let now = 0;
  const rest = new Rest(() => now);
  rest.silent();
  rest.silent();
  assert.equal(rest.leftMs, 0);
  rest.silent();
  assert.equal(rest.leftMs, 5000);
  now += 5000;
  rest.silent();
  assert.equal(rest.leftMs, 10_000);
  rest.answered();
  now += 10_000;
  rest.silent();
  assert.equal(rest.leftMs, 0);
});

test('no more requests leave than the rate allows', async () => {
  const server = await startLocalServer((_request, response) => sendJson(response, {}));
  const client = new SourceClient({ baseUrl: server.url, requestsPerSecond: 20 });
  try {
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 30 }, () => client.request({ url: 'x' })));
    // 20 at once, ten more at 50 ms each.
    assert.ok(performance.now() - startedAt > 450);
    assert.equal(server.asked.length, 30);
  } finally {
    client.close();
    await server.close();
  }
});

test('Retry-After as a date holds for all requests to the source', async () => {
  const times: number[] = [];
  const server = await startLocalServer((_request, response) => {
    times.push(performance.now());
    const at = new Date(Date.now() + 2000).toUTCString();
    if (times.length === 1) sendJson(response, {}, 503, { 'retry-after': at });
    else sendJson(response, {});
  });
  const client = new SourceClient({ baseUrl: server.url });
  try {
    assert.equal((await client.request({ url: 'x' })).status, 200);
    // The date has whole seconds: at least one of the two is waited.
    assert.ok((times[1] ?? 0) - (times[0] ?? 0) > 900);
  } finally {
    client.close();
    await server.close();
  }
});

test('who asks for more time than there is, is not waited for', async () => {
  const server = await startLocalServer((_request, response) =>
    sendJson(response, {}, 429, { 'retry-after': '600' }),
  );
  const client = new SourceClient({ baseUrl: server.url });
  try {
    const startedAt = performance.now();
    await assert.rejects(client.read('Patient', '1'), { code: 'ADAPTER_SOURCE_UNREACHABLE' });
    await assert.rejects(client.read('Patient', '1'), { code: 'ADAPTER_SOURCE_UNREACHABLE' });
    assert.ok(performance.now() - startedAt < 1000);
    assert.equal(server.asked.length, 1);
  } finally {
    client.close();
    await server.close();
  }
});

test('what must not be sent twice is not sent twice after a failure', async () => {
  const server = await startLocalServer((_request, response) => sendJson(response, {}, 502));
  const client = new SourceClient({ baseUrl: server.url });
  try {
    assert.equal((await client.request({ url: 'Subscription', method: 'POST', body: '{}' })).status, 502);
    assert.deepEqual(server.asked, ['POST /Subscription']);
  } finally {
    client.close();
    await server.close();
  }
});
