/** Each code of a refusal, by one thing that is wrong. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { consentProof } from '../../../adapter/services/proofs/statements.js';
import { ProofLeaves } from '../../../adapter/services/proof-leaves.js';
import { encodeVkey, generateSeed, publicKey } from '../../../ledger/log/index.js';
import { checkProof, portableCrypto, proofTrust, writeProof } from '../../../ledger/proofs/index.js';
import type { ProofRefusal, ProofTrust, ProofTrustInput } from '../../../ledger/proofs/index.js';
import { cosigner } from '../../../ledger/witness/index.js';
import { filesOf, openProofBench } from '../../support/proof-files.js';
import type { ProofBench } from '../../support/proof-files.js';
import type { ProofName } from '../../support/proof-statements.js';
import { changed, fileOf, jsonOf, other, textOf, valueAt } from './altered.js';
import type { Json, Path } from './altered.js';

let from: ProofBench;
let node: ProofTrust;
let portable: ProofTrust;
const files = new Map<ProofName, Buffer>();
before(async () => {
  from = await openProofBench();
  for (const { name, bytes } of await filesOf(from)) files.set(name, bytes);
  node = proofTrust(from.trust, nodeProofCrypto);
  portable = proofTrust(from.trust, portableCrypto);
});
after(() => from.close());

function fileNamed(name: ProofName): Buffer {
  return files.get(name) ?? assert.fail(name);
}

/** A member of another file. */
function of(name: ProofName, ...path: Path): Json {
  return valueAt(jsonOf(fileNamed(name)), path);
}

type Row = readonly [ProofRefusal, ProofName, Path, (value: Json) => Json | undefined];

const flip = other;
const plus = (n: Json): Json => Number(n) + 1;
const cut = (list: Json): Json => (list as Json[]).slice(0, -1);
/** One byte less. */
const shortened = (text: Json): Json =>
  Buffer.from(textOf(text), 'base64url').subarray(0, -1).toString('base64url');
const others = (list: Json): Json => (list as Json[]).map(other);

const ROWS: readonly Row[] = [
  ['checkpoint-malformed', 'consent', ['checkpoint'], () => 'no note'],
  ['checkpoint-malformed', 'entries', ['checkpoint'], (note) => textOf(note).replaceAll('\n', '\r\n')],
  ['checkpoint-signature', 'consent', ['checkpoint'], (note) => `${textOf(note).slice(0, -8)}AAAAAA=\n`],
  ['anchor-not-included', 'consent', ['anchor', 'index'], plus],
  ['anchor-not-included', 'absent-tag', ['anchor', 'inclusion'], others],
  ['anchor-not-included', 'participant', ['anchor', 'bytes'], flip],
  ['anchor-malformed', 'consent-opened', ['anchor'], () => of('consent-opened', 'document', 'entry')],
  ['anchor-mismatch', 'entries', ['statement', 'size'], plus],
  ['anchor-mismatch', 'absent-consent', ['statement', 'size'], (n) => Number(n) - 1],
  ['submission-not-included', 'consent', ['anchor', 'submission', 'index'], plus],
  ['submission-not-included', 'withdrawal', ['entry', 'submission', 'bytes'], flip],
  [
    'submission-malformed',
    'absent-tag',
    ['anchor', 'submission'],
    () => ({ ...(leafOf('absent-tag', 'anchor') as object), draftInclusion: [] }),
  ],
  ['submission-draft', 'consent', ['anchor', 'submission', 'draftInclusion'], () => [flip('A'.repeat(43))]],
  ['certificate-mismatch', 'consent', ['certificates'], (list) => (list as Json[]).slice(0, 1)],
  ['certificate-authority', 'disclosure', ['certificates'], (list) => (list as Json[]).slice(1)],
  ['certificate-malformed', 'entries', ['certificates', 0], () => 'MAAA'],
  [
    'certificate-unused',
    'consent',
    ['certificates'],
    (list) => [...(list as Json[]), (list as Json[])[0] ?? ''],
  ],
  ['certificate-unused', 'consent', ['certificates'], (list) => [...(list as Json[]), signer()]],
  [
    'certificate-mismatch',
    'denial',
    ['certificates'],
    (list) => (list as Json[]).filter((one) => one !== signer()),
  ],
  ['state-value', 'consent', ['state', 'statement'], flip],
  ['state-malformed', 'consent', ['state', 'proof'], () => ''],
  ['state-malformed', 'absent-tag', ['proof'], (proof) => shortened(proof)],
  ['state-root', 'consent', ['state', 'proof'], flip],
  ['state-present', 'entries', ['statement', 'count'], (n) => Number(n) - 1],
  ['opening-commitment', 'consent-opened', ['document', 'salt'], flip],
  ['opening-commitment', 'withdrawal-opened', ['document', 'bytes'], flip],
  ['opening-commitment', 'disclosure', ['receipt', 'salt'], flip],
  ['opening-commitment', 'participant', ['salt'], () => 'A'.repeat(43)],
  ['opening-commitment', 'participant-patient', ['salt'], flip],
  ['opening-commitment', 'participant-patient', ['salt'], () => null],
  ['opening-commitment', 'denial', ['documents', 1, 'bytes'], flip],
  ['statement-mismatch', 'consent-opened', ['document', 'entry'], () => withdrawalIn('consent-opened')],
  ['statement-mismatch', 'withdrawal', ['statement', 'leaf'], plus],
  ['statement-mismatch', 'withdrawal', ['statement', 'handle'], flip],
  ['statement-mismatch', 'disclosure', ['statement', 'to'], () => 'Organization/other'],
  ['statement-mismatch', 'disclosure', ['statement', 'purpose'], () => 'HMARKT'],
  ['statement-mismatch', 'disclosure', ['entry'], () => withdrawalIn('disclosure')],
  ['statement-mismatch', 'participant', ['statement', 'leaf'], plus],
  ['statement-mismatch', 'record', ['statement', 'handle'], flip],
  ['entry-not-included', 'withdrawal', ['entry', 'index'], plus],
  ['entry-not-included', 'entries', ['entries', 1, 'bytes'], flip],
  ['entry-not-included', 'denial', ['entries', 0, 'inclusion'], others],
  ['leaf-not-included', 'participant', ['at', 'inclusion'], others],
  ['certificate-mismatch', 'participant', ['statement', 'certificate'], flip],
  ['entries-order', 'entries', ['entries'], (list) => (list as Json[]).toReversed()],
  ['entries-missing', 'entries', ['entries', 0], () => undefined],
  ['state-root', 'entries', ['tagKey'], flip],
  ['documents-count', 'denial', ['documents', 0], () => undefined],
  ['opening-commitment', 'denial', ['documents'], (list) => (list as Json[]).toReversed()],
  ['consent-permits', 'denial', ['statement', 'request', 'purposes'], () => [TREATMENT]],
  ['malformed', 'denial', ['statement', 'request', 'purposes'], () => [TREATMENT, 'x']],
  ['malformed', 'denial', ['statement', 'request', 'actor', 'references'], () => []],
  ['malformed', 'denial', ['statement', 'request', 'action'], () => 'read'],
  ['statement-mismatch', 'reconciliation', ['statement', 'handle'], flip],
  ['statement-mismatch', 'reconciliation', ['entry'], () => withdrawalIn('reconciliation')],
  ['opening-commitment', 'reconciliation', ['document', 'salt'], flip],
  ['opening-commitment', 'reconciliation-bare', ['document', 'bytes'], flip],
  ['listing-leaves', 'reconciliation', ['leaves'], flip],
  ['listing-leaves', 'reconciliation', ['leaves'], () => ''],
  [
    'listing-leaves',
    'reconciliation',
    ['leaves'],
    (leaves) => textOf(leaves).slice(64) + textOf(leaves).slice(0, 64),
  ],
  ['listing-leaves', 'reconciliation', ['leaves'], (leaves) => textOf(leaves) + textOf(leaves).slice(-64)],
  ['entry-not-included', 'record', ['entry', 'index'], plus],
  ['submission-not-included', 'record', ['submission', 'inclusion'], others],
  ['certificate-malformed', 'record', ['certificates', 'actor'], () => ''],
  [
    'certificate-mismatch',
    'record',
    ['certificates', 'actor'],
    () => of('record', 'certificates', 'issuing'),
  ],
  [
    'certificate-authority',
    'record',
    ['certificates', 'issuing'],
    () => of('record', 'certificates', 'actor'),
  ],
  ['opening-commitment', 'record-whole', ['opening', 'plaintext'], flip],
  ['opening-fact', 'record-fact', ['opening', 'leaf'], flip],
  ['opening-fact', 'record-fact', ['opening', 'count'], () => 1],
  ['malformed', 'record-fact', ['opening', 'count'], () => 17],
  ['malformed', 'record-fact', ['opening', 'index'], () => 16],
];

const TREATMENT = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT';

/** The leaf alone of a signed one. */
function leafOf(name: ProofName, ...path: Path): Json {
  const { submission: _submission, ...leaf } = of(name, ...path) as { [member: string]: Json };
  return leaf;
}

/** The patient's certificate as a file has it: the one that the opened consent adds. */
function signer(): string {
  const without = new Set(of('consent', 'certificates') as string[]);
  const [found] = (of('consent-opened', 'certificates') as string[]).filter((one) => !without.has(one));
  return found ?? assert.fail('no certificate of the patient');
}

/** The instance's log as it was at a file's checkpoint. */
function treeOf(name: ProofName): ProofLeaves {
  const { store, engine } = from.bench.instance;
  return new ProofLeaves(store, engine, Buffer.from(textOf(of(name, 'checkpoint')), 'utf8'));
}

/** A leaf as another file with the same checkpoint would have it. */
function leafIn(name: ProofName, index: number): Json {
  const leaves = treeOf(name);
  return jsonWith(leaves.prove(leaves.at(index) ?? assert.fail('no such leaf')));
}

/** The withdrawal, signed, in the tree of a file. */
function withdrawalIn(name: ProofName): Json {
  const leaves = treeOf(name);
  const index = Number(of('withdrawal', 'statement', 'leaf'));
  return jsonWith(leaves.proveSigned(leaves.at(index) ?? assert.fail('no such leaf')));
}

/** Bytes as base64url, wherever they stand. */
function jsonWith(value: unknown): Json {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64url');
  if (Array.isArray(value)) return value.map(jsonWith);
  if (typeof value !== 'object' || value === null) return value as Json;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, jsonWith(item)]));
}

function codeOf(file: Uint8Array, trust = node): string {
  const verdict = checkProof(file, trust);
  return verdict.ok ? 'ok' : verdict.code;
}

/** Another key's search may already end at the first bit that differs, or only at the root: that is chance. */
function searched(code: string): string {
  return code === 'state-path' ? 'state-root' : code;
}

test('one thing wrong is named by its code', () => {
  for (const [code, name, path, change] of ROWS) {
    const file = changed(fileNamed(name), path, change);
    const what = `${name} ${path.join('.')}`;
    if (code === 'state-present') {
      // One tag less: then the list must be shorter too.
      const shorter = changed(changed(file, ['tags'], cut), ['entries'], cut);
      assert.equal(codeOf(shorter), code, what);
      continue;
    }
    assert.equal(searched(codeOf(file)), code, what);
    assert.equal(searched(codeOf(file, portable)), code, `${what}, portable`);
  }
});

test('files put together from parts of others', () => {
  const consent = jsonOf(fileNamed('consent')) as { [name: string]: Json };
  const absent = jsonOf(fileNamed('absent-consent')) as { [name: string]: Json };
  const { handle, size } = consent['statement'] as { [name: string]: Json };
  const { proof } = consent['state'] as { [name: string]: Json };
  // What is there is said to be absent.
  const denied = {
    ...absent,
    checkpoint: consent['checkpoint'] ?? '',
    anchor: consent['anchor'] ?? '',
    proof: proof ?? '',
  };
  const statement = { kind: 'absent', of: 'consent', name: handle ?? '', size: size ?? 0 };
  assert.equal(codeOf(fileOf({ ...denied, statement })), 'state-present');
  assert.equal(searched(codeOf(fileOf({ ...denied, statement: { ...statement, of: 'tag' } }))), 'state-root');
  // What is absent is said to be there.
  const { name: unknown, size: anchored } = absent['statement'] as { [name: string]: Json };
  const claimed = {
    ...consent,
    checkpoint: absent['checkpoint'] ?? '',
    anchor: absent['anchor'] ?? '',
    statement: { kind: 'consent', handle: unknown ?? '', size: anchored ?? 0 },
    state: { ...(consent['state'] as object), proof: absent['proof'] ?? '' },
  };
  assert.equal(codeOf(fileOf(claimed)), 'state-absent');
});

test('a participant at a leaf behind the anchor, or before its certificate', () => {
  const file = fileNamed('participant');
  const behind = changed(file, ['at'], () => leafOf('participant', 'anchor'));
  const index = of('participant', 'anchor', 'index');
  assert.equal(codeOf(changed(behind, ['statement', 'leaf'], () => index)), 'anchor-too-early');
  const patient = fileNamed('participant-patient');
  const { leaf: since } = JSON.parse(
    Buffer.from(textOf(of('participant-patient', 'state', 'statement')), 'base64url').toString('utf8'),
  ) as { leaf: number };
  assert.ok(since > 0);
  // A leaf of the same tree that stands before it.
  const earlier = leafIn('participant-patient', since - 1);
  const early = changed(patient, ['at'], () => earlier);
  assert.equal(codeOf(changed(early, ['statement', 'leaf'], () => since - 1)), 'participant-later');
});

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

test('what is not true is not proved', async () => {
  const { bench, withdrawn, inForce } = from;
  const file = writeProof(await consentProof(bench.instance, { handle: withdrawn }), encode);
  assert.equal(codeOf(file), 'consent-not-active');
  await assert.rejects(from.prove({ what: 'consent', handle: withdrawn }), /untrue: consent-not-active/);
  await assert.rejects(from.prove({ what: 'absent', of: 'consent', name: inForce }), /untrue: state-present/);
  await assert.rejects(
    from.prove({
      what: 'denial',
      patient: 'a',
      actor: [from.wallet.enrolled.custodian.reference],
      purpose: 'TREAT',
    }),
    /untrue: consent-permits/,
  );
});

test('the keys that are trusted decide', () => {
  const consent = fileNamed('consent');
  const trust = (more: Partial<ProofTrustInput>): ProofTrust =>
    proofTrust({ ...from.trust, ...more }, nodeProofCrypto);
  const seed = generateSeed();
  const vkey = encodeVkey('other.example/log', publicKey(seed));
  assert.equal(codeOf(consent, trust({ vkeys: [vkey] })), 'checkpoint-unknown-log');
  const auditor = cosigner('auditor.example/w', seed);
  const policy = {
    logs: [],
    witnesses: [{ name: 'auditor', vkey: auditor.vkey }],
    groups: new Map(),
    quorum: 'auditor',
  };
  assert.equal(codeOf(consent, trust({ policy })), 'checkpoint-quorum');
  const cosigned = changed(consent, ['checkpoint'], (note) => {
    const text = textOf(note);
    const body = text.slice(0, text.lastIndexOf('\n\n') + 1);
    return `${text}${auditor.cosign(body, 1_700_000_000)}\n`;
  });
  const verdict = checkProof(cosigned, trust({ policy }));
  assert.deepEqual(verdict.ok && verdict.witnesses, ['auditor']);
  const { readConsent: _reader, ...blind } = from.trust;
  const unread = proofTrust(blind, nodeProofCrypto);
  assert.equal(codeOf(fileNamed('denial'), unread), 'consent-compiler-missing');
  const shown = checkProof(fileNamed('consent-opened'), unread);
  assert.ok(shown.ok && shown.kind === 'consent' && shown.document !== undefined);
  assert.equal(shown.document.signedBy, undefined);
});
