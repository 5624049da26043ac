import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { CRL_REASONS, readCertificate } from '../../../ledger/participants/index.js';
import type { CrlReason } from '../../../ledger/participants/index.js';
import { DAY_MS, newAuthority, newPatient, NOW_MS, refusedWith, x509 } from './support.js';

const list = { number: 1, thisUpdate: NOW_MS, nextUpdate: NOW_MS + DAY_MS, revoked: [] };
const serial = (i: number): string => `40${i.toString(16).padStart(30, '0')}`;

/** The value of a list's number, minimal as DER has it. */
function numberOf(crl: x509.X509Crl): bigint {
  const value = Buffer.from(
    crl.extensions.find(({ type }) => type === '2.5.29.20')?.value ?? new ArrayBuffer(),
  );
  assert.equal(value[0], 2);
  assert.equal(value[1], value.length - 2);
  return BigInt(`0x${value.subarray(2).toString('hex')}`);
}

describe('a revocation list', () => {
  it('is read by a library that did not make it: number, times, serials, reasons, issuer', async () => {
    const authority = await newAuthority();
    const reasons = Object.keys(CRL_REASONS) as CrlReason[];
    const revoked = reasons.map((reason, i) => ({
      serialNumber: serial(i + 1),
      at: NOW_MS - i * DAY_MS,
      reason,
    }));
    for (const number of [0, 1, 127, 128, 255, 256, 65_536, 1_795_000_000, Number.MAX_SAFE_INTEGER]) {
      const crl = new x509.X509Crl(authority.revocationList({ ...list, number, revoked }));
      assert.equal(numberOf(crl), BigInt(number));
      assert.equal(crl.thisUpdate.getTime(), NOW_MS);
      assert.equal(crl.nextUpdate?.getTime(), NOW_MS + DAY_MS);
      assert.equal(crl.issuer, 'CN=Test CA issuing');
      assert.deepEqual(
        crl.entries.map(({ serialNumber, revocationDate, reason }) => [
          serialNumber,
          revocationDate.getTime(),
          reason ?? 0,
        ]),
        revoked.map(({ serialNumber, at, reason }) => [serialNumber, at, CRL_REASONS[reason]]),
      );
      assert.equal(await crl.verify({ publicKey: new x509.X509Certificate(authority.issuing) }), true);
    }
  });

  it('is of no entries when nothing is revoked, and holds thousands', async () => {
    const authority = await newAuthority();
    assert.deepEqual(new x509.X509Crl(authority.revocationList(list)).entries, []);
    const revoked = Array.from({ length: 3000 }, (_, i) => ({
      serialNumber: serial(i),
      at: NOW_MS,
      reason: 'superseded' as const,
    }));
    const bounds = { berOptions: { maxNodes: 100_000 } };
    assert.equal(
      new x509.X509Crl(authority.revocationList({ ...list, revoked }), bounds).entries.length,
      3000,
    );
  });

  it('tells years from 2050 on in four digits', async () => {
    const authority = await newAuthority();
    const thisUpdate = Date.UTC(2049, 11, 31, 23, 59, 59);
    const crl = new x509.X509Crl(
      authority.revocationList({ ...list, thisUpdate, nextUpdate: thisUpdate + 2000 }),
    );
    assert.equal(crl.nextUpdate?.toISOString(), '2050-01-01T00:00:01.000Z');
  });

  it('is not made without validity or number, nor with a serial twice or of no bytes', async () => {
    const authority = await newAuthority();
    for (const bad of [{ nextUpdate: NOW_MS }, { number: -1 }, { number: 1.5 }, { thisUpdate: Number.NaN }])
      assert.throws(
        () => authority.revocationList({ ...list, ...bad }),
        refusedWith('PARTICIPANT_BAD_VALIDITY'),
      );
    const entry = { at: NOW_MS, reason: 'unspecified' as const };
    for (const serials of [['4001', '4001'], [''], ['xy'], ['4'], ['40'.repeat(21)]]) {
      const revoked = serials.map((serialNumber) => ({ ...entry, serialNumber }));
      assert.throws(
        () => authority.revocationList({ ...list, revoked }),
        refusedWith('PARTICIPANT_BAD_CERTIFICATE'),
      );
    }
  });
});

describe(
  'OpenSSL and a revocation list',
  {
    skip: spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not on PATH',
  },
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'firebreak-crl-'));
    after(() => rmSync(dir, { recursive: true, force: true }));
    const pem = (name: string, label: string, der: Buffer): void => {
      const lines = der.toString('base64').replaceAll(/.{64}/g, '$&\n');
      writeFileSync(join(dir, name), `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`);
    };
    const openssl = (...args: string[]): { status: number | null; text: string } => {
      const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: dir, encoding: 'utf8' });
      return { status, text: stdout + stderr };
    };

    it('verifies it, passes a certificate that is not on it and refuses one that is', async () => {
      const authority = await newAuthority();
      const [good, bad] = [await newPatient(authority), await newPatient(authority)];
      const { serialNumber } = readCertificate(bad.der);
      const revoked = [{ serialNumber, at: NOW_MS, reason: 'keyCompromise' as const }];
      pem('root.pem', 'CERTIFICATE', authority.root);
      pem('issuing.pem', 'CERTIFICATE', authority.issuing);
      pem('good.pem', 'CERTIFICATE', good.der);
      pem('bad.pem', 'CERTIFICATE', bad.der);
      pem('list.pem', 'X509 CRL', authority.revocationList({ ...list, number: 4711, revoked }));
      const shown = openssl('crl', '-in', 'list.pem', '-CAfile', 'issuing.pem', '-noout', '-text');
      assert.equal(shown.status, 0, shown.text);
      assert.match(shown.text, /verify OK/);
      assert.match(shown.text, /X509v3 CRL Number:\s+4711/);
      assert.match(shown.text, /Key Compromise/);
      const check = (file: string): { status: number | null; text: string } =>
        openssl(
          'verify',
          '-x509_strict',
          '-crl_check',
          '-attime',
          String(NOW_MS / 1000 + 1),
          '-CAfile',
          'root.pem',
          '-untrusted',
          'issuing.pem',
          '-CRLfile',
          'list.pem',
          file,
        );
      assert.deepEqual([check('good.pem').status, check('good.pem').text], [0, 'good.pem: OK\n']);
      assert.notEqual(check('bad.pem').status, 0);
      assert.match(check('bad.pem').text, /certificate revoked/);
      // A list of another authority, or an altered one, does not count.
      const other = await newAuthority();
      pem('list.pem', 'X509 CRL', other.revocationList(list));
      assert.notEqual(check('good.pem').status, 0);
    });
  },
);
