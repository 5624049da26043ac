import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { signDocument, signingInput } from '../../../ledger/consent/index.js';
import { generateSeed } from '../../../ledger/log/index.js';
import { makeCsr, readCsr } from '../../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../../ledger/vault/index.js';
import { newAuthority, newPatient, newRequest, NOW_MS, refusedWith } from './support.js';

const found = spawnSync('openssl', ['version']).status === 0;
const dir = mkdtempSync(join(tmpdir(), 'firebreak-openssl-'));
after(() => rmSync(dir, { recursive: true, force: true }));

function openssl(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: dir, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout + stderr;
}

function pem(name: string, der: Buffer): string {
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n');
  writeFileSync(join(dir, name), `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`);
  return name;
}

describe('OpenSSL', { skip: found ? false : 'openssl is not on PATH' }, () => {
  it('verifies the requests we make', async () => {
    writeFileSync(join(dir, 'request.pem'), (await newRequest()).pem);
    const text = openssl('req', '-in', 'request.pem', '-verify', '-noout', '-text');
    assert.match(text, /verify OK/);
    assert.match(text, /ED25519/);
  });
  it('verifies the chain we issue, strictly', async () => {
    const authority = await newAuthority();
    writeFileSync(join(dir, 'patient.pem'), (await newPatient(authority)).pem);
    const files = [
      '-CAfile',
      pem('root.pem', authority.root),
      '-untrusted',
      pem('issuing.pem', authority.issuing),
    ];
    const at = ['-attime', String(NOW_MS / 1000 + 1)];
    assert.match(openssl('verify', '-x509_strict', ...at, ...files, 'patient.pem'), /patient\.pem: OK/);
    assert.match(openssl('x509', '-in', 'patient.pem', '-noout', '-subject'), /CN ?= ?p-test/);
  });
  it('does not verify them under another root', async () => {
    const [authority, other] = [await newAuthority(), await newAuthority()];
    writeFileSync(join(dir, 'patient.pem'), (await newPatient(authority)).pem);
    const args = [
      '-CAfile',
      pem('root.pem', other.root),
      '-untrusted',
      pem('issuing.pem', authority.issuing),
      'patient.pem',
    ];
    assert.notEqual(
      spawnSync('openssl', ['verify', '-attime', String(NOW_MS / 1000 + 1), ...args], { cwd: dir }).status,
      0,
    );
  });
  it('verifies a patient’s signature under a Consent, by the certificate alone', async () => {
    const seed = generateSeed();
    const csr = await makeCsr({ seed, x25519Public: x25519PublicKey(generateX25519()) });
    writeFileSync(join(dir, 'signer.pem'), (await newPatient(await newAuthority(), csr.pem)).pem);
    writeFileSync(join(dir, 'signer.pub'), openssl('x509', '-in', 'signer.pem', '-noout', '-pubkey'));
    const consent = { resourceType: 'Consent', status: 'active', provision: { type: 'permit' } };
    const kid = 'Zr9vvKZ1Yqk0a0ZJ0w1o2kSmyv0w3nB7xq8sYb6dXnE';
    const [, , signature = ''] = signDocument(consent, seed, kid).split('.');
    writeFileSync(join(dir, 'signature'), Buffer.from(signature, 'base64url'));
    const verifies = (document: typeof consent): boolean => {
      writeFileSync(join(dir, 'signed'), signingInput(document, kid));
      const key = ['-pubin', '-inkey', 'signer.pub', '-rawin', '-in', 'signed'];
      const args = ['pkeyutl', '-verify', ...key, '-sigfile', 'signature'];
      return spawnSync('openssl', args, { cwd: dir }).status === 0;
    };
    assert.ok(verifies(consent));
    assert.ok(!verifies({ ...consent, status: 'inactive' }));
  });
  it('makes requests that lack only the X25519 key', async () => {
    execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', 'key.pem'], { cwd: dir });
    const text = openssl('req', '-new', '-key', 'key.pem', '-subj', '/CN=someone');
    await assert.rejects(readCsr(text), refusedWith('PARTICIPANT_BAD_X25519'));
  });
});
