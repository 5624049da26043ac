/** Files made to harm who checks them: each is answered, soon, and in memory of about their own size. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, test } from 'node:test';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import {
  checkProof,
  PROOF_BYTES_MAX,
  portableCrypto,
  proofTrust,
  writeProof,
} from '../../../ledger/proofs/index.js';
import type { Proof, ProofTrust, ProofVerdict } from '../../../ledger/proofs/index.js';
import { commitmentOf } from '../../../ledger/vault/index.js';
import { readConsentDocument } from '../../../mappings/index.js';
import { makeProofFiles } from '../../support/proof-files.js';
import type { ProofFiles } from '../../support/proof-files.js';
import { changed, fileOf, jsonOf } from './altered.js';
import type { Json, Path } from './altered.js';
import { lyingCast } from './lying-log.js';
import type { LyingCast } from './lying-log.js';

let made: ProofFiles;
let trust: ProofTrust;
before(async () => {
  made = await makeProofFiles();
  trust = proofTrust(made.trust, nodeProofCrypto);
});

function codeOf(verdict: ProofVerdict): string {
  return verdict.ok ? 'ok' : verdict.code;
}

function fileNamed(name: string): Buffer {
  return made.files.find((file) => file.name === name)?.bytes ?? assert.fail(name);
}

/** The largest file there may be, of this over and over. */
function filled(text: string, start = '', end = ''): Buffer {
  const file = Buffer.alloc(PROOF_BYTES_MAX, text);
  file.write(start, 'latin1');
  file.write(end, file.length - end.length, 'latin1');
  return file;
}

function deep(levels: number, open = '[', close = ']'): string {
  return open.repeat(levels) + close.repeat(levels);
}

function flat(length: number, item: string): string {
  return Array.from({ length }, () => item).join(',');
}

/** On a busy machine: the slowest takes half a second, and what is not bounded minutes. */
const MS_MAX = 10_000;

test('as many values, levels or members as fit into the largest file are refused before they are built', () => {
  const half = PROOF_BYTES_MAX / 2;
  const rows: readonly (readonly [string, () => Buffer])[] = [
    ['too-large', () => Buffer.alloc(PROOF_BYTES_MAX + 1, 0x20)],
    ['not-json', () => filled(' ')],
    ['malformed', () => filled('"')],
    ['malformed', () => filled('a', '"', '"')],
    ['malformed', () => filled('\\"', '"n', 'n"')],
    ['malformed', () => filled('[')],
    ['malformed', () => filled('{"a":')],
    ['malformed', () => Buffer.concat([Buffer.alloc(half, '['), Buffer.alloc(half, ']')])],
    ['malformed', () => filled('{},', '[0 ,', ',0]')],
    ['malformed', () => filled('0,', '[0,', ',0]')],
    ['malformed', () => filled('"",', '["",', ' ""]')],
    ['malformed', () => filled('"a":0,', '{"b":0,')],
    ['not-json', () => filled(']')],
    // A number, which is none of ours.
    ['malformed', () => filled('9')],
    ['not-json', () => filled('\0')],
    ['not-json', () => filled('\u00e9')],
  ];
  const heap = process.memoryUsage().heapTotal;
  for (const [code, make] of rows) {
    const file = make();
    const what = file.subarray(0, 12).toString('latin1');
    const startMs = performance.now();
    assert.equal(codeOf(checkProof(file, trust)), code, what);
    const ms = performance.now() - startMs;
    assert.ok(ms < MS_MAX, `${what}: ${ms.toFixed(0)} ms`);
    // Its text and the one string in it, at two bytes a character at most; the parser's own would be many times that.
    const grown = process.memoryUsage().heapTotal - heap;
    assert.ok(grown < 6 * PROOF_BYTES_MAX, `${what}: ${grown} bytes`);
  }
});

test('lists and texts are bounded before they are read', () => {
  const rows: readonly (readonly [string, Path, () => Json])[] = [
    ['entries', ['tags'], () => Array.from({ length: 70_000 }, () => '')],
    ['entries', ['entries'], () => Array.from({ length: 70_000 }, () => 0)],
    ['entries', ['entries'], () => Array.from({ length: 1_000_000 }, () => ({}))],
    ['denial', ['documents'], () => Array.from({ length: 70_000 }, () => [])],
    ['denial', ['statement', 'request', 'purposes'], () => Array.from({ length: 1_000_000 }, () => 'x')],
    ['denial', ['statement', 'request', 'resource', 'codes'], () => Array.from({ length: 257 }, () => 'x')],
    ['denial', ['statement', 'request', 'resource', 'type'], () => 'x'.repeat(1025)],
    ['consent', ['certificates'], () => Array.from({ length: 17 }, () => '')],
    ['consent', ['certificates', 0], () => 'A'.repeat(1_000_000)],
    ['consent', ['anchor', 'inclusion'], () => Array.from({ length: 54 }, () => 'A'.repeat(43))],
    ['consent', ['anchor', 'bytes'], () => 'A'.repeat(90_000)],
    ['consent', ['state', 'proof'], () => 'A'.repeat(20_000)],
    ['consent-opened', ['document', 'bytes'], () => 'A'.repeat(6 * 1024 * 1024)],
    ['disclosure', ['receipt', 'bytes'], () => 'A'.repeat(6 * 1024 * 1024)],
    ['record-fact', ['opening', 'inclusion'], () => Array.from({ length: 5 }, () => 'A'.repeat(43))],
    ['record', ['checkpoint'], () => '\n'.repeat(65_537)],
  ];
  for (const [name, path, value] of rows) {
    assert.equal(
      codeOf(checkProof(changed(fileNamed(name), path, value), trust)),
      'malformed',
      path.join('.'),
    );
  }
});

test('checkpoints that are long, or of many lines', () => {
  const note = (jsonOf(fileNamed('record')) as { checkpoint: string }).checkpoint;
  const line = note.slice(note.lastIndexOf('\n\n') + 2);
  const rows: readonly (readonly [string, string])[] = [
    ['checkpoint-malformed', '\n'.repeat(65_536)],
    ['checkpoint-malformed', note + line.repeat(100)],
    ['checkpoint-malformed', `${note}\u2014 x ${'A'.repeat(60_000)}!\n`],
    ['checkpoint-malformed', `${note}\u2014 x\u0000 AAAAAAAA\n`],
    ['checkpoint-malformed', note.replace('\n', '\ud800\n\n\n')],
    ['checkpoint-malformed', note.replace(/\n\d+\n/, '\n1e3\n')],
    ['checkpoint-malformed', note.replace(/\n(\d+)\n/, '\n0$1\n')],
    ['checkpoint-malformed', note.replace(/\n\d+\n/, '\n9007199254740993\n')],
    // The same signature again is the same signature.
    ['ok', note + line.repeat(9)],
    ['ok', `${note}\u2014 someone.else ${Buffer.alloc(72).toString('base64')}\n`],
  ];
  for (const [code, text] of rows) {
    const file = changed(fileNamed('record'), ['checkpoint'], () => text);
    assert.equal(codeOf(checkProof(file, trust)), code, text.slice(-80));
    assert.equal(codeOf(checkProof(file, proofTrust(made.trust, portableCrypto))), code);
  }
});

test('numbers and names that parsers read in their own way', () => {
  const text = fileNamed('consent').toString('utf8');
  const index = /"index":(\d+)/.exec(text)?.[1] ?? '';
  const rows: readonly (readonly [string, string])[] = [
    ['malformed', text.replace(/"size":\d+/, '"size":1e400')],
    ['malformed', text.replace(/"size":\d+/, '"size":-0')],
    ['malformed', text.replace(/"size":\d+/, '"size":9007199254740993')],
    ['malformed', text.replace(/"size":\d+/, '"size":1e-7')],
    ['not-json', text.replace(/"size":\d+/, '"size":NaN')],
    ['not-json', text.replace(/"size":\d+/, '"size":0x10')],
    ['not-json', text.replace(/"index":(\d+)/, '"index":0$1')],
    // Two spellings of one number are one number.
    ['ok', text.replace(/"index":(\d+)/, `"index":${index}.0`)],
    ['malformed', text.replace('"statement":{', '"statement":{"__proto__":{"kind":"consent"},')],
    ['unknown-kind', text.replace('"kind":"consent"', '"__proto__":{"kind":"consent"}')],
    ['malformed', text.replace('"format":', '"constructor":{"prototype":{"ok":true}},"format":')],
    ['unknown-kind', text.replace('"kind":"consent"', '"kind":"__proto__"')],
    ['unknown-kind', text.replace('"kind":"consent"', '"kind":"toString"')],
    ['unknown-kind', text.replace('"kind":"consent"', '"kind":["consent"]')],
    ['malformed', text.replace(/"handle":"[^"]+"/, '"handle":"\\ud800"')],
    ['malformed', text.replace(/"handle":"[^"]/, '"handle":"\uff21')],
  ];
  for (const [code, file] of rows) {
    assert.notEqual(file, text);
    assert.equal(codeOf(checkProof(Buffer.from(file, 'utf8'), trust)), code, code);
  }
  assert.equal(({} as { ok?: unknown }).ok, undefined, 'the prototype of objects is as it was');
  const request = changed(fileNamed('denial'), ['statement', 'request', 'purposes'], () => ['\ud800']);
  assert.doesNotThrow(() => checkProof(request, trust));
});

/** Checks a file whose opened bytes are on a log as they stand. */
async function openedOn(cast: LyingCast, kind: 'disclosure' | 'withdrawal', bytes: Buffer): Promise<string> {
  const handle = randomBytes(32).toString('base64url');
  const salt = randomBytes(32);
  const commitment = commitmentOf(salt, bytes).toString('base64url');
  const log = await cast.log([
    { type: kind === 'disclosure' ? 'disclosure' : 'consent.withdrawn', body: { handle, commitment } },
  ]);
  const shared = { handle, checkpoint: log.checkpoint, certificates: log.certificates, entry: log.signed(0) };
  const proof: Proof =
    kind === 'disclosure'
      ? { kind, ...shared, to: 'Organization/x', purpose: 'TREAT', receipt: { salt, bytes } }
      : { kind, ...shared, leaf: log.leafOf(0), document: { salt, bytes } };
  const file = writeProof(proof, (part) => Buffer.from(part).toString('base64url'));
  const startMs = performance.now();
  const verdict = checkProof(
    file,
    proofTrust({ ...cast.trust, readConsent: readConsentDocument }, nodeProofCrypto),
  );
  assert.ok(performance.now() - startMs < MS_MAX, bytes.subarray(0, 20).toString('latin1'));
  return codeOf(verdict);
}

test('opened bytes that an operator put on the log to harm who reads them', async (context) => {
  const cast = await lyingCast(context);
  const texts = [
    '',
    'null',
    '1e400',
    '"\\ud800"',
    '{"__proto__":{"to":"Organization/x","purpose":"TREAT"}}',
    '{"to":"Organization/x","to":"Organization/x","purpose":"TREAT"}',
    '{ "to":"Organization/x","purpose":"TREAT"}',
    '{"purpose":"TREAT","to":"Organization/x","n":1.0}',
    '{"purpose":"TREAT","to":"Organization/x","n":1e400}',
    deep(20_000),
    deep(1_000_000),
    `{"to":"Organization/x","purpose":"TREAT","a":${deep(100_000)}}`,
    `{"to":"Organization/x","purpose":"TREAT","a":${deep(100_000, '{"a":', '}').replace('{"a":}', '{}')}}`,
    `[${flat(1_300_000, '{}')}]`,
    `{${Array.from({ length: 200_000 }, (_, i) => `"${i}":0`).join(',')}}`,
    `{"resourceType":"Bundle","entry":[${flat(200_000, '{"resource":{}}')}]}`,
    `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Consent","provision":${'{"provision":['.repeat(100_000)}`,
  ];
  for (const text of texts) {
    const bytes = Buffer.from(text, 'utf8');
    const what = `${text.slice(0, 40)} … ${text.length}`;
    assert.match(await openedOn(cast, 'disclosure', bytes), /^(?:opening-receipt|statement-mismatch)$/, what);
    assert.equal(await openedOn(cast, 'withdrawal', bytes), 'document-malformed', what);
  }
});

/** A value of each sort in the place of every value of a document. */
const STRANGE: readonly Json[] = [
  null,
  true,
  0,
  -1e308,
  '',
  '\ud800',
  '\u0000',
  '9999-99-99',
  [],
  [null],
  [[]],
  {},
  { toString: 1, length: -1 },
  [{ valueOf: null, extension: [{}] }],
];

test('a reader of documents takes whatever JSON there is', () => {
  const opening = jsonOf(fileNamed('consent-opened')) as { document: { bytes: string } };
  const document = JSON.parse(Buffer.from(opening.document.bytes, 'base64url').toString('utf8')) as Json;
  const context = { handle: 'h', version: 1, subject: 's', nowMs: Date.now() };
  assert.ok(readConsentDocument(document, context));
  let judged = 0;
  const visit = (holder: { [name: string]: Json } | Json[]): void => {
    for (const key of Object.keys(holder)) {
      const at = holder as { [name: string]: Json };
      const kept = at[key] ?? null;
      for (const strange of STRANGE) {
        at[key] = strange;
        judged += 1;
        assert.doesNotThrow(
          () => readConsentDocument(document, context),
          `${key} ${JSON.stringify(strange)}`,
        );
      }
      at[key] = kept;
      if (typeof kept === 'object' && kept !== null) visit(kept);
    }
  };
  visit(document as { [name: string]: Json });
  assert.ok(judged > 500, String(judged));
  assert.ok(readConsentDocument(document, context), 'and is as it was');
  for (const value of [undefined, ...STRANGE]) assert.equal(readConsentDocument(value, context), undefined);
  assert.equal(codeOf(checkProof(fileOf(jsonOf(fileNamed('consent-opened'))), trust)), 'ok');
});
