import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  encodeVkey,
  generateSeed,
  noteSigner,
  publicKey,
  signNote,
  splitNote,
} from '../../../ledger/log/index.js';
import { verifyLog } from '../../../ledger/verify/index.js';
import type { VerifyReport } from '../../../ledger/verify/index.js';
import { genesis, ORIGIN, records, theCast } from '../log/fixture.js';
import { checkpointOf, failedChecks, failureOf, leavesOf, publish, readerOf, VKEY } from './published-log.js';
import type { Files } from './published-log.js';

let leaves: Buffer[];
let files: Files;
before(async () => {
  const cast = await theCast();
  leaves = leavesOf([genesis(cast), ...records(cast, 300)]);
  files = publish(leaves);
});

function verifyWith(checkpoint: Buffer): Promise<VerifyReport> {
  return verifyLog(readerOf(new Map(files).set('checkpoint', checkpoint)), { vkeys: [VKEY] });
}

/** The checkpoint with one more line of signature behind. */
function withLine(line: string): Buffer {
  return Buffer.concat([checkpointOf(files), Buffer.from(line)]);
}

test('signature lines: an unknown one is passed over, a doubled one counts once, a bad one of a known key refuses', async () => {
  const note = checkpointOf(files);
  const text = splitNote(note)?.text ?? '';
  const unknown =
    signNote(text, [noteSigner('witness.test', generateSeed())])
      .toString()
      .split('\n\n')[1] ?? '';
  assert.ok((await verifyWith(withLine(unknown))).ok);
  const own = note.toString().split('\n\n')[1] ?? '';
  assert.ok((await verifyWith(withLine(own))).ok);
  const other = signNote(`${text}x\n`, [noteSigner(ORIGIN, generateSeed())]);
  assert.equal(failureOf(await verifyWith(other), 'checkpoint')?.code, 'no-known-signature');
  const badBytes = Buffer.from(own.split(' ')[2] ?? '', 'base64');
  badBytes[20] = (badBytes[20] ?? 0) ^ 1;
  const bad = withLine(`\u2014 ${ORIGIN} ${badBytes.toString('base64')}\n`);
  assert.equal(failureOf(await verifyWith(bad), 'checkpoint')?.code, 'bad-signature');
  const unknownOnly = Buffer.from(`${text}\n${unknown}`);
  assert.equal(failureOf(await verifyWith(unknownOnly), 'checkpoint')?.code, 'no-known-signature');
});

test('checkpoints that are none, each by its code', async () => {
  const text = checkpointOf(files).toString();
  const cases: [string, string][] = [
    [text.replaceAll('\n', '\r\n'), 'control-character'],
    [text.replace('\n', '\n\u0007'), 'control-character'],
    [text.replace('\n\n', '\n'), 'malformed'],
    [text.slice(0, -1), 'malformed'],
    [text.replace('\u2014', '-'), 'malformed'],
    [text.replace(/\n$/, '=\n'), 'malformed'],
    ['', 'malformed'],
    [text.replace(/^[^\n]*\n/, 'firebreak.test/other\n'), 'bad-signature'],
  ];
  for (const [checkpoint, code] of cases) {
    assert.equal(failureOf(await verifyWith(Buffer.from(checkpoint)), 'checkpoint')?.code, code, checkpoint);
  }
  const invalid = Buffer.concat([Buffer.of(0xff), checkpointOf(files)]);
  assert.equal(failureOf(await verifyWith(invalid), 'checkpoint')?.code, 'malformed');
});

test('keys: a wrong id, one of small order and a text that is none, given or published', async () => {
  const vkey = encodeVkey(ORIGIN, publicKey(generateSeed()));
  const key = vkey.slice(ORIGIN.length + 10);
  const small = Buffer.concat([Buffer.of(1, 1), Buffer.alloc(31)]).toString('base64');
  const cases: [string, string, RegExp][] = [
    [`${ORIGIN}+00000000+${key}`, 'LEDGER_BAD_KEY_ID', /key id/],
    [`${ORIGIN}+00000000+${small}`, 'LEDGER_UNSAFE_KEY', /may disagree/],
    ['nothing', 'LEDGER_BAD_KEY', /malformed/],
  ];
  for (const [text, code, rule] of cases) {
    await assert.rejects(verifyLog(readerOf(files), { vkeys: [text] }), { code });
    const published = readerOf(new Map(files).set('vkey', Buffer.from(`${text}\n`)));
    const failure = failureOf(await verifyLog(published), 'checkpoint');
    assert.equal(failure?.code, 'no-key');
    assert.match(failure?.rule ?? '', rule);
  }
});

test('a tile or bundle of another width than the size asks for is found', async () => {
  for (const [path, bytes] of files) {
    if (!path.startsWith('tile/')) continue;
    const moved = new Map(files);
    moved.delete(path);
    moved.set(`${path.replace(/\.p\/\d+$/, '')}.p/7`, bytes);
    assert.notDeepEqual(failedChecks(await verifyLog(readerOf(moved), { vkeys: [VKEY] })), [], path);
  }
});

test('each byte of what is new, changed in turn, is found since an earlier checkpoint too', async () => {
  const small = leavesOf([genesis(await theCast()), ...records(await theCast(), 1)]);
  const whole = publish(small);
  const since = checkpointOf(publish(small.slice(0, 4)));
  for (const [path, bytes] of whole) {
    if (path === 'vkey') continue;
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ (1 << (i % 8));
      const reader = readerOf(new Map(whole).set(path, changed));
      const { ok } = await verifyLog(reader, { vkeys: [VKEY], since });
      assert.equal(ok, false, `${path} byte ${i}`);
    }
  }
});

test('each byte of the upper tiles at the edge, changed in turn, is found since an earlier checkpoint', async () => {
  const since = checkpointOf(publish(leaves.slice(0, 261)));
  for (const [path, bytes] of files) {
    if (!/^tile\/(?:[1-9]|0\/001)/.test(path)) continue;
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ (1 << (i % 8));
      const reader = readerOf(new Map(files).set(path, changed));
      assert.equal((await verifyLog(reader, { vkeys: [VKEY], since })).ok, false, `${path} byte ${i}`);
    }
  }
});
