import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  encodeVkey,
  generateSeed,
  noteSigner,
  openNote,
  publicKey,
  signCheckpoint,
} from '../../../ledger/log/index.js';
import {
  cosigner,
  cosignerVerifier,
  encodeCosignerSkey,
  findCosignature,
  keepSignatures,
  parseCosignerSkey,
  parseCosignerVkey,
  withSignatures,
} from '../../../ledger/witness/index.js';
import { SampleLog } from './sample-log.js';

const badKey = { code: 'LEDGER_BAD_KEY' };
const log = new SampleLog().grow(5);
const witness = cosigner('witness.example/w1', Buffer.alloc(32, 3));
const text = `${log.origin}\n5\n${log.root().toString('base64')}\n`;

function cosigned(timeS: number): Buffer {
  return withSignatures(log.note(), [witness.cosign(text, timeS)]);
}

test('a cosignature is found under its key, with its time', () => {
  const found = findCosignature(cosigned(1_700_000_000), witness.verifier);
  assert.equal(found?.timeS, 1_700_000_000);
  assert.equal(found.line, witness.cosign(text, 1_700_000_000));
  assert.equal(parseCosignerVkey(witness.vkey).keyId.toString('hex'), witness.vkey.split('+')[1]);
});

test('the newest of several is taken, and a bad one rejects all of the key', () => {
  const two = withSignatures(log.note(), [witness.cosign(text, 20), witness.cosign(text, 10)]);
  assert.equal(findCosignature(two, witness.verifier)?.timeS, 20);
  const other = withSignatures(two, [witness.cosign(text.replace('5', '6'), 30)]);
  assert.equal(findCosignature(other, witness.verifier), undefined);
});

test('each flipped bit of the signature is noticed', () => {
  const good = cosigned(1234);
  const line = good.toString('utf8').trimEnd().split('\n').at(-1) ?? '';
  const bytes = Buffer.from(line.split(' ')[2] ?? '', 'base64');
  for (let at = 4; at < bytes.length; at++) {
    const bad = Buffer.from(bytes);
    bad.writeUInt8(bad.readUInt8(at) ^ 1, at);
    const note = withSignatures(log.note(), [`\u2014 ${witness.name} ${bad.toString('base64')}`]);
    assert.equal(findCosignature(note, witness.verifier), undefined, `byte ${at}`);
  }
});

test('a time beyond 2^63 - 1 and a wrong length are not good', () => {
  const raw = publicKey(Buffer.alloc(32, 3));
  const verifier = cosignerVerifier('witness.example/w1', raw);
  assert.equal(verifier.verify(Buffer.from(text), Buffer.alloc(72, 0xff)), false);
  assert.equal(verifier.verify(Buffer.from(text), Buffer.alloc(64)), false);
  assert.throws(() => witness.cosign(text, 1.5), { code: 'LEDGER_BAD_NOTE' });
  assert.throws(() => witness.cosign(text, -1), { code: 'LEDGER_BAD_NOTE' });
});

test('the keys of a log and of a witness are not taken for one another', () => {
  const seed = generateSeed();
  const asLog = encodeVkey('some.example/x', publicKey(seed));
  assert.throws(() => parseCosignerVkey(asLog), badKey);
  // One seed under both types: the log's signature does not count as a cosignature.
  const both = cosigner('some.example/x', seed);
  const checkpoint = { origin: 'some.example/x', size: 0, root: log.root(0) };
  const note = signCheckpoint(checkpoint, [noteSigner('some.example/x', seed)]);
  assert.deepEqual(openNote(note, [both.verifier]), { ok: false, code: 'no-known-signature' });
});

test('keys keep their text forms, and damaged ones are refused', () => {
  const seed = Buffer.alloc(32, 3);
  const skey = encodeCosignerSkey(witness.name, seed);
  assert.equal(parseCosignerSkey(skey).vkey, witness.vkey);
  const [name = '', id = '', key = ''] = witness.vkey.split('+');
  const wrong = [
    '',
    witness.vkey.slice(0, -4),
    `${name}+00000000+${key}`,
    `${name}+${id.toUpperCase()}0+${key}`,
    `${name} x+${id}+${key}`,
    `${witness.vkey}\n`,
    `${name}+${id}+${Buffer.concat([Buffer.of(4), Buffer.alloc(32)]).toString('base64')}`,
  ];
  for (const vkey of wrong) assert.throws(() => parseCosignerVkey(vkey), badKey, vkey);
  assert.throws(() => parseCosignerSkey(witness.vkey), badKey);
  assert.throws(() => parseCosignerSkey(skey.replace(id, '00000000')), badKey);
  assert.throws(() => cosigner('two words', seed), badKey);
  // Small order: verifiers would disagree on its signatures.
  assert.throws(() => cosignerVerifier('w', Buffer.concat([Buffer.of(1), Buffer.alloc(31)])), badKey);
});

test('only one line of each kept key stays on a note', () => {
  const noisy = withSignatures(cosigned(5), [
    `\u2014 someone.example ${Buffer.alloc(68, 1).toString('base64')}`,
    witness.cosign(text, 6),
  ]);
  assert.deepEqual(keepSignatures(noisy, [log.verifier]), log.note());
  assert.deepEqual(keepSignatures(noisy, [log.verifier, witness.verifier]), cosigned(5));
});
