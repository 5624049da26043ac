/** Admission on another authority's word alone: OpenSSL is that authority, and keeps its revocation list. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Registered } from '../../../../adapter/http/contract/index.js';
import { openInstance } from '../../../../adapter/instance/instance.js';
import type { Instance } from '../../../../adapter/instance/instance.js';
import { createLogger } from '../../../../adapter/logger.js';
import { serveHttp } from '../../../../adapter/services/server.js';
import type { HttpServer } from '../../../../adapter/services/server.js';
import { fromPem, readCertificate } from '../../../../ledger/participants/index.js';
import { openTestInstance, removeFolder, temporaryFolder, testConfig } from '../../../support/instance.js';
import { ask, failedChecks, logSize, refusalOf, typesSince } from '../../support/bench.js';
import type { Answer } from '../../support/bench.js';
import { newRequest } from './organisation.js';
import type { Requested } from './organisation.js';

const found = spawnSync('openssl', ['version']).status === 0;
const DAY_MS = 86_400_000;

describe('another authority’s word is enough', { skip: found ? false : 'openssl is not on PATH' }, () => {
  const dir = temporaryFolder();
  let nowMs = Date.now();
  let instance: Instance;
  let server: HttpServer;
  const path = (name: string): string => join(dir, name);
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: dir, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  const read = (name: string): string => readFileSync(path(name), 'utf8');
  const list = (): void =>
    openssl('ca', '-config', 'ca.cnf', '-gencrl', '-crldays', '7', '-out', 'health.crl');

  /** An organisation that the authority has certified. */
  function certify(name: string, organisation: string): void {
    const subject = `/C=DE/O=${organisation}`;
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
      subject,
    );
    openssl('ca', '-config', 'ca.cnf', '-batch', '-notext', '-in', `${name}.req`, '-out', `${name}.pem`);
  }
  function bodyOf(name: string, { csr }: Requested, more: object = {}): string {
    writeFileSync(path('csr.der'), fromPem('CERTIFICATE REQUEST', csr) ?? '');
    openssl('dgst', '-sha256', '-sign', `${name}.key`, '-out', 'csr.sig', 'csr.der');
    const signature = readFileSync(path('csr.sig')).toString('base64');
    return JSON.stringify({ csr, certificate: read(`${name}.pem`), signature, ...more });
  }
  const register = (body: string): Promise<Answer> =>
    ask(server.address, '/pki/registrations', { method: 'POST', body });

  before(async () => {
    writeFileSync(path('index.txt'), '');
    writeFileSync(path('serial'), '00A1\n');
    writeFileSync(
      path('ca.cnf'),
      [
        '[ca]\ndefault_ca=it',
        `[it]\ndatabase=${path('index.txt')}\nserial=${path('serial')}\nnew_certs_dir=${dir}`,
        `certificate=${path('health.pem')}\nprivate_key=${path('health.key')}`,
        'default_md=sha256\npolicy=any\ndefault_days=20\nx509_extensions=leaf\nunique_subject=no',
        '[any]\ncountryName=optional\norganizationName=supplied',
        '[leaf]\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n',
      ].join('\n'),
    );
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const files = ['-keyout', 'health.key', '-out', 'health.pem', '-days', '60'];
    openssl('req', '-x509', ...curve, ...files, '-subj', '/O=Health authority');
    for (const name of ['hospital', 'clinic']) certify(name, `The ${name}`);
    list();
    nowMs = Date.now() + 60_000;
    const config = testConfig(path('data'), {
      trustAnchors: `provider=${path('health.pem')}`,
      trustAnchorsAdmit: 'yes',
      trustAnchorLists: path('health.crl'),
    });
    const logger = createLogger('error', () => undefined);
    instance = await openInstance({ config, demo: false, logger, nowMs: () => nowMs });
    server = await serveHttp(instance, () => undefined);
  });
  after(async () => {
    assert.deepEqual(await failedChecks(instance), []);
    await server.close();
    await instance.close();
    removeFolder(dir);
  });

  it('admits who proves the key, logs it, and ends no later than that certificate', async () => {
    const requested = await newRequest();
    const size = logSize(instance);
    const body = bodyOf('hospital', requested);
    const answer = await register(body);
    assert.equal(answer.status, 201, answer.body.toString());
    const registered = JSON.parse(answer.body.toString()) as Registered;
    const der = fromPem('CERTIFICATE', registered.certificate) ?? Buffer.alloc(0);
    const { organisation, group, notAfter } = readCertificate(der);
    assert.deepEqual([organisation, group], ['The hospital', 'provider']);
    assert.ok(notAfter <= nowMs + 20 * DAY_MS);
    assert.deepEqual(JSON.parse((await register(body)).body.toString()), registered, 'asked again');
    assert.deepEqual(await typesSince(instance, size), ['participant.enrolled']);
    nowMs += 10 * DAY_MS;
    const renewed = await instance.certification.renew(registered.id);
    assert.ok(renewed.certificates.length === 2);
    nowMs -= 10 * DAY_MS;
  });

  it('refuses who does not hold the key, who is listed, and all while no list is in time', async () => {
    const requested = await newRequest();
    const size = logSize(instance);
    const foreign = bodyOf('clinic', await newRequest());
    const { signature } = JSON.parse(foreign) as { signature: string };
    for (const body of [
      bodyOf('hospital', requested, { signature }),
      bodyOf('hospital', requested, { signature: undefined }),
      bodyOf('hospital', requested, { certificate: read('health.pem') }),
    ])
      assert.equal(refusalOf(await register(body)), '403 forbidden ADAPTER_FORBIDDEN');
    assert.match(refusalOf(await register('{}')), /^422 /);
    nowMs += 8 * DAY_MS;
    assert.match((await register(bodyOf('clinic', requested))).body.toString(), /no-list/);
    nowMs -= 8 * DAY_MS;
    openssl('ca', '-config', 'ca.cnf', '-revoke', 'clinic.pem');
    list();
    assert.match((await register(bodyOf('clinic', requested))).body.toString(), /revoked/);
    assert.equal(logSize(instance), size);
  });

  it('revokes whom that authority has revoked since', async () => {
    assert.deepEqual(await instance.certification.reviewVouched(), []);
    openssl('ca', '-config', 'ca.cnf', '-revoke', 'hospital.pem');
    // A list that somebody else signs says nothing.
    const good = readFileSync(path('health.crl'));
    list();
    const next = readFileSync(path('health.crl'));
    const text = next.toString('latin1');
    const at = text.length - 60;
    const other = text.charAt(at) === 'A' ? 'B' : 'A';
    writeFileSync(path('health.crl'), text.slice(0, at) + other + text.slice(at + 1));
    assert.deepEqual(await instance.certification.reviewVouched(), []);
    writeFileSync(path('health.crl'), good);
    assert.deepEqual(await instance.certification.reviewVouched(), []);
    writeFileSync(path('health.crl'), next);
    const size = logSize(instance);
    assert.equal((await instance.certification.reviewVouched()).length, 1);
    assert.deepEqual(await instance.certification.reviewVouched(), []);
    assert.deepEqual(await typesSince(instance, size), ['participant.revoked']);
  });

  it('is not enough where the configuration does not say so; lists are read at the start', async () => {
    const trustAnchors = `provider=${path('health.pem')}`;
    const plain = await openTestInstance(path('plain'), { trustAnchors });
    const { csr } = await newRequest();
    const vouching = { certificate: read('hospital.pem'), chain: '' };
    await assert.rejects(plain.instance.certification.register(csr, vouching), { code: 'ADAPTER_FORBIDDEN' });
    await plain.close();
    for (const trustAnchorLists of [path('none.crl'), path('health.pem'), path('hospital.key')])
      await assert.rejects(openTestInstance(path('plain'), { trustAnchors, trustAnchorLists }), {
        code: 'ADAPTER_BAD_CONFIG',
      });
  });
});
