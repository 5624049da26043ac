import assert from 'node:assert/strict';
import { randomBytes, webcrypto } from 'node:crypto';
import { describe, it } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { publicKey } from '../../../ledger/log/index.js';
import { makeCsr, OID_GROUP, OID_ROLE, OID_X25519, readCsr } from '../../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../../ledger/vault/index.js';
import { derOf, newKeyPair, newRequest, pemOf, refusedWith, x509 } from './support.js';

const x25519 = x25519PublicKey(generateX25519());
const octets = (raw: Uint8Array): Buffer => Buffer.concat([Buffer.of(4, raw.length), raw]);
const good = new x509.Extension(OID_X25519, false, octets(x25519));

const names = (value: string): x509.Extension =>
  new x509.SubjectAlternativeNameExtension([{ type: 'dns', value }]);

type RequestKeys = { readonly keys: webcrypto.CryptoKeyPair; readonly signingAlgorithm: object };

/** A request made by a library that is not ours. */
async function foreign(extensions: x509.Extension[], wanted?: RequestKeys): Promise<string> {
  const { keys, signingAlgorithm } = wanted ?? {
    keys: await newKeyPair(),
    signingAlgorithm: { name: 'Ed25519' },
  };
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=Jane Roe, O=Somewhere, C=DE',
    keys,
    signingAlgorithm: signingAlgorithm as webcrypto.EcdsaParams,
    extensions,
  });
  return csr.toString('pem');
}

async function rsa(modulusLength: number, hash: string): Promise<RequestKeys> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength,
    publicExponent: Uint8Array.of(1, 0, 1),
    hash,
  };
  return {
    keys: await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']),
    signingAlgorithm: algorithm,
  };
}

describe('makeCsr and readCsr', () => {
  it('agree on both keys', async () => {
    const { seed, x25519Public, pem } = await newRequest();
    assert.deepEqual(await readCsr(pem), { publicKey: publicKey(seed), x25519Public, commonName: undefined });
  });
  it('carry a name as it is', async () => {
    const { pem } = await makeCsr({ seed: randomBytes(32), x25519Public: x25519, commonName: 'Süd+1, O=x' });
    assert.equal((await readCsr(pem)).commonName, 'Süd+1, O=x');
  });
  it('agree with another library', async () => {
    const { seed, pem } = await newRequest();
    const theirs = new x509.Pkcs10CertificateRequest(pem);
    assert.ok(await theirs.verify());
    assert.deepEqual(Buffer.from(theirs.publicKey.rawData).subarray(-32), publicKey(seed));
    const read = await readCsr(await foreign([good]));
    assert.deepEqual([read.x25519Public, read.commonName], [x25519, 'Jane Roe']);
  });
  it('take the X25519 key bare too', async () => {
    const read = await readCsr(await foreign([new x509.Extension(OID_X25519, false, x25519)]));
    assert.deepEqual(read.x25519Public, x25519);
  });
  it('refuse to make what would be refused', async () => {
    const seed = randomBytes(32);
    await assert.rejects(
      makeCsr({ seed, x25519Public: Buffer.alloc(32) }),
      refusedWith('PARTICIPANT_BAD_X25519'),
    );
    await assert.rejects(
      makeCsr({ seed, x25519Public: x25519, commonName: 'x'.repeat(65) }),
      refusedWith('PARTICIPANT_BAD_SUBJECT'),
    );
  });
});

describe('readCsr refuses', () => {
  it('a changed byte, wherever it is', async () => {
    const der = derOf((await newRequest()).pem);
    for (let at = 0; at < der.length; at++) {
      await assert.rejects(
        readCsr(pemOf(der.with(at, (der[at] ?? 0) ^ 1))),
        refusedWith(
          'PARTICIPANT_BAD_PROOF',
          'PARTICIPANT_BAD_REQUEST',
          'PARTICIPANT_UNSAFE_KEY',
          'PARTICIPANT_UNSUPPORTED_KEY',
        ),
        `byte ${at}`,
      );
    }
  });
  it('a request signed by another key', async () => {
    const mine = await newKeyPair();
    const victim = await newKeyPair();
    const keys = { privateKey: mine.privateKey, publicKey: victim.publicKey };
    const pem = await foreign([good], { keys, signingAlgorithm: { name: 'Ed25519' } });
    await assert.rejects(readCsr(pem), refusedWith('PARTICIPANT_BAD_PROOF'));
  });
  it('CA:true, and the right to sign certificates or lists', async () => {
    const refused = refusedWith('PARTICIPANT_FORBIDDEN_REQUEST');
    const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;
    const powers = [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.BasicConstraintsExtension(true, 0),
      new x509.KeyUsagesExtension(keyCertSign | digitalSignature, true),
      new x509.KeyUsagesExtension(cRLSign),
    ];
    for (const power of powers) await assert.rejects(readCsr(await foreign([good, power])), refused);
    const modest = [
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(digitalSignature, true),
    ];
    await readCsr(await foreign([good, ...modest]));
  });
  it('a wildcard name, but no other alternative name', async () => {
    await assert.rejects(
      readCsr(await foreign([good, names('*.example.org')])),
      refusedWith('PARTICIPANT_FORBIDDEN_REQUEST'),
    );
    // 42 characters: the length byte is an asterisk.
    await readCsr(await foreign([good, names(`${'a'.repeat(30)}.example.org`)]));
  });
  it('a group or a role', async () => {
    for (const oid of [OID_GROUP, OID_ROLE]) {
      const asked = new x509.Extension(
        oid,
        false,
        Buffer.concat([Buffer.of(12, 8), Buffer.from('instance')]),
      );
      await assert.rejects(
        readCsr(await foreign([good, asked])),
        refusedWith('PARTICIPANT_FORBIDDEN_REQUEST'),
      );
    }
  });
  it('RSA under 2048 bits, SHA-1, and sound keys that are not Ed25519', async () => {
    const weak = refusedWith('PARTICIPANT_WEAK_CRYPTO');
    await assert.rejects(readCsr(await foreign([good], await rsa(1024, 'SHA-256'))), weak);
    await assert.rejects(readCsr(await foreign([good], await rsa(2048, 'SHA-1'))), weak);
    const other = refusedWith('PARTICIPANT_UNSUPPORTED_KEY');
    await assert.rejects(readCsr(await foreign([good], await rsa(2048, 'SHA-256'))), other);
    const ec = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };
    const keys = await webcrypto.subtle.generateKey(ec, true, ['sign', 'verify']);
    await assert.rejects(readCsr(await foreign([good], { keys, signingAlgorithm: ec })), other);
  });
  it('32: keys of small order, with torsion, and not canonical', async () => {
    const { seed, pem } = await newRequest();
    const der = derOf(pem);
    const key = publicKey(seed);
    const at = der.indexOf(key);
    const torsion = ed25519.Point.fromHex(
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      true,
    );
    const unsafe = [
      Buffer.alloc(32),
      Buffer.from(`01${'00'.repeat(31)}`, 'hex'),
      Buffer.from(`ec${'ff'.repeat(30)}7f`, 'hex'),
      Buffer.from(torsion.toBytes()),
      Buffer.from(ed25519.Point.fromBytes(key).add(torsion).toBytes()),
      Buffer.from(`ee${'ff'.repeat(30)}7f`, 'hex'),
      Buffer.from(`ed${'ff'.repeat(30)}ff`, 'hex'),
    ];
    for (const one of unsafe) {
      const bytes = Buffer.concat([der.subarray(0, at), one, der.subarray(at + 32)]);
      await assert.rejects(readCsr(pemOf(bytes)), refusedWith('PARTICIPANT_UNSAFE_KEY'), one.toString('hex'));
    }
  });
  it('no X25519 key, two, and unsafe or malformed ones', async () => {
    const low = Buffer.from('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800', 'hex');
    const bad = [
      [],
      [new x509.Extension(OID_X25519, false, octets(Buffer.alloc(32)))],
      [new x509.Extension(OID_X25519, false, octets(low))],
      [new x509.Extension(OID_X25519, false, Buffer.alloc(32))],
      [new x509.Extension(OID_X25519, false, octets(x25519.subarray(1)))],
      [new x509.Extension(OID_X25519, false, octets(octets(x25519)))],
    ];
    for (const one of bad)
      await assert.rejects(readCsr(await foreign(one)), refusedWith('PARTICIPANT_BAD_X25519'));
    await assert.rejects(readCsr(await foreign([good, good])), refusedWith('PARTICIPANT_BAD_REQUEST'));
  });
  it('what is no single PEM block of a request', async () => {
    const { pem } = await newRequest();
    const der = derOf(pem);
    const texts = [
      '',
      'not PEM',
      pem + pem,
      pem.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'),
      pem.replace('M', '!'),
      pemOf(Buffer.concat([der, Buffer.of(0)])),
      pemOf(der.subarray(0, -1)),
      pemOf(Buffer.alloc(0)),
      pemOf(Buffer.from('3080', 'hex')),
      pemOf(Buffer.from('3081027f00', 'hex')),
      // Values inside values: bounded by the size alone.
      pemOf(Buffer.alloc(10_000, 0x30)),
      `-----BEGIN CERTIFICATE REQUEST-----${' '.repeat(1_000_000)}`,
      pemOf(randomBytes(20_000)),
    ];
    for (const text of texts) await assert.rejects(readCsr(text), refusedWith('PARTICIPANT_BAD_REQUEST'));
  });
  it('random bytes in the place of any part, with a code of its own', async () => {
    const der = derOf((await newRequest()).pem);
    for (let i = 0; i < 500; i++) {
      const bytes = Buffer.from(der);
      randomBytes(1 + (i % 40)).copy(bytes, (i * 7) % der.length);
      if (bytes.equals(der)) continue;
      await assert.rejects(
        readCsr(pemOf(bytes)),
        (error: unknown) => error instanceof Error && error.name === 'ParticipantError',
      );
    }
  });
});
