import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { removeFolder, temporaryFolder } from '../../support/instance.js';
import { run, up } from './cli.js';
import type { Finished, Up } from './cli.js';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

interface Shown {
  readonly id: string;
  readonly state: string;
  readonly certificate: string;
  readonly fingerprint: string;
  readonly csrSha256: string;
  readonly participant: { readonly id: string; readonly handle: string };
  readonly certificates: readonly { readonly by: string }[];
}

describe('firebreak ca', () => {
  const dir = temporaryFolder();
  let running: Up;
  after(async () => {
    await running.stop();
    removeFolder(dir);
  });
  const ca = (...args: string[]): Promise<Finished> => run(['ca', ...args], dir);
  const json = async (...args: string[]): Promise<Shown> => {
    const { code, stdout, stderr } = await ca(...args, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Shown;
  };
  const openssl = (...args: string[]): { status: number | null; text: string } => {
    const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: dir, encoding: 'utf8' });
    return { status, text: stdout + stderr };
  };
  const file = (name: string, text: string): void => writeFileSync(join(dir, name), text);

  before(async () => {
    for (const out of ['insurer', 'insurer-2'])
      assert.equal((await run(['keys', 'new', '--out', out], dir)).code, 0);
  });

  it('makes an authority where there is no instance yet, and asks the one that runs', async () => {
    const init = await ca('init', '--json');
    assert.equal(init.code, 0, init.stderr);
    running = await up([], dir);
    assert.deepEqual(await ca('init', '--json'), init);
    const authority = JSON.parse(init.stdout) as Record<'root' | 'issuing', { certificate: string }>;
    file('root.pem', authority.root.certificate);
    file('issuing.pem', authority.issuing.certificate);
  });

  it('enrols by two people, renews, rotates, revokes; the list that is served tells of it', async () => {
    const asking = ['enrol', '--csr', 'insurer.csr', '--group', 'payer', '--name', 'City Insurance'];
    const request = await json(...asking, '--by', 'Ann Lee');
    assert.equal(request.state, 'pending');
    assert.match(request.csrSha256, /^[0-9a-f]{64}$/);
    assert.equal((await json(...asking, '--by', 'Ann Lee')).id, request.id);
    const own = await ca('approve', request.id, '--by', 'ann lee');
    assert.deepEqual([own.code, own.stdout], [3, '']);
    assert.match(own.stderr, /does not approve it\n {2}\(ADAPTER_FORBIDDEN\)/);
    const approved = await json('approve', request.id, '--by', 'Bo Rask');
    const { id } = approved.participant;
    file('first.pem', approved.certificate);

    const renewed = await json('renew', id, '--csr', 'insurer.csr');
    file('renewed.pem', renewed.certificate);
    const proof = await ca(
      'proof',
      '--key',
      'insurer.key',
      '--csr',
      'insurer-2.csr',
      '--out',
      'insurer-2.sig',
    );
    assert.equal(proof.code, 0, proof.stderr);
    const rotated = await json('rotate', id, '--csr', 'insurer-2.csr', '--signature', 'insurer-2.sig');
    assert.deepEqual(
      rotated.certificates.map(({ by }) => by),
      ['participant.enrolled', 'participant.renewed', 'key.rotated'],
    );
    file('rotated.pem', rotated.certificate);
    const list = await ca('list');
    assert.match(
      list.stdout,
      new RegExp(`^${id}  payer  active  until \\d{4}-\\d\\d-\\d\\d  City Insurance$`, 'm'),
    );
    assert.match(list.stdout, /instance {2}active/);
    assert.match((await ca('list', '--all')).stdout, new RegExp(`^${request.id}  approved  payer`, 'm'));

    assert.equal((await ca('crl', '--out', 'before.crl.pem')).code, 0);
    assert.equal((await json('revoke', id, '--reason', 'keyCompromise')).state, 'revoked');
    assert.equal((await json('show', id)).state, 'revoked');
    assert.equal((await json('show', request.id)).state, 'approved');
    const printed = await ca('crl');
    file('after.crl.pem', printed.stdout);
    assert.equal((await ca('crl', '--der', '--out', 'after.crl')).code, 0);
    const served = await fetch(`${running.address}/pki/issuing.crl`);
    assert.deepEqual(Buffer.from(await served.arrayBuffer()), readFileSync(join(dir, 'after.crl')));
  });

  it(
    'OpenSSL: what is certified verifies, what was rotated away or revoked does not',
    { skip: hasOpenssl ? false : 'openssl is not on PATH' },
    () => {
      const check = (list: string, certificate: string): boolean => {
        const chain = ['-CAfile', 'root.pem', '-untrusted', 'issuing.pem', '-CRLfile', list];
        return openssl('verify', '-x509_strict', '-crl_check', ...chain, certificate).status === 0;
      };
      const found = ['before.crl.pem', 'after.crl.pem'].map((list) =>
        ['first.pem', 'renewed.pem', 'rotated.pem'].map((certificate) => check(list, certificate)),
      );
      assert.deepEqual(found, [
        [false, false, true],
        [false, false, false],
      ]);
      const shown = openssl(
        'crl',
        '-inform',
        'DER',
        '-in',
        'after.crl',
        '-CAfile',
        'issuing.pem',
        '-noout',
        '-text',
      );
      assert.match(shown.text, /verify OK/);
      assert.match(shown.text, /Superseded/);
      assert.match(shown.text, /Key Compromise/);
    },
  );

  it(
    'OpenSSL makes the proof of a rotation too',
    { skip: hasOpenssl ? false : 'openssl is not on PATH' },
    async () => {
      for (const out of ['clinic', 'clinic-2'])
        assert.equal((await run(['keys', 'new', '--out', out], dir)).code, 0);
      const request = await json(
        'enrol',
        '--csr',
        'clinic.csr',
        '--group',
        'provider',
        '--name',
        'Clinic',
        '--by',
        'A',
      );
      const { id } = (await json('approve', request.id, '--by', 'B')).participant;
      assert.equal(
        openssl('req', '-in', 'clinic-2.csr', '-outform', 'DER', '-out', 'clinic-2.der').status,
        0,
      );
      const signing = [
        '-sign',
        '-rawin',
        '-inkey',
        'clinic.key',
        '-in',
        'clinic-2.der',
        '-out',
        'clinic-2.sig',
      ];
      assert.equal(openssl('pkeyutl', ...signing).status, 0);
      const rotated = await json('rotate', id, '--csr', 'clinic-2.csr', '--signature', 'clinic-2.sig');
      assert.equal(rotated.state, 'active');
    },
  );

  it('wrong usage is 2 and says what is wrong', async () => {
    const enrol = ['enrol', '--group', 'payer', '--name', 'X', '--by', 'A'];
    for (const [args, text] of [
      [[...enrol, '--csr', 'nowhere.csr'], /nowhere\.csr cannot be read/],
      [
        ['enrol', '--csr', 'clinic.csr', '--group', 'patient', '--name', 'X', '--by', 'A'],
        /by an invitation/,
      ],
      [
        ['enrol', '--csr', 'insurer-2.csr', '--group', 'payer', '--name', ' ', '--by', 'A'],
        /1 to 64 characters/,
      ],
      [['enrol', '--csr', 'insurer-2.csr', '--group', 'payer', '--name', 'X', '--by', ' '], /--by NAME/],
      [['revoke', 'p-x', '--reason', 'boredom'], /keyCompromise/],
      [['rotate', 'p-x', '--csr', 'clinic.csr', '--signature', 'clinic.csr'], /no Ed25519 signature/],
      [['crl', '--der'], /--out FILE/],
      [['proof', '--key', 'clinic.csr', '--csr', 'clinic.csr', '--out', 'x'], /no private key/],
    ] as const) {
      const { code, stdout, stderr } = await ca(...args);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, text);
    }
    assert.equal(existsSync(join(dir, 'x')), false);
    const bad = await ca('enrol', '--csr', 'root.pem', '--group', 'payer', '--name', 'X', '--by', 'A');
    assert.deepEqual([bad.code, bad.stdout], [3, '']);
    assert.match(bad.stderr, /PARTICIPANT_BAD_REQUEST/);
  });
});
