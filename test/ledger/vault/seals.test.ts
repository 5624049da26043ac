import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  ciphertextHashOf,
  commitmentOf,
  openCard,
  openEvent,
  openRecord,
  openRow,
  sealEvent,
  sealRecord,
  sealRow,
  VaultError,
} from '../../../ledger/vault/index.js';

const key = randomBytes(32);
const otherKey = randomBytes(32);
const plaintext = Buffer.from('{"resourceType":"Observation","valueQuantity":{"value":7.40}}');
const card = Buffer.from('{"type":"Observation"}');
const name = {
  recordKey: key,
  instance: 'log.example/1',
  handle: randomBytes(32).toString('base64url'),
  version: 3,
};

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

function refusedWith(...codes: string[]): (error: unknown) => boolean {
  return (error) => error instanceof VaultError && codes.includes(error.code);
}

/** Every row with one bit of one byte changed, cut off at every length, or longer by a byte. */
function* damaged(row: Buffer): Generator<Buffer> {
  for (let at = 0; at < row.length; at++) {
    const changed = Buffer.from(row);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    yield changed;
    yield row.subarray(0, at);
  }
  yield Buffer.concat([row, Buffer.alloc(1)]);
}

const tampered = refusedWith('VAULT_UNSEAL_FAILED', 'VAULT_BAD_ROW');

describe('sealed events', () => {
  it('open under their key and name, at every size', () => {
    for (const size of [0, 1, 1024, 100_000]) {
      const event = randomBytes(size);
      assert.deepEqual(openEvent(key, 'event/1', sealEvent(key, 'event/1', event)), event);
    }
  });
  it('have a data key each', () => {
    assert.notDeepEqual(
      sealEvent(key, 'a', plaintext).subarray(1, 41),
      sealEvent(key, 'a', plaintext).subarray(1, 41),
    );
  });
  it('do not open under another key or name', () => {
    const row = sealEvent(key, 'event/1', plaintext);
    assert.throws(() => openEvent(otherKey, 'event/1', row), refusedWith('VAULT_UNSEAL_FAILED'));
    assert.throws(() => openEvent(key, 'event/2', row), refusedWith('VAULT_UNSEAL_FAILED'));
  });
  it('do not open when any byte was changed or cut off', () => {
    for (const row of damaged(sealEvent(key, 'e', plaintext)))
      assert.throws(() => openEvent(key, 'e', row), tampered);
  });
  it('want keys of 32 bytes', () => {
    assert.throws(() => sealEvent(randomBytes(16), 'e', plaintext), refusedWith('VAULT_BAD_INPUT'));
    assert.throws(
      () => openEvent(randomBytes(31), 'e', sealEvent(key, 'e', plaintext)),
      refusedWith('VAULT_BAD_INPUT'),
    );
  });
});

describe('sealed rows', () => {
  it('open under their key and row key only', () => {
    const row = sealRow(key, 'vault/wrap/1', card);
    assert.deepEqual(openRow(key, 'vault/wrap/1', row), card);
    assert.throws(() => openRow(key, 'vault/wrap/2', row), refusedWith('VAULT_UNSEAL_FAILED'));
    assert.throws(() => openRow(otherKey, 'vault/wrap/1', row), refusedWith('VAULT_UNSEAL_FAILED'));
  });
  it('do not open when any byte was changed or cut off', () => {
    for (const row of damaged(sealRow(key, 'k', card))) assert.throws(() => openRow(key, 'k', row), tampered);
  });
});

describe('sealed records', () => {
  const sealed = sealRecord({ ...name, plaintext, card });
  const { row } = sealed;

  it('open whole, or their card alone', () => {
    assert.deepEqual(openRecord({ ...name, row }), { plaintext, card, salt: sealed.salt });
    assert.deepEqual(openCard({ ...name, row }), { card, salt: sealed.salt });
  });
  it('commit to the exact bytes under the salt', () => {
    assert.deepEqual(sealed.commitment, sha256(Buffer.concat([sealed.salt, sha256(plaintext)])));
    assert.deepEqual(commitmentOf(sealed.salt, plaintext), sealed.commitment);
    assert.throws(() => commitmentOf(Buffer.alloc(31), plaintext), refusedWith('VAULT_BAD_INPUT'));
  });
  it('name the hash of nonce, ciphertext and tag, which needs no key', () => {
    assert.deepEqual(ciphertextHashOf(row), sealed.ciphertextHash);
    const body = row.subarray(row.length - plaintext.length - 28);
    assert.deepEqual(createHash('sha256').update(body).digest(), sealed.ciphertextHash);
  });
  it('never repeat a salt, a commitment or a ciphertext', () => {
    const again = sealRecord({ ...name, plaintext, card });
    assert.notDeepEqual(again.salt, sealed.salt);
    assert.notDeepEqual(again.commitment, sealed.commitment);
    assert.notDeepEqual(again.ciphertextHash, sealed.ciphertextHash);
  });
  it('take empty plaintexts and cards', () => {
    const empty = sealRecord({ ...name, plaintext: Buffer.alloc(0), card: Buffer.alloc(0) });
    const opened = openRecord({ ...name, row: empty.row });
    assert.equal(opened.plaintext.length + opened.card.length, 0);
  });

  const strangers = {
    'another record key': { recordKey: otherKey },
    'another handle': { handle: randomBytes(32).toString('base64url') },
    'another version': { version: 4 },
    'another instance': { instance: 'log.example/2' },
  };
  for (const [what, difference] of Object.entries(strangers)) {
    it(`do not open under ${what}`, () => {
      const other = { ...name, ...difference, row };
      assert.throws(() => openRecord(other), refusedWith('VAULT_UNSEAL_FAILED'));
      assert.throws(() => openCard(other), refusedWith('VAULT_UNSEAL_FAILED'));
    });
  }
  it('do not open when any byte was changed or cut off', () => {
    for (const changed of damaged(row)) assert.throws(() => openRecord({ ...name, row: changed }), tampered);
  });
  it('do not open with the body or the head of another seal of the same version', () => {
    const other = sealRecord({ ...name, plaintext, card }).row;
    const bodyAt = row.length - plaintext.length - 28;
    const mixed = Buffer.concat([row.subarray(0, bodyAt), other.subarray(bodyAt)]);
    assert.throws(() => openRecord({ ...name, row: mixed }), refusedWith('VAULT_UNSEAL_FAILED'));
    assert.deepEqual(openCard({ ...name, row: mixed }).card, card);
  });
  it('refuse names that could be read in two ways, and versions that are no count', () => {
    const bad = [
      { handle: 'a\nb' },
      { instance: 'a\n' },
      { version: -1 },
      { version: 1.5 },
      { recordKey: Buffer.alloc(31) },
    ];
    for (const difference of bad) {
      assert.throws(
        () => sealRecord({ ...name, plaintext, card, ...difference }),
        refusedWith('VAULT_BAD_INPUT'),
      );
    }
  });
});
