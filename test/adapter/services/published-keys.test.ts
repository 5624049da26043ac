import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PublishedKeys } from '../../../adapter/services/published-keys.js';
import { furtherKey } from '../../support/client.js';

const MINUTE = 60_000;
const { jwk } = furtherKey('P-384', 'good');
let asked = 0;
let status = 200;
let url: string;
let now: number;

const server = createServer((_request, response) => {
  asked += 1;
  setTimeout(() => {
    response.writeHead(status, { 'cache-control': 'max-age=600' });
    response.end(JSON.stringify({ keys: [jwk] }));
  }, 50);
});

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
});
after(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  asked = 0;
  status = 200;
  now = 1_795_000_000_000;
});

const kids = (keys: readonly { kid?: string }[]): (string | undefined)[] => keys.map(({ kid }) => kid);

test('an address is asked once at a time, and for a key that is not there at most once a minute', async () => {
  const published = new PublishedKeys(() => now);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => published.keys(url, `made-up-${i}`)),
  );
  assert.equal(asked, 1);
  for (const keys of answers) assert.deepEqual(kids(keys), ['good']);
  await published.keys(url, 'made-up');
  assert.equal(asked, 1);
  now += MINUTE + 1;
  await Promise.all([published.keys(url, 'made-up'), published.keys(url, 'another')]);
  assert.equal(asked, 2);
  await sleep(0);
});

test('an address that fails takes no key away before its time, and none is believed after it', async () => {
  const published = new PublishedKeys(() => now);
  assert.deepEqual(kids(await published.keys(url, 'good')), ['good']);
  status = 500;
  now += MINUTE + 1;
  // Anybody can send an assertion that names a key of their invention.
  assert.deepEqual(kids(await published.keys(url, 'made-up')), ['good']);
  assert.deepEqual(kids(await published.keys(url, 'good')), ['good']);
  assert.equal(asked, 2);
  now += 10 * MINUTE;
  assert.deepEqual(kids(await published.keys(url, 'good')), []);
});
