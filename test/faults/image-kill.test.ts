import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { drain } from '../../adapter/services/drain.js';
import { vaultOfStore } from '../../adapter/services/vault-rows.js';
import { openLargeHead } from '../../ledger/vault/index.js';
import { storeReader, verifyLog } from '../../ledger/verify/index.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../support/instance.js';

const ROUNDS = 6;
/** A body of this size takes about so long here; half of the kills fall before the answer. */
const KILL_WITHIN_MS = 120;

/** Sends an image. @returns Whether it was acknowledged, and its bytes. */
function send(url: string, secret: string): { body: Buffer; acknowledged: Promise<boolean> } {
  const data = randomBytes(9 * 1024 * 1024).toString('base64');
  const body = Buffer.from(
    `{"resourceType":"Binary","id":"x","securityContext":{"reference":"Patient/p1"},"data":"${data}"}`,
  );
  const acknowledged = new Promise<boolean>((resolve) => {
    const headers = { 'content-type': 'application/fhir+json', authorization: `Bearer ${secret}` };
    const { port } = new URL(url);
    const request = httpRequest(
      { port, path: '/hooks/ward/Binary/x', method: 'PUT', headers },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    request.on('error', () => resolve(false)).end(body);
  });
  return { body, acknowledged };
}

test('an instance killed while an image comes has kept all of it, or nothing; all of it where it said so', async (t) => {
  let kept = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const dir = temporaryFolder();
    const program = fileURLToPath(new URL('../adapter/support/image-process.js', import.meta.url));
    const child = fork(program, [dir]);
    try {
      const [{ url, secret }] = (await once(child, 'message')) as [{ url: string; secret: string }];
      const gone = once(child, 'exit');
      const { body, acknowledged } = send(url, secret);
      setTimeout(() => child.kill('SIGKILL'), randomInt(KILL_WITHIN_MS));
      const isAcknowledged = await acknowledged;
      await gone;

      const { instance, logged, close } = await reopened(dir);
      await drain(instance);
      const subject = await instance.subjects.find(instance.subjects.keyOf('ward', 'p1'));
      assert.ok(subject !== undefined);
      const bodies: Buffer[] = [];
      for await (const { handle, version, row } of instance.records.cards(instance.store, subject)) {
        const name = { recordKey: subject.recordKey, instance: instance.records.instance, handle, version };
        const parts: Buffer[] = [];
        for await (const part of instance.bodies.blobs.read(openLargeHead({ ...name, row }).key))
          parts.push(part);
        bodies.push(Buffer.concat(parts));
      }
      assert.ok(bodies.length <= 1 && bodies.every((bytes) => bytes.equals(body)));
      if (isAcknowledged) assert.equal(bodies.length, 1);
      const folder = join(dir, 'blobs');
      const files = existsSync(folder) ? readdirSync(folder) : [];
      assert.equal(files.length, bodies.length, 'no file is left that nothing names');
      assert.doesNotMatch(logged(), /missing or cut off/);
      const vault = await vaultOfStore(instance.store, instance.bodies.blobs);
      assert.ok((await verifyLog(storeReader(instance.store), { vault })).ok);
      kept += bodies.length;
      await close();
    } finally {
      child.kill('SIGKILL');
      removeFolder(dir);
    }
  }
  t.diagnostic(`${kept} of ${ROUNDS} kept`);
});

async function reopened(dir: string) {
  const opened = await openTestInstance(dir);
  return { ...opened, close: () => opened.close() };
}
