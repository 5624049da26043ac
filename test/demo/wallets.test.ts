import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPublicKey, randomBytes, randomUUID, verify, X509Certificate } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Bundle, Consent, Provenance } from 'fhir/r4.js';
import { CONSENT_MIX, enrolAndConsent, runConsents } from '../../demo/index.js';
import type { RunConsentsOptions } from '../../demo/index.js';
import { createAuthority, readCsr } from '../../ledger/participants/index.js';
import { startReceiver } from './receiver.js';

const OID = '1.2.840.113556.1.8000.2554.34184.41263.34735.17917.34236.8931014.12016863.3';
const reference = createRequire(import.meta.url)('canonicalize') as (value: unknown) => string | undefined;
const SECRET = 'source-secret';

interface Signed {
  readonly consent: Consent;
  readonly provenance: Provenance;
  readonly raw: string;
}

/** Firebreak as the wallets see it: invites, certifies, and takes consents whose signatures hold. */
class FakeFirebreak {
  readonly signed: Signed[] = [];
  readonly keyOf = new Map<string, Buffer>();
  readonly patientOf = new Map<string, string>();
  readonly used = new Map<string, { csr: string; answer: object }>();
  enrolled = 0;
  /** Called before a request is answered; a status makes it the answer. */
  fault: (path: string) => number | undefined = () => undefined;
  url = '';

  static async start(t: TestContext): Promise<FakeFirebreak> {
    const fake = new FakeFirebreak();
    const nowMs = Date.now();
    const authority = await createAuthority({
      name: 'Test',
      rootSeed: randomBytes(32),
      issuingSeed: randomBytes(32),
      nowMs,
    });
    const certify = async (csr: string): Promise<string> => {
      assert.equal((await readCsr(csr)).x25519Public.length, 32);
      const validity = { notBefore: nowMs, notAfter: nowMs + 86_400_000 };
      return (await authority.issue({ csr, group: 'patient', id: `p-${randomUUID()}`, ...validity })).pem;
    };
    const certificates = new Map<string, string>();
    const receiver = await startReceiver(t, ({ method, path, body }) => {
      const status = fake.fault(path);
      if (status !== undefined) return status;
      if (path === '/pki/profile') return { status: 200, json: { x25519Oid: OID } };
      if (path === '/sources/s1/invitations') {
        const { patients } = JSON.parse(body) as { patients: string[] };
        const invitations = patients.map((patient) => ({
          patient,
          code: `code-${patient}-${fake.patientOf.size}`,
        }));
        for (const { patient, code } of invitations) fake.patientOf.set(code, patient);
        return { status: 200, json: { invitations } };
      }
      if (path === '/pki/enrol') {
        const { invitation, csr } = JSON.parse(body) as { invitation: string; csr: string };
        const before = fake.used.get(invitation);
        if (before !== undefined) return before.csr === csr ? { status: 201, json: before.answer } : 403;
        const patient = fake.patientOf.get(invitation);
        const certificate = certificates.get(csr);
        if (patient === undefined) return 403;
        // The certificate is made asynchronously: the wallet is told to come again.
        if (certificate === undefined) {
          void certify(csr).then((pem) => certificates.set(csr, pem));
          return 503;
        }
        const x509 = new X509Certificate(certificate);
        const fingerprint = Buffer.from(x509.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
        fake.keyOf.set(
          fingerprint,
          Buffer.from(x509.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'),
        );
        const answer = {
          participant: 'h'.repeat(43),
          certificate,
          fingerprint,
          patient: { reference: `Patient/facade-${patient}` },
          custodian: { reference: 'Organization/hospital', display: 'A & B <Hospital>' },
          instance: { reference: 'Organization/instance' },
        };
        fake.used.set(invitation, { csr, answer });
        fake.enrolled++;
        return { status: 201, json: answer };
      }
      if (path === '/fhir' && method === 'POST') {
        fake.signed.push(fake.check(body));
        return 200;
      }
      return 404;
    });
    fake.url = receiver.url;
    return fake;
  }

  check(raw: string): Signed {
    const bundle = JSON.parse(raw) as Bundle;
    assert.equal(bundle.type, 'transaction');
    const [first, second] = bundle.entry ?? [];
    const consent = first?.resource as Consent;
    const provenance = second?.resource as Provenance;
    assert.deepEqual(provenance.target, [{ reference: first?.fullUrl }]);
    const [signature] = provenance.signature ?? [];
    assert.equal(signature?.sigFormat, 'application/jose');
    assert.equal(signature?.type[0]?.code, '1.2.840.10065.1.12.1.1');
    const jws = Buffer.from(signature?.data ?? '', 'base64').toString('utf8');
    const [header = '', payload, value = ''] = jws.split('.');
    assert.equal(payload, '');
    const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as {
      alg: string;
      kid: string;
    };
    assert.equal(alg, 'EdDSA');
    const { id: _id, meta: _meta, ...document } = consent;
    const message = `${header}.${Buffer.from(reference(document) ?? '').toString('base64url')}`;
    const key = createPublicKey({
      format: 'jwk',
      key: { kty: 'OKP', crv: 'Ed25519', x: this.keyOf.get(kid)?.toString('base64url') ?? '' },
    });
    assert.ok(verify(null, Buffer.from(message), key, Buffer.from(value, 'base64url')), 'signature');
    return { consent, provenance, raw };
  }
}

const folder = (t: TestContext): string => {
  const dir = mkdtempSync(join(tmpdir(), 'firebreak-wallets-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
};
const patientIds = Array.from({ length: 120 }, (_, at) => `p${at}`);
const options = (
  fake: FakeFirebreak,
  dataDir: string,
  more: Partial<RunConsentsOptions> = {},
): RunConsentsOptions => ({
  firebreakUrl: fake.url,
  source: 's1',
  sourceSecret: SECRET,
  patientIds,
  dataDir,
  seed: 5,
  ...more,
});
const kindOf = ({ consent }: Signed): string =>
  consent.provision?.type === 'deny' ? 'refusal' : (consent.provision?.purpose?.[0]?.code ?? '');

test('patients enrol and decide in their phases, each document once', async (t) => {
  const fake = await FakeFirebreak.start(t);
  const dataDir = folder(t);
  const first = await runConsents(options(fake, dataDir));
  assert.equal(first.failed, 0, first.firstFailure);
  assert.equal(fake.signed.length, first.consents + first.refusals);
  assert.equal(first.enrolled, fake.enrolled);
  assert.ok(first.refusals >= 1 && first.enrolled < patientIds.length);
  const count = (kind: string): number => fake.signed.filter((one) => kindOf(one) === kind).length;
  assert.ok(count('TREAT') > count('HRESCH'), 'some sign for care alone');
  assert.equal(count('refusal'), first.refusals);

  const again = await runConsents(options(fake, dataDir));
  assert.deepEqual([again.enrolled, again.consents, again.refusals], [0, 0, 0]);
  assert.equal(again.unchanged, first.enrolled);

  const late = await runConsents(options(fake, dataDir, { phase: 'late' }));
  assert.equal(first.enrolled + late.enrolled, patientIds.length);
  assert.equal(late.consents, 2 * late.enrolled);

  const before = fake.signed.length;
  const withdrawn = await runConsents(options(fake, dataDir, { phase: 'withdraw' }));
  assert.ok(withdrawn.withdrawals >= 2);
  assert.equal(withdrawn.enrolled, 0);
  for (const { consent } of fake.signed.slice(before)) {
    assert.equal(consent.status, 'inactive');
    const original = fake.signed.find(
      (one) => one.consent.identifier?.[0]?.value === consent.identifier?.[0]?.value,
    )?.consent;
    assert.equal(original?.status, 'active');
    assert.ok((consent.dateTime ?? '') > (original.dateTime ?? ''));
  }
  assert.equal((await runConsents(options(fake, dataDir, { phase: 'withdraw' }))).withdrawals, 0);
});

test('what is signed says what the signer was shown', async (t) => {
  const fake = await FakeFirebreak.start(t);
  await runConsents(options(fake, folder(t)));
  const of = (kind: string): Consent => fake.signed.find((one) => kindOf(one) === kind)?.consent as Consent;
  const care = of('TREAT');
  assert.equal(care.status, 'active');
  assert.match(care.identifier?.[0]?.value ?? '', /^urn:uuid:/);
  assert.deepEqual(
    care.provision?.action?.map(({ coding }) => coding?.[0]?.code),
    ['collect', 'access', 'use'],
  );
  assert.equal(care.provision?.actor?.[0]?.reference.reference, 'Organization/hospital');
  for (const words of [
    'A &amp; B &lt;Hospital&gt;',
    'Contact',
    'Purposes',
    'Kept',
    'Transfer abroad',
    'withdraw',
  ]) {
    assert.ok(care.text?.div.includes(words), words);
  }
  const research = of('HRESCH');
  assert.deepEqual(
    research.provision?.action?.map(({ coding }) => coding?.[0]?.code),
    ['use'],
  );
  assert.equal(research.provision?.actor?.[0]?.reference.reference, 'Organization/instance');
  const refusal = of('refusal');
  assert.equal(refusal.provision?.type, 'deny');
  assert.equal(refusal.policyRule?.coding?.[0]?.code, 'OPTOUT');
  for (const { consent } of fake.signed) assert.ok(consent.meta?.tag?.some(({ code }) => code === 'HTEST'));
});

test('after a crash the same bytes are sent again, and no key is made twice', async (t) => {
  const fake = await FakeFirebreak.start(t);
  const dataDir = folder(t);
  const path = join(dataDir, 'wallets.ndjson');
  await runConsents(
    options(fake, dataDir, {
      patientIds: ['p1', 'p2', 'p3'],
      mix: { full: 1, careOnly: 0, late: 0, refuse: 0, withdraw: 0 },
    }),
  );
  assert.equal(statSync(path).mode & 0o077, 0);
  assert.equal(fake.signed.length, 6);
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const sentBefore = new Set(fake.signed.map(({ raw }) => raw));
  // From the invitations on, every prefix of the file is a state that a crash may leave, and a torn line after it.
  for (const keep of [6, 8, 12, lines.length - 1]) {
    fake.signed.length = 0;
    writeFileSync(path, `${lines.slice(0, keep).join('\n')}\n`, { mode: 0o600 });
    appendFileSync(path, '{"do":"se');
    const report = await enrolAndConsent(options(fake, dataDir, { patientIds: ['p1', 'p2', 'p3'] }));
    assert.equal(report.failed, 0, report.firstFailure);
    const decided = lines.slice(0, keep).filter((line) => line.includes('"decided"')).length;
    const sent = lines.slice(0, keep).filter((line) => line.includes('"sent"')).length;
    assert.equal(fake.signed.length, 6 - sent);
    // What had been decided before the crash comes again byte for byte.
    assert.ok(fake.signed.filter(({ raw }) => sentBefore.has(raw)).length >= decided - sent);
    assert.equal(fake.enrolled, 3, 'the same request gets the same certificate');
  }
});

test('an invitation that has ended is asked for again', async (t) => {
  const fake = await FakeFirebreak.start(t);
  const dataDir = folder(t);
  fake.fault = (path) => (path === '/pki/enrol' ? 403 : undefined);
  const refused = await enrolAndConsent(options(fake, dataDir, { patientIds: ['p1'] }));
  assert.deepEqual([refused.enrolled, refused.failed], [0, 1]);
  fake.fault = () => undefined;
  fake.patientOf.clear();
  const later = await enrolAndConsent(options(fake, dataDir, { patientIds: ['p1'] }));
  assert.deepEqual([later.enrolled, later.consents, later.failed], [1, 2, 0]);
});

test('waits while Firebreak is busy; a refusal of one patient is not everyone’s', async (t) => {
  const fake = await FakeFirebreak.start(t);
  let calls = 0;
  fake.fault = (path) => (path === '/fhir' && ++calls % 2 === 1 ? 503 : undefined);
  const report = await enrolAndConsent(options(fake, folder(t), { patientIds: ['p1', 'p2'] }));
  assert.deepEqual([report.consents, report.failed], [4, 0]);
  fake.fault = (path) => (path === '/fhir' ? 422 : undefined);
  const refused = await enrolAndConsent(options(fake, folder(t), { patientIds: ['p3', 'p4'] }));
  assert.deepEqual([refused.enrolled, refused.failed], [2, 2]);
  fake.fault = (path) => (path.startsWith('/sources/') ? 401 : undefined);
  await assert.rejects(enrolAndConsent(options(fake, folder(t), { patientIds: ['p5'] })), {
    code: 'DEMO_FIREBREAK_REFUSED',
  });
});

test('stops at the signal without failing', async (t) => {
  const fake = await FakeFirebreak.start(t);
  const stop = new AbortController();
  const report = await runConsents(
    options(fake, folder(t), { signal: stop.signal, onProgress: () => stop.abort() }),
  );
  assert.ok(report.enrolled < patientIds.length);
});

test('keys that others may read, and damaged files, are refused', async (t) => {
  const fake = await FakeFirebreak.start(t);
  const dataDir = folder(t);
  await enrolAndConsent(options(fake, dataDir, { patientIds: ['p1'] }));
  const path = join(dataDir, 'wallets.ndjson');
  chmodSync(path, 0o644);
  await assert.rejects(enrolAndConsent(options(fake, dataDir)), { code: 'DEMO_WALLETS_DAMAGED' });
  chmodSync(path, 0o600);
  writeFileSync(path, '{"do":"sent","patient":"p9"}\n');
  await assert.rejects(enrolAndConsent(options(fake, dataDir)), { code: 'DEMO_WALLETS_DAMAGED' });
  writeFileSync(path, 'x\n');
  await assert.rejects(enrolAndConsent(options(fake, dataDir)), { code: 'DEMO_WALLETS_DAMAGED' });
});

test('a certificate for another key is not taken', async (t) => {
  const fake = await FakeFirebreak.start(t);
  const dataDir = folder(t);
  await enrolAndConsent(options(fake, dataDir, { patientIds: ['p1'] }));
  const [foreign] = fake.used.values();
  fake.patientOf.clear();
  const receiver = await startReceiver(t, ({ path }) =>
    path === '/pki/profile'
      ? { status: 200, json: { x25519Oid: OID } }
      : path === '/pki/enrol'
        ? { status: 201, json: foreign?.answer ?? {} }
        : { status: 200, json: { invitations: [{ patient: 'p2', code: 'c' }] } },
  );
  const report = await enrolAndConsent({
    ...options(fake, folder(t), { patientIds: ['p2'] }),
    firebreakUrl: receiver.url,
  });
  assert.deepEqual([report.enrolled, report.failed], [0, 1]);
});

test('OpenSSL reads and verifies the certification request', async (t) => {
  const fake = await FakeFirebreak.start(t);
  await enrolAndConsent(options(fake, folder(t), { patientIds: ['p1'] }));
  const [first] = fake.used.values();
  try {
    execFileSync('openssl', ['version'], { stdio: 'pipe' });
  } catch {
    t.skip('no openssl');
    return;
  }
  const run = execFileSync('openssl', ['req', '-verify', '-noout', '-text'], {
    input: first?.csr ?? '',
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  assert.match(run.toString(), /ED25519/i);
});

test('the mix sums to all patients', () => {
  assert.ok(Math.abs(Object.values(CONSENT_MIX).reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
});
