/** Attacks on enrolment and certificates, by number of the catalogue of attacks. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { after, before, describe, it, mock } from 'node:test';
import { openInstance } from '../../adapter/instance/instance.js';
import type { Instance } from '../../adapter/instance/instance.js';
import { createLogger } from '../../adapter/logger.js';
import { presentDer, presentOf } from '../../adapter/services/ca/index.js';
import type { Certified } from '../../adapter/services/ca/index.js';
import { addClient } from '../../adapter/services/client-admin.js';
import { serveHttp } from '../../adapter/services/server.js';
import type { HttpServer } from '../../adapter/services/server.js';
import { LedgerError } from '../../ledger/errors.js';
import { privateKeyObject } from '../../ledger/log/index.js';
import { createAuthority, readCertificate } from '../../ledger/participants/index.js';
import {
  addImportSource,
  removeFolder,
  servicesOf,
  temporaryFolder,
  testConfig,
} from '../support/instance.js';
import { assertionClaims, compactJws, postForm, signer, tokenForm } from '../support/client.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import { enrolByTwo, newRequest } from '../adapter/services/ca/organisation.js';
import type { Requested } from '../adapter/services/ca/organisation.js';
import { ask, logSize, refusalOf } from '../adapter/support/bench.js';
import { derOf, newKeyPair, x509 } from '../ledger/participants/support.js';

const DAY_MS = 86_400_000;

async function requestWith(extensions: x509.Extension[]): Promise<string> {
  const keys = await newKeyPair();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: { name: 'Ed25519' },
    extensions,
  });
  return `${request.toString('pem')}\n`;
}

describe('enrolment and certificates', () => {
  const dir = temporaryFolder();
  let nowMs = Date.now();
  let instance: Instance;
  let http: HttpServer;
  let logged = '';

  before(async () => {
    const logger = createLogger('debug', (line) => (logged += line));
    instance = await openInstance({ config: testConfig(dir), demo: false, logger, nowMs: () => nowMs });
    http = await serveHttp(instance, () => undefined);
    await addImportSource(instance, 'ward');
  });
  after(async () => {
    await http.close();
    await instance.close();
    removeFolder(dir);
  });

  /** Sends a request by every way that certifies; all must refuse it, and nothing may be written. */
  async function expectNotCertified(csr: string, codes: readonly string[]): Promise<void> {
    const size = logSize(instance);
    const requests = (await instance.certification.requests.all()).length;
    const refused = (error: Error & { code?: string }): boolean => codes.includes(error.code ?? '');
    const name = 'Attacker';
    await assert.rejects(instance.certification.enrol({ csr, name, group: 'payer', by: 'Eve' }), refused);
    await assert.rejects(
      addClient(instance, { csr, name, group: 'payer', scopes: ['system/*.rs'] }),
      refused,
    );
    const { invitations } = await instance.enrolment.invite('ward', [randomUUID()]);
    const body = JSON.stringify({ invitation: invitations[0]?.code, csr });
    const answer = await ask(http.address, '/pki/enrol', { method: 'POST', body });
    assert.match(refusalOf(answer), new RegExp(`^400 invalid (${codes.join('|')})$`));
    assert.equal(logSize(instance), size);
    assert.equal((await instance.certification.requests.all()).length, requests);
  }

  function assertion(
    certified: Certified,
    requested: Requested,
    audience: string,
    more: Readonly<Record<string, unknown>> = {},
    kid = presentOf(certified).fingerprint,
  ): string {
    const nowS = Math.floor(nowMs / 1000);
    const claims = assertionClaims(certified, audience, { iat: nowS, exp: nowS + 240, ...more });
    const sign = signer('EdDSA', privateKeyObject(requested.seed));
    return compactJws({ alg: 'EdDSA', kid, typ: 'JWT' }, claims, sign);
  }

  const renew = (body: string, headers: Readonly<Record<string, string>> = {}): ReturnType<typeof ask> =>
    ask(http.address, '/pki/renew', { method: 'POST', body, headers });
  const renewUrl = (): string => `${http.address}/pki/renew`;

  it('20: a request that does not prove its key is refused', async () => {
    const [one, two] = [await newRequest(), await newRequest()];
    // The signature of another request, under this one's content.
    const [mine, theirs] = [derOf(one.csr), derOf(two.csr)];
    const swapped = Buffer.concat([mine.subarray(0, -64), theirs.subarray(-64)]).toString('base64');
    const csr = `-----BEGIN CERTIFICATE REQUEST-----\n${swapped}\n-----END CERTIFICATE REQUEST-----\n`;
    await expectNotCertified(csr, ['PARTICIPANT_BAD_PROOF']);
  });

  it('21: one that asks to be an authority, or for a wildcard name, is refused', async () => {
    await expectNotCertified(await requestWith([new x509.BasicConstraintsExtension(true, 0, true)]), [
      'PARTICIPANT_FORBIDDEN_REQUEST',
    ]);
    const wildcard = new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: '*.hospital.example' }]);
    await expectNotCertified(await requestWith([wildcard]), ['PARTICIPANT_FORBIDDEN_REQUEST']);
  });

  it('22: another’s name in a request is never certified', async () => {
    const known = await enrolByTwo(instance, await newRequest(), 'Known Hospital', 'provider');
    const keys = await newKeyPair();
    const { x25519Public } = await newRequest();
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      name: `CN=${known.id}, O=Known Hospital`,
      keys,
      signingAlgorithm: { name: 'Ed25519' },
      extensions: [
        new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `urn:firebreak:${known.id}` }]),
        new x509.Extension(
          '1.2.840.113556.1.8000.2554.34184.41263.34735.17917.34236.8931014.12016863.3',
          false,
          Buffer.concat([Buffer.of(4, 32), x25519Public]),
        ),
      ],
    });
    const csr = `${request.toString('pem')}\n`;
    const input = { csr, name: 'Known Hospital', group: 'provider', by: 'Eve' };
    // Who is meant is said by staff and approved by other staff; the request's own names go nowhere.
    const { id } = await instance.certification.enrol({ ...input, name: 'Honest name' });
    const { handle } = await instance.certification.approve(id, 'Bo');
    const certified = instance.certification.rows.get(handle ?? '');
    assert.ok(certified !== undefined);
    assert.notEqual(certified.id, known.id);
    const certificate = new x509.X509Certificate(presentDer(certified));
    assert.equal(certificate.getExtension('2.5.29.17'), null);
    assert.equal(readCertificate(presentDer(certified)).organisation, 'Honest name');
    assert.deepEqual(instance.certification.rows.get(known.handle), known);
  });

  it('23: RSA-1024 and signatures over SHA-1 are refused', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const webKeys = {
      publicKey: await crypto.subtle.importKey(
        'spki',
        publicKey.export({ format: 'der', type: 'spki' }),
        { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-1' },
        true,
        ['verify'],
      ),
      privateKey: await crypto.subtle.importKey(
        'pkcs8',
        privateKey.export({ format: 'der', type: 'pkcs8' }),
        { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-1' },
        true,
        ['sign'],
      ),
    };
    for (const hash of ['SHA-1', 'SHA-256']) {
      const request = await x509.Pkcs10CertificateRequestGenerator.create({
        keys: webKeys,
        signingAlgorithm: { name: 'RSASSA-PKCS1-v1_5', hash },
      });
      await expectNotCertified(`${request.toString('pem')}\n`, ['PARTICIPANT_WEAK_CRYPTO']);
    }
  });

  it('24: revoked: no token, no renewal, no consent, at once', async () => {
    const requested = await newRequest();
    const args = { name: 'Leaving', group: 'payer', csr: requested.csr, scopes: ['system/*.rs'] };
    const { id } = await addClient(instance, args);
    const certified = await instance.certification.find(id);
    const tokenUrl = `${http.address}/auth/token`;
    const token = (): Promise<Response> =>
      postForm(tokenUrl, tokenForm(assertion(certified, requested, tokenUrl), { purpose_of_use: 'HPAYMT' }));
    assert.equal((await token()).status, 200);
    assert.equal((await renew(assertion(certified, requested, renewUrl()))).status, 200);
    await instance.certification.revoke(id, 'keyCompromise');
    assert.equal((await token()).status, 401);
    const answer = await renew(assertion(certified, requested, renewUrl()));
    assert.equal(refusalOf(answer), '401 login ADAPTER_UNAUTHORIZED');
    assert.equal((await ask(http.address, '/pki/issuing.crl')).status, 200);
  });

  it('25: expired or not yet valid: no token, no renewal, no consent', async () => {
    const requested = await newRequest();
    const args = { name: 'Late', group: 'payer', csr: requested.csr, scopes: ['system/*.rs'] };
    const { id } = await addClient(instance, args);
    const certified = await instance.certification.find(id);
    const wallet = await enrolWallet(servicesOf(instance), 'ward', 'late');
    const begun = nowMs;
    const tokenUrl = `${http.address}/auth/token`;
    const statuses = async (): Promise<number[]> => {
      const form = tokenForm(assertion(certified, requested, tokenUrl), { purpose_of_use: 'HPAYMT' });
      return [
        (await postForm(tokenUrl, form)).status,
        (await renew(assertion(certified, requested, renewUrl()))).status,
      ];
    };
    try {
      nowMs = begun + 91 * DAY_MS;
      assert.deepEqual(await statuses(), [401, 401]);
      nowMs = begun + 366 * DAY_MS;
      const consent = consentFor(wallet, { dateTime: new Date(nowMs).toISOString() });
      await assert.rejects(instance.consents.submit(signedBundle(wallet, consent)), (error: Error) =>
        error.message.includes('certificate-expired'),
      );
      nowMs = begun - 2 * DAY_MS;
      assert.deepEqual((await statuses())[1], 401);
      const early = consentFor(wallet, { dateTime: new Date(begun).toISOString() });
      await assert.rejects(instance.consents.submit(signedBundle(wallet, early)), (error: Error) =>
        /certificate-not-yet-valid|refused/.test(error.message),
      );
    } finally {
      nowMs = begun;
    }
  });

  it('26: a certificate of another root is nobody’s', async () => {
    const requested = await newRequest();
    const certified = await enrolByTwo(instance, requested, 'Real');
    const other = await createAuthority({
      name: 'Other CA',
      rootSeed: (await newRequest()).seed,
      issuingSeed: (await newRequest()).seed,
      nowMs,
    });
    const forger = await newRequest();
    const forged = await other.issue({
      csr: forger.csr,
      id: certified.id,
      group: 'payer',
      role: 'organisation',
      organisation: 'Real',
      notBefore: nowMs,
      notAfter: nowMs + DAY_MS,
    });
    const x5c = forged.der.toString('base64');
    for (const kid of [forged.fingerprint, presentOf(certified).fingerprint]) {
      const answer = await renew(assertion(certified, forger, renewUrl(), {}, kid));
      assert.equal(refusalOf(answer), '401 login ADAPTER_UNAUTHORIZED');
      const sign = signer('EdDSA', privateKeyObject(forger.seed));
      const claims = assertionClaims(certified, renewUrl());
      const carried = compactJws({ alg: 'EdDSA', kid, x5c: [x5c] }, claims, sign);
      assert.equal((await renew(carried)).status, 401);
    }
  });

  it('27: when there is no revocation list in force, it is 503 and not an old one', async () => {
    const begun = nowMs;
    const failing = mock.method(instance.appender, 'writeRows', () =>
      Promise.reject(new LedgerError('LEDGER_BUSY', 'as the test asked')),
    );
    try {
      nowMs = begun + 1.5 * DAY_MS;
      assert.equal((await ask(http.address, '/pki/issuing.crl')).status, 200, 'one in time is good');
      nowMs = begun + 3 * DAY_MS;
      for (const path of ['/pki/issuing.crl', '/pki/issuing.crl.pem']) {
        const answer = await ask(http.address, path);
        assert.equal(refusalOf(answer), '503 no-store ADAPTER_STORE_FAILED');
        assert.equal(answer.headers['retry-after'], '5');
      }
    } finally {
      failing.mock.restore();
      nowMs = begun;
    }
    assert.equal((await ask(http.address, '/pki/issuing.crl')).status, 200);
  });

  it('28: nobody approves the own request', async () => {
    const { csr } = await newRequest();
    const { id } = await instance.certification.enrol({ csr, name: 'Own', group: 'payer', by: 'Eve' });
    const size = logSize(instance);
    for (const by of ['Eve', 'eve', ' EVE '])
      await assert.rejects(instance.certification.approve(id, by), { code: 'ADAPTER_FORBIDDEN' });
    assert.equal(logSize(instance), size);
    assert.equal(instance.certification.requests.get(id)?.state, 'pending');
  });

  it('30: what is registered is not registered over', async () => {
    const requested = await newRequest();
    const certified = await enrolByTwo(instance, requested, 'First');
    const size = logSize(instance);
    for (const [name, group] of [
      ['Second', 'payer'],
      ['First', 'provider'],
    ] as const) {
      const input = { csr: requested.csr, name, group, by: 'Eve' };
      await assert.rejects(instance.certification.enrol(input), { code: 'ADAPTER_CONFLICT' });
      const args = { ...input, scopes: ['system/*.rs'] };
      await assert.rejects(addClient(instance, args), { code: 'ADAPTER_CONFLICT' });
    }
    assert.equal(logSize(instance), size);
    assert.deepEqual(instance.certification.rows.get(certified.handle), certified);
  });

  it('31: a client certificate that a header tells of is nobody', async () => {
    const requested = await newRequest();
    const certified = await enrolByTwo(instance, requested, 'Header');
    const pem = encodeURIComponent(presentDer(certified).toString('base64'));
    for (const name of [
      'x-forwarded-client-cert',
      'x-ssl-client-cert',
      'client-cert',
      'x-client-certificate',
    ]) {
      assert.equal((await renew('', { [name]: pem })).status, 401);
      assert.equal((await ask(http.address, '/fhir/Patient', { headers: { [name]: pem } })).status, 401);
    }
  });

  it('a renewal by the certified key: early it is the present certificate, later a longer one, and once', async () => {
    const requested = await newRequest();
    const certified = await enrolByTwo(instance, requested, 'Renews itself');
    const begun = nowMs;
    const size = logSize(instance);
    const answerOf = async (): Promise<{ fingerprint: string; renewed: boolean }> => {
      const answer = await renew(assertion(certified, requested, renewUrl()));
      assert.equal(answer.status, 200, answer.body.toString());
      return JSON.parse(answer.body.toString()) as { fingerprint: string; renewed: boolean };
    };
    try {
      const early = await answerOf();
      assert.deepEqual([early.renewed, early.fingerprint], [false, presentOf(certified).fingerprint]);
      assert.equal(logSize(instance), size);
      nowMs = begun + 50 * DAY_MS;
      const sent = assertion(certified, requested, renewUrl());
      const first = await renew(sent);
      assert.equal((JSON.parse(first.body.toString()) as { renewed: boolean }).renewed, true);
      const renewedSize = logSize(instance);
      // The same assertion again is signed under the former `kid`: nothing comes of it.
      assert.equal((await renew(sent)).status, 401);
      assert.equal(logSize(instance), renewedSize);
      for (const more of [
        { aud: `${http.address}/auth/token` },
        { exp: Math.floor(nowMs / 1000) - 120 },
        { iss: 'x' },
      ])
        assert.equal((await renew(assertion(certified, requested, renewUrl(), more))).status, 401);
      for (const body of ['', 'x', '..', 'a.b.c', 'x'.repeat(20_000)])
        assert.equal((await renew(body)).status, 401);
      assert.equal((await renew('x'.repeat(40_000))).status, 413);
      assert.match(logged, /renewal refused/);
    } finally {
      nowMs = begun;
    }
  });

  it('the list is served as DER and PEM, and tells how long it may be kept', async () => {
    const der = await ask(http.address, '/pki/issuing.crl');
    assert.equal(der.headers['content-type'], 'application/pkix-crl');
    assert.equal(der.headers['cache-control'], 'max-age=60');
    const pem = await ask(http.address, '/pki/issuing.crl.pem');
    assert.match(
      pem.body.toString(),
      /^-----BEGIN X509 CRL-----\n[A-Za-z0-9+/=\n]+-----END X509 CRL-----\n$/,
    );
    const inside = pem.body.toString().replaceAll(/-----[^-]+-----|\s/g, '');
    assert.ok(Buffer.from(inside, 'base64').equals(der.body));
    const posted = await ask(http.address, '/pki/issuing.crl', { method: 'POST' });
    assert.deepEqual([posted.status, posted.headers['allow']], [405, 'GET, HEAD']);
    const got = await ask(http.address, '/pki/renew');
    assert.deepEqual([got.status, got.headers['allow']], [405, 'POST']);
  });
});
