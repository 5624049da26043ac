import assert from 'node:assert/strict';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { publicKey } from '../../../ledger/log/index.js';
import {
  createAuthority,
  newParticipantId,
  OID_GROUP,
  openAuthority,
  ORGANISATION_VALIDITY_MS,
  PATIENT_VALIDITY_MS,
  readAuthorityCertificate,
  readCertificate,
  verifyChain,
} from '../../../ledger/participants/index.js';
import type { Authority, IssueInput } from '../../../ledger/participants/index.js';
import { DAY_MS, newAuthority, newPatient, newRequest, NOW_MS, refusedWith, x509 } from './support.js';

const validity = { notBefore: NOW_MS, notAfter: NOW_MS + ORGANISATION_VALIDITY_MS };
const hospital = {
  id: 'p-hospital',
  group: 'provider',
  role: 'organisation',
  organisation: 'Klinik Süd, O=x',
};

describe('an authority', () => {
  it('issues to organisations with group, role and name', async () => {
    const authority = await newAuthority();
    const { seed, x25519Public, pem } = await newRequest();
    const { der, fingerprint } = await authority.issue({ csr: pem, ...hospital, ...validity });
    const { serialNumber, issuerKeyId, ...read } = readCertificate(der);
    assert.deepEqual(read, {
      ...hospital,
      ...validity,
      publicKey: publicKey(seed),
      x25519Public,
      fingerprint,
    });
    assert.equal(fingerprint, createHash('sha256').update(der).digest('base64url'));
    assert.match(serialNumber, /^[4-7][0-9a-f]{31}$/);
    assert.match(issuerKeyId, /^[0-9a-f]{40}$/);
  });
  it('issues to patients without any name', async () => {
    const authority = await newAuthority();
    const { der } = await newPatient(authority);
    const read = readCertificate(der);
    assert.deepEqual([read.group, 'role' in read, 'organisation' in read], ['patient', false, false]);
    assert.equal(new X509Certificate(der).subject, 'CN=p-test');
  });
  it('never takes the name in a request', async () => {
    const { der } = await newPatient(await newAuthority());
    assert.equal(der.includes('Jane'), false);
  });
  it('keeps certificates to whole seconds, and dates from 2050 on in their own form', async () => {
    const atMs = Date.UTC(2049, 11, 31) + 789;
    const authority = await createAuthority({
      name: 'Later',
      rootSeed: randomBytes(32),
      issuingSeed: randomBytes(32),
      nowMs: atMs,
    });
    const { pem } = await newRequest();
    const span = { notBefore: atMs, notAfter: atMs + 10 * DAY_MS };
    const { der } = await authority.issue({ csr: pem, id: 'p-1', group: 'patient', ...span });
    const read = readCertificate(der);
    assert.deepEqual([read.notBefore, read.notAfter], [span.notBefore - 789, span.notAfter - 789]);
    assert.equal(Date.parse(new X509Certificate(der).validTo), read.notAfter);
  });
  it('opens again from what was stored, and issues under the same certificates', async () => {
    const issuingSeed = randomBytes(32);
    const first = await createAuthority({
      name: 'CA',
      rootSeed: randomBytes(32),
      issuingSeed,
      nowMs: NOW_MS,
    });
    const again = openAuthority({ rootDer: first.root, issuingDer: first.issuing, issuingSeed });
    assert.deepEqual([again.fingerprint, again.notAfter], [first.fingerprint, first.notAfter]);
    const { der } = await newPatient(again);
    assert.ok(verifyChain(der, first, NOW_MS).ok);
  });
  it('does not open with keys or certificates of another', async () => {
    const [a, b] = [await newAuthority(), await newAuthority()];
    const refused = refusedWith('PARTICIPANT_BAD_AUTHORITY');
    assert.throws(
      () => openAuthority({ rootDer: a.root, issuingDer: a.issuing, issuingSeed: randomBytes(32) }),
      refused,
    );
    const issuingSeed = randomBytes(32);
    const c = await createAuthority({ name: 'C', rootSeed: randomBytes(32), issuingSeed, nowMs: NOW_MS });
    assert.throws(() => openAuthority({ rootDer: b.root, issuingDer: c.issuing, issuingSeed }), refused);
    const patient = await newPatient(c);
    assert.throws(
      () => openAuthority({ rootDer: c.root, issuingDer: patient.der, issuingSeed }),
      refusedWith('PARTICIPANT_BAD_CERTIFICATE'),
    );
  });

  const subjects: Record<string, Partial<Record<keyof IssueInput, unknown>>> = {
    'an unknown group': { group: 'admin' },
    'the group of the authority': { group: 'ca' },
    'an organisation without a name': { organisation: undefined },
    'an organisation without a role': { role: undefined },
    'an unknown role': { role: 'root' },
    'a patient with a name': { group: 'patient', role: undefined },
    'a patient with a role': { group: 'patient', organisation: undefined },
    'an id with a comma': { id: 'p-1,O=x' },
    'an empty id': { id: '' },
    'an id of 65 characters': { id: 'p'.repeat(65) },
    'a name of 65 characters': { organisation: 'x'.repeat(65) },
    'a name with a line feed': { organisation: 'a\nb' },
    'an empty name': { organisation: '' },
  };
  for (const [what, difference] of Object.entries(subjects)) {
    it(`refuses ${what}`, async () => {
      const authority = await newAuthority();
      const { pem } = await newRequest();
      const input = { csr: pem, ...hospital, ...validity, ...difference } as IssueInput;
      await assert.rejects(authority.issue(input), refusedWith('PARTICIPANT_BAD_SUBJECT'));
    });
  }
  it('refuses a validity that is empty or not within its own', async () => {
    const authority = await newAuthority();
    const { pem } = await newRequest();
    for (const [notBefore, notAfter] of [
      [NOW_MS, NOW_MS],
      [NOW_MS + 1, NOW_MS],
      [NOW_MS - DAY_MS, NOW_MS + DAY_MS],
      [NOW_MS, authority.notAfter + 1000],
      [Number.NaN, NOW_MS],
    ] as const) {
      const input = { csr: pem, ...hospital, notBefore, notAfter };
      await assert.rejects(authority.issue(input), refusedWith('PARTICIPANT_BAD_VALIDITY'));
    }
  });
  it('is refused a name that no certificate can carry', async () => {
    await assert.rejects(newAuthority(''), refusedWith('PARTICIPANT_BAD_SUBJECT'));
    await assert.rejects(newAuthority('x'.repeat(57)), refusedWith('PARTICIPANT_BAD_SUBJECT'));
  });
});

/** `ok`, or why not. */
function codeAt(der: Uint8Array, authority: Authority, atMs: number): string {
  const check = verifyChain(der, authority, atMs);
  return check.ok ? 'ok' : check.code;
}

describe('verifyChain', () => {
  it('knows the certificates of its authority while they are valid', async () => {
    const authority = await newAuthority();
    const { der, fingerprint } = await newPatient(authority);
    const check = verifyChain(der, authority, NOW_MS + 1);
    assert.ok(check.ok);
    assert.deepEqual(
      [check.certificate.fingerprint, check.issuerFingerprint],
      [fingerprint, authority.fingerprint],
    );
    const end = NOW_MS + PATIENT_VALIDITY_MS;
    assert.equal(codeAt(der, authority, end + 999), 'ok');
    assert.equal(codeAt(der, authority, end + 1000), 'expired');
    assert.equal(codeAt(der, authority, Number.NaN), 'authority-not-valid');
    assert.equal(codeAt(der, authority, NOW_MS - 1), 'authority-not-valid');
  });
  it('tells what is not yet valid', async () => {
    const authority = await newAuthority();
    const { pem } = await newRequest();
    const later = { notBefore: NOW_MS + DAY_MS, notAfter: NOW_MS + 2 * DAY_MS };
    const { der } = await authority.issue({ csr: pem, id: 'p-1', group: 'patient', ...later });
    assert.equal(codeAt(der, authority, NOW_MS), 'not-yet-valid');
  });
  it('does not trust another authority of the same name', async () => {
    const [a, b] = [await newAuthority(), await newAuthority()];
    const { der } = await newPatient(a);
    assert.equal(codeAt(der, b, NOW_MS), 'untrusted');
    const mixed = verifyChain(der, { root: b.root, issuing: a.issuing }, NOW_MS);
    assert.equal(mixed.ok ? 'ok' : mixed.code, 'authority-not-valid');
  });
  it('takes no authority for a participant, and no participant for an authority', async () => {
    const authority = await newAuthority();
    const { der } = await newPatient(authority);
    assert.equal(codeAt(authority.issuing, authority, NOW_MS), 'malformed');
    assert.equal(codeAt(authority.root, authority, NOW_MS), 'malformed');
    const check = verifyChain(der, { root: authority.root, issuing: der }, NOW_MS);
    assert.equal(check.ok ? 'ok' : check.code, 'authority-not-valid');
    assert.throws(() => readCertificate(authority.issuing), refusedWith('PARTICIPANT_BAD_CERTIFICATE'));
    assert.throws(() => readAuthorityCertificate(der), refusedWith('PARTICIPANT_BAD_CERTIFICATE'));
    assert.equal(readAuthorityCertificate(authority.issuing).name, 'Test CA issuing');
  });
  it('notices a change of any bit, so that one certificate has one fingerprint', async () => {
    const authority = await newAuthority();
    const { der } = await newPatient(authority);
    for (let bit = 0; bit < der.length * 8; bit++) {
      const at = bit >> 3;
      const code = codeAt(der.with(at, (der[at] ?? 0) ^ (1 << (bit & 7))), authority, NOW_MS);
      assert.ok(code === 'untrusted' || code === 'malformed', `bit ${bit}: ${code}`);
    }
    for (const other of [Buffer.concat([der, Buffer.of(0)]), der.subarray(0, -1), Buffer.alloc(0)]) {
      assert.equal(codeAt(other, authority, NOW_MS), 'malformed');
    }
  });
  it('refuses a length told in more bytes than DER needs, which would be a second fingerprint', async () => {
    const authority = await newAuthority();
    const { der } = await newPatient(authority);
    assert.equal(der[1], 0x82);
    const longer = Buffer.concat([Buffer.of(0x30, 0x83, 0), der.subarray(2)]);
    assert.equal(codeAt(longer, authority, NOW_MS), 'malformed');
  });
});

describe('readCertificate', () => {
  it('reads as another library does', async () => {
    const { der } = await newPatient(await newAuthority());
    const theirs = new x509.X509Certificate(der);
    const ours = readCertificate(der);
    assert.equal(theirs.serialNumber, ours.serialNumber);
    assert.equal(theirs.notAfter.getTime(), ours.notAfter);
    assert.equal(theirs.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId, ours.issuerKeyId);
    assert.equal(
      Buffer.from(theirs.getExtension(OID_GROUP)?.value ?? new ArrayBuffer(0)).toString('latin1', 2),
      'patient',
    );
  });
});

describe('participant ids', () => {
  it('are random base32', () => {
    const ids = Array.from({ length: 50 }, newParticipantId);
    assert.equal(new Set(ids).size, 50);
    for (const id of ids) assert.match(id, /^p-[a-z2-7]{26}$/);
  });
});
