import assert from 'node:assert/strict';
import { createHash, hkdfSync, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { canonicalize } from '../../../ledger/log/index.js';
import { factsRoot, openFact, VaultError, verifyFact } from '../../../ledger/vault/index.js';
import type { Fact, FactOpening } from '../../../ledger/vault/index.js';

const salt = randomBytes(32);
const sha256 = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

const bad = (error: unknown): boolean => error instanceof VaultError && error.code === 'VAULT_BAD_FACTS';

function makeFacts(count: number): Fact[] {
  const values = ['http://loinc.org|8867-4', null, { unit: 'mg/dL', value: '7.40' }, true, 'µ'];
  return Array.from({ length: count }, (_, i) => ({
    name: `fact-${15 - i}`,
    value: values[i % values.length] ?? null,
  }));
}

/** The root by the book: RFC 5869 through node, RFC 6962 by recursion. */
function rootByTheBook(facts: readonly Fact[]): Buffer {
  const leaves = facts
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, value }) => {
      const own = Buffer.from(hkdfSync('sha256', salt, '', `firebreak/fact/v1\n${name}`, 32)).toString(
        'base64url',
      );
      return sha256(Buffer.of(0), Buffer.from(canonicalize({ value, salt: own, name })));
    });
  const rootOf = (hashes: readonly Buffer[]): Buffer => {
    const [only] = hashes;
    if (only === undefined) return sha256();
    if (hashes.length === 1) return only;
    let split = 1;
    while (split * 2 < hashes.length) split *= 2;
    return sha256(Buffer.of(1), rootOf(hashes.slice(0, split)), rootOf(hashes.slice(split)));
  };
  return rootOf(leaves);
}

describe('facts', () => {
  it('have the root that RFC 6962, RFC 8785 and RFC 5869 give, at every count', () => {
    for (let count = 0; count <= 16; count++) {
      assert.deepEqual(factsRoot(salt, makeFacts(count)), rootByTheBook(makeFacts(count)));
    }
  });
  it('have the same root in any order', () => {
    const facts = makeFacts(12);
    assert.deepEqual(factsRoot(salt, facts.toReversed()), factsRoot(salt, facts));
  });
  it('open one by one, at every count', () => {
    for (let count = 1; count <= 16; count++) {
      const facts = makeFacts(count);
      const root = factsRoot(salt, facts);
      for (const { name, value } of facts) {
        const opening = openFact(salt, facts, name);
        assert.deepEqual([opening.leaf.name, opening.leaf.value, opening.count], [name, value, count]);
        assert.ok(verifyFact(root, JSON.parse(JSON.stringify(opening)) as FactOpening));
      }
    }
  });
  it('show nothing of one another: every leaf has its own salt', () => {
    const salts = makeFacts(16).map(({ name }) => openFact(salt, makeFacts(16), name).leaf.salt);
    assert.equal(new Set(salts).size, 16);
  });
  it('are refused when there are too many, two of a name, or none of the name', () => {
    assert.throws(() => factsRoot(salt, makeFacts(17)), bad);
    assert.throws(() => factsRoot(salt, [...makeFacts(2), ...makeFacts(1)]), bad);
    assert.throws(() => openFact(salt, makeFacts(3), 'absent'), bad);
    assert.throws(
      () => factsRoot(Buffer.alloc(16), makeFacts(1)),
      (error: unknown) => error instanceof VaultError && error.code === 'VAULT_BAD_INPUT',
    );
  });
});

describe('an opening', () => {
  const facts = makeFacts(11);
  const root = factsRoot(salt, facts);

  it('fits no other root', () => {
    assert.equal(verifyFact(factsRoot(randomBytes(32), facts), openFact(salt, facts, 'fact-9')), false);
    assert.equal(verifyFact(root.subarray(1), openFact(salt, facts, 'fact-9')), false);
  });
  it('fits no more when anything in it is changed', () => {
    for (const { name } of facts) {
      const opening = openFact(salt, facts, name);
      const { leaf, proof } = opening;
      const other = randomBytes(32).toString('base64url');
      const changed: unknown[] = [
        { ...opening, leaf: { ...leaf, name: `${name}x` } },
        { ...opening, leaf: { ...leaf, value: 'another' } },
        { ...opening, leaf: { ...leaf, salt: other } },
        { ...opening, leaf: { ...leaf, salt: `${leaf.salt}=` } },
        { ...opening, leaf: { ...leaf, value: Number.NaN } },
        { ...opening, leaf: undefined },
        { ...opening, index: (opening.index + 1) % 11 },
        { ...opening, index: -1 },
        { ...opening, index: 0.5 },
        { ...opening, index: 11 },
        { ...opening, count: 1 },
        { ...opening, count: 17 },
        { ...opening, count: Number.NaN },
        { ...opening, proof: [...proof, other] },
        { ...opening, proof: proof.slice(1) },
        { ...opening, proof: proof.slice(0, -1) },
        { ...opening, proof: undefined },
        ...proof.map((_, at) => ({ ...opening, proof: proof.with(at, other) })),
        ...proof.map((_, at) => ({ ...opening, proof: proof.with(at, '!') })),
        null,
        'text',
      ];
      for (const one of changed)
        assert.equal(verifyFact(root, one as FactOpening), false, JSON.stringify(one));
    }
  });
});
