/** Certificates that the authority did sign, and that are still refused: what BER allows, and what the profile has not. */
import assert from 'node:assert/strict';
import { randomBytes, webcrypto } from 'node:crypto';
import { describe, it } from 'node:test';
import { publicKey, sign } from '../../../ledger/log/index.js';
import {
  createAuthority,
  makeCsr,
  OID_GROUP,
  OID_ROLE,
  OID_X25519,
  readCertificate,
  readCsr,
  verifyChain,
} from '../../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../../ledger/vault/index.js';
import { DAY_MS, derOf, newRequest, NOW_MS, pemOf, refusedWith, x509 } from './support.js';

/** A value: tag, length, content. */
function tlv(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), body]);
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const sequence = (...content: readonly Uint8Array[]): Buffer => tlv(0x30, ...content);
const utf8 = (text: string, tag = 0x0c): Buffer => tlv(tag, Buffer.from(text));
const time = (text: string, tag = 0x17): Buffer => utf8(text, tag);

/** An extension of an OID in dotted form, or of its DER. */
function extension(oid: string | Buffer, value: Uint8Array, critical = hex('')): Buffer {
  // The first child of an extension that a library wrote is the OID.
  const id =
    typeof oid === 'string' ? Buffer.from(new x509.Extension(oid, false, hex('0500')).rawData) : undefined;
  const named = id === undefined ? (oid as Buffer) : id.subarray(2, -4);
  return sequence(named, critical, tlv(0x04, value));
}

const TRUE = hex('0101ff');
const ED25519 = sequence(hex('06032b6570'));
const ED25519_NULL = sequence(hex('06032b6570 0500'));
const issuingSeed = randomBytes(32);
const authority = await createAuthority({
  name: 'CA',
  rootSeed: randomBytes(32),
  issuingSeed,
  nowMs: NOW_MS,
});
const holder = publicKey(randomBytes(32));
const x25519 = x25519PublicKey(generateX25519());

const attribute = (oid: string, value: Uint8Array): Buffer => sequence(hex(oid), value);
const commonName = attribute('0603550403', utf8('p-1'));
const rdn = (...attributes: readonly Uint8Array[]): Buffer => tlv(0x31, ...attributes);

const constraints = extension('2.5.29.19', hex('3000'), TRUE);
const usage = extension('2.5.29.15', hex('03020780'), TRUE);
const group = extension(OID_GROUP, utf8('patient'));
const x25519Key = extension(OID_X25519, tlv(0x04, x25519));

/** The parts of a certificate as the authority would issue it. */
const PARTS = {
  version: hex('a003020102'),
  serial: hex('020101'),
  algorithm: ED25519,
  issuer: sequence(rdn(attribute('0603550403', utf8('CA issuing')))),
  notBefore: time('261122120000Z'),
  notAfter: time('261222120000Z'),
  subject: sequence(rdn(commonName)),
  key: sequence(ED25519, tlv(0x03, hex('00'), holder)),
  behindKey: hex(''),
  extensions: [constraints, usage, group, x25519Key] as readonly Buffer[],
  behind: hex(''),
  unusedBits: hex('00'),
  outerAlgorithm: ED25519,
};

function certificate(changes: Partial<typeof PARTS> = {}): Buffer {
  const p = { ...PARTS, ...changes };
  const validity = sequence(p.notBefore, p.notAfter);
  const list = p.extensions.length === 0 ? hex('') : tlv(0xa3, sequence(...p.extensions));
  const head = [p.version, p.serial, p.algorithm, p.issuer, validity, p.subject, p.key, p.behindKey];
  const signed = sequence(...head, list);
  const signature = tlv(0x03, p.unusedBits, sign(issuingSeed, signed));
  return sequence(signed, p.outerAlgorithm, signature, p.behind);
}

function codeOf(der: Buffer): string {
  const check = verifyChain(der, authority, NOW_MS + DAY_MS);
  return check.ok ? 'ok' : check.code;
}

/** The good extensions, one of them changed. */
function instead(of: Buffer, ...others: readonly Buffer[]): { extensions: Buffer[] } {
  return { extensions: PARTS.extensions.flatMap((one) => (one === of ? others : [one])) };
}

describe('a certificate that is signed and of the profile', () => {
  const good: Record<string, Partial<typeof PARTS>> = {
    'as the authority issues it': {},
    'with an unknown extension that is not critical': instead(
      group,
      group,
      extension('1.2.3.4', hex('0500')),
    ),
    'with a name as PrintableString': {
      subject: sequence(rdn(attribute('0603550403', utf8('p-1', 0x13)))),
    },
    'with the issuer’s name and number beside its key': instead(
      group,
      group,
      extension('2.5.29.35', hex('3012 8003010203 a1088206 782e79 2e7a 7a 820101')),
    ),
    'until after 2049': { notAfter: time('20500101000000Z', 0x18) },
  };
  for (const [what, changes] of Object.entries(good)) {
    it(`is taken ${what}`, () => assert.equal(codeOf(certificate(changes)), 'ok'));
  }
});

describe('a certificate that is signed is refused', () => {
  const bad: Record<string, Partial<typeof PARTS>> = {
    'of version 1': { version: hex('') },
    'of version 2': { version: hex('a003020101') },
    'without extensions': { extensions: [] },
    'with an extension twice': instead(group, group, group),
    'with an extension twice, once under a longer OID': instead(
      group,
      group,
      extension(hex('06045580 1d13'), hex('30030101ff')),
    ),
    'with criticality FALSE told': instead(group, extension(OID_GROUP, utf8('patient'), hex('010100'))),
    'with TRUE as 1': instead(constraints, extension('2.5.29.19', hex('3000'), hex('010101'))),
    'with an unknown critical extension': instead(group, group, extension('1.2.3.4', hex('0500'), TRUE)),
    'with CA:FALSE told': instead(constraints, extension('2.5.29.19', hex('3003010100'), TRUE)),
    'with constraints behind the constraints': instead(
      constraints,
      extension('2.5.29.19', hex('3000 30030101ff'), TRUE),
    ),
    'with CA:TRUE': instead(constraints, extension('2.5.29.19', hex('30030101ff'), TRUE)),
    'with usage bits that are not told': instead(usage, extension('2.5.29.15', hex('03020080'), TRUE)),
    'with bytes behind the usage': instead(usage, extension('2.5.29.15', hex('03020780 0500'), TRUE)),
    'with another usage': instead(usage, extension('2.5.29.15', hex('03020106'), TRUE)),
    'without usage': instead(usage),
    'with bytes behind the issuer’s key identifier': instead(
      group,
      group,
      extension('2.5.29.35', hex('30058003010203 00')),
    ),
    'with bytes behind the issuer’s name': instead(
      group,
      group,
      extension('2.5.29.35', hex('3012 8003010203 a1088206 782e79 2e7a 7a 820101 0500')),
    ),
    'with its X25519 key bare': instead(x25519Key, extension(OID_X25519, x25519)),
    'with its X25519 key wrapped twice': instead(
      x25519Key,
      extension(OID_X25519, tlv(0x04, tlv(0x04, x25519))),
    ),
    'with a short X25519 key': instead(x25519Key, extension(OID_X25519, tlv(0x04, x25519.subarray(1)))),
    'with bytes behind its X25519 key': instead(
      x25519Key,
      extension(OID_X25519, Buffer.concat([tlv(0x04, x25519), hex('0500')])),
    ),
    'without X25519 key': instead(x25519Key),
    'with its group as PrintableString': instead(group, extension(OID_GROUP, utf8('patient', 0x13))),
    'with its group under a longer length': instead(
      group,
      extension(OID_GROUP, Buffer.concat([hex('0c8107'), Buffer.from('patient')])),
    ),
    'with a group that is none': instead(group, extension(OID_GROUP, utf8('admin'))),
    'with a patient’s role': instead(group, group, extension(OID_ROLE, utf8('instance'))),
    'with a time of before 2050 in four digits': { notAfter: time('20261222120000Z', 0x18) },
    'with a part of a second': { notAfter: time('20500101000000.5Z', 0x18) },
    'with a time without seconds': { notAfter: time('2612221200Z') },
    'with a time of a zone': { notAfter: time('261222120000+0100') },
    'with a day that is none': { notAfter: time('270231120000Z') },
    'with a unique id': { behindKey: hex('81020000') },
    'with two attributes in one part of its name': {
      subject: sequence(rdn(commonName, attribute('060355040a', utf8('x')))),
    },
    'with two names': { subject: sequence(rdn(commonName), rdn(commonName)) },
    'with its name as BMPString': { subject: sequence(rdn(attribute('0603550403', utf8('\0p', 0x1e)))) },
    'with its name not in UTF-8': { subject: sequence(rdn(attribute('0603550403', hex('0c0270ff')))) },
    'with another attribute': {
      subject: sequence(rdn(commonName), rdn(attribute('060355040b', utf8('x')))),
    },
    'without name': { subject: sequence() },
    'with parameters to its algorithm': { algorithm: ED25519_NULL, outerAlgorithm: ED25519_NULL },
    'with parameters to its outer algorithm': { outerAlgorithm: ED25519_NULL },
    'with parameters to its key': { key: sequence(ED25519_NULL, tlv(0x03, hex('00'), holder)) },
    'with parameters to a shorter key': {
      key: sequence(ED25519_NULL, tlv(0x03, hex('00'), holder.subarray(2))),
    },
    'with a key of another kind': { key: sequence(hex('300506032b656e'), tlv(0x03, hex('00'), holder)) },
    'with bytes behind its signature': { behind: hex('0500') },
    'with unused bits in its signature': { unusedBits: hex('01') },
    'with its key in pieces': instead(
      x25519Key,
      sequence(
        Buffer.from(new x509.Extension(OID_X25519, false, hex('0500')).rawData).subarray(2, -4),
        tlv(0x24, tlv(0x04, tlv(0x04, x25519))),
      ),
    ),
  };
  for (const [what, changes] of Object.entries(bad)) {
    it(what, () => {
      const der = certificate(changes);
      assert.equal(codeOf(der), 'malformed');
      assert.throws(() => readCertificate(der), refusedWith('PARTICIPANT_BAD_CERTIFICATE'));
    });
  }
  it('of indefinite length, and as text', () => {
    const der = certificate();
    assert.equal(der[1], 0x82);
    assert.equal(codeOf(Buffer.concat([hex('3080'), der.subarray(4), hex('0000')])), 'malformed');
    for (const text of [pemOf(der).replaceAll(' REQUEST', ''), der.toString('hex'), der.toString('base64')]) {
      assert.equal(codeOf(Buffer.from(text)), 'malformed');
    }
  });
  it('that is large, deep or of very many values, at once', () => {
    for (const der of [
      Buffer.alloc(20_000, 0x30),
      Buffer.alloc(16_000, 0x30),
      tlv(0x30, ...Array.from({ length: 8000 }, () => hex('0500'))),
    ]) {
      assert.equal(codeOf(der), 'malformed');
    }
  });
});

describe('what was read of a certificate', () => {
  it('does not change with the bytes it was read from, nor with what others were given', () => {
    const der = certificate();
    const first = readCertificate(der);
    const key = Buffer.from(first.publicKey);
    der.fill(0);
    assert.deepEqual(first.publicKey, key);
    first.publicKey.fill(0);
    first.x25519Public.fill(0);
    const again = readCertificate(certificate());
    assert.deepEqual([again.publicKey, again.x25519Public], [key, x25519]);
  });
});

describe('a request is refused', () => {
  const OID_EXTENSION_REQUEST = hex('06092a864886f70d01090e');
  const seed = randomBytes(32);
  const request = (...attributes: readonly Buffer[]): string => {
    const key = sequence(ED25519, tlv(0x03, hex('00'), publicKey(seed)));
    const info = sequence(hex('020100'), sequence(), key, tlv(0xa0, ...attributes));
    return pemOf(sequence(info, ED25519, tlv(0x03, hex('00'), sign(seed, info))));
  };
  const asking = (...values: readonly Buffer[]): Buffer =>
    sequence(OID_EXTENSION_REQUEST, tlv(0x31, ...values));
  const alternativeNames = (...names: readonly Buffer[]): Buffer =>
    asking(sequence(x25519Key, extension('2.5.29.17', sequence(...names))));

  it('unless it is in order', async () => {
    const sound = [asking(sequence(x25519Key)), alternativeNames(utf8('x.y', 0x82), hex('87042a010203'))];
    for (const one of sound) assert.deepEqual((await readCsr(request(one))).x25519Public, x25519);
  });
  const bad: Record<string, readonly Buffer[]> = {
    'with two lists of extensions': [asking(sequence(x25519Key)), asking(sequence(constraints))],
    'with two lists in one attribute': [asking(sequence(x25519Key), sequence(constraints))],
    'with bytes behind an extension': [asking(sequence(sequence(x25519Key.subarray(2), hex('0500'))))],
    'with criticality FALSE told': [
      asking(sequence(extension(OID_X25519, tlv(0x04, x25519), hex('010100')))),
    ],
    'with constraints behind the constraints': [
      asking(sequence(x25519Key, extension('2.5.29.19', hex('3000 30030101ff')))),
    ],
    'with an alternative name that cannot be judged': [
      alternativeNames(hex('a00e 06022a03 a008 0c062a2e782e797a')),
    ],
    'with names behind the names': [
      asking(
        sequence(
          x25519Key,
          extension('2.5.29.17', Buffer.concat([sequence(utf8('x.y', 0x82)), sequence(utf8('*.y', 0x82))])),
        ),
      ),
    ],
    'with very many extensions': [
      asking(sequence(...Array.from({ length: 65 }, (_, at) => extension(`1.2.${at}`, hex('0500'))))),
    ],
  };
  for (const [what, attributes] of Object.entries(bad)) {
    it(what, async () => {
      await assert.rejects(readCsr(request(...attributes)), refusedWith('PARTICIPANT_BAD_REQUEST'));
    });
  }
  it('with a wildcard in any kind of name', async () => {
    const refused = refusedWith('PARTICIPANT_FORBIDDEN_REQUEST');
    const directory = tlv(0xa4, sequence(rdn(attribute('0603550403', utf8('*.x.y')))));
    for (const name of [utf8('*.x.y', 0x82), utf8('a@*.y', 0x81), utf8('https://*.y', 0x86), directory]) {
      await assert.rejects(readCsr(request(alternativeNames(name))), refused);
    }
  });
});

describe('making requests and certificates', () => {
  it('leaves Node’s WebCrypto alone, whose Ed25519 warns on some versions', async (t) => {
    const { pem } = await newRequest();
    const calls = (['sign', 'importKey', 'exportKey'] as const).map((name) =>
      t.mock.method(webcrypto.subtle, name),
    );
    await makeCsr({ seed: randomBytes(32), x25519Public: x25519 });
    const { der } = await authority.issue({
      csr: pem,
      id: 'p-2',
      group: 'patient',
      notBefore: NOW_MS,
      notAfter: NOW_MS + DAY_MS,
    });
    assert.equal(codeOf(der), 'ok');
    for (const { mock } of calls) assert.equal(mock.callCount(), 0);
  });
  it('gives the same request for the same keys', async () => {
    const keys = { seed: randomBytes(32), x25519Public: x25519, commonName: 'Jane' };
    const [first, second] = [await makeCsr(keys), await makeCsr(keys)];
    assert.deepEqual(derOf(first.pem), derOf(second.pem));
  });
});
