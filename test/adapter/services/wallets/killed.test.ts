import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Instance } from '../../../../adapter/instance/instance.js';
import type { Certified } from '../../../../adapter/services/ca/index.js';
import { readCertificate } from '../../../../ledger/participants/index.js';
import { openRow } from '../../../../ledger/vault/index.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  temporaryFolder,
} from '../../../support/instance.js';
import { x509 } from '../../../ledger/participants/support.js';
import { failedChecks, readLog } from '../../support/bench.js';

const dir = temporaryFolder();
before(async () => {
  const opened = await openTestInstance(dir);
  for (const id of ['ward', 'clinic']) await addImportSource(opened.instance, id);
  await opened.close();
});
after(() => removeFolder(dir));

const BUSY = fileURLToPath(new URL('busy-process.js', import.meta.url));
const KILLS = process.env['FIREBREAK_TEST_LONG'] === '1' ? 30 : 4;

/** Works in the folder and dies within its work. */
async function workAndDie(afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [BUSY, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  await once(child.stdout, 'data');
  await sleep(afterMs);
  child.kill('SIGKILL');
  await ended;
}

async function patients({ store, keys }: Instance): Promise<Certified[]> {
  const rows = await store.iterator({ gte: 'ca/patient/', lt: 'ca/patient/~' }).all();
  return rows.map(
    ([key, row]) => JSON.parse(openRow(keys.storage.indexKey, key, row).toString('utf8')) as Certified,
  );
}

test('killed at any moment, log, certificates, records and list tell the same of every wallet', async () => {
  let seen = 0;
  for (let i = 0; i < KILLS; i++) {
    await workAndDie(20 + Math.floor(Math.random() * 400));
    const opened = await openTestInstance(dir);
    const { instance } = opened;
    const log = await readLog(instance);
    const rows = await patients(instance);
    const enrolled = log.filter(
      ({ type, body }) => type === 'participant.enrolled' && body['group'] === 'patient',
    );
    assert.deepEqual(
      rows.map(({ handle }) => handle).toSorted(),
      enrolled.map(({ body }) => String(body['handle'])).toSorted(),
    );
    const ended: string[] = [];
    for (const { handle, certificates, revoked } of rows) {
      const of = log.filter(({ body }) => body['handle'] === handle).map(({ type }) => type);
      const told = [
        ...certificates.map(({ by }) => by),
        ...(revoked === undefined ? [] : ['participant.revoked']),
      ];
      assert.deepEqual(told, of);
      const serials = certificates.map(({ der }) => readCertificate(Buffer.from(der, 'base64')).serialNumber);
      const rotatedAt = certificates.findLastIndex(({ by }) => by === 'key.rotated');
      ended.push(...(revoked === undefined ? serials.slice(0, Math.max(rotatedAt, 0)) : serials));
    }
    const { der } = await instance.certification.revocations.list();
    const list = new x509.X509Crl(der, { berOptions: { maxNodes: 1_000_000 } });
    assert.deepEqual(list.entries.map(({ serialNumber }) => serialNumber).toSorted(), ended.toSorted());
    for await (const key of instance.subjects.keys()) {
      const subject = await instance.subjects.find(key);
      const { wallet } = subject ?? {};
      const row = wallet === undefined ? undefined : rows.find(({ handle }) => handle === wallet.participant);
      assert.equal(row?.certificates.at(-1)?.der, wallet?.certificate, 'a record has the newest certificate');
    }
    assert.deepEqual(await instance.store.keys({ gte: 'wallet-ending/', lt: 'wallet-ending/~' }).all(), []);
    assert.deepEqual(await failedChecks(instance), []);
    seen = rows.length;
    await opened.close();
  }
  assert.ok(seen > 0, 'something was done in between');
});
