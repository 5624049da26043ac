import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readCertificate } from '../../../../ledger/participants/index.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../../../support/instance.js';
import { x509 } from '../../../ledger/participants/support.js';
import { failedChecks, readLog } from '../../support/bench.js';

const dir = temporaryFolder();
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

test('killed at any moment, log, rows, requests and list tell the same', async () => {
  let seen = 0;
  for (let i = 0; i < KILLS; i++) {
    await workAndDie(20 + Math.floor(Math.random() * 400));
    const opened = await openTestInstance(dir);
    const { instance } = opened;
    const { certification } = instance;
    const log = await readLog(instance);
    const rows = (await certification.rows.organisations()).filter(({ role }) => role === 'organisation');
    const enrolled = log.filter(
      ({ type, body }) => type === 'participant.enrolled' && body['role'] === 'organisation',
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
    const { der } = await certification.revocations.list();
    const list = new x509.X509Crl(der, { berOptions: { maxNodes: 1_000_000 } });
    assert.deepEqual(list.entries.map(({ serialNumber }) => serialNumber).toSorted(), ended.toSorted());
    for (const { state, handle } of await certification.requests.all())
      assert.equal(
        state === 'approved',
        handle !== undefined && certification.rows.get(handle) !== undefined,
      );
    assert.deepEqual(await failedChecks(instance), []);
    seen = rows.length;
    await opened.close();
  }
  assert.ok(seen > 0, 'something was done in between');
});
