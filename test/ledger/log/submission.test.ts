import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AT_OFFSET,
  buildSubmission,
  canonicalBytes,
  checkEntryForm,
  DRAFT_BYTES_MAX,
  draftBytes,
  ENTRY_BYTES_MAX,
  entryBytes,
  generateSeed,
  parseCanonical,
  publicKey,
  sign,
  stampDraft,
  submissionRoot,
  unstampEntry,
  verifySubmission,
} from '../../../ledger/log/index.js';
import type { Draft, JsonObject } from '../../../ledger/log/index.js';
import {
  draft,
  everyType,
  firstAnchor,
  genesis,
  ORIGIN,
  random32,
  recordStored,
  theCast,
} from './fixture.js';

const seed = generateSeed();
const actor = random32();
const nonce = 'AAAAAAAAAAAAAAAAAAAAAA';
const input = (drafts: readonly Draft[]) => ({
  origin: ORIGIN,
  actor,
  sign: (message: Buffer) => sign(seed, message),
  drafts,
  nonce,
});

test('stamping a draft gives the canonical entry, and can be undone', () => {
  for (const at of [0, 7, 1_795_000_000_000, Number.MAX_SAFE_INTEGER]) {
    const made = recordStored(actor);
    const bytes = draftBytes(made);
    const entry = stampDraft(bytes, at);
    assert.deepEqual(entry, canonicalBytes({ ...made, at }));
    assert.deepEqual(entry, entryBytes({ ...made, at }));
    assert.deepEqual(unstampEntry(entry, at), bytes);
    assert.throws(() => unstampEntry(entry, at + 1), { code: 'LEDGER_BAD_ENTRY' });
    assert.equal(bytes.subarray(AT_OFFSET - 1, AT_OFFSET).toString(), ',');
  }
  assert.throws(() => stampDraft(Buffer.alloc(100), -1), { code: 'LEDGER_BAD_ENTRY' });
  assert.throws(() => stampDraft(Buffer.alloc(100), 1.5), { code: 'LEDGER_BAD_ENTRY' });
});

test('a draft has a well-formed actor and fits a bundle with its time', () => {
  assert.throws(() => draftBytes({ ...recordStored(actor), actor: 'short' }), { code: 'LEDGER_BAD_ENTRY' });
  const overhead = draftBytes(draft(actor, 'record.stored', { a: '' })).length;
  const largest = draft(actor, 'record.stored', { a: 'x'.repeat(DRAFT_BYTES_MAX - overhead) });
  assert.ok(entryBytes({ ...largest, at: Number.MAX_SAFE_INTEGER }).length <= ENTRY_BYTES_MAX);
  const larger = draft(actor, 'record.stored', { a: 'x'.repeat(DRAFT_BYTES_MAX - overhead + 1) });
  assert.throws(() => draftBytes(larger), { code: 'LEDGER_ENTRY_TOO_LARGE' });
});

test('a submission holds, and nothing of it can be changed', () => {
  const drafts = Array.from({ length: 5 }, () => recordStored(actor));
  const { leaf, draftBytes: bytes } = buildSubmission(input(drafts));
  const key = publicKey(seed);
  const check = (changed: object): string =>
    verifySubmission({ origin: ORIGIN, leaf, draftBytes: bytes, publicKey: key, ...changed });
  const withBody = (body: JsonObject): object => ({ leaf: { ...leaf, body: { ...leaf.body, ...body } } });
  const { signature } = leaf.body;
  assert.ok(typeof signature === 'string');
  assert.equal(check({}), 'ok');
  assert.equal(check({ origin: 'firebreak.test/other' }), 'origin');
  assert.equal(check(withBody({ origin: 'firebreak.test/other' })), 'origin');
  assert.equal(check({ leaf: { ...leaf, actor: random32() } }), 'certificate');
  assert.equal(check({ draftBytes: bytes.slice(1) }), 'count');
  assert.equal(check(withBody({ count: 4 })), 'count');
  assert.equal(check({ draftBytes: bytes.toReversed() }), 'root');
  assert.equal(check({ draftBytes: [...bytes.slice(1), draftBytes(recordStored(actor))] }), 'root');
  assert.equal(check({ publicKey: publicKey(generateSeed()) }), 'signature');
  assert.equal(check(withBody({ signature: `${signature}=` })), 'signature');
  assert.equal(check(withBody({ signature: 7 })), 'malformed');
  assert.equal(check({ leaf: { ...leaf, type: 'record.stored' } }), 'malformed');
  // Signed anew by the wrong hand: everything fits but the key.
  const stolen = buildSubmission({ ...input(drafts), sign: (message) => sign(generateSeed(), message) });
  assert.equal(check({ leaf: stolen.leaf }), 'signature');
});

test('what cannot be submitted', () => {
  const bad = { code: 'LEDGER_BAD_SUBMISSION' };
  assert.throws(() => buildSubmission(input([])), bad);
  assert.throws(() => buildSubmission(input(Array.from({ length: 257 }, () => recordStored(actor)))), bad);
  assert.throws(() => buildSubmission(input([recordStored(random32())])), bad);
  assert.throws(() => buildSubmission(input([draft(actor, 'submission', {})])), bad);
  assert.equal(submissionRoot([Buffer.from('a')]).length, 32);
});

test('every type written so far fits its schema, and not with a member more, less or malformed', async () => {
  const cast = await theCast();
  for (const { leaf, drafts } of [genesis(cast), everyType(cast), firstAnchor(cast)]) {
    for (const each of [leaf, ...drafts]) {
      const entry = { ...each, at: 5 };
      assert.deepEqual(checkEntryForm(parseCanonical(entryBytes(entry))), { ok: true, entry });
      const fails = (value: unknown): void => {
        assert.equal(checkEntryForm(value).ok, false, `${each.type} ${JSON.stringify(value)}`);
      };
      fails({ ...entry, body: { ...entry.body, extra: 1 } });
      fails({ ...entry, extra: 1 });
      fails({ ...entry, at: -1 });
      fails({ ...entry, at: undefined });
      fails({ ...entry, v: 2 });
      fails({ ...entry, tags: ['short'] });
      for (const name of Object.keys(entry.body)) {
        fails({ ...entry, body: { ...entry.body, [name]: true } });
        const { [name]: _, ...less } = entry.body;
        if (name !== 'replaces' && name !== 'role') fails({ ...entry, body: less });
      }
    }
  }
  // The last character of 32 bytes in base64url has two spare bits, which must be zero.
  assert.equal(checkEntryForm({ ...recordStored(actor, `${'A'.repeat(42)}B`), at: 1 }).ok, false);
});
