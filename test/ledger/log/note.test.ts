import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import {
  encodeSkey,
  encodeVkey,
  formatCheckpoint,
  generateSeed,
  isSafePublicKey,
  noteSigner,
  noteVerifier,
  openCheckpoint,
  openNote,
  parseCheckpoint,
  parseSkey,
  parseVkey,
  publicKey,
  sha256,
  signCheckpoint,
  signNote,
} from '../../../ledger/log/index.js';
import { sharedData } from '../../support/shared-data.js';

const badKey = { code: 'LEDGER_BAD_KEY' };
const badKeyId = { code: 'LEDGER_BAD_KEY_ID' };
const seed = Buffer.alloc(32, 9);
const signer = noteSigner('example.org/log', seed);
const verifier = noteVerifier('example.org/log', publicKey(seed));

// From golang/mod sumdb/note/example_test.go (BSD-3-Clause).
const goVkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const goNote = Buffer.from(
  'If you think cryptography is the answer to your problem,\n' +
    "then you don't know what your problem is.\n" +
    '\n' +
    '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
);

test('opens the note of Go’s note package', () => {
  const opened = openNote(goNote, [parseVkey(goVkey)]);
  assert.ok(opened.ok);
  assert.equal(opened.text.split('\n').length, 3);
  assert.equal(opened.signedBy[0]?.name, 'PeterNeumann');
});

const examples = sharedData('tlog/c2sp-examples');

function read(name: string): Buffer {
  return readFileSync(join(examples ?? '', name));
}

test(
  'opens the note of the C2SP specification',
  { skip: examples === undefined && 'the shared test data is absent' },
  () => {
    const opened = openNote(read('signed-note.txt'), [
      parseVkey(read('signed-note.vkey').toString('utf8').trim()),
    ]);
    assert.ok(opened.ok);
    assert.equal(opened.text, 'This is an example message.\n');
  },
);

test('any changed byte of a note refuses it', () => {
  const note = signNote('a text\n\nof two parts\n', [signer]);
  for (let i = 0; i < note.length; i++) {
    for (const mask of [0x01, 0x80]) {
      const changed = Buffer.from(note);
      changed[i] = (changed[i] ?? 0) ^ mask;
      assert.equal(openNote(changed, [verifier]).ok, false, `byte ${i}`);
    }
  }
});

test('unknown keys are ignored, a known key that fails rejects', () => {
  const other = noteSigner('example.org/witness', generateSeed());
  const note = signNote('text\n', [other, signer]);
  const opened = openNote(note, [verifier]);
  assert.ok(opened.ok && opened.signedBy.length === 1);
  assert.deepEqual(openNote(signNote('text\n', [other]), [verifier]), {
    ok: false,
    code: 'no-known-signature',
  });
  const forged = { ...signer, sign: () => Buffer.alloc(64) };
  assert.deepEqual(openNote(signNote('text\n', [signer, forged]), [verifier]), {
    ok: false,
    code: 'bad-signature',
  });
  // The same key id under another name is another key.
  const renamed = { ...signer, name: 'example.org/other' };
  assert.deepEqual(openNote(signNote('text\n', [renamed]), [verifier]), {
    ok: false,
    code: 'no-known-signature',
  });
});

test('malformed notes', () => {
  const good = signNote('text\n', [signer]).toString('utf8');
  const bad = [
    '',
    'text\n',
    good.slice(0, -1),
    good.replace('\u2014', '-'),
    good.replace('\n\n', '\n'),
    `${good}\n`,
    good.replace('text', 'te\u0007xt'),
    good.replace('text', 'te\rxt'),
    good + '\u2014 a b c\n',
    good.repeat(1) + '\u2014 name AAAA\n',
    `text\n\n${good.split('\n')[2]}\n`.replace('text\n\n', 'text\n\n'.repeat(1)) +
      good.split('\n')[2] +
      'x\n',
    `text\n\n${`${good.split('\n')[2]}\n`.repeat(101)}`,
  ];
  for (const text of bad) {
    assert.deepEqual(
      openNote(Buffer.from(text), [verifier]),
      { ok: false, code: 'malformed' },
      JSON.stringify(text),
    );
  }
  assert.deepEqual(openNote(Buffer.of(0xff, 0x0a, 0x0a), [verifier]), { ok: false, code: 'malformed' });
  assert.throws(() => signNote('no line feed', [signer]), { code: 'LEDGER_BAD_NOTE' });
  assert.throws(() => signNote('a\tb\n', [signer]), { code: 'LEDGER_BAD_NOTE' });
});

test('keys in their text forms', () => {
  const vkey = encodeVkey('example.org/log', publicKey(seed));
  assert.equal(encodeVkey(parseVkey(vkey).name, parseVkey(vkey).publicKey), vkey);
  const skey = encodeSkey('example.org/log', seed);
  assert.deepEqual(parseSkey(skey), { name: 'example.org/log', seed });
  const [name = '', id = '', key = ''] = vkey.split('+');
  assert.throws(() => parseVkey(`${name}+00000000+${key}`), badKeyId);
  assert.throws(() => parseVkey(`other+${id}+${key}`), badKeyId);
  assert.throws(() => parseVkey(`${vkey}=`), badKey);
  assert.throws(() => parseVkey(`${vkey}\n`), badKey);
  assert.throws(() => parseVkey(skey), badKey);
  assert.throws(() => parseSkey(vkey), badKey);
  assert.throws(() => noteSigner('a b', seed), badKey);
  assert.throws(() => noteSigner('a+b', seed), badKey);
  assert.throws(() => noteSigner('', seed), badKey);
  const typed = Buffer.concat([Buffer.of(4), publicKey(seed)]);
  const hash = sha256(Buffer.concat([Buffer.from('n\n'), typed]))
    .subarray(0, 4)
    .toString('hex');
  assert.throws(() => parseVkey(`n+${hash}+${typed.toString('base64')}`), badKey);
});

test('Ed25519 keys on which verifiers disagree are refused', () => {
  assert.ok(isSafePublicKey(publicKey(seed)));
  const unsafe = [
    // Small order: 1, order 2, order 4 twice, order 8 twice.
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0000000000000000000000000000000000000000000000000000000000000080',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    // Not canonical: y = p + 1, and x = 0 with a sign.
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0100000000000000000000000000000000000000000000000000000000000080',
    // Not on the curve.
    '0200000000000000000000000000000000000000000000000000000000000000',
  ];
  // In the right group but for a component of order 8.
  const torsion = ed25519.Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
  unsafe.push(Buffer.from(ed25519.Point.BASE.multiply(5n).add(torsion).toBytes()).toString('hex'));
  for (const hex of unsafe) {
    assert.equal(isSafePublicKey(Buffer.from(hex, 'hex')), false, hex);
    assert.throws(() => noteVerifier('name', Buffer.from(hex, 'hex')), { code: 'LEDGER_UNSAFE_KEY' });
  }
  assert.equal(isSafePublicKey(Buffer.alloc(31)), false);
});

test('checkpoints', () => {
  const checkpoint = { origin: 'example.org/log', size: 2 ** 40 + 1, root: Buffer.alloc(32, 5) };
  const note = signCheckpoint(checkpoint, [signer]);
  const opened = openCheckpoint(note, [verifier]);
  assert.ok(opened.ok);
  assert.deepEqual(opened.checkpoint, checkpoint);
  assert.deepEqual(parseCheckpoint(formatCheckpoint(checkpoint)), checkpoint);
  const root = checkpoint.root.toString('base64');
  const bad = [
    '',
    'o\n1\n',
    `o\n01\n${root}\n`,
    `o\n-1\n${root}\n`,
    `o\n1\n${root}`,
    `\n1\n${root}\n`,
    `o\n1e3\n${root}\n`,
  ];
  bad.push(
    `o\n9007199254740993\n${root}\n`,
    `o\n1\nAAAA\n`,
    `o\n1\n${root.replace('=', '')}\n`,
    `o\n1\n${root}\n\n`,
  );
  for (const text of bad) assert.equal(parseCheckpoint(text), undefined, JSON.stringify(text));
  // Signed by a known key which is not that of the origin.
  const elsewhere = signCheckpoint({ ...checkpoint, origin: 'example.org/other' }, [signer]);
  assert.deepEqual(openCheckpoint(elsewhere, [verifier]), { ok: false, code: 'other-origin' });
  assert.throws(() => formatCheckpoint({ ...checkpoint, size: 1.5 }), { code: 'LEDGER_BAD_NOTE' });
});
