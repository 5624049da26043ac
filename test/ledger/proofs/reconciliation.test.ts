/** Listings and findings by themselves: roots, differences, and documents that contradict themselves. */
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { canonicalize, rootOfEntries } from '../../../ledger/log/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import {
  checkListing,
  compareLeaves,
  isNothingMissed,
  listingLeaves,
  ListingRoot,
  portableCrypto,
  readReconciliation,
} from '../../../ledger/proofs/index.js';
import type { ListingLine, ReconciliationDocument, ShownListing } from '../../../ledger/proofs/index.js';

const SALT = Buffer.alloc(32, 7);
const ROOT = Buffer.alloc(32, 1).toString('base64url');

function shownOf(lines: readonly ListingLine[], salt: Uint8Array = SALT): ShownListing & { leaves: Buffer } {
  const leaves = lines.map(listingLeaves(salt, nodeProofCrypto)).toSorted(compareLeaves);
  const tree = new ListingRoot(nodeProofCrypto);
  for (const leaf of leaves) tree.append(leaf);
  return { salt, count: tree.count, root: tree.root(), leaves: Buffer.concat(leaves) };
}

const linesOf = (count: number): ListingLine[] =>
  Array.from({ length: count }, (_, i) => ({ type: 'Observation', id: `o${i}`, version: String(i % 7) }));

test('a root is that of RFC 6962 over the leaves, for every size and with both sets of primitives', () => {
  const leaves = Array.from({ length: 70 }, () => randomBytes(48));
  for (let size = 0; size <= leaves.length; size++) {
    const some = leaves.slice(0, size);
    for (const crypto of [nodeProofCrypto, portableCrypto]) {
      const tree = new ListingRoot(crypto);
      for (const leaf of some) tree.append(leaf);
      assert.deepEqual(Buffer.from(tree.root()), rootOfEntries(some), `size ${size}`);
    }
  }
});

test('a leaf is two HMACs, of the name and of the version', () => {
  const leaf = listingLeaves(SALT, portableCrypto)({ type: 'Patient', id: 'a', version: '2' });
  const hmac = (text: string): Buffer => createHmac('sha256', SALT).update(text).digest();
  const expected = [hmac('name\n["Patient","a"]').subarray(0, 16), hmac('version\n["Patient","a","2"]')];
  assert.deepEqual(Buffer.from(leaf), Buffer.concat(expected));
});

test('the order of a listing never matters; another salt shows another tree', () => {
  const lines = linesOf(50);
  const shown = shownOf(lines);
  assert.deepEqual(shownOf(lines.toReversed()).root, shown.root);
  assert.notDeepEqual(shownOf(lines, randomBytes(32)).root, shown.root);
  assert.ok(checkListing(shown, lines.toReversed(), portableCrypto).ok);
});

test('whatever is changed in a listing, it is told how many lines are wrong, missing and extra', () => {
  const lines = linesOf(40);
  const shown = shownOf(lines);
  for (let round = 0; round < 200; round++) {
    const [a, b, c] = randomBytes(3);
    const [wrong, missing, extra] = [(a ?? 0) % 4, (b ?? 0) % 4, (c ?? 0) % 4];
    const changed = [
      ...lines.slice(0, wrong).map((line) => ({ ...line, version: 'x' })),
      ...lines.slice(wrong + missing),
      ...linesOf(extra).map((line) => ({ ...line, type: 'Procedure' })),
    ];
    const verdict = checkListing(shown, changed, nodeProofCrypto);
    if (wrong + missing + extra === 0) {
      assert.ok(verdict.ok);
      continue;
    }
    assert.ok(!verdict.ok);
    assert.deepEqual([verdict.wrong, verdict.missing, verdict.extra], [wrong, missing, extra]);
    const code = wrong > 0 ? 'wrong' : missing > 0 ? 'missing' : 'extra';
    assert.equal(verdict.code, `listing-line-${code}`);
    assert.equal(verdict.line, wrong > 0 ? 1 : missing > 0 ? undefined : 41);
    const { leaves: _leaves, ...bare } = shown;
    const blunt = checkListing(bare, changed, nodeProofCrypto);
    assert.equal(blunt.ok ? 'ok' : blunt.code, 'listing-differs');
  }
});

const GOOD: ReconciliationDocument = {
  format: 'firebreak/reconciliation/v1',
  source: { id: 'city', name: 'City', url: 'https://fhir.example/r4' },
  by: { software: 'Firebreak', version: '0.1.0' },
  former: null,
  since: null,
  begun: '2026-11-23T06:00:00.000Z',
  ended: '2026-11-23T06:01:00.000Z',
  read: { history: [], search: ['Patient'], sweep: [], unread: [] },
  listing: { salt: ROOT, count: 5, root: ROOT },
  kept: { count: 3, root: ROOT },
  fates: { stored: 2, directory: 1, waiting: 1, refused: 1, erased: 0, aside: 0, missing: 0 },
  unshown: 0,
  healed: { fetched: 1, deleted: 0 },
};

const read = (value: unknown): ReconciliationDocument | undefined =>
  readReconciliation(Buffer.from(canonicalize(value as JsonObject), 'utf8'));

test('findings are read in their one form', () => {
  assert.deepEqual(read(GOOD), GOOD);
  assert.ok(isNothingMissed(GOOD));
  const whole = {
    ...GOOD,
    fates: { ...GOOD.fates, stored: 4, waiting: 0, refused: 0 },
    kept: { count: 5, root: ROOT },
  };
  assert.ok(read(whole) !== undefined);
  assert.equal(isNothingMissed({ ...GOOD, unshown: 1 }), false);
  assert.equal(isNothingMissed({ ...GOOD, read: { ...GOOD.read, unread: ['Patient'] } }), false);
  assert.equal(readReconciliation(Buffer.from(JSON.stringify(GOOD))), undefined, 'not canonical');
});

test('findings that contradict themselves are none', () => {
  const { fates, kept, listing } = GOOD;
  const other = Buffer.alloc(32, 2).toString('base64url');
  const all = { ...fates, stored: 4, waiting: 0, refused: 0 };
  const wrong: readonly Partial<Record<keyof ReconciliationDocument, unknown>>[] = [
    { fates: { ...fates, stored: 3 } },
    { listing: { ...listing, count: 6 } },
    { listing: { ...listing, root: 'x' } },
    { listing: { count: 5, root: ROOT } },
    { kept: { ...kept, count: 2 } },
    { kept: { ...kept, count: 4 } },
    { fates: all, kept: { count: 5, root: other } },
    { fates: all, kept: { count: 4, root: ROOT } },
    { fates: { ...fates, lost: 0 } },
    { fates: { ...fates, stored: -1, directory: 4 } },
    { begun: '2026-11-23T06:02:00.000Z' },
    { since: '2026-11-23T06:00:30.000Z' },
    { ended: 'yesterday' },
    { former: 'x' },
    { read: { ...GOOD.read, search: ['../x'] } },
    { read: { history: [], search: [], sweep: [] } },
    { format: 'firebreak/reconciliation/v2' },
    { source: { id: 'city', name: '', url: 'https://fhir.example/r4' } },
    { more: 1 } as never,
  ];
  for (const change of wrong) assert.equal(read({ ...GOOD, ...change }), undefined, JSON.stringify(change));
  for (const bytes of ['', 'null', '[]', '{}', '"x"'])
    assert.equal(readReconciliation(Buffer.from(bytes)), undefined);
});
