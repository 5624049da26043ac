import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Observation, Resource } from 'fhir/r4.js';
import { DEMO_ANCHOR_MS, runWards, startHospital } from '../../demo/index.js';
import type { Hospital, RunWardsOptions } from '../../demo/index.js';
import { sharedData } from '../support/shared-data.js';
import { startReceiver } from './receiver.js';
import type { Received, Receiver } from './receiver.js';

const TOKEN = 'reader-secret';
const SECRET = 'hook-secret';
const PATIENTS = 60;

async function openHospital(t: TestContext): Promise<Hospital> {
  const dataDir = mkdtempSync(join(tmpdir(), 'firebreak-wards-'));
  const hospital = await startHospital({
    dataDir,
    token: TOKEN,
    patients: PATIENTS,
    seed: 3,
    anchorMs: DEMO_ANCHOR_MS,
  });
  t.after(async () => {
    await hospital.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return hospital;
}
const options = (
  hospital: Hospital,
  receiver: Receiver,
  more: Partial<RunWardsOptions> = {},
): RunWardsOptions => ({
  hospitalUrl: hospital.url,
  hospitalToken: TOKEN,
  hookUrl: `${receiver.url}/hooks/ward`,
  hookSecret: SECRET,
  seed: 3,
  events: 120,
  ratePerS: 1e6,
  signal: new AbortController().signal,
  hookDelayMs: [5, 300],
  ...more,
});
const isDelivered = ({ status }: Received): boolean => status < 400;

test('writes to the hospital, and sends hooks as HAPI does: late, out of order, repeated, some empty', async (t) => {
  const hospital = await openHospital(t);
  const receiver = await startReceiver(t);
  const before = hospital.count('Observation');
  const report = await runWards(options(hospital, receiver));
  assert.equal(report.position, 120);
  assert.ok(report.written >= 120);
  assert.ok(hospital.count('Observation') > before + 80);
  assert.ok(hospital.count('Patient') > PATIENTS, 'some are admitted');
  assert.equal(report.hooksSent, receiver.received.length);
  assert.equal(report.hooksSent, report.written + report.repeated + report.empty);
  assert.ok(report.repeated > 0 && report.outOfOrder > 0 && report.empty > 0);
  assert.deepEqual([report.lost, report.refused], [0, 0]);

  const versions = new Map<string, string[]>();
  const methods = { PUT: 0, DELETE: 0, POST: 0 };
  for (const { method, path, headers, body } of receiver.received) {
    methods[method as 'PUT']++;
    assert.equal(headers.authorization, `Bearer ${SECRET}`);
    assert.match(headers['user-agent'] ?? '', /^HAPI-FHIR\//);
    if (method === 'POST') {
      assert.equal(path, '/hooks/ward');
      assert.equal(body, '');
      assert.equal(headers['content-length'], '0');
      assert.match(headers['content-type'] ?? '', /^application\/x-www-form-urlencoded/);
      continue;
    }
    const key = path.replace('/hooks/ward/', '');
    if (method === 'DELETE') {
      assert.equal(body, '');
      assert.equal(headers['if-match'], undefined);
      continue;
    }
    const resource = JSON.parse(body) as Resource;
    assert.equal(`${resource.resourceType}/${resource.id ?? ''}`, key);
    assert.equal(headers['if-match'], `W/"${resource.meta?.versionId ?? ''}"`);
    assert.equal(headers['content-type'], 'application/fhir+json; charset=UTF-8');
    assert.ok(resource.meta?.tag?.some(({ code }) => code === 'HTEST'));
    versions.set(key, [...(versions.get(key) ?? []), resource.meta?.lastUpdated ?? '']);
  }
  assert.ok(methods.DELETE > 0);
  assert.ok(
    [...versions.values()].some((seen) => new Set(seen).size > 1),
    'corrections',
  );
  assert.ok(
    [...versions.values()].some((seen) => seen.join() !== seen.toSorted().join()),
    'an older version after a newer',
  );
});

test('has the shape of what HAPI was seen to send', (t) => {
  const dir = sharedData('hapi-captures');
  if (dir === undefined) {
    t.skip('no shared data');
    return;
  }
  const seen = (name: string): { method: string; headers: Record<string, string> } =>
    JSON.parse(readFileSync(join(dir, name), 'utf8')) as { method: string; headers: Record<string, string> };
  const put = seen('02-rest-hook-update-v2.json');
  assert.equal(put.method, 'PUT');
  assert.equal(put.headers['if-match'], 'W/"2"');
  assert.equal(put.headers['content-type'], 'application/fhir+json; charset=UTF-8');
  const empty = seen('04-rest-hook-empty-payload.json');
  assert.deepEqual([empty.method, empty.headers['content-length']], ['POST', '0']);
  assert.equal(seen('03-rest-hook-delete-with-channel-extension.json').method, 'DELETE');
});

test('a later run goes on where the hospital stands, and enters nothing twice', async (t) => {
  const hospital = await openHospital(t);
  const receiver = await startReceiver(t);
  const stop = new AbortController();
  const first = await runWards(
    options(hospital, receiver, {
      signal: stop.signal,
      onProgress: ({ position }) => {
        if (position === 57) stop.abort();
      },
    }),
  );
  assert.equal(first.position, 57);
  const counted = (): number[] =>
    ['Patient', 'Encounter', 'Condition', 'Observation'].map((type) => hospital.count(type));
  const second = await runWards(options(hospital, receiver));
  assert.equal(second.position, 120);
  const afterTwo = counted();
  const third = await runWards(options(hospital, receiver));
  assert.deepEqual([third.written, third.hooksSent, third.position], [0, 0, 120]);
  assert.deepEqual(counted(), afterTwo);

  // The same plan in one go makes the same resources, and as many versions.
  const other = await openHospital(t);
  const whole = await runWards(options(other, receiver));
  assert.equal(first.written + second.written, whole.written);
  assert.deepEqual(
    ['Patient', 'Encounter', 'Condition', 'Observation'].map((type) => other.count(type)),
    afterTwo,
  );
});

test('wards without anyone begin with an admission', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'firebreak-wards-'));
  const hospital = await startHospital({ dataDir, token: TOKEN, patients: 0, seed: 3 });
  t.after(async () => {
    await hospital.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const receiver = await startReceiver(t);
  await runWards(options(hospital, receiver, { events: 1 }));
  assert.equal(hospital.count('Patient'), 1);
  const again = await runWards(options(hospital, receiver, { events: 6 }));
  assert.equal(again.position, 6);
  const observations = receiver.received.filter(({ path }) => /\/w\d+$/.test(path));
  assert.ok(
    observations.every(
      ({ method, body }) => method !== 'PUT' || (JSON.parse(body) as Observation).subject !== undefined,
    ),
  );
});

test('retries while the receiver fails, and gives up in the end; what is refused is not retried', async (t) => {
  const hospital = await openHospital(t);
  const tries = new Map<string, number>();
  const flaky = await startReceiver(t, ({ method, path, body }) => {
    if (method === 'POST') return 200;
    const key = `${method} ${path} ${body}`;
    tries.set(key, (tries.get(key) ?? 0) + 1);
    return (tries.get(key) ?? 0) % 3 === 0 ? 200 : 503;
  });
  const retryMs = Array.from({ length: 10 }, () => 1);
  const report = await runWards(options(hospital, flaky, { events: 30, retryMs }));
  assert.equal(report.lost, 0);
  const delivered = flaky.received.filter(isDelivered);
  assert.equal(report.hooksSent, delivered.length);
  assert.ok(flaky.received.length > delivered.length);

  const other = await openHospital(t);
  const down = await startReceiver(t, () => 500);
  const lost = await runWards(options(other, down, { events: 10, retryMs: [1, 1] }));
  assert.equal(lost.hooksSent, 0);
  assert.equal(
    lost.lost,
    lost.written + down.received.filter(({ method }) => method === 'POST').length + repeatsOf(down.received),
  );

  const third = await openHospital(t);
  const strict = await startReceiver(t, () => 401);
  const refused = await runWards(options(third, strict, { events: 10 }));
  assert.equal(refused.refused, strict.received.length);
});

test('stops within a second and a half, whatever is under way', async (t) => {
  const hospital = await openHospital(t);
  const receiver = await startReceiver(t, () => 503);
  const stop = new AbortController();
  const { events: _endless, ...rest } = options(hospital, receiver, { signal: stop.signal, ratePerS: 200 });
  const running = runWards(rest);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const stoppedMs = performance.now();
  stop.abort();
  const report = await running;
  assert.ok(performance.now() - stoppedMs < 1500);
  assert.ok(report.written > 0);
});

test('a hospital that refuses is a coded failure', async (t) => {
  const hospital = await openHospital(t);
  const receiver = await startReceiver(t);
  await assert.rejects(runWards({ ...options(hospital, receiver), hospitalToken: 'wrong' }), {
    code: 'DEMO_HOSPITAL_REFUSED',
  });
});

/** Hooks that were meant to go out twice: each of their tries is one of three. */
function repeatsOf(received: readonly Received[]): number {
  const tries = new Map<string, number>();
  for (const { method, path, body } of received) {
    if (method === 'POST') continue;
    const key = `${method} ${path} ${body}`;
    tries.set(key, (tries.get(key) ?? 0) + 1);
  }
  return [...tries.values()].reduce((sum, count) => sum + (count / 3 - 1), 0);
}
