/** Who knows every value that a record can have, and everything that is public, still cannot tell which one it has. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { prove } from '../../adapter/services/proofs/index.js';
import { commitmentOf } from '../../ledger/vault/index.js';
import { consenting, openBench, push, readLog } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { heartRate } from '../adapter/support/resources.js';

const RATES = Array.from({ length: 221 }, (_, i) => 30 + i);
const TRUE_RATE = 71;

let bench: Bench;
before(async () => {
  bench = await openBench();
  await consenting(bench, 'a');
  await push(bench, heartRate('h', 'a', TRUE_RATE));
});
after(() => bench.close());

const bytesOf = (rate: number): Buffer => Buffer.from(JSON.stringify(heartRate('h', 'a', rate)), 'utf8');
const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** All texts of a value, at any depth, as bytes: as they are, and out of base64url. */
function textsIn(value: unknown): Buffer[] {
  if (typeof value === 'string') return [Buffer.from(value, 'utf8'), Buffer.from(value, 'base64url')];
  if (typeof value !== 'object' || value === null) return [Buffer.from(String(value))];
  return Object.values(value).flatMap((one) => textsIn(one));
}

test('115: a commitment is found by no dictionary of the values, with all that is public as salt', async () => {
  const { instance } = bench;
  const entries = await readLog(instance);
  const stored = entries.filter(({ type }) => type === 'record.stored');
  assert.equal(stored.length, 1);
  const shown = new Set(textsIn(stored[0]?.body).map((bytes) => bytes.toString('hex')));
  const salts = [
    Buffer.alloc(0),
    Buffer.alloc(32),
    ...textsIn(entries),
    Buffer.from(instance.identity.origin),
  ];
  let tried = 0;
  for (const rate of RATES) {
    const plain = bytesOf(rate);
    const value = Buffer.from(String(rate));
    for (const guess of [plain, sha256(plain), value, sha256(value)])
      for (const salt of salts) {
        const made = [
          sha256(salt, guess),
          sha256(guess, salt),
          createHmac('sha256', salt).update(guess).digest(),
        ];
        tried += made.length;
        for (const one of made) assert.ok(!shown.has(one.toString('hex')), String(rate));
      }
  }
  assert.ok(tried > 10_000, String(tried));

  // With the salt, which only who may open the record is given, one guess is enough: so the guesses were the right ones.
  const proved = await prove(instance, { what: 'record', record: 'Observation/h', open: true });
  assert.ok(proved.proved);
  const salt = textsIn(JSON.parse(proved.file)).find(
    (one) => one.length === 32 && shown.has(commitmentOf(one, bytesOf(TRUE_RATE)).toString('hex')),
  );
  assert.ok(salt !== undefined);
  for (const rate of RATES)
    assert.equal(shown.has(commitmentOf(salt, bytesOf(rate)).toString('hex')), rate === TRUE_RATE);
});
