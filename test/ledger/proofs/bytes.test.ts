/** Every byte of a good file of every kind, changed: what is still taken says the same, or what the file now says. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { Random } from '../../../demo/random.js';
import { checkProof, portableCrypto, proofTrust } from '../../../ledger/proofs/index.js';
import type { ProofTrust, ProofVerdict } from '../../../ledger/proofs/index.js';
import { makeProofFiles } from '../../support/proof-files.js';
import type { ProofFile, ProofFiles } from '../../support/proof-files.js';
import { jsonOf, valueAt } from './altered.js';

/** Changes each bit of each byte, which takes a quarter of an hour; without it, one bit of most bytes. */
const WHOLLY = process.env['FIREBREAK_TEST_LONG'] === '1';
/** Files up to this are changed at every byte, larger ones at every fifth. */
const SMALL_BYTES = 5000;
const LARGE_STRIDE = WHOLLY ? 1 : 5;
/** Good files are judged within a few ms; a damaged one must not make a check work for long. */
const MS_MAX = 2000;
/** With portable primitives a signature takes ms, so a sample of the bytes has to do. */
const PORTABLE_STRIDE = 61;

let made: ProofFiles;
before(async () => {
  made = await makeProofFiles();
});

/** What else a changed file may truly say: another question with the same answer, another name that is absent too. */
function otherStatement(name: string, file: Buffer): unknown {
  return /^(?:denial|absent)/.test(name) ? valueAt(jsonOf(file), ['statement']) : undefined;
}

/** Judges a changed file; its verdict is a refusal, the original's, or differs from that in what the file asks. */
function judge({ name, bytes }: ProofFile, good: ProofVerdict, at: number, mask: number, trust: ProofTrust) {
  const file = Buffer.from(bytes);
  file[at] = (file[at] ?? 0) ^ mask;
  const startMs = performance.now();
  const verdict = checkProof(file, trust);
  const ms = performance.now() - startMs;
  const where = `${name}, byte ${at} ^ ${mask}`;
  assert.ok(ms < MS_MAX, `${where}: ${ms.toFixed(0)} ms`);
  if (!verdict.ok) return verdict;
  const statement = otherStatement(name, file);
  const same = statement === undefined ? good : { ...good, statement };
  const { reason: _asked, ...found } = verdict as typeof verdict & { reason?: unknown };
  const { reason: _first, ...wanted } = same as typeof good & { reason?: unknown };
  assert.deepEqual(plain(found), plain(wanted), where);
  return verdict;
}

/** Without what is merely absent. */
function plain(verdict: object): unknown {
  return JSON.parse(JSON.stringify(verdict));
}

function goodVerdict({ name, bytes }: ProofFile, trust: ProofTrust): ProofVerdict {
  const verdict = checkProof(bytes, trust);
  assert.ok(verdict.ok, name);
  return verdict;
}

test('a changed byte of any file never makes it say something else', (context) => {
  const trust = proofTrust(made.trust, nodeProofCrypto);
  const random = new Random(11, 'bits');
  let judged = 0;
  let taken = 0;
  for (const file of made.files) {
    const good = goodVerdict(file, trust);
    const stride = file.bytes.length <= SMALL_BYTES ? 1 : LARGE_STRIDE;
    for (let at = 0; at < file.bytes.length; at += stride) {
      const masks = WHOLLY ? [1, 2, 4, 8, 16, 32, 64, 128] : [1 << random.integer(0, 7)];
      for (const mask of masks) {
        judged += 1;
        if (judge(file, good, at, mask, trust).ok) taken += 1;
      }
    }
  }
  context.diagnostic(`${judged} changed files, ${taken} of them good in other words`);
});

test('the portable primitives give the same verdict on changed files', () => {
  const node = proofTrust(made.trust, nodeProofCrypto);
  const portable = proofTrust(made.trust, portableCrypto);
  const random = new Random(12, 'bits');
  for (const file of made.files) {
    const good = goodVerdict(file, portable);
    for (let at = random.integer(0, PORTABLE_STRIDE - 1); at < file.bytes.length; at += PORTABLE_STRIDE) {
      const mask = 1 << random.integer(0, 7);
      assert.deepEqual(judge(file, good, at, mask, portable), judge(file, good, at, mask, node));
    }
  }
});

test('a file that ends anywhere, or that stretches of it are missing in or doubled, is refused', () => {
  const trust = proofTrust(made.trust, nodeProofCrypto);
  const random = new Random(13, 'stretches');
  for (const { name, bytes } of made.files) {
    // The line feed at the end is no part of the JSON.
    for (let end = 0; end < bytes.length - 1; end += 17) {
      const verdict = checkProof(bytes.subarray(0, end), trust);
      assert.deepEqual(verdict, { ok: false, code: 'not-json' }, `${name} cut at ${end}`);
    }
    for (let i = 0; i < 100; i++) {
      const from = random.integer(0, bytes.length - 3);
      const to = Math.min(bytes.length - 1, from + random.integer(1, 400));
      const missing = Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
      const doubled = Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
      for (const file of [missing, doubled]) {
        const verdict = checkProof(file, trust);
        // What is free text in a question may be longer or shorter and still have its answer.
        const isAnswered = verdict.ok && name === 'denial';
        assert.ok(!verdict.ok || isAnswered, `${name}: ${from} to ${to}`);
        if (isAnswered) assert.deepEqual(plain(verdict.statement), valueAt(jsonOf(file), ['statement']));
      }
    }
  }
});

test('random bytes are no file', () => {
  const trust = proofTrust(made.trust, nodeProofCrypto);
  const random = new Random(14, 'noise');
  for (let i = 0; i < 500; i++) {
    const noise = Buffer.from(Array.from({ length: random.integer(0, 200) }, () => random.integer(0, 255)));
    assert.equal(checkProof(noise, trust).ok, false);
  }
});
