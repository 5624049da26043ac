import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseVkey } from '../../../ledger/log/index.js';
import {
  findCosignature,
  formatAddCheckpoint,
  parseAddCheckpoint,
  parseCosignerVkey,
  withSignatures,
} from '../../../ledger/witness/index.js';
import { serveWitness } from '../../../adapter/services/witness/index.js';
import { malformedBodies } from '../../ledger/witness/malformed-bodies.js';
import { SampleLog } from '../../ledger/witness/sample-log.js';
import { sharedData } from '../../support/shared-data.js';
import { silent, testWitness } from './test-witness.js';
import type { TestWitness } from './test-witness.js';

/** From the README beside the exchanges. */
const LOG = 'firebreak.example/log1+de2dc956+AQSaD08ZKRCE71j++DKxbbNCVMZM3YWudzsaQM2LbU+F';
const WITNESS = 'witness.example/w1+75db3622+BHYrltQiFuB0y8Mgy/je2g+A6sWfv/WPqTJc+O1UGyI9';

const folder = sharedData('tlog/witness-exchanges');
const skip = folder === undefined && 'the shared test data is absent';

async function serving(own: TestWitness, use: (address: string) => Promise<void>): Promise<void> {
  const server = await serveWitness(own.witness, { host: '127.0.0.1', port: 0, logger: silent });
  try {
    await use(server.address);
  } finally {
    await server.close();
  }
}

async function post(address: string, bytes: Buffer): Promise<{ status: number; type: string; text: string }> {
  const response = await fetch(`${address}/add-checkpoint`, { method: 'POST', body: new Uint8Array(bytes) });
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    text: await response.text(),
  };
}

test('recorded exchanges get the same answers from our witness', { skip }, async () => {
  const dir = folder ?? '';
  const verifier = parseVkey(LOG);
  const own = testWitness([{ origin: verifier.name, verifiers: [verifier] }]);
  const names = readdirSync(dir)
    .filter((name) => name.endsWith('.request'))
    .toSorted();
  assert.equal(names.length, 4);
  await serving(own, async (address) => {
    for (const name of names) {
      const stem = join(dir, name.replace(/\.request$/, ''));
      const header = readFileSync(`${stem}.hdr`, 'latin1');
      const recorded = readFileSync(`${stem}.body`, 'utf8');
      const answer = await post(address, readFileSync(`${stem}.request`));
      assert.equal(answer.status, Number(header.split(' ')[1]), name);
      const type = /^content-type: (.*?)\r?$/im.exec(header)?.[1];
      assert.equal(answer.type, type, name);
      if (answer.status === 409) assert.equal(answer.text, recorded);
    }
  });
});

test('the recorded cosignatures check under the recorded witness’s key', { skip }, () => {
  for (const name of ['1_first', '2_grow']) {
    const request = parseAddCheckpoint(readFileSync(join(folder ?? '', `${name}.request`)));
    assert.ok(request !== undefined);
    const recorded = readFileSync(join(folder ?? '', `${name}.body`), 'utf8');
    const note = withSignatures(request.note, [recorded.trimEnd()]);
    assert.equal(findCosignature(note, parseCosignerVkey(WITNESS))?.line, recorded.trimEnd());
  }
});

function body(from: SampleLog, oldSize: number, size: number, proof = from.proof(oldSize, size)): Buffer {
  return formatAddCheckpoint({ oldSize, proof, note: from.note(size) });
}

test('every status of the protocol, over HTTP', async () => {
  const log = new SampleLog().grow(700);
  const own = testWitness([{ origin: log.origin, verifiers: [log.verifier] }]);
  const stranger = new SampleLog('other.example/log').grow(3);
  const pretender = new SampleLog(log.origin, Buffer.alloc(32, 55)).grow(3);
  const text = 'text/plain; charset=utf-8';
  const size = 'text/x.tlog.size';
  const steps: [string, Buffer, number, string, string | undefined][] = [
    ['first', body(log, 0, 300), 200, text, undefined],
    ['growth', body(log, 300, 600), 200, text, undefined],
    ['the same again', body(log, 600, 600, []), 200, text, undefined],
    ['old above size', body(log, 600, 300, []), 400, text, 'old-size-beyond-checkpoint\n'],
    ['not by the log', body(pretender, 600, 3, []), 403, text, 'not-signed-by-log\n'],
    ['unknown log', body(stranger, 0, 3), 404, text, 'unknown-log\n'],
    ['other old size', body(log, 300, 700), 409, size, '600\n'],
    ['other root', body(log.fork(1, 599), 600, 600, []), 409, size, '600\n'],
    ['no proof', body(log, 600, 700, []), 422, text, 'proof-does-not-verify\n'],
  ];
  await serving(own, async (address) => {
    for (const [name, request, status, type, said] of steps) {
      const answer = await post(address, request);
      assert.deepEqual([answer.status, answer.type], [status, type], name);
      if (said === undefined) assert.match(answer.text, /^\u2014 witness\.example\/w1 \S+\n$/u, name);
      else assert.equal(answer.text, said, name);
    }
    const head = own.witness.latest(log.origin);
    assert.equal(head?.checkpoint.size, 600);
  });
});

test('malformed bodies get 400, ones too large 413, and nothing is remembered', async () => {
  const log = new SampleLog().grow(700);
  const own = testWitness([{ origin: log.origin, verifiers: [log.verifier] }]);
  await serving(own, async (address) => {
    for (const [name, bad] of malformedBodies(log)) {
      if (bad.length > 60_000) continue;
      const answer = await post(address, bad);
      assert.deepEqual([answer.status, answer.text], [400, 'malformed\n'], name);
    }
    assert.equal((await post(address, Buffer.alloc(70_000, 0x20))).status, 413);
    assert.equal(own.witness.latest(log.origin), undefined);
  });
});

test('other addresses and methods', async () => {
  const log = new SampleLog().grow(5);
  const own = testWitness([{ origin: log.origin, verifiers: [log.verifier] }]);
  await serving(own, async (address) => {
    const encoded = encodeURIComponent(log.origin);
    const empty = await (await fetch(address)).json();
    assert.deepEqual(empty, {
      name: 'witness.example/w1',
      vkey: own.cosigner.vkey,
      logs: [{ origin: log.origin, checkpoint: `${encoded}/checkpoint`, size: 0 }],
    });
    assert.equal((await fetch(`${address}/${encoded}/checkpoint`)).status, 404);
    await post(address, formatAddCheckpoint({ oldSize: 0, proof: [], note: log.note() }));
    const served = Buffer.from(await (await fetch(`${address}/${encoded}/checkpoint`)).arrayBuffer());
    assert.ok(findCosignature(served, own.cosigner.verifier) !== undefined);
    const listed = (await (await fetch(`${address}/?x`)).json()) as {
      logs: { size: number; root: string }[];
    };
    assert.deepEqual([listed.logs[0]?.size, listed.logs[0]?.root], [5, log.root().toString('base64')]);
    const cases: [string, string, number, string | null][] = [
      ['GET', '/add-checkpoint', 405, 'POST'],
      ['PUT', '/add-checkpoint', 405, 'POST'],
      ['POST', '/', 405, 'GET, HEAD'],
      ['DELETE', `/${encoded}/checkpoint`, 405, 'GET, HEAD'],
      ['HEAD', '/', 200, null],
      ['GET', '/nothing', 404, null],
      ['GET', '/%zz/checkpoint', 404, null],
      ['GET', '/unknown/checkpoint', 404, null],
      ['POST', '/add-checkpoint/', 404, null],
    ];
    for (const [method, path, status, allow] of cases) {
      const response = await fetch(address + path, { method });
      assert.deepEqual(
        [response.status, response.headers.get('allow')],
        [status, allow],
        `${method} ${path}`,
      );
      await response.arrayBuffer();
    }
  });
});
