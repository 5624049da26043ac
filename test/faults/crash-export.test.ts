import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExportResult } from '../../adapter/inbound/bulk/index.js';
import { Random } from '../../demo/random.js';
import { addExportSource, startExportServer } from '../adapter/support/export-server.js';
import { audit, assertKeptOnce } from '../support/audit.js';
import { FirebreakProcess, runFirebreak } from '../support/firebreak-process.js';
import { openTestInstance, removeFolder, servicesOf, temporaryFolder } from '../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import { observationOf, patientOf, versionName } from '../support/ward-data.js';

const KILLS = process.env['FIREBREAK_TEST_LONG'] === '1' ? 100 : 10;
const FILES = 30;
const LINES = 1200;
const SOURCE = 'city';
/** A file comes in pieces with these pauses between them, ms, so that kills fall into it too. */
const PAUSE_MS = 10;
const PIECES = 6;

const folder = temporaryFolder();
after(() => removeFolder(folder));

test(`the reading of an export killed ${KILLS} times: every resource once, every file gone on with`, async () => {
  const dataDir = join(folder, 'data');
  const server = await startExportServer();
  try {
    const first = await openTestInstance(dataDir);
    await addExportSource(first.instance, server, SOURCE);
    const services = servicesOf(first.instance);
    const wallet = await enrolWallet(services, SOURCE, 'p0');
    await services.submit(signedBundle(wallet, consentFor(wallet)));
    await first.close();

    const files = Array.from({ length: FILES }, (_, i) =>
      Array.from({ length: LINES / FILES }, (_unused, line) => observationOf(`f${i}-${line}`, 'p0')),
    );
    const resources = [patientOf('p0'), ...files.flat()];
    server.offer.retryAfter = '0';
    server.offer.files = [
      { type: 'Patient', lines: [patientOf('p0')] },
      ...files.map((lines) => ({ type: 'Observation', lines, count: lines.length })),
    ];
    server.instead = (_request, response, path) => {
      const [, index] = /^files\/j\d+\/(\d+)$/.exec(path) ?? [];
      const file = server.offer.files[Number(index)];
      if (index === undefined || file === undefined) return false;
      server.fetched.push({ file: Number(index), authorization: undefined });
      void inPieces(Buffer.from(file.lines.map((line) => `${JSON.stringify(line)}\n`).join('')), response);
      return true;
    };

    const random = new Random(37, 'kills');
    let cutOff = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const until = server.asked.length + random.integer(1, 6);
      const child = new FirebreakProcess(['--data', dataDir, 'source', 'sync', SOURCE, '--bulk', '--json']);
      for (; child.isRunning && server.asked.length < until; await sleep(1));
      await Promise.race([sleep(random.integer(0, 80)), child.ended]);
      if (!child.isRunning) {
        assert.deepEqual(await child.ended, { code: 0, signal: null }, child.stderr);
        break;
      }
      cutOff += 1;
      await child.kill();
    }
    assert.ok(cutOff >= Math.min(KILLS, 5), `${cutOff} readings were cut off at work`);
    const last = await runFirebreak('--data', dataDir, 'source', 'sync', SOURCE, '--bulk', '--json');
    assert.equal(last.code, 0, last.stderr);
    const { isComplete } = JSON.parse(last.stdout) as ExportResult;
    assert.equal(isComplete, true);
    assert.ok(server.ended >= 1, 'the server was told that its files are not needed any more');

    const reopened = await openTestInstance(dataDir);
    try {
      const { versions, deadLetters, waiting, counts } = await audit(reopened.instance);
      assertKeptOnce(versions, resources.map(versionName));
      assert.deepEqual([deadLetters, waiting.events, counts['record.stored']], [0, 0, resources.length]);
    } finally {
      await reopened.close();
    }
  } finally {
    await server.close();
  }
});

async function inPieces(bytes: Buffer, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/fhir+ndjson' });
  const size = Math.ceil(bytes.length / PIECES);
  for (let from = 0; from < bytes.length; from += size) {
    response.write(bytes.subarray(from, from + size));
    await sleep(PAUSE_MS);
  }
  response.end();
}
