import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatAddCheckpoint,
  judgeCheckpoint,
  parseAddCheckpoint,
  readSignedRequest,
  withSignatures,
} from '../../../ledger/witness/index.js';
import type { WitnessedLog } from '../../../ledger/witness/index.js';
import { malformedBodies } from './malformed-bodies.js';
import { SampleLog } from './sample-log.js';

const log = new SampleLog().grow(700);
const known: WitnessedLog = { origin: log.origin, verifiers: [log.verifier] };

function findLog(origin: string): WitnessedLog | undefined {
  return origin === known.origin ? known : undefined;
}

test('a request is read as it was written', () => {
  for (const [oldSize, size] of [
    [0, 700],
    [1, 700],
    [256, 700],
    [699, 700],
    [700, 700],
  ] as const) {
    const asked = { oldSize, proof: log.proof(oldSize, size), note: log.note(size) };
    const read = parseAddCheckpoint(formatAddCheckpoint(asked));
    assert.ok(read !== undefined);
    assert.deepEqual({ oldSize: read.oldSize, proof: read.proof, note: read.note }, asked);
    assert.equal(read.checkpoint.size, size);
  }
});

test('malformed bodies are refused', () => {
  for (const [name, body] of malformedBodies(log)) {
    assert.equal(parseAddCheckpoint(body), undefined, name);
    assert.deepEqual(
      readSignedRequest(body, findLog),
      { ok: false, refusal: { status: 400, code: 'malformed' } },
      name,
    );
  }
});

test('origin and signature come before sizes and proofs', () => {
  const stranger = new SampleLog('other.example/log').grow(3);
  const body = formatAddCheckpoint({ oldSize: 9, proof: [], note: stranger.note() });
  const unknown = readSignedRequest(body, findLog);
  assert.ok(!unknown.ok);
  assert.deepEqual(unknown.refusal, { status: 404, code: 'unknown-log' });
  const pretender = new SampleLog(log.origin, Buffer.alloc(32, 55)).grow(3);
  const unsigned = readSignedRequest(
    formatAddCheckpoint({ oldSize: 9, proof: [], note: pretender.note() }),
    findLog,
  );
  assert.ok(!unsigned.ok);
  assert.deepEqual(unsigned.refusal, { status: 403, code: 'not-signed-by-log' });
  // Lines of unknown keys beside the log's are ignored.
  const line = `\u2014 someone.example ${Buffer.alloc(68, 1).toString('base64')}`;
  const noisy = withSignatures(log.note(), [line]);
  assert.ok(readSignedRequest(formatAddCheckpoint({ oldSize: 0, proof: [], note: noisy }), findLog).ok);
});

test('what is decided on a signed checkpoint', () => {
  const fork = log.fork(200, 500);
  const latest = log.head(256).checkpoint;
  const judge = (from: SampleLog, oldSize: number, size: number, proof: Buffer[], before = true) => {
    const read = parseAddCheckpoint(formatAddCheckpoint({ oldSize, proof, note: from.note(size) }));
    assert.ok(read !== undefined);
    return judgeCheckpoint(read, before ? latest : undefined);
  };
  const hash = Buffer.alloc(32);
  // First contact.
  assert.equal(judge(log, 0, 700, [], false), undefined);
  assert.equal(judge(log, 0, 0, [], false), undefined);
  assert.deepEqual(judge(log, 256, 700, log.proof(256), false), {
    status: 409,
    code: 'other-old-size',
    size: 0,
  });
  assert.equal(judge(log, 0, 700, [hash], false)?.status, 422);
  // Growth, and the same once more.
  assert.equal(judge(log, 256, 700, log.proof(256)), undefined);
  assert.equal(judge(log, 256, 256, []), undefined);
  assert.equal(judge(log, 256, 256, [hash])?.status, 422);
  // Sizes.
  assert.deepEqual(judge(log, 700, 256, []), { status: 400, code: 'old-size-beyond-checkpoint' });
  assert.deepEqual(judge(log, 0, 700, []), { status: 409, code: 'other-old-size', size: 256 });
  assert.deepEqual(judge(log, 100, 100, []), { status: 409, code: 'other-old-size', size: 256 });
  assert.deepEqual(judge(log, 300, 700, log.proof(300)), {
    status: 409,
    code: 'other-old-size',
    size: 256,
  });
  // A rollback, and two forks.
  assert.deepEqual(judge(log, 256, 200, []), { status: 400, code: 'old-size-beyond-checkpoint' });
  assert.deepEqual(judge(fork, 256, 256, []), { status: 409, code: 'other-root', size: 256 });
  assert.equal(judge(fork, 256, 700, fork.proof(256))?.status, 422);
  assert.equal(judge(log, 256, 700, log.proof(256).slice(1))?.status, 422);
});
