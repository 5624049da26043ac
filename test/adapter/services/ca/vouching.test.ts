/** Enrolment on another authority's certificate: OpenSSL is that authority, and signs as an organisation would. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openInstance } from '../../../../adapter/instance/instance.js';
import type { Instance } from '../../../../adapter/instance/instance.js';
import { createLogger } from '../../../../adapter/logger.js';
import { presentOf } from '../../../../adapter/services/ca/index.js';
import type { Vouching } from '../../../../adapter/services/ca/index.js';
import { fromPem } from '../../../../ledger/participants/index.js';
import { openTestInstance, removeFolder, temporaryFolder, testConfig } from '../../../support/instance.js';
import { failedChecks, logSize, typesSince } from '../../support/bench.js';
import { newRequest } from './organisation.js';
import type { Requested } from './organisation.js';

const found = spawnSync('openssl', ['version']).status === 0;
const DAY_MS = 86_400_000;

describe('another authority vouches', { skip: found ? false : 'openssl is not on PATH' }, () => {
  const dir = temporaryFolder();
  let nowMs = Date.now();
  let instance: Instance;
  const path = (name: string): string => join(dir, name);
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: dir, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  const read = (name: string): string => readFileSync(path(name), 'utf8');

  function root(name: string): void {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-days',
      '60',
      '-subj',
      `/O=${name}`,
    );
  }
  function certify(name: string, by: string, organisation: string): void {
    openssl(
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.req`,
      '-subj',
      `/C=DE/O=${organisation}`,
    );
    writeFileSync(path('leaf.ext'), 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n');
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.req`,
      '-CA',
      `${by}.pem`,
      '-CAkey',
      `${by}.key`,
      '-CAcreateserial',
      '-days',
      '20',
      '-extfile',
      'leaf.ext',
      '-out',
      `${name}.pem`,
    );
  }
  /** What the organisation sends: its certificate, and that certificate's signature over its request here. */
  function shown(name: string, { csr }: Requested): Vouching {
    writeFileSync(path('csr.der'), fromPem('CERTIFICATE REQUEST', csr) ?? '');
    openssl('dgst', '-sha256', '-sign', `${name}.key`, '-out', 'csr.sig', 'csr.der');
    return {
      certificate: read(`${name}.pem`),
      chain: '',
      signature: readFileSync(path('csr.sig')).toString('base64'),
    };
  }

  before(async () => {
    for (const name of ['health', 'finance', 'foreign']) root(name);
    certify('hospital', 'health', 'City Hospital');
    certify('bank', 'finance', 'First Bank');
    certify('stranger', 'foreign', 'City Hospital');
    // Certificates tell whole seconds, and are made here at the real time.
    nowMs = Date.now() + 60_000;
    const trustAnchors = `provider=${path('health.pem')}, payer=${path('finance.pem')}`;
    const logger = createLogger('error', () => undefined);
    const config = testConfig(path('data'), { trustAnchors });
    instance = await openInstance({ config, demo: false, logger, nowMs: () => nowMs });
  });
  after(async () => {
    assert.deepEqual(await failedChecks(instance), []);
    await instance.close();
    removeFolder(dir);
  });

  it('says name and group; a second person approves, and the log has the certificate of our profile', async () => {
    for (const [name, group, organisation] of [
      ['hospital', 'provider', 'City Hospital'],
      ['bank', 'payer', 'First Bank'],
    ] as const) {
      const requested = await newRequest();
      const size = logSize(instance);
      const request = await instance.certification.enrol({
        csr: requested.csr,
        vouching: shown(name, requested),
        by: 'Ann',
      });
      assert.deepEqual([request.state, request.name, request.group], ['pending', organisation, group]);
      const { handle = '' } = await instance.certification.approve(request.id, 'Bo');
      const certified = instance.certification.rows.get(handle);
      assert.ok(certified !== undefined);
      const { organisation: certifiedName, group: certifiedGroup } = presentOf(certified);
      assert.deepEqual([certifiedName, certifiedGroup], [organisation, group]);
      assert.deepEqual(await typesSince(instance, size), ['participant.enrolled']);
    }
  });

  it('refuses a name or group that the certificate does not say', async () => {
    const requested = await newRequest();
    const input = { csr: requested.csr, vouching: shown('hospital', requested), by: 'Eve' };
    for (const more of [{ name: 'Other Hospital' }, { group: 'payer' }])
      await assert.rejects(instance.certification.enrol({ ...input, ...more }), {
        code: 'ADAPTER_FORBIDDEN',
      });
  });

  it('refuses a certificate of nobody trusted, one that somebody else shows, and what is none', async () => {
    const [requested, other] = [await newRequest(), await newRequest()];
    const good = shown('hospital', requested);
    const size = (await instance.certification.requests.all()).length;
    for (const [vouching, code] of [
      [shown('stranger', requested), 'ADAPTER_FORBIDDEN'],
      [{ ...good, signature: shown('hospital', other).signature ?? '' }, 'ADAPTER_FORBIDDEN'],
      [{ ...good, signature: shown('bank', requested).signature ?? '' }, 'ADAPTER_FORBIDDEN'],
      [{ certificate: good.certificate, chain: '' }, 'ADAPTER_FORBIDDEN'],
      [{ ...good, signature: 'AAAA' }, 'ADAPTER_FORBIDDEN'],
      [{ ...good, certificate: read('health.pem') }, 'ADAPTER_FORBIDDEN'],
      [{ ...good, certificate: 'x' }, 'ADAPTER_USAGE'],
      [{ ...good, chain: '-----BEGIN CERTIFICATE-----\nx' }, 'ADAPTER_USAGE'],
    ] as const)
      await assert.rejects(instance.certification.enrol({ csr: requested.csr, vouching, by: 'Eve' }), {
        code,
      });
    assert.equal((await instance.certification.requests.all()).length, size);
  });

  it('is judged again at the approval: what ended meanwhile no longer counts', async () => {
    const requested = await newRequest();
    const vouching = shown('hospital', requested);
    const { id } = await instance.certification.enrol({ csr: requested.csr, vouching, by: 'Ann' });
    const begun = nowMs;
    nowMs = begun + 21 * DAY_MS;
    await assert.rejects(instance.certification.approve(id, 'Bo'), { code: 'ADAPTER_FORBIDDEN' });
    nowMs = begun;
    assert.equal((await instance.certification.approve(id, 'Bo')).state, 'approved');
  });

  it('counts nowhere without trustAnchors; and these are read at the start', async () => {
    const plain = await openTestInstance(path('plain'));
    const requested = await newRequest();
    const input = { csr: requested.csr, vouching: shown('hospital', requested), by: 'Ann' };
    await assert.rejects(plain.instance.certification.enrol(input), { code: 'ADAPTER_FORBIDDEN' });
    await plain.close();
    for (const trustAnchors of [
      'x',
      'patient=a.pem',
      `provider=${path('none.pem')}`,
      `provider=${path('bank.key')}`,
    ])
      await assert.rejects(openTestInstance(path('plain'), { trustAnchors }), { code: 'ADAPTER_BAD_CONFIG' });
  });
});
