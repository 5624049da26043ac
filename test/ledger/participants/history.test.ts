import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { certificateAt, makeCsr } from '../../../ledger/participants/index.js';
import type {
  Authority,
  CertificateHistory,
  HistoryRefusal,
  IssuedCertificate,
} from '../../../ledger/participants/index.js';
import { DAY_MS, newAuthority, newRequest, NOW_MS } from './support.js';

describe('a certificate at a place of the log', () => {
  let authority: Authority;
  let first: IssuedCertificate;
  let renewed: IssuedCertificate;
  let rotated: IssuedCertificate;
  let history: CertificateHistory;

  const issue = async (csr: string, from: number): Promise<IssuedCertificate> =>
    authority.issue({
      csr,
      id: 'p-test',
      group: 'payer',
      role: 'organisation',
      organisation: 'City Insurance',
      notBefore: NOW_MS + from * DAY_MS,
      notAfter: NOW_MS + (from + 90) * DAY_MS,
    });

  before(async () => {
    authority = await newAuthority();
    const request = await newRequest();
    first = await issue((await makeCsr(request)).pem, 0);
    renewed = await authority.renew({
      certificate: first.der,
      notBefore: NOW_MS + 60 * DAY_MS,
      notAfter: NOW_MS + 150 * DAY_MS,
    });
    rotated = await issue((await newRequest()).pem, 100);
    history = {
      certificates: [
        { certificate: first.der, leaf: 10, by: 'participant.enrolled' },
        { certificate: renewed.der, leaf: 20, by: 'participant.renewed' },
        { certificate: rotated.der, leaf: 30, by: 'key.rotated' },
      ],
      revokedLeaf: 40,
    };
  });

  /** What is asked at which leaf and day, and the answer. */
  const CASES: readonly [
    name: string,
    of: 'first' | 'renewed' | 'rotated' | 'nobody',
    leaf: number,
    day: number,
    expected: 'ok' | HistoryRefusal,
  ][] = [
    ['before its enrolment', 'first', 10, 1, 'unknown'],
    ['right behind its enrolment', 'first', 11, 1, 'ok'],
    ['at a time before it is valid', 'first', 11, -1, 'not-yet-valid'],
    ['in its last second', 'first', 19, 90, 'ok'],
    ['after its expiry', 'first', 19, 91, 'expired'],
    ['beside its renewal, in its own time', 'first', 25, 80, 'ok'],
    ['beside its renewal, after its own time', 'first', 25, 120, 'expired'],
    ['the renewed one before its renewal', 'renewed', 20, 61, 'unknown'],
    ['the renewed one', 'renewed', 21, 61, 'ok'],
    ['the former after a rotation', 'first', 31, 80, 'rotated-away'],
    ['the renewed after a rotation', 'renewed', 31, 101, 'rotated-away'],
    ['the renewed right before the rotation', 'renewed', 30, 101, 'ok'],
    ['the rotated one', 'rotated', 31, 101, 'ok'],
    ['right before the revocation', 'rotated', 40, 101, 'ok'],
    ['after the revocation', 'rotated', 41, 101, 'revoked'],
    ['an old one after the revocation', 'first', 41, 1, 'revoked'],
    ['a certificate of nobody', 'nobody', 25, 80, 'unknown'],
  ];

  for (const [name, of, leaf, day, expected] of CASES)
    it(`${name}: ${expected}`, () => {
      const fingerprint = of === 'nobody' ? 'x' : { first, renewed, rotated }[of].fingerprint;
      const found = certificateAt(history, fingerprint, { leaf, atMs: NOW_MS + day * DAY_MS });
      assert.equal(found.ok ? 'ok' : found.code, expected);
      if (found.ok) assert.equal(found.certificate.fingerprint, fingerprint);
    });

  it('what was good at its leaf stays so, whatever comes after it', () => {
    const { certificates } = history;
    const [one] = certificates;
    assert.ok(one !== undefined);
    const place = { leaf: 15, atMs: NOW_MS + DAY_MS };
    assert.deepEqual(
      certificateAt(history, first.fingerprint, place),
      certificateAt({ certificates: [one] }, first.fingerprint, place),
    );
  });

  it('a renewal certifies the same keys of the same participant', () => {
    const [a, b] = [first, renewed].map(({ fingerprint }) =>
      certificateAt(history, fingerprint, { leaf: 25, atMs: NOW_MS + 80 * DAY_MS }),
    );
    assert.ok(a?.ok === true && b?.ok === true);
    for (const name of ['id', 'group', 'role', 'organisation'] as const)
      assert.equal(b.certificate[name], a.certificate[name]);
    assert.ok(b.certificate.publicKey.equals(a.certificate.publicKey));
    assert.ok(b.certificate.x25519Public.equals(a.certificate.x25519Public));
    assert.notEqual(b.certificate.serialNumber, a.certificate.serialNumber);
  });
});
