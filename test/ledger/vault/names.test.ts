import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { facadeId, mark, tag, VaultError } from '../../../ledger/vault/index.js';

const key = randomBytes(32);
const badInput = (error: unknown): boolean => error instanceof VaultError && error.code === 'VAULT_BAD_INPUT';

describe('tags', () => {
  it('are HMAC-SHA-256 of the counter as u64-BE', () => {
    for (const i of [0, 1, 255, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 7, Number.MAX_SAFE_INTEGER]) {
      const counter = Buffer.alloc(8);
      counter.writeBigUInt64BE(BigInt(i));
      assert.equal(tag(key, i), createHmac('sha256', key).update(counter).digest('base64url'));
    }
  });
  it('differ by key', () => {
    assert.notEqual(tag(key, 0), tag(randomBytes(32), 0));
  });
  it('count whole numbers from 0 under keys of 32 bytes', () => {
    for (const i of [-1, 0.5, 2 ** 53, Number.NaN]) assert.throws(() => tag(key, i), badInput);
    assert.throws(() => tag(randomBytes(33), 0), badInput);
  });
});

describe('marks', () => {
  it('have 128 bits and follow from their parts', () => {
    assert.match(mark(key, 'a', 'b'), /^[A-Za-z0-9_-]{22}$/);
    assert.equal(mark(key, 'a', 'b'), mark(key, 'a', 'b'));
    assert.notEqual(mark(key, 'a', 'b'), mark(randomBytes(32), 'a', 'b'));
  });
  it('differ wherever the parts differ, also in where one ends and the next begins', () => {
    const parts = [
      [],
      [''],
      ['', ''],
      ['a', 'bc'],
      ['ab', 'c'],
      ['abc'],
      ['a', 'b', 'c'],
      ['1:a'],
      ['a', '2:bc'],
      ['é'],
      ['e\u0301'],
    ];
    assert.equal(new Set(parts.map((one) => mark(key, ...one))).size, parts.length);
  });
  it('take parts of any length', () => {
    const long = 'x'.repeat(100_000);
    assert.match(mark(key, long), /^[A-Za-z0-9_-]{22}$/);
    assert.notEqual(mark(key, long), mark(key, `${long}x`));
    const joined = `${long.length}:${long}`;
    const expected = createHmac('sha256', key).update(joined).digest().subarray(0, 16).toString('base64url');
    assert.equal(mark(key, long), expected);
  });
  it('refuse lone surrogates, which UTF-8 would make equal', () => {
    assert.throws(() => mark(key, '\ud800'), badInput);
    assert.match(mark(key, '\u{1f525}'), /^[A-Za-z0-9_-]{22}$/);
  });
});

describe('facade ids', () => {
  it('are valid FHIR ids that tell neither source nor id', () => {
    const id = facadeId(key, 'hospital-a', 'Patient', '1');
    assert.match(id, /^[a-z2-7]{32}$/);
    assert.notEqual(id, facadeId(key, 'hospital-b', 'Patient', '1'));
    assert.notEqual(id, facadeId(key, 'hospital-a', 'Group', '1'));
    assert.notEqual(id, facadeId(randomBytes(32), 'hospital-a', 'Patient', '1'));
  });
  it('are the base32 of RFC 4648 over the first 160 bits', () => {
    const mac = createHmac('sha256', key).update('1:s7:Patient1:1').digest().subarray(0, 20);
    const bits = [...mac].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    const expected = (bits.match(/.{5}/g) ?? [])
      .map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(five, 2)])
      .join('');
    assert.equal(facadeId(key, 's', 'Patient', '1'), expected);
  });
});
