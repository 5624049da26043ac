import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { compactDecrypt, FlattenedEncrypt, importJWK } from 'jose';
import {
  generateX25519,
  isSafeX25519,
  unwrapRecordKey,
  VaultError,
  wrapRecordKey,
  x25519PublicKey,
} from '../../../ledger/vault/index.js';
import type { RecordKeyWrap, VaultErrorCode } from '../../../ledger/vault/index.js';

const recordKey = randomBytes(32);
const patient = generateX25519();
const custodian = generateX25519();
const recipients = [
  { kid: 'patient', publicKey: x25519PublicKey(patient) },
  { kid: 'custodian', publicKey: x25519PublicKey(custodian) },
];

function refusedWith(code: VaultErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof VaultError && error.code === code;
}

/** A wrap that must be there. */
function wrapOf(wraps: Readonly<Record<string, RecordKeyWrap>>, kid: string): RecordKeyWrap {
  const wrap = wraps[kid];
  assert.ok(wrap !== undefined);
  return wrap;
}

/** The text of bytes of which the first has one bit changed. */
function flip(text: string | undefined): string {
  const bytes = Buffer.from(text ?? '', 'base64url');
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return bytes.toString('base64url');
}

describe('wrapRecordKey', () => {
  it('wraps for each recipient, and for no other', async () => {
    const wraps = await wrapRecordKey(recordKey, recipients);
    assert.deepEqual(Object.keys(wraps), ['patient', 'custodian']);
    assert.deepEqual(await unwrapRecordKey(wrapOf(wraps, 'patient'), patient), recordKey);
    assert.deepEqual(await unwrapRecordKey(wrapOf(wraps, 'custodian'), custodian), recordKey);
    await assert.rejects(
      unwrapRecordKey(wrapOf(wraps, 'patient'), custodian),
      refusedWith('VAULT_UNWRAP_FAILED'),
    );
  });
  it('makes JWEs that any implementation opens', async () => {
    const wrap = wrapOf(await wrapRecordKey(recordKey, recipients), 'patient');
    const header = JSON.parse(Buffer.from(wrap.protected ?? '', 'base64url').toString()) as Record<
      string,
      unknown
    >;
    assert.deepEqual([header['alg'], header['enc'], header['kid']], ['ECDH-ES+A256KW', 'A256GCM', 'patient']);
    const compact = [wrap.protected, wrap.encrypted_key, wrap.iv, wrap.ciphertext, wrap.tag].join('.');
    const x = x25519PublicKey(patient).toString('base64url');
    const key = await importJWK(
      { kty: 'OKP', crv: 'X25519', x, d: patient.toString('base64url') },
      'ECDH-ES+A256KW',
    );
    assert.deepEqual(Buffer.from((await compactDecrypt(compact, key)).plaintext), recordKey);
  });
  it('takes a wrap through JSON, a kid named __proto__ included', async () => {
    const wraps = await wrapRecordKey(recordKey, [{ kid: '__proto__', publicKey: x25519PublicKey(patient) }]);
    assert.deepEqual(Object.keys(wraps), ['__proto__']);
    const stored = JSON.parse(JSON.stringify(Object.values(wraps)[0])) as RecordKeyWrap;
    assert.deepEqual(await unwrapRecordKey(stored, patient), recordKey);
  });
  it('refuses unsafe keys, doubled recipients and keys of a wrong length', async () => {
    const bad = refusedWith('VAULT_BAD_INPUT');
    await assert.rejects(wrapRecordKey(recordKey, [{ kid: 'a', publicKey: Buffer.alloc(32) }]), bad);
    await assert.rejects(wrapRecordKey(recordKey, [{ kid: 'a', publicKey: Buffer.alloc(31, 9) }]), bad);
    await assert.rejects(wrapRecordKey(recordKey, [...recipients, ...recipients]), bad);
    await assert.rejects(wrapRecordKey(randomBytes(16), recipients), bad);
  });
});

describe('unwrapRecordKey', () => {
  it('refuses a wrap with any part changed', async () => {
    const wrap = wrapOf(await wrapRecordKey(recordKey, recipients), 'patient');
    const changed: RecordKeyWrap[] = [
      { ...wrap, ciphertext: flip(wrap.ciphertext) },
      { ...wrap, encrypted_key: flip(wrap.encrypted_key) },
      { ...wrap, iv: flip(wrap.iv) },
      { ...wrap, tag: flip(wrap.tag) },
      { ...wrap, protected: flip(wrap.protected) },
    ];
    for (const one of changed)
      await assert.rejects(unwrapRecordKey(one, patient), refusedWith('VAULT_UNWRAP_FAILED'));
  });
  it('refuses other algorithms and other contents', async () => {
    const secret = randomBytes(32);
    const direct = await new FlattenedEncrypt(recordKey)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(secret);
    await assert.rejects(unwrapRecordKey(direct, patient), refusedWith('VAULT_UNWRAP_FAILED'));
    const x = x25519PublicKey(patient).toString('base64url');
    const key = await importJWK({ kty: 'OKP', crv: 'X25519', x }, 'ECDH-ES+A256KW');
    const short = await new FlattenedEncrypt(randomBytes(16))
      .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM' })
      .encrypt(key);
    await assert.rejects(unwrapRecordKey(short, patient), refusedWith('VAULT_UNWRAP_FAILED'));
  });
});

describe('isSafeX25519', () => {
  it('takes the public keys of private ones', () => {
    for (let i = 0; i < 10; i++) assert.ok(isSafeX25519(x25519PublicKey(generateX25519())));
  });
  // RFC 7748 section 7 and the points of order 2, 4 and 8 on the curve and its twist, canonical and not.
  const lowOrder = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ];
  for (const hex of lowOrder) {
    it(`refuses ${hex.slice(0, 8)}…${hex.slice(-2)}`, () =>
      assert.equal(isSafeX25519(Buffer.from(hex, 'hex')), false));
  }
  it('refuses other encodings of a good key, and other lengths', () => {
    const good = x25519PublicKey(patient);
    assert.equal(isSafeX25519(good.with(31, (good[31] ?? 0) | 0x80)), false);
    assert.equal(isSafeX25519(good.subarray(1)), false);
  });
});
