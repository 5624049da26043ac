import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { beginPeriod } from '../../../../adapter/services/backup-periods.js';
import { backedUp, makeBackup, newIdentity, restore } from '../../../../adapter/services/backup/index.js';
import { presentOf } from '../../../../adapter/services/ca/index.js';
import { addClient } from '../../../../adapter/services/client-admin.js';
import { exportPublished } from '../../../../adapter/services/export-published.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../../../support/instance.js';
import { x509 } from '../../../ledger/participants/support.js';
import { failedChecks } from '../../support/bench.js';
import { enrolByTwo, newRequest, proofOf } from './organisation.js';

const folder = temporaryFolder();
after(() => removeFolder(folder));

test('a restore knows who was renewed, rotated and revoked since the backup, and lists it under a new number', async () => {
  const opened = await openTestInstance(join(folder, 'first'));
  const { instance } = opened;
  const { certification } = instance;
  const identity = await newIdentity();
  await beginPeriod(instance.store, { recipient: identity.recipient }, Date.now());
  const [renewing, rotating, leaving] = [await newRequest(), await newRequest(), await newRequest()];
  const scopes = ['system/*.rs'];
  const clients = {
    renewing: await addClient(instance, { csr: renewing.csr, name: 'Renewing', group: 'payer', scopes }),
    rotating: await addClient(instance, { csr: rotating.csr, name: 'Rotating', group: 'payer', scopes }),
  };
  const left = await enrolByTwo(instance, leaving, 'Leaving');
  const file = join(folder, 'old.age');
  await makeBackup(backedUp(instance), { target: file }, () => undefined);
  const atBackup = await certification.revocations.list();

  const renewed = await certification.renew(clients.renewing.id);
  const [next, last] = [await newRequest(), await newRequest()];
  const former = await certification.find(clients.rotating.id);
  await certification.rotate(clients.rotating.id, next.csr, proofOf(rotating.seed, next.csr));
  const rotated = await certification.rotate(clients.rotating.id, last.csr, proofOf(next.seed, last.csr));
  await certification.revoke(left.id, 'keyCompromise');
  const both = await enrolByTwo(instance, await newRequest(), 'After the backup');
  await certification.revoke(both.id, 'superseded');
  const published = join(folder, 'published');
  await exportPublished(instance, published);
  const before = await certification.revocations.list();
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
  const again = second.instance.certification;
  const { der, number } = await again.revocations.list();
  assert.ok(number > atBackup.number && number >= before.number - 10);
  const listed = new x509.X509Crl(der).entries.map(({ serialNumber }) => serialNumber);
  assert.ok(listed.includes(presentOf(left).serialNumber));
  assert.ok(listed.includes(presentOf(former).serialNumber));
  assert.equal(new Set(listed).size, listed.length);
  assert.equal(again.rows.get(left.handle)?.revoked?.reason, 'keyCompromise');
  const kidsOf = (id: string): (string | undefined)[] =>
    second.instance.clients.get(id)?.keys.map(({ kid }) => kid) ?? [];
  assert.deepEqual(kidsOf(clients.renewing.id), [presentOf(renewed).fingerprint, clients.renewing.kid]);
  assert.deepEqual(kidsOf(clients.rotating.id), [presentOf(rotated).fingerprint]);
  const leaf = second.instance.engine.head().size;
  const judged = [former, rotated].map((one) => {
    const found = again.rows.certificateAt(rotated.handle, presentOf(one).fingerprint, {
      leaf,
      atMs: Date.now(),
    });
    return found.ok ? 'ok' : found.code;
  });
  assert.deepEqual(judged, ['rotated-away', 'ok']);
  for (const { csr } of [rotating, leaving])
    await assert.rejects(again.enrol({ csr, name: 'Back', group: 'payer', by: 'Ann' }), {
      code: 'ADAPTER_CONFLICT',
    });
  // What goes on is a log without a fault.
  await again.revoke(clients.rotating.id, 'keyCompromise');
  assert.deepEqual(await failedChecks(second.instance), []);
  await second.close();
});
