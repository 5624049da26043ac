import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { generateSeed, publicKey, publicKeyObject, sign, verify } from '../../../ledger/log/index.js';
import { portableCrypto } from '../../../ledger/proofs/index.js';

const { Point } = ed25519;
const { ORDER } = Point.Fn;
const FIELD = 2n ** 255n - 19n;

type Verify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

/** Everything that judges signatures in this project: they must not disagree on any bytes. */
const VERIFIERS: readonly (readonly [string, Verify])[] = [
  ['log', verify],
  ['log, key object', (key, message, signature) => verify(publicKeyObject(key), message, signature)],
  ['proofs, Node', nodeProofCrypto.verifyEd25519],
  ['proofs, portable', portableCrypto.verifyEd25519],
];

function expectAll(name: string, good: boolean, key: Buffer, message: Buffer, signature: Buffer): void {
  for (const [verifier, judge] of VERIFIERS) {
    assert.equal(judge(key, message, signature), good, `${name}, ${verifier}`);
  }
}

function fromHex(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

function littleEndian(value: bigint): Buffer {
  return Buffer.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toReversed());
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(Buffer.from(bytes).toReversed()).toString('hex')}`);
}

/** The scalar of a seed, and the hash that a signature's equation multiplies the key by. */
function scalarOf(seed: Buffer): bigint {
  const bytes = createHash('sha512').update(seed).digest().subarray(0, 32);
  bytes[0] = (bytes[0] ?? 0) & 248;
  bytes[31] = ((bytes[31] ?? 0) & 127) | 64;
  return toNumber(bytes) % ORDER;
}

function challenge(first: Buffer, key: Buffer, message: Buffer): bigint {
  return toNumber(createHash('sha512').update(first).update(key).update(message).digest()) % ORDER;
}

test('RFC 8032 section 7.1', () => {
  const vectors = [
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
  ].map((hexes) => hexes.map(fromHex));
  for (const [seed, key, message, signature] of vectors) {
    assert.ok(seed !== undefined && key !== undefined && message !== undefined && signature !== undefined);
    assert.deepEqual(publicKey(seed), key);
    assert.deepEqual(sign(seed, message), signature);
    expectAll('vector', true, key, message, signature);
  }
});

test('a signature is good for its key, message and bytes alone', () => {
  for (const length of [0, 1, 31, 32, 33, 1000]) {
    const seed = generateSeed();
    const key = publicKey(seed);
    const message = randomBytes(length);
    const signature = sign(seed, message);
    expectAll('good', true, key, message, signature);
    expectAll('another key', false, publicKey(generateSeed()), message, signature);
    expectAll('longer message', false, key, Buffer.concat([message, Buffer.alloc(1)]), signature);
    for (let bit = 0; bit < 512; bit += 5) {
      const flipped = Buffer.from(signature);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expectAll(`bit ${bit}`, false, key, message, flipped);
    }
    for (const wrong of [
      Buffer.alloc(0),
      signature.subarray(0, 63),
      Buffer.concat([signature, Buffer.alloc(1)]),
      Buffer.concat([signature, signature]),
      Buffer.alloc(64),
      Buffer.alloc(64, 0xff),
    ])
      expectAll(`${wrong.length} bytes`, false, key, message, wrong);
  }
});

test('S beyond the group’s order is refused: one signature has one spelling', () => {
  const seed = generateSeed();
  const key = publicKey(seed);
  const message = randomBytes(20);
  const signature = sign(seed, message);
  const first = signature.subarray(0, 32);
  const s = toNumber(signature.subarray(32));
  for (let times = 1n; s + times * ORDER < 2n ** 256n; times++) {
    const beyond = Buffer.concat([first, littleEndian(s + times * ORDER)]);
    expectAll(`S + ${times}L`, false, key, message, beyond);
  }
  for (const other of [ORDER, ORDER - 1n, ORDER + 1n, 2n ** 252n, 2n ** 253n, 2n ** 256n - 1n])
    expectAll('another S', false, key, message, Buffer.concat([first, littleEndian(other)]));
});

test('R of small order, and R in other spellings: all verifiers say the same', () => {
  const seed = generateSeed();
  const key = publicKey(seed);
  const message = randomBytes(20);
  const a = scalarOf(seed);
  // R = 0 with S = ka fulfils the equation; RFC 8032 does not forbid it, and only the holder of the key can make it.
  const zero = Buffer.from(Point.ZERO.toBytes());
  const s = (challenge(zero, key, message) * a) % ORDER;
  expectAll('R = 0', true, key, message, Buffer.concat([zero, littleEndian(s)]));
  // With another point of small order it holds only by the equation with cofactor, which is not ours.
  for (const hex of [
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  ]) {
    const first = fromHex(hex);
    const small = (challenge(first, key, message) * a) % ORDER;
    expectAll(`R = ${hex}`, false, key, message, Buffer.concat([first, littleEndian(small)]));
  }
  // R = 0 written as y = p + 1, and with a sign that x = 0 has not.
  for (const first of [littleEndian(FIELD + 1n), Buffer.concat([zero.subarray(0, 31), Buffer.of(0x80)])]) {
    const other = (challenge(first, key, message) * a) % ORDER;
    expectAll('R in another spelling', false, key, message, Buffer.concat([first, littleEndian(other)]));
  }
});
