import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type {
  Bundle,
  CapabilityStatement,
  Observation,
  OperationOutcome,
  Patient,
  Resource,
} from 'fhir/r4.js';
import { DEMO_ANCHOR_MS, generatePatients, hospitalDirectory, startHospital } from '../../demo/index.js';
import type { Hospital, StartHospitalOptions } from '../../demo/index.js';

const TOKEN = 'reader-secret';

interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

const folder = (t: TestContext): string => {
  const dir = mkdtempSync(join(tmpdir(), 'firebreak-hospital-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
};
const start = (dataDir: string, more: Partial<StartHospitalOptions> = {}): Promise<Hospital> =>
  startHospital({ dataDir, token: TOKEN, patients: 12, seed: 3, anchorMs: DEMO_ANCHOR_MS, ...more });
const open = async (t: TestContext, more: Partial<StartHospitalOptions> = {}): Promise<Hospital> => {
  const hospital = await start(folder(t), more);
  t.after(() => hospital.close());
  return hospital;
};
async function ask<T = Resource>(
  hospital: Hospital,
  path: string,
  init: { method?: string; body?: string; headers?: Record<string, string> } = {},
): Promise<Answer<T>> {
  const headers = {
    authorization: `Bearer ${TOKEN}`,
    'content-type': 'application/fhir+json',
    ...init.headers,
  };
  const response = await fetch(path.startsWith('http') ? path : `${hospital.url}/${path}`, {
    ...init,
    headers,
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? undefined : JSON.parse(text)) as T,
  };
}
const put = <T = Observation>(
  hospital: Hospital,
  resource: Resource,
  headers: Record<string, string> = {},
): Promise<Answer<T>> =>
  ask<T>(hospital, `${resource.resourceType}/${resource.id ?? ''}`, {
    method: 'PUT',
    body: JSON.stringify(resource),
    headers,
  });
const observation = (id: string, more: Partial<Observation> = {}): Observation => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { text: 'x' },
  ...more,
});
async function pages(
  hospital: Hospital,
  path: string,
  between?: () => Promise<unknown>,
): Promise<Resource[]> {
  const found: Resource[] = [];
  let next: string | undefined = path;
  while (next !== undefined) {
    const answer: Answer<Bundle> = await ask<Bundle>(hospital, next);
    assert.equal(answer.status, 200);
    found.push(
      ...(answer.body.entry ?? []).flatMap(({ resource }) => (resource === undefined ? [] : [resource])),
    );
    next = answer.body.link?.find(({ relation }) => relation === 'next')?.url;
    await between?.();
  }
  return found;
}

test('a new hospital holds the synthetic history, as it was stamped', async (t) => {
  const hospital = await open(t);
  const history: Resource[] = [...hospitalDirectory(3)];
  for (const { resources } of generatePatients({ count: 12, seed: 3 })) history.push(...resources);
  assert.equal(hospital.count(), history.length);
  assert.equal(hospital.created, true);
  for (const resource of history.slice(0, 60)) {
    const answer = await ask(hospital, `${resource.resourceType}/${resource.id ?? ''}`);
    assert.deepEqual(answer.body, resource);
    assert.equal(answer.headers.get('etag'), `W/"${resource.meta?.versionId ?? ''}"`);
    assert.equal(
      Date.parse(answer.headers.get('last-modified') ?? ''),
      Math.floor(Date.parse(resource.meta?.lastUpdated ?? '') / 1000) * 1000,
    );
  }
});

test('only who has the token may enter; what can be done is public', async (t) => {
  const hospital = await open(t);
  for (const authorization of ['', 'Bearer wrong', 'Basic cmVhZGVyLXNlY3JldA==', TOKEN]) {
    const refused = await ask<OperationOutcome>(hospital, 'Patient', { headers: { authorization } });
    assert.equal(refused.status, 401);
    assert.equal(refused.body.resourceType, 'OperationOutcome');
  }
  const metadata = await ask<CapabilityStatement>(hospital, 'metadata', { headers: { authorization: '' } });
  assert.equal(metadata.status, 200);
  assert.equal(metadata.body.fhirVersion, '4.0.1');
  const searchable = metadata.body.rest?.[0]?.resource?.map(({ type }) => type) ?? [];
  for (const type of ['Patient', 'Encounter', 'Condition', 'Observation', 'Organization'])
    assert.ok(searchable.includes(type as 'Patient'));
});

test('create, update, versions, delete: statuses and headers', async (t) => {
  const hospital = await open(t);
  const created = await put(hospital, observation('new-1'));
  assert.equal(created.status, 201);
  assert.equal(
    created.headers.get('location'),
    `${hospital.url}/Observation/new-1/_history/${created.body.meta?.versionId ?? ''}`,
  );
  const updated = await put(hospital, observation('new-1', { status: 'amended' }));
  assert.equal(updated.status, 200);
  assert.notEqual(updated.body.meta?.versionId, created.body.meta?.versionId);
  assert.ok((updated.body.meta?.lastUpdated ?? '') > (created.body.meta?.lastUpdated ?? ''));
  assert.equal((await put(hospital, observation('new-1'), { 'if-match': 'W/"other"' })).status, 412);
  const guarded = await put(hospital, observation('new-1'), {
    'if-match': updated.headers.get('etag') ?? '',
  });
  assert.equal(guarded.status, 200);
  for (let again = 0; again < 2; again++) {
    const { body } = await ask<Bundle<Observation>>(hospital, 'Observation/new-1/_history');
    assert.deepEqual(
      body.entry?.map(({ resource }) => resource?.status),
      ['final', 'amended', 'final'],
    );
  }
  const first = await ask<Observation>(
    hospital,
    `Observation/new-1/_history/${created.body.meta?.versionId ?? ''}`,
  );
  assert.deepEqual(first.body, created.body);

  const posted = await ask(hospital, 'Observation', {
    method: 'POST',
    body: JSON.stringify(observation('mine')),
  });
  assert.equal(posted.status, 201);
  assert.notEqual(posted.body.id, 'mine');

  assert.equal((await ask(hospital, 'Observation/new-1', { method: 'DELETE' })).status, 204);
  assert.equal((await ask(hospital, 'Observation/new-1')).status, 410);
  assert.equal((await ask(hospital, 'Observation/new-1', { method: 'DELETE' })).status, 204);
  assert.equal((await ask(hospital, 'Observation/never')).status, 404);
  assert.equal((await put(hospital, observation('new-1'))).status, 201);
  assert.equal((await ask(hospital, 'Observation/new-1')).status, 200);
});

test('what it cannot do, it says', async (t) => {
  const hospital = await open(t);
  for (const path of [
    '_history',
    '$export',
    'Observation/_history',
    'a/b/c/d/e',
    'Observation/x/_history/y/z',
  ]) {
    assert.equal((await ask<OperationOutcome>(hospital, path)).status, 404, path);
  }
  assert.equal(
    (await ask<OperationOutcome>(hospital, 'Observation', { method: 'POST', body: '{' })).status,
    400,
  );
  const mismatch = await ask<OperationOutcome>(hospital, 'Observation/a', {
    method: 'PUT',
    body: JSON.stringify(observation('b')),
  });
  assert.equal(mismatch.status, 400);
  assert.equal((await fetch(hospital.url.replace('/fhir', '/other'))).status, 404);
});

test('searches page to the end, each resource once, in the order of their dates', async (t) => {
  const hospital = await open(t);
  for (const query of ['_count=7', '_count=7&_sort=_lastUpdated', '_count=7&_lastUpdated=ge2020-01-01']) {
    const found = await pages(hospital, `Observation?${query}`);
    assert.equal(found.length, hospital.count('Observation'), query);
    assert.equal(new Set(found.map(({ id }) => id)).size, found.length);
    const dates = found.map(({ meta }) => meta?.lastUpdated ?? '');
    assert.deepEqual(dates, dates.toSorted());
  }
  const newestFirst = await pages(hospital, 'Observation?_count=7&_sort=-_lastUpdated');
  assert.equal(newestFirst.length, hospital.count('Observation'));
  const middle = newestFirst[Math.floor(newestFirst.length / 2)]?.meta?.lastUpdated ?? '';
  const since = await pages(hospital, `Observation?_lastUpdated=ge${middle}&_count=9`);
  assert.equal(since.length, newestFirst.filter(({ meta }) => (meta?.lastUpdated ?? '') >= middle).length);
  const { body } = await ask<Bundle>(hospital, 'Observation?_count=5&_offset=3&_sort=_lastUpdated');
  assert.equal(body.entry?.length, 5);
  assert.equal(body.entry?.[0]?.search?.mode, 'match');
  assert.equal(body.total, hospital.count('Observation'));
});

test('filters are Medplum’s, and narrowed by patient', async (t) => {
  const hospital = await open(t);
  const [patient] = await pages(hospital, 'Patient?_count=1');
  const id = patient?.id ?? '';
  const identifier = (patient as Patient).identifier?.[0]?.value ?? '';
  assert.deepEqual(
    (await pages(hospital, `Patient?identifier=${identifier}`)).map((one) => one.id),
    [id],
  );
  const mine = await pages(hospital, `Observation?patient=${id}&_count=10`);
  assert.ok(mine.length > 5);
  assert.ok(mine.every((one) => (one as Observation).subject?.reference === `Patient/${id}`));
  assert.equal((await pages(hospital, `Observation?subject=Patient/${id}&_count=500`)).length, mine.length);
  const coded = await pages(hospital, `Observation?patient=Patient/${id}&code=8867-4`);
  assert.ok(
    coded.length >= 1 && coded.every((one) => (one as Observation).code.coding?.[0]?.code === '8867-4'),
  );
  assert.equal((await pages(hospital, 'Observation?patient=nobody')).length, 0);
});

test('a walk misses nothing that is written again meanwhile', async (t) => {
  const hospital = await open(t);
  const known = await pages(hospital, 'Observation?_count=1000');
  let at = 0;
  const walked = await pages(hospital, 'Observation?_count=50&_sort=_lastUpdated', async () => {
    const moved = known[at++ * 3] as Observation;
    if (at < 8) await put(hospital, { ...moved, status: 'amended' } as Observation);
  });
  const seen = new Set(walked.map(({ id }) => id));
  assert.ok(known.every(({ id }) => seen.has(id)));
});

test('after a restart it is the same hospital: resources, versions, dates, deletions, history', async (t) => {
  const dataDir = folder(t);
  let hospital = await start(dataDir);
  const { body: v1 } = await put(hospital, observation('keep'));
  await put(hospital, observation('keep', { status: 'amended' }));
  await put(hospital, observation('gone'));
  await ask(hospital, 'Observation/gone', { method: 'DELETE' });
  await put(hospital, observation('back'));
  await ask(hospital, 'Observation/back', { method: 'DELETE' });
  await put(hospital, observation('back', { status: 'corrected' }));
  const all = async (): Promise<Resource[]> => [
    ...(await pages(hospital, 'Observation?_count=1000')),
    ...(await pages(hospital, 'Patient?_count=1000')),
    ...(await pages(hospital, 'Encounter?_count=1000')),
  ];
  const before = await all();
  await hospital.close();

  assert.equal(statSync(join(dataDir, 'hospital.ndjson')).mode & 0o077, 0);
  // Other options name no other hospital.
  hospital = await start(dataDir, { patients: 99, seed: 8 });
  t.after(() => hospital.close());
  assert.equal(hospital.created, false);
  assert.deepEqual(hospital.origin, { seed: 3, patients: 12, anchorMs: DEMO_ANCHOR_MS });
  assert.deepEqual(await all(), before);
  assert.equal((await ask(hospital, 'Observation/gone')).status, 410);
  assert.deepEqual((await ask(hospital, `Observation/keep/_history/${v1.meta?.versionId ?? ''}`)).body, v1);
  const later = await put(hospital, observation('later'));
  assert.ok((later.body.meta?.lastUpdated ?? '') > (before.at(-1)?.meta?.lastUpdated ?? ''));
});

test('a torn last line was never acknowledged; any other damage is refused', async (t) => {
  const dataDir = folder(t);
  const path = join(dataDir, 'hospital.ndjson');
  let hospital = await start(dataDir, { patients: 2 });
  const count = hospital.count();
  await hospital.close();
  appendFileSync(path, '{"op":"put","resource":{"resourceType":"Obs');
  hospital = await start(dataDir);
  assert.equal(hospital.count(), count);
  await put(hospital, observation('after'));
  await hospital.close();
  hospital = await start(dataDir);
  assert.equal(hospital.count(), count + 1);
  await hospital.close();
  const lines = readFileSync(path, 'utf8').split('\n');
  writeFileSync(path, [...lines.slice(0, 4), '{"op":"put"', ...lines.slice(4)].join('\n'));
  await assert.rejects(start(dataDir), { code: 'DEMO_JOURNAL_DAMAGED' });
  writeFileSync(path, lines.slice(1).join('\n'));
  await assert.rejects(start(dataDir), { code: 'DEMO_JOURNAL_DAMAGED' });
});

test('a port in use is a clear error', async (t) => {
  const hospital = await open(t);
  await assert.rejects(start(folder(t), { port: hospital.port, patients: 1 }), {
    code: 'DEMO_PORT_UNAVAILABLE',
  });
});
