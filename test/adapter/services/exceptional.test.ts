/** Emergencies in time: by a clock that the test turns. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openInstance } from '../../../adapter/instance/instance.js';
import type { Instance } from '../../../adapter/instance/instance.js';
import { createLogger } from '../../../adapter/logger.js';
import { eraseDue } from '../../../adapter/services/erasure/index.js';
import { EMERGENCY_KIND } from '../../../adapter/services/exceptional/index.js';
import { weigh } from '../../../ledger/consent/index.js';
import {
  addImportSource,
  removeFolder,
  servicesOf,
  temporaryFolder,
  testConfig,
} from '../../support/instance.js';
import { enrolPerson, signedBy } from '../../support/person.js';
import { enrolWallet } from '../../support/wallet.js';
import { failedChecks } from '../support/bench.js';

const MINUTE_MS = 60_000;
const YEAR_MS = 365.2425 * 24 * 60 * MINUTE_MS;
const BTG = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|BTG';

const dir = temporaryFolder();
let opened: Instance | undefined;
let nowMs = Date.now();
after(async () => {
  await opened?.close();
  removeFolder(dir);
});

const open = (): Promise<Instance> =>
  openInstance({
    config: testConfig(dir, { emergencyMinutes: 10, emergencyReviewHours: 2 }),
    demo: false,
    logger: createLogger('error', () => undefined),
    nowMs: () => nowMs,
  });

test('an emergency ends by itself, outlives the process, is reminded of once, and goes with its time', async () => {
  let instance = (opened = await open());
  await addImportSource(instance);
  const wallet = await enrolWallet(servicesOf(instance), 'ward', 'p');
  const doctor = await enrolPerson(instance, 'clinician');
  const document = {
    kind: EMERGENCY_KIND,
    log: instance.identity.origin,
    signer: doctor.id,
    at: new Date(nowMs).toISOString(),
    patient: 'ward/p',
    reason: 'unconscious, no history known',
  } as const;
  const { id, until } = await instance.exceptional.emergencies.open(signedBy(doctor, document));
  assert.equal(Date.parse(until), nowMs + 10 * MINUTE_MS);
  const outcome = async (): Promise<string> => {
    const subject = await instance.subjects.find(instance.subjects.keyOf('ward', 'p'));
    assert.ok(subject !== undefined);
    const { policies } = await instance.consents.policies(subject);
    const request = {
      subject: subject.key,
      actor: { references: [`Practitioner/${doctor.id}`] },
      action: 'access',
      purposes: [BTG],
      resource: { type: 'Observation', classes: [], codes: [], labels: undefined },
    } as const;
    return weigh(request, policies, nowMs).outcome;
  };
  assert.equal(await outcome(), 'permit');
  await instance.close();
  instance = opened = await open();
  nowMs += 9 * MINUTE_MS;
  assert.equal(await outcome(), 'permit');
  nowMs += 2 * MINUTE_MS;
  assert.equal(await outcome(), 'deny');

  const { emergencies } = instance.exceptional;
  const hospital = instance.organisation.participant;
  const told = async (): Promise<string[]> =>
    (await instance.notices.list(hospital)).map((notice) => `${notice.kind} ${notice.id}`);
  assert.equal(await emergencies.remind(), 0);
  nowMs += 120 * MINUTE_MS;
  const [shown] = await instance.exceptional.shownEmergencies();
  assert.deepEqual([shown?.id, shown?.state, shown?.isOverdue], [id, 'over', true]);
  assert.deepEqual([await emergencies.remind(), await emergencies.remind()], [1, 0]);
  assert.deepEqual(await told(), [`emergency-review ${id}`, `emergency-review ${id}`]);
  const patientHeard = await instance.notices.list(wallet.enrolled.participant);
  assert.deepEqual(
    patientHeard.map(({ kind }) => kind),
    ['emergency-opened'],
  );
  // A declaration that somebody kept is no good later.
  await assert.rejects(
    emergencies.open(signedBy(doctor, { ...document, reason: 'another reason, the old time' })),
    { code: 'ADAPTER_UNPROCESSABLE' },
  );
  assert.deepEqual(await failedChecks(instance), []);

  nowMs += 6 * YEAR_MS;
  const { receipts } = await eraseDue(instance);
  assert.ok(receipts >= 1);
  assert.deepEqual(await instance.exceptional.shownEmergencies(), []);
  assert.equal((await instance.store.keys({ gte: 'emergency-of/', lt: 'emergency-of/~' }).all()).length, 0);
});
