import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { listDeadLetters, replayDeadLetters } from '../../../adapter/services/dead-letters.js';
import { drain } from '../../../adapter/services/drain.js';
import { runImport } from '../../../adapter/services/importing.js';
import { addSource } from '../../../adapter/services/source-admin.js';
import {
  ask,
  consenting,
  deadLetters,
  failedChecks,
  logSize,
  openBench,
  push,
  typesSince,
} from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { startFhirServer } from '../support/fhir-server.js';
import { heartRate, patient, provenance } from '../support/resources.js';

let bench: Bench;
before(async () => {
  bench = await openBench();
  await consenting(bench, 'p');
});
after(async () => {
  assert.deepEqual(await failedChecks(bench.instance), []);
  await bench.close();
});

const DOCTOR = { resourceType: 'Practitioner', id: 'doc' };

test('a Provenance belongs to whom its target belongs to', async () => {
  await push(bench, heartRate('o1', 'p', 70), DOCTOR);
  const size = logSize(bench.instance);
  await push(bench, provenance('pv1', 'Observation/o1'), provenance('pv2', 'Patient/p'));
  await push(bench, provenance('pv3', 'Observation/o1', 'Practitioner/doc'));
  assert.deepEqual(await typesSince(bench.instance, size), [
    'record.stored',
    'record.stored',
    'record.stored',
  ]);
  const { directory } = bench.instance.statistics.pipeline;
  await push(bench, provenance('pv4', 'Practitioner/doc'));
  assert.equal(bench.instance.statistics.pipeline.directory, directory + 1);
});

test('it may come before its target', async () => {
  const size = logSize(bench.instance);
  await push(bench, provenance('pv5', 'Observation/o5'), heartRate('o5', 'p', 70));
  assert.deepEqual(await typesSince(bench.instance, size), ['record.stored', 'record.stored']);
});

test('it waits with a target that waits, and is refused with one that is refused', async () => {
  await push(bench, heartRate('o6', 'q', 70), heartRate('o7', 'r', 70));
  await push(bench, provenance('pv6', 'Observation/o6'));
  assert.deepEqual(await bench.instance.inbox.waiting(), { events: 3, patients: 2 });
  await consenting(bench, 'r', { type: 'deny' });
  const { denied } = bench.instance.statistics.pipeline;
  await push(bench, provenance('pv7', 'Observation/o7'));
  assert.equal(bench.instance.statistics.pipeline.denied, denied + 1);
  const size = logSize(bench.instance);
  await consenting(bench, 'q');
  assert.deepEqual((await typesSince(bench.instance, size)).slice(2), ['record.stored', 'record.stored']);
  assert.deepEqual(await bench.instance.inbox.waiting(), { events: 0, patients: 0 });
});

test('of two patients it is a dead letter', async () => {
  await consenting(bench, 's');
  await push(bench, heartRate('o8', 's', 70));
  await push(bench, provenance('pv8', 'Observation/o8', 'Observation/o1'));
  assert.deepEqual(await deadLetters(bench.instance), [
    'Provenance MAPPING_SEVERAL_PATIENTS Provenance.target[0]',
  ]);
});

const binary = (id: string, more: object = {}): object => ({
  resourceType: 'Binary',
  id,
  contentType: 'text/plain',
  data: 'c3ludGhldGlj',
  ...more,
});

test('a Binary belongs to its securityContext, or to what refers to it, also when it comes first', async () => {
  const document = {
    resourceType: 'DocumentReference',
    id: 'doc1',
    status: 'current',
    subject: { reference: 'Patient/p' },
    content: [{ attachment: { url: 'Binary/bin1' } }],
  };
  const size = logSize(bench.instance);
  await push(bench, binary('bin1'), document);
  await push(bench, binary('bin2', { securityContext: { reference: 'Patient/p' } }));
  await push(bench, binary('bin3', { securityContext: { reference: 'Observation/o1' } }));
  assert.deepEqual(await typesSince(bench.instance, size), Array<string>(4).fill('record.stored'));
});

test(
  'what nothing ever ties to a patient is set aside with its FHIRPath, and taken when it is replayed',
  { timeout: 90_000 },
  async () => {
    const lettersBefore = await deadLetters(bench.instance);
    const size = logSize(bench.instance);
    await push(bench, provenance('pv9', 'Observation/never'), {
      resourceType: 'Binary',
      id: 'bin9',
      contentType: 'text/plain',
      data: 'c3ludGhldGlj',
    });
    assert.deepEqual((await deadLetters(bench.instance)).slice(lettersBefore.length).toSorted(), [
      'Binary ADAPTER_OWNER_UNKNOWN Binary.securityContext',
      'Provenance ADAPTER_OWNER_UNKNOWN Provenance.target[0]',
    ]);
    assert.deepEqual(await typesSince(bench.instance, size), []);
    await push(bench, heartRate('never', 'p', 70));
    const letters = await listDeadLetters(bench.instance);
    const letter = letters.find(
      ({ type, code }) => type === 'Provenance' && code === 'ADAPTER_OWNER_UNKNOWN',
    );
    const seq = letter?.seq ?? '';
    const replays = await Promise.allSettled([
      replayDeadLetters(bench.instance, [seq]),
      replayDeadLetters(bench.instance, [seq]),
    ]);
    assert.deepEqual(replays.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    assert.deepEqual(await typesSince(bench.instance, size), ['record.stored', 'record.stored']);
    assert.equal(bench.instance.inbox.pendingCount, 0);
    await assert.rejects(replayDeadLetters(bench.instance, ['999']), { code: 'ADAPTER_NOT_FOUND' });
  },
);

test('references by identifier and by condition are looked up at the source', async () => {
  const hospital = await startFhirServer();
  try {
    const args = { id: 'city', url: hospital.base, name: 'City', allowResearch: false };
    const { secret } = await addSource(bench.instance, args);
    await consenting(bench, 'known', {}, 'city');
    const identifier = [{ system: 'urn:mrn', value: '42' }];
    hospital.held.set('Patient/known', { ...patient('known'), identifier });
    const size = logSize(bench.instance);
    const post = async (resource: object): Promise<void> => {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${secret}` };
      await ask(bench.url, '/hooks/city', { method: 'POST', headers, body: JSON.stringify(resource) });
      await drain(bench.instance);
    };
    await post({ ...heartRate('i1', 'x', 70), subject: { reference: 'Patient?identifier=urn:mrn|42' } });
    await post({ ...heartRate('i2', 'x', 70), subject: { type: 'Patient', identifier: identifier[0] } });
    assert.deepEqual(await typesSince(bench.instance, size), ['record.stored', 'record.stored']);
    const letters = await deadLetters(bench.instance);
    await post({ ...heartRate('i3', 'x', 70), subject: { reference: 'Patient?identifier=urn:mrn|43' } });
    hospital.held.set('Patient/other', { ...patient('other'), identifier });
    await post({ ...heartRate('i4', 'x', 70), subject: { reference: 'Patient?identifier=urn:mrn|42' } });
    const letter = 'Observation ADAPTER_UNPROCESSABLE Observation.subject';
    assert.deepEqual((await deadLetters(bench.instance)).slice(letters.length), [letter, letter]);
  } finally {
    await hospital.close();
  }
});

test('a second import of the same files adds nothing: not to the log, what waits, or the dead letters', async () => {
  const bundle = {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      {
        fullUrl: 'urn:uuid:11111111-1111-4111-8111-111111111111',
        resource: { ...patient('x'), id: undefined },
      },
      {
        fullUrl: 'urn:uuid:22222222-2222-4222-8222-222222222222',
        resource: {
          ...heartRate('x', 'x', 70),
          id: undefined,
          subject: { reference: 'urn:uuid:11111111-1111-4111-8111-111111111111' },
        },
      },
      { resource: heartRate('imp1', 'imported', 70) },
      { resource: { ...heartRate('imp2', 'imported', 70), effectiveDateTime: '2020-13-45' } },
      { resource: { ...DOCTOR, id: 'doc2' } },
    ],
  };
  const path = join(bench.dir, 'bundle.json');
  writeFileSync(path, JSON.stringify(bundle));
  const run = () =>
    runImport(bench.instance, { paths: [path], source: 'files', demo: false }, () => undefined);
  const look = async (): Promise<unknown[]> => [
    logSize(bench.instance),
    await bench.instance.inbox.waiting(),
    (await deadLetters(bench.instance)).length,
  ];
  const first = await run();
  assert.deepEqual(first.handled, { directory: 1, waiting: 3, dead: 1 });
  const looked = await look();
  const second = await run();
  assert.deepEqual(second.handled, { duplicate: 5 });
  assert.deepEqual(await look(), looked);
  await consenting(bench, '11111111-1111-4111-8111-111111111111', {}, 'files');
  await consenting(bench, 'imported', {}, 'files');
  const stored = await look();
  assert.deepEqual((await run()).handled, { duplicate: 5 });
  assert.deepEqual(await look(), stored);
});
