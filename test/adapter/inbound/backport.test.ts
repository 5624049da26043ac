import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filled, hear } from '../../../adapter/inbound/backport-counter.js';
import type { EventCounter } from '../../../adapter/inbound/backport-counter.js';
import { noticeOf, noticesOf } from '../../../adapter/inbound/backport-notice.js';
import type { Notice, NoticeType } from '../../../adapter/inbound/backport-notice.js';
import { readBody } from '../../../adapter/inbound/intake.js';
import { seeded } from '../support/channel-bench.js';

const ARRIVAL = { source: 'city', channel: 'hook', receivedAt: 0 } as const;

function parameters(more: readonly object[], type = 'event-notification'): object {
  return {
    resourceType: 'Parameters',
    parameter: [
      { name: 'subscription', valueReference: { reference: 'https://fhir.example/r4/Subscription/s1' } },
      { name: 'topic', valueCanonical: 'http://example.org/t' },
      { name: 'status', valueCode: 'active' },
      { name: 'type', valueCode: type },
      ...more,
    ],
  };
}

function bundle(status: object, type = 'history', ...entries: readonly object[]): object {
  return { resourceType: 'Bundle', type, entry: [{ resource: status }, ...entries] };
}

const event = (number: string | number, focus?: string): object => ({
  name: 'notification-event',
  part: [
    {
      name: 'event-number',
      ...(typeof number === 'string' ? { valueString: number } : { valueInteger64: number }),
    },
    ...(focus === undefined ? [] : [{ name: 'focus', valueReference: { reference: focus } }]),
  ],
});

function statusOf(number: string | number): object {
  return {
    resourceType: 'SubscriptionStatus',
    status: 'active',
    type: 'event-notification',
    eventsSinceSubscriptionStart: number,
    notificationEvent: [{ eventNumber: number, focus: { reference: 'Observation/o1' } }],
    subscription: { reference: 'Subscription/s1' },
    topic: 'http://example.org/t',
  };
}

test('the three forms say the same: R4 Parameters, R4B and R5 SubscriptionStatus', () => {
  const want: Notice = {
    subscription: 's1',
    topic: 'http://example.org/t',
    status: 'active',
    type: 'event-notification',
    eventsSinceStart: 7,
    events: [{ number: 7, focus: 'Observation/o1' }],
    hasError: false,
  };
  const r4 = parameters([
    { name: 'events-since-subscription-start', valueString: '7' },
    event('7', 'https://fhir.example/r4/Observation/o1/_history/2'),
  ]);
  assert.deepEqual(noticeOf(bundle(r4)), want);
  assert.deepEqual(noticeOf(bundle(statusOf('7'))), want, 'R4B: integer64 is text');
  assert.deepEqual(noticeOf(bundle(statusOf(7), 'subscription-notification')), want);
});

test('every kind of notice is told; what is none is none', () => {
  for (const type of ['handshake', 'heartbeat', 'event-notification', 'query-status', 'query-event'])
    assert.equal(noticeOf(bundle(parameters([], type)))?.type, type);
  const failing = noticeOf(bundle(parameters([{ name: 'error', valueCodeableConcept: {} }], 'heartbeat')));
  assert.equal(failing?.hasError, true);
  const bad: unknown[] = [
    null,
    [],
    { resourceType: 'Bundle', type: 'transaction', entry: [{ resource: parameters([]) }] },
    bundle(parameters([], 'something')),
    bundle({ resourceType: 'Parameters', parameter: 'x' }),
    bundle({
      resourceType: 'Parameters',
      parameter: [null, 3, { name: 'subscription', valueString: '../x' }],
    }),
    { resourceType: 'Bundle', type: 'history', entry: [null] },
  ];
  for (const one of bad) assert.equal(noticeOf(one as object), undefined);
  for (const number of ['-1', '1e3', '9'.repeat(16), 1.5, -2, null]) {
    const odd = noticeOf(
      bundle(parameters([{ name: 'events-since-subscription-start', valueString: number }])),
    );
    assert.equal(odd?.eventsSinceStart, undefined);
  }
  assert.equal(noticesOf(bundle(parameters([], 'query-status'), 'searchset')).length, 1);
});

test('what a notification names and does not bring is fetched; what it brings is not fetched too', () => {
  const notice = parameters([
    event('1', 'Observation/a'),
    event('2', 'Observation/b'),
    event('3', 'Observation/c'),
  ]);
  const body = bundle(
    notice,
    'history',
    { fullUrl: 'https://fhir.example/r4/Observation/a', resource: { resourceType: 'Observation', id: 'a' } },
    { fullUrl: 'https://fhir.example/r4/Observation/b', request: { method: 'DELETE', url: 'Observation/b' } },
    { fullUrl: 'https://fhir.example/r4/Observation/c' },
  );
  const { events } = readBody(Buffer.from(JSON.stringify(body)), ARRIVAL);
  assert.deepEqual(
    events.map(({ kind, id }) => `${kind} ${id}`),
    ['put a', 'delete b', 'fetch c'],
  );
  for (const type of ['handshake', 'heartbeat']) {
    const silent = readBody(Buffer.from(JSON.stringify(bundle(parameters([], type)))), ARRIVAL);
    assert.deepEqual(silent.events, []);
    assert.equal(silent.notice?.type, type);
  }
});

function noticed(type: NoticeType, numbers: readonly number[], since?: number): Notice {
  return {
    subscription: 's1',
    status: 'active',
    type,
    ...(since === undefined ? {} : { eventsSinceStart: since }),
    events: numbers.map((number) => ({ number, focus: 'Observation/o' })),
    hasError: false,
  };
}

const at = (upTo: number, ...missing: (readonly [number, number])[]): EventCounter => ({
  upTo,
  missing,
  ...(missing.length === 0 ? {} : { missedAt: 5 }),
});

test('a counter, by a table', () => {
  const table: [string, EventCounter | undefined, Notice, EventCounter, boolean][] = [
    ['a first handshake', undefined, noticed('handshake', [], 0), at(0), false],
    [
      'a first event, whose handshake was lost',
      undefined,
      noticed('event-notification', [3], 3),
      at(3),
      true,
    ],
    ['the next', at(3), noticed('event-notification', [4], 4), at(4), false],
    ['a repeat', at(4), noticed('event-notification', [4], 4), at(4), false],
    ['a gap', at(4), noticed('event-notification', [7], 7), at(7, [5, 6]), false],
    ['the late one of a gap', at(7, [5, 6]), noticed('event-notification', [5], 7), at(7, [6, 6]), false],
    ['the last of a gap', at(7, [6, 6]), noticed('event-notification', [6], 7), at(7), false],
    ['several, out of order', at(0), noticed('event-notification', [3, 1, 2], 3), at(3), false],
    ['a count beyond the numbers', at(2), noticed('event-notification', [1], 4), at(4, [3, 4]), false],
    ['a heartbeat that tells of more', at(2), noticed('heartbeat', [], 4), at(4, [3, 4]), false],
    ['a heartbeat that tells nothing', at(2), noticed('heartbeat', []), at(2), false],
    ['a count that began anew', at(9), noticed('handshake', [], 0), at(0), true],
    ['a restored server', at(9), noticed('query-status', [], 4), at(4), true],
    ['a late notification is no restart', at(9), noticed('event-notification', [4], 4), at(9), false],
    ['no count, and numbers that begin anew', at(3), noticed('event-notification', [1]), at(3), true],
    ['neither count nor number', at(3), noticed('event-notification', []), at(3), true],
  ];
  for (const [what, before, heard, counter, isUnsure] of table)
    assert.deepEqual(hear(before, heard, 5), { counter, isUnsure }, what);
  const empty: Notice = { ...noticed('event-notification', [], 4), events: [{ number: 4 }] };
  assert.deepEqual(
    hear(at(3), empty, 5),
    { counter: at(4), isUnsure: true },
    'empty: what changed is not told',
  );
});

test('gaps are filled in part, in any order, and stay bounded', () => {
  assert.deepEqual(filled(at(20, [5, 10], [15, 18]), 7, 16), at(20, [5, 6], [17, 18]));
  assert.deepEqual(filled(at(20, [5, 10]), 1, 30), at(20));
  let counter = at(0);
  for (let n = 2; n < 2000; n += 2) ({ counter } = hear(counter, noticed('event-notification', [n], n), 5));
  assert.ok(counter.missing.length <= 100);
  assert.equal(counter.missing[0]?.[0], 1);
});

test('whatever comes, and in whatever order: what is not missing has come', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = seeded(seed);
    const count = 1 + Math.floor(random() * 40);
    const sent = Array.from({ length: count }, (_, i) => i + 1)
      .filter(() => random() > 0.2)
      .flatMap((n) => (random() < 0.2 ? [n, n, n] : [n]))
      .map((n) => ({ n, key: n + random() * 10 }))
      .toSorted((a, b) => a.key - b.key)
      .map(({ n }) => n);
    let counter: EventCounter = { upTo: 0, missing: [] };
    for (const n of sent) ({ counter } = hear(counter, noticed('event-notification', [n], n), 1));
    const come = new Set(sent);
    const missing = new Set(
      counter.missing.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i)),
    );
    for (let n = 1; n <= counter.upTo; n++)
      assert.equal(missing.has(n), !come.has(n), `seed ${seed}, number ${n}`);
  }
});
