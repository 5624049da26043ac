import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openNote } from '../../../ledger/log/index.js';
import {
  checkEvidence,
  findCosignature,
  formatAddCheckpoint,
  withSignatures,
} from '../../../ledger/witness/index.js';
import { Witness } from '../../../adapter/services/witness/index.js';
import type { AuditResult, WatchedLog, WitnessAnswer } from '../../../adapter/services/witness/index.js';
import { SampleLog } from '../../ledger/witness/sample-log.js';
import { keepingLogger, MemoryHeads, testWitness } from './test-witness.js';

const log = new SampleLog().grow(700);
const watched: WatchedLog = { origin: log.origin, verifiers: [log.verifier] };

function body(from: SampleLog, oldSize: number, size: number): Buffer {
  const proof = oldSize <= size ? from.proof(oldSize, size) : [];
  return formatAddCheckpoint({ oldSize, proof, note: from.note(size) });
}

function line(answer: WitnessAnswer): string {
  assert.ok(answer.status === 200, JSON.stringify(answer));
  return answer.line;
}

test('what extends the log is cosigned over its whole text, and remembered', async () => {
  const { witness, cosigner } = testWitness([watched]);
  for (const [before, size] of [
    [0, 3],
    [3, 300],
    [300, 300],
    [300, 700],
  ] as const) {
    const cosigned = line(await witness.addCheckpoint(body(log, before, size)));
    const note = withSignatures(log.note(size), [cosigned]);
    assert.ok(openNote(note, [log.verifier, cosigner.verifier]).ok);
    assert.equal(findCosignature(note, cosigner.verifier)?.timeS, 1_800_000_000);
    assert.equal(witness.latest(log.origin)?.checkpoint.size, size);
  }
});

test('a clock that steps back does not make a later head look older', async () => {
  const { witness, cosigner, clock } = testWitness([watched]);
  await witness.addCheckpoint(body(log, 0, 3));
  clock.nowMs -= 3_600_000;
  const cosigned = line(await witness.addCheckpoint(body(log, 3, 9)));
  const found = findCosignature(withSignatures(log.note(9), [cosigned]), cosigner.verifier);
  assert.equal(found?.timeS, 1_800_000_000);
});

test('two requests at once: one decides on what the other left', async () => {
  const { witness } = testWitness([watched]);
  await witness.addCheckpoint(body(log, 0, 100));
  const [smaller, larger] = await Promise.all([
    witness.addCheckpoint(body(log, 100, 200)),
    witness.addCheckpoint(body(log, 100, 300)),
  ]);
  assert.equal(smaller.status, 200);
  assert.deepEqual([larger.status, larger.code], [409, 'other-old-size']);
  assert.equal(witness.latest(log.origin)?.checkpoint.size, 200);
});

test('a hundred requests at once never take the head back', async () => {
  const { witness, kept } = testWitness([watched]);
  const sizes = Array.from({ length: 100 }, (_, i) => 1 + ((i * 37) % 100));
  let largest = 0;
  const ask = async (size: number): Promise<void> => {
    let oldSize = 0;
    for (let tries = 0; tries < 200; tries++) {
      const answer = await witness.addCheckpoint(body(log, oldSize, size));
      const now = witness.latest(log.origin)?.checkpoint.size ?? 0;
      assert.ok(now >= largest);
      largest = now;
      if (answer.status !== 409) return;
      oldSize = answer.size;
      if (oldSize > size) return;
    }
  };
  await Promise.all(sizes.map(ask));
  assert.equal(witness.latest(log.origin)?.checkpoint.size, 100);
  assert.equal(kept.length, 0);
});

test('more requests than may wait are turned away', async () => {
  const { witness } = testWitness([watched]);
  const answers = await Promise.all(
    Array.from({ length: 300 }, () => witness.addCheckpoint(body(log, 0, 3))),
  );
  const busy = answers.filter(({ status }) => status === 503).length;
  assert.equal(busy, 300 - 256);
});

test('111: a forking operator is caught at the size that was cosigned', async () => {
  const fork = log.fork(200, 500);
  const { witness, kept } = testWitness([watched]);
  await witness.addCheckpoint(body(log, 0, 250));
  await witness.addCheckpoint(body(log, 250, 300));
  const same = await witness.addCheckpoint(body(fork, 300, 300));
  assert.deepEqual(same, { status: 409, code: 'other-root', size: 300, evidence: 'evidence 1' });
  // Also at a size that was cosigned long ago, however it is asked for.
  for (const before of [250, 300]) {
    const past = await witness.addCheckpoint(body(fork, before, 250));
    assert.ok(past.status === (before === 250 ? 409 : 400) && 'evidence' in past);
  }
  // And by the very proof that it sends.
  const grown = await witness.addCheckpoint(body(fork, 300, 700));
  assert.deepEqual([grown.status, 'evidence' in grown], [422, true]);
  assert.deepEqual(
    kept.map(({ kind }) => kind),
    ['two-roots', 'two-roots', 'two-roots', 'other-history'],
  );
  for (const { bytes } of kept) assert.ok(checkEvidence(bytes, [log.vkey]).ok);
  assert.equal(witness.latest(log.origin)?.checkpoint.size, 300);
  // The witness goes on with the history that it stands by.
  assert.equal((await witness.addCheckpoint(body(log, 300, 700))).status, 200);
});

test('a fork behind a power of two is proven from the tiles', async () => {
  const fork = log.fork(200, 500);
  const { witness, kept } = testWitness([{ ...watched, reader: fork.reader() }]);
  await witness.addCheckpoint(body(log, 0, 256));
  // The proof from 256 begins with a root that the witness is expected to have, so it shows nothing by itself.
  const answer = await witness.addCheckpoint(body(fork, 256, 700));
  assert.deepEqual([answer.status, 'evidence' in answer], [422, false]);
  assert.equal((await witness.investigate(log.origin)).length, 1);
  assert.ok(kept.every(({ bytes }) => checkEvidence(bytes, [log.vkey]).ok));
  assert.equal((await witness.investigate(log.origin)).length, 0);
});

test('honest heads out of order leave no evidence', async () => {
  const { witness, kept } = testWitness([{ ...watched, reader: log.reader() }]);
  await witness.addCheckpoint(body(log, 0, 256));
  await witness.addCheckpoint(body(log, 0, 700));
  await witness.addCheckpoint(body(log, 100, 100));
  await witness.addCheckpoint(body(log, 256, 100));
  await witness.addCheckpoint(formatAddCheckpoint({ oldSize: 256, proof: log.proof(255), note: log.note() }));
  assert.deepEqual(await witness.investigate(log.origin), []);
  assert.equal(kept.length, 0);
});

test('evidence that cannot be kept is logged, and the refusal stands', async () => {
  const { logger, lines } = keepingLogger();
  const { cosigner } = testWitness([]);
  const witness = new Witness({
    cosigner,
    heads: new MemoryHeads(),
    evidence: { keep: async () => Promise.reject(new Error('disk full')) },
    nowMs: () => 0,
    logger,
  });
  witness.watch(watched);
  await witness.addCheckpoint(body(log, 0, 300));
  const answer = await witness.addCheckpoint(body(log.fork(200, 100), 300, 300));
  assert.deepEqual(answer, { status: 409, code: 'other-root', size: 300 });
  assert.ok(lines.some((text) => text.includes('evidence not kept')));
});

test('lines of unknown keys do not grow what is kept', async () => {
  const { witness } = testWitness([watched]);
  const noise = Array.from(
    { length: 99 },
    (_, i) => `\u2014 someone.example ${Buffer.alloc(68, i).toString('base64')}`,
  );
  const note = withSignatures(log.note(3), noise);
  assert.equal(
    (await witness.addCheckpoint(formatAddCheckpoint({ oldSize: 0, proof: [], note }))).status,
    200,
  );
  assert.equal(witness.latest(log.origin)?.note.toString('utf8').split('\n').length, 7);
});

test('a log is not taken under other keys, nor a state of another key', async () => {
  const heads = new MemoryHeads();
  const { witness } = testWitness([watched], { heads });
  const pretender = new SampleLog(log.origin, Buffer.alloc(32, 55));
  assert.equal(witness.watch({ origin: log.origin, verifiers: [pretender.verifier] }), false);
  assert.equal(witness.watch(watched), true);
  await witness.addCheckpoint(body(log, 0, 300));
  const other = testWitness([watched], { heads, seed: 201 });
  const foreign = { code: 'ADAPTER_DATA_FOLDER_FOREIGN' };
  assert.throws(() => other.witness.latest(log.origin), foreign);
  await assert.rejects(other.witness.addCheckpoint(body(log, 300, 700)), foreign);
});

test('an auditor cosigns only what it replayed', async () => {
  let verdict: AuditResult | Error = { ok: true };
  const replay = async (): Promise<AuditResult> => {
    if (verdict instanceof Error) throw verdict;
    return verdict;
  };
  const { witness } = testWitness([{ ...watched, reader: log.reader() }], { replay });
  assert.equal((await witness.addCheckpoint(body(log, 0, 3))).status, 200);
  verdict = { ok: false, code: 'replay-failed', evidence: 'a finding' };
  assert.deepEqual(await witness.addCheckpoint(body(log, 3, 9)), {
    status: 422,
    code: 'replay-failed',
    evidence: 'a finding',
  });
  verdict = new Error('no answer');
  assert.deepEqual(await witness.addCheckpoint(body(log, 3, 9)), { status: 503, code: 'log-unreadable' });
  assert.equal(witness.latest(log.origin)?.checkpoint.size, 3);
  const blind = testWitness([watched], { replay });
  assert.equal((await blind.witness.addCheckpoint(body(log, 0, 3))).status, 503);
});

test('a state older than our own cosignature is noticed, and the head taken up again', async () => {
  const before = testWitness([watched]);
  before.clock.nowMs += 3_600_000;
  const cosigned = line(await before.witness.addCheckpoint(body(log, 0, 300)));
  // The same key with the state of an older backup: nothing is remembered of 300.
  const { logger, lines } = keepingLogger();
  const after = new Witness({
    cosigner: before.cosigner,
    heads: new MemoryHeads(),
    evidence: { keep: async () => 'nowhere' },
    nowMs: () => 1_800_000_000_000,
    logger,
  });
  after.watch(watched);
  assert.equal((await after.addCheckpoint(body(log, 0, 200))).status, 200);
  const note = withSignatures(log.note(300), [cosigned]);
  const request = formatAddCheckpoint({ oldSize: 200, proof: log.proof(200, 300), note });
  const again = line(await after.addCheckpoint(request));
  assert.ok(lines.some((text) => text.includes('older than our own cosignature')));
  const found = findCosignature(withSignatures(log.note(300), [again]), before.cosigner.verifier);
  assert.equal(found?.timeS, 1_800_003_600, 'not earlier than what was signed before');
});
