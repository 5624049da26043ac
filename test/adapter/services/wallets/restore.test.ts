import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { beginPeriod } from '../../../../adapter/services/backup-periods.js';
import { backedUp, makeBackup, newIdentity, restore } from '../../../../adapter/services/backup/index.js';
import { exportPublished } from '../../../../adapter/services/export-published.js';
import type { Instance } from '../../../../adapter/instance/instance.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../../../support/instance.js';
import { enrolPerson } from '../../../support/person.js';
import { consentFor, enrolWallet, signedBundle } from '../../../support/wallet.js';
import type { Wallet } from '../../../support/wallet.js';
import { byStaff, lossOf, requestOf, rotationOf, unlinkOf } from '../../../support/wallet-acts.js';
import { failedChecks, typesSince } from '../../support/bench.js';

const folder = temporaryFolder();
after(() => removeFolder(folder));

async function signs(instance: Instance, wallet: Wallet): Promise<boolean> {
  try {
    await instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
    return true;
  } catch {
    return false;
  }
}

test('a restore brings no key back that was rotated, lost or unlinked since the backup', async () => {
  const opened = await openTestInstance(join(folder, 'first'));
  const { instance } = opened;
  await addImportSource(instance);
  const staff = [await enrolPerson(instance, 'staff'), await enrolPerson(instance, 'clinician')];
  const identity = await newIdentity();
  await beginPeriod(instance.store, { recipient: identity.recipient }, Date.now());
  const enrol = (name: string): Promise<Wallet> => enrolWallet(servicesOf(instance), 'ward', name);
  const [stays, rotates, loses, leaves] = [
    await enrol('stays'),
    await enrol('rotates'),
    await enrol('loses'),
    await enrol('leaves'),
  ];
  const file = join(folder, 'old.age');
  await makeBackup(backedUp(instance), { target: file }, () => undefined);
  const next = await requestOf();
  const enrolled = await instance.wallets.keys.rotate(rotationOf(instance, rotates, next.csr));
  const rotated: Wallet = { seed: next.seed, enrolled };
  await instance.wallets.reEnrolment.begin(byStaff(staff, lossOf(instance, 'loses')));
  await instance.wallets.unlinking.end(unlinkOf(instance, leaves));
  const published = join(folder, 'published');
  await exportPublished(instance, published);
  await opened.close();

  const dataDir = join(folder, 'second');
  const report = await restore({
    file,
    identities: [identity],
    dataDir,
    log: published,
    catchUp: true,
    nothingPublished: false,
    nowMs: Date.now,
    onProgress: () => undefined,
  });
  assert.equal(report.outcome, 'live');
  const second = await openTestInstance(dataDir);
  const again = second.instance;
  const signing: boolean[] = [];
  for (const wallet of [stays, rotates, rotated, loses, leaves]) signing.push(await signs(again, wallet));
  assert.deepEqual(signing, [true, false, false, false, false]);
  // Whose new key was lost by the restore is enrolled anew, and the log says that the former enrolment has ended.
  const { size } = again.engine.head();
  const found = await again.wallets.reEnrolment.begin(byStaff(staff, lossOf(again, 'rotates')));
  const fresh = await requestOf();
  const body = Buffer.from(JSON.stringify({ invitation: found.invitation, csr: fresh.csr }));
  const wallet: Wallet = { seed: fresh.seed, enrolled: await again.enrolment.enrol(body) };
  assert.ok(await signs(again, wallet));
  assert.deepEqual(await typesSince(again, size), [
    'participant.revoked',
    'participant.enrolled',
    'consent.signed',
  ]);
  assert.deepEqual(await failedChecks(again), []);
  await second.close();
});
