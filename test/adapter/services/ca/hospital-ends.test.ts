import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Instance } from '../../../../adapter/instance/instance.js';
import { eventsFromBody } from '../../../../adapter/inbound/intake.js';
import { drain } from '../../../../adapter/services/drain.js';
import { openTestInstance, removeFolder, servicesOf, temporaryFolder } from '../../../support/instance.js';
import type { TestInstance } from '../../../support/instance.js';
import { enrolOrganisation, enrolPerson } from '../../../support/person.js';
import type { TestPerson } from '../../../support/person.js';
import { byStaff, lossOf } from '../../../support/wallet-acts.js';
import { consentFor, enrolWallet, signedBundle } from '../../../support/wallet.js';
import { failedChecks } from '../../support/bench.js';
import { heartRate } from '../../support/resources.js';

const dir = temporaryFolder();
let opened: TestInstance;
let clinic: TestPerson;

before(async () => {
  opened = await openTestInstance(dir);
  clinic = await enrolOrganisation(opened.instance, 'A clinic');
  const custodian = { participant: clinic.participant, id: clinic.id, name: 'A clinic' };
  const added = { id: 'ward', kind: 'import', name: 'test', custodian, allowResearch: true } as const;
  await opened.instance.sources.add(added, opened.instance.nowMs());
});
after(async () => {
  await opened.close();
  removeFolder(dir);
});

async function take(instance: Instance, ...resources: readonly object[]): Promise<void> {
  const arrival = { source: 'ward', channel: 'hook' as const, receivedAt: Date.now() };
  for (const resource of resources)
    await instance.inbox.accept(eventsFromBody(Buffer.from(JSON.stringify(resource)), arrival));
  await drain(instance);
}

test('a hospital that is revoked is custodian no more: its sources end, and nothing rests on its leave', async () => {
  const { instance } = opened;
  const staff = [
    await enrolPerson(instance, 'staff', clinic.id),
    await enrolPerson(instance, 'clinician', clinic.id),
  ];
  const wallet = await enrolWallet(servicesOf(instance), 'ward', 'p');
  await instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
  await take(instance, heartRate('a', 'p', 70));
  assert.equal(instance.statistics.pipeline.stored, 1);
  const { secret } = instance.sources.get('ward') ?? {};
  await instance.certification.revoke(clinic.id, 'cessationOfOperation');
  const source = instance.sources.get('ward');
  assert.equal(source?.state, 'removed');
  assert.notEqual(source.secret, secret);
  assert.deepEqual(instance.sources.policies('ward', 'Organization/x'), []);
  await take(instance, heartRate('b', 'p', 71));
  assert.equal(instance.statistics.pipeline.stored, 1, 'what still comes is not stored');
  await assert.rejects(instance.wallets.reEnrolment.begin(byStaff(staff, lossOf(instance, 'p'))), {
    code: 'ADAPTER_FORBIDDEN',
  });
  assert.deepEqual(await failedChecks(instance), []);
});

test('it stays so after a restart, where the sources were not ended before a crash too', async () => {
  await opened.instance.sources.update('ward', { state: 'active' });
  await opened.close();
  opened = await openTestInstance(dir);
  assert.equal(opened.instance.sources.get('ward')?.state, 'removed');
  assert.deepEqual(opened.instance.sources.policies('ward', 'Organization/x'), []);
});
