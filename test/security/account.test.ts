/**
 * The account of disclosures is whole: each answer that showed something has exactly one line, in order, with its proof, and
 * where the line cannot be written nothing is shown, whichever way was taken.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { AuditEvent, Bundle, FhirResource } from 'fhir/r4.js';
import type { OwnAccesses } from '../../adapter/http/contract/index.js';
import { accessLog } from '../../adapter/services/account/index.js';
import { prove } from '../../adapter/services/proofs/index.js';
import { refreshSeverity } from '../../adapter/services/severity.js';
import { publishTrained } from '../../adapter/services/severity-model.js';
import { covidDeterioration, trainSeverity } from '../../analytics/index.js';
import { checkProof, proofTrust } from '../../ledger/proofs/index.js';
import { auditEventId } from '../../mappings/index.js';
import { ask, consenting, failedChecks, openBench, push, sign } from '../adapter/support/bench.js';
import type { Answer, Bench } from '../adapter/support/bench.js';
import { facadeIdOf, json, linkIn, readerOf } from '../adapter/support/facade.js';
import type { Reader } from '../adapter/support/facade.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { cohort } from '../analytics/severity/cohort.js';
import { signedDecision, signedTask, taskOf } from '../support/access.js';
import { definitionOf, signedCohort } from '../support/cohorts.js';
import { assertionClaims, compactJws, signer } from '../support/client.js';
import { servicesOf } from '../support/instance.js';
import { enrolOrganisation, enrolPerson } from '../support/person.js';
import type { TestPerson } from '../support/person.js';
import { bearer, signerOf, signIn } from '../support/session.js';
import { enrolWallet } from '../support/wallet.js';
import type { Wallet } from '../support/wallet.js';

const isLong = process.env['FIREBREAK_TEST_LONG'] === '1';
const STEPS = isLong ? 1000 : 90;
const NEVER = 'a'.repeat(32);
/** A value of a record, and what an answer that shows something of one cannot lack. */
const RATE = 7177;
const SHOWS = /7177|"birthDate"|"valueQuantity"|"RiskAssessment"|"risk"|"probability/;

/** What one line of an account must say. */
interface Line {
  readonly to: string;
  readonly purpose: string;
  readonly what: string;
  readonly records: number;
}

/** A generator whose numbers come again under the same seed (xorshift32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** The findings that a model needs, about a patient that is here already. */
function riskOf(name: string): object[] {
  const [made] = cohort(1, 9);
  return (made?.resources ?? []).map((resource, i) => {
    const isPatient = (resource as { resourceType: string }).resourceType === 'Patient';
    const subject = { reference: `Patient/${name}` };
    return isPatient
      ? { ...(resource as object), id: name }
      : { ...(resource as object), id: `${name}-risk-${i}`, subject };
  });
}

/** Whose an entry of an answer is: by its subject, or itself. */
function ownerOf(resource: FhirResource): string {
  if (resource.resourceType === 'Patient') return `Patient/${resource.id ?? ''}`;
  return (resource as { subject?: { reference?: string } }).subject?.reference ?? '';
}

describe('the account of disclosures', () => {
  let bench: Bench;
  let ward: Reader;
  let stranger: Reader;
  let ministry: TestPerson;
  let staff: TestPerson;
  let research: string;
  const wallets = new Map<string, Wallet>();
  const tokens = new Map<string, string>();
  /** What is kept beside the instance: lines of each patient's account, by reference, the first first. */
  const kept = new Map<string, Line[]>();

  before(async () => {
    bench = await openBench({ readerRequestsPerSecond: 100_000 });
    const { instance, source } = bench;
    const { fitting } = covidDeterioration;
    const study = { ...covidDeterioration, fitting: { ...fitting, imputedShareMax: 1 } };
    const trained = await trainSeverity(cohort(300, 4), study);
    await publishTrained(instance, trained, { standsOn: [], inputs: new Map(), asOfMs: instance.nowMs() });
    ward = await readerOf(bench, { source: source.id, name: 'Ward system' });
    stranger = await readerOf(bench, { name: 'Elsewhere' });
    ministry = await enrolOrganisation(instance, 'Ministry of Health', 'authority');
    staff = await enrolPerson(instance, 'staff');
    for (const name of ['a', 'b', 'c']) {
      const wallet = await consenting(bench, name);
      wallets.set(name, wallet);
      kept.set(wallet.enrolled.patient.reference, []);
      await push(bench, patient(name, { version: '1', minute: 1 }));
      await push(bench, heartRate(`${name}1`, name, RATE, { version: '1', minute: 1 }));
      await push(bench, heartRate(`${name}1`, name, RATE, { version: '2', minute: 2 }));
      await push(bench, heartRate(`${name}2`, name, RATE, { version: '1', minute: 3 }));
      tokens.set(name, await signIn(bench.url, signerOf(wallet)));
    }
    await push(bench, ...riskOf('c'));
    await refreshSeverity(instance);
    for (const name of ['a', 'b']) await permitResearch(name);
    research = await signIn(bench.url, ministry, { purpose: 'HRESCH' });
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
  });

  const referenceOf = (name: string): string => wallets.get(name)?.enrolled.patient.reference ?? '';
  const tokenOf = (name: string): string => tokens.get(name) ?? '';
  const get = (path: string, token: string, headers = {}): Promise<Answer> =>
    ask(bench.url, path, { headers: { ...bearer(token), ...headers } });
  const id = (name: string, type = 'Observation'): string => facadeIdOf(bench, type, name);

  /** The hospital first, then the patient. */
  async function permitResearch(name: string): Promise<void> {
    const task = taskOf(ministry, {
      patient: referenceOf(name),
      custodian: bench.source.custodian.id,
      purpose: 'HRESCH',
      types: ['Observation'],
    });
    const post = (path: string, body: Buffer): Promise<Answer> =>
      ask(bench.url, path, { method: 'POST', body });
    const { id: request } = json<{ id: string } & FhirResource>(
      await post('/requests', signedTask(ministry, task)),
    );
    const wallet = wallets.get(name);
    assert.ok(wallet !== undefined);
    for (const by of [staff, signerOf(wallet)]) {
      const decision = signedDecision(
        by,
        bench.instance.identity.origin,
        { id: request, task },
        {
          outcome: 'approved',
        },
      );
      assert.equal((await post('/requests/decisions', decision)).status, 200);
    }
  }

  async function card(name: string): Promise<Answer> {
    const path = '/cds-services/firebreak-severity';
    const { sub: _sub, ...claims } = assertionClaims(ward.client, `${bench.url}${path}`);
    const header = { alg: 'EdDSA', kid: ward.client.kid, typ: 'JWT' };
    return ask(bench.url, path, {
      method: 'POST',
      headers: {
        ...bearer(compactJws(header, claims, signer('EdDSA', ward.client.key))),
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        hook: 'patient-view',
        hookInstance: 'd1577c69-dfbe-44ad-ba6d-3e05e953b2ea',
        context: { userId: 'Practitioner/x', patientId: name },
      }),
    });
  }

  /** Writes down what left: how many versions of each patient an answer shows, from its bytes alone. */
  function left(answer: Answer, line: Omit<Line, 'records'>): void {
    if (answer.status !== 200) {
      assert.doesNotMatch(answer.body.toString(), SHOWS);
      return;
    }
    const resource = json(answer);
    const shown =
      resource.resourceType === 'Bundle'
        ? (resource.entry ?? []).flatMap((entry) => (entry.resource as FhirResource | undefined) ?? [])
        : [resource];
    const counts = new Map<string, number>();
    for (const one of shown) counts.set(ownerOf(one), (counts.get(ownerOf(one)) ?? 0) + 1);
    for (const [owner, records] of counts) kept.get(owner)?.push({ ...line, records });
  }

  type Way = readonly [path: (name: string) => string, what: string];
  const WAYS: readonly Way[] = [
    [(name) => `Observation/${id(`${name}1`)}`, 'read'],
    [(name) => referenceOf(name), 'read'],
    [(name) => `Observation/${id(`${name}1`)}/_history/1`, 'vread'],
    [(name) => `Observation/${id(`${name}1`)}/_history`, 'history'],
    [(name) => `Observation/_history?patient=${referenceOf(name)}`, 'history'],
    [(name) => `Observation?patient=${referenceOf(name)}`, 'search'],
    [(name) => `Observation?patient=${referenceOf(name)}&_count=1`, 'search'],
    [(name) => `Observation?patient=${referenceOf(name)},${referenceOf('a')}`, 'search'],
    [(name) => `${referenceOf(name)}/$everything`, 'everything'],
    [(name) => `Observation?patient=${referenceOf(name)}&code=none`, 'search'],
    [() => `Observation/${NEVER}`, 'read'],
    [() => `Patient/${NEVER}/$everything`, 'everything'],
  ];

  it('has one line for each answer that showed something, in order, whoever asked and however', async () => {
    const random = randomOf(20_261_123);
    const used = new Set<string>();
    for (let step = 0; step < STEPS; step++) {
      const name = ['a', 'b', 'c'][random(3)] ?? 'a';
      const way = WAYS[random(WAYS.length)];
      assert.ok(way !== undefined);
      const [path, what] = way;
      const who = random(10);
      // Lines of one millisecond have no order.
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (who === 0) {
        const answer = await card('c');
        const { cards } = json<{ cards: unknown[] } & FhirResource>(answer);
        if (cards.length > 0)
          kept
            .get(referenceOf('c'))
            ?.push({ to: ward.reference, purpose: 'TREAT', what: 'patient-view', records: 1 });
        used.add(`card ${cards.length}`);
      } else if (who === 1) {
        // What was permitted is withdrawn, or permitted again.
        const wallet = wallets.get('b');
        assert.ok(wallet !== undefined);
        const type = random(2) === 0 ? 'deny' : 'permit';
        await sign(bench, wallet, { type, identifier: '0f8b3b52-53cc-4d2c-a5e5-6f9fb7f4d0bb' });
        used.add(type);
      } else if (who === 2)
        left(await stranger.get(path(name)), { to: stranger.reference, purpose: 'TREAT', what });
      else if (who === 3) {
        const line = { to: `Organization/${ministry.id}`, purpose: 'HRESCH', what };
        left(await get(`/fhir/${path(name)}`, research), line);
      } else if (who === 4) {
        const line = { to: referenceOf(name), purpose: 'PATRQT', what };
        left(await get(`/fhir/${path(name)}`, tokenOf(name)), line);
      } else {
        const line = { to: ward.reference, purpose: 'TREAT', what };
        const answer = await ward.get(path(name));
        left(answer, line);
        const next = answer.status === 200 ? json<Bundle>(answer).link : undefined;
        const more = next === undefined ? undefined : linkIn(answer, 'next');
        if (more !== undefined) {
          await new Promise((resolve) => setTimeout(resolve, 2));
          left(await ward.get(more), line);
          used.add('page');
        }
      }
      used.add(`${who} ${what}`);
    }
    assert.ok(used.has('card 1') && used.has('page') && used.has('deny'), [...used].join());
    for (const name of wallets.keys()) {
      const expected = kept.get(referenceOf(name)) ?? [];
      assert.ok(expected.length > 5, name);
      const { accesses, total } = json<OwnAccesses & FhirResource>(await get('/me/accesses', tokenOf(name)));
      assert.equal(total, expected.length, name);
      const lines = accesses.map(({ to, purpose, interaction = '', records }) => ({
        to,
        purpose,
        what: interaction,
        records,
      }));
      assert.deepEqual(lines.toReversed(), expected.slice(-500), name);
    }
  });

  it('is the same as AuditEvents and by command, and each line is proved by itself', async () => {
    const vkeys = (await bench.instance.engine.read('vkey'))?.toString().trim().split('\n') ?? [];
    const trust = proofTrust({ vkeys, caRoot: bench.instance.authority.root });
    for (const name of wallets.keys()) {
      const facadeId = referenceOf(name).slice(8);
      const path = `/fhir/AuditEvent?type=110106&_count=500`;
      const found = json<Bundle<AuditEvent>>(await get(path, tokenOf(name)));
      // That proof files were made are further accesses, by the patient.
      const { accesses } = await accessLog(bench.instance, { patient: facadeId, proofs: name === 'a' });
      assert.deepEqual(
        (found.entry ?? []).map(({ resource }) => resource?.id),
        accesses.slice(0, 500).map(({ handle }) => auditEventId(handle)),
      );
      for (const { handle, to, purpose, proof } of accesses) {
        if (proof === undefined) continue;
        const verdict = checkProof(Buffer.from(proof), trust);
        assert.ok(verdict.ok && verdict.kind === 'disclosure', JSON.stringify(verdict));
        assert.equal(verdict.statement.handle, handle);
        assert.equal(verdict.statement.to, to);
        assert.ok(verdict.statement.purpose.endsWith(purpose));
      }
      assert.ok(name !== 'a' || accesses.every(({ proof }) => proof !== undefined));
    }
  });

  it('112: where a line cannot be written nothing is shown, on any way', async () => {
    const { instance } = bench;
    const silent = await enrolWallet(servicesOf(instance), bench.source.id, 'silent');
    await push(bench, patient('silent', { version: '1', minute: 1 }));
    const waiting = await signIn(bench.url, signerOf(silent));
    const page = linkIn(await ward.get(`Observation?patient=${referenceOf('a')}&_count=1`), 'next') ?? '';
    const etag = String((await ward.get(referenceOf('a'))).headers.etag);
    const [access] = (await accessLog(instance, { patient: referenceOf('a').slice(8) })).accesses;
    const cohortId = await approvedCohort();
    const size = instance.engine.head().size;
    const store = instance.store as unknown as { batch: unknown };
    const real = store.batch;
    assert.equal(instance.appender.waitingCount, 0);
    const asked: readonly (readonly [string, () => Promise<Answer>])[] = [
      ...WAYS.map(([path, what]) => [`${what} ${path('a')}`, () => ward.get(path('a'))] as const),
      ...WAYS.map(([path]) => [`own ${path('a')}`, () => get(`/fhir/${path('a')}`, tokenOf('a'))] as const),
      ['research', () => get(`/fhir/Observation?patient=${referenceOf('a')}`, research)],
      ['stranger', () => stranger.get(referenceOf('a'))],
      ['page', () => ward.get(page)],
      ['proofs', () => ward.get(`${referenceOf('a')}?_proof=true`)],
      ['unchanged', () => ward.get(referenceOf('a'), { headers: { 'if-none-match': etag } })],
      ['form', () => formSearch()],
      ['what waits', () => get('/me/waiting', waiting)],
      ['proof of an access', () => get(`/me/accesses/${access?.handle ?? ''}/proof`, tokenOf('a'))],
      ['card', () => card('c')],
      ['export', () => get(`/fhir/Group/${cohortId}/$export`, research, { prefer: 'respond-async' })],
    ];
    store.batch = () => Promise.reject(new Error('no space left on device'));
    try {
      for (const [what, make] of asked) {
        const answer = await make();
        assert.equal(answer.status, 503, `${what}: ${answer.body.toString()}`);
        assert.doesNotMatch(answer.body.toString(), SHOWS, what);
      }
      await assert.rejects(prove(instance, { what: 'record', record: `Observation/a1`, open: true }));
    } finally {
      store.batch = real;
    }
    assert.equal(instance.engine.head().size, size);
  });

  const formSearch = (): Promise<Answer> =>
    ward.get('Observation/_search', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `patient=${referenceOf('a')}`,
    });

  async function approvedCohort(): Promise<string> {
    const post = async (path: string, body: string): Promise<Answer> =>
      ask(bench.url, path, { method: 'POST', headers: bearer(research), body });
    const defined = json<{ id: string; definitionHash: string } & FhirResource>(
      await post('/cohorts', definitionOf()),
    );
    const log = bench.instance.identity.origin;
    await post('/cohorts/requests', signedCohort(ministry, log, defined));
    const approved = await post('/cohorts/decisions', signedCohort(staff, log, defined, 'approved'));
    assert.equal(approved.status, 200, approved.body.toString());
    return defined.id;
  }
});
