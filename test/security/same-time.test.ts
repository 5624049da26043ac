/**
 * Refusals take times that a rank test cannot tell apart, whether the thing exists or not: on every way by which a name can
 * be tried. Both kinds are asked in turns, in an order drawn anew, so that load falls on both alike.
 */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Task } from 'fhir/r4.js';
import { accessLog } from '../../adapter/services/account/index.js';
import { ask, consenting, openBench, push } from '../adapter/support/bench.js';
import type { AskOptions, Bench } from '../adapter/support/bench.js';
import { facadeIdOf } from '../adapter/support/facade.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { signedDecision, signedTask, taskOf } from '../support/access.js';
import type { Asking } from '../support/access.js';
import { enrolClient, tokenFor } from '../support/client.js';
import { enrolOrganisation } from '../support/person.js';
import type { TestPerson } from '../support/person.js';
import { distance, Z_MAX } from '../support/rank-test.js';
import { bearer, signerOf, signIn } from '../support/session.js';

const isLong = process.env['FIREBREAK_TEST_LONG'] === '1';
/** Samples of each kind. */
const SAMPLES = isLong ? 150 : 40;
const WARM_UP = 6;
const READINGS = 60;
/** What one organisation may ask for is bounded. */
const ASKED_OF_ONE = 80;

/** Names of the same forms that nothing has, made before the time is taken. */
interface Unknown {
  readonly id: string;
  readonly handle: string;
}

interface Asked extends AskOptions {
  readonly path: string;
}

/** What is to be asked, made and signed before the time is taken. */
type Try = (names: Unknown) => Asked;

const get = (path: string, token: string): Asked => ({ path, headers: bearer(token) });

const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';

function none(): Unknown {
  const id = Array.from(randomBytes(32), (byte) => LETTERS[byte % LETTERS.length]).join('');
  return { id, handle: randomBytes(32).toString('base64url') };
}

/** Asks both in turns and compares what they took; each answer has the status and the length that they all have. */
async function compare(url: string, expected: number, existing: Try, unknown: Try): Promise<number> {
  const times = { existing: [] as number[], unknown: [] as number[] };
  const shapes = new Set<string>();
  for (let i = 0; i < SAMPLES + WARM_UP; i++) {
    const order =
      randomInt(2) === 0 ? (['existing', 'unknown'] as const) : (['unknown', 'existing'] as const);
    for (const kind of order) {
      const { path, ...options } = (kind === 'existing' ? existing : unknown)(none());
      const begun = performance.now();
      const { status, body } = await ask(url, path, options);
      const took = performance.now() - begun;
      shapes.add(`${status} ${body.length}`);
      if (i >= WARM_UP) times[kind].push(took);
    }
  }
  assert.equal(shapes.size, 1, [...shapes].join(', '));
  assert.match([...shapes].join(''), new RegExp(`^${expected} `));
  return distance(times.existing, times.unknown);
}

const noise = (): number => 1 + randomInt(1000) / 10_000;
const draw = (shift: number): number[] => Array.from({ length: 48 }, () => noise() + shift);

describe('the rank test', () => {
  it('sees a difference of a twentieth, and none where there is none', () => {
    assert.ok(Math.abs(distance(draw(0), draw(0.05))) > Z_MAX);
    assert.ok(Math.abs(distance(draw(0), draw(0))) < Z_MAX);
  });
});

describe('82: a refusal takes as long', () => {
  let bench: Bench;
  /** Tokens: of a stranger’s system, the hospital’s own, another patient, an insurer. */
  let stranger: string;
  let ward: string;
  let mine: string;
  let payer: string;
  let second: TestPerson;
  let insurers: TestPerson[];
  let hidden: string;
  let b0: string;
  let receipt: string;
  let known: { readonly id: string; readonly task: Task };
  let count = 0;

  before(async () => {
    bench = await openBench({ readerRequestsPerSecond: 100_000 });
    const { instance, url } = bench;
    const wallet = await consenting(bench, 'a');
    const other = await consenting(bench, 'b');
    hidden = other.enrolled.patient.reference;
    await push(bench, patient('b', { version: '1', minute: 1 }));
    for (let i = 0; i < READINGS; i++)
      await push(bench, heartRate(`b${i}`, 'b', 70, { version: '1', minute: 1 }));
    b0 = facadeIdOf(bench, 'Observation', 'b0');
    stranger = await tokenFor(await enrolClient(instance, { name: 'Elsewhere' }), url);
    ward = await tokenFor(await enrolClient(instance, { source: bench.source.id }), url);
    assert.equal((await ask(url, `/fhir/${hidden}`, { headers: bearer(ward) })).status, 200);
    const [access] = (await accessLog(instance, { patient: hidden.slice('Patient/'.length) })).accesses;
    receipt = access?.handle ?? '';
    mine = await signIn(url, signerOf(wallet));
    insurers = [];
    // Each comparison may be made twice.
    for (let left = 4 * (SAMPLES + WARM_UP); left > -ASKED_OF_ONE; left -= ASKED_OF_ONE)
      insurers.push(await enrolOrganisation(instance, `Insurer ${insurers.length}`, 'payer'));
    const [first, other2] = insurers;
    assert.ok(first !== undefined && other2 !== undefined);
    second = other2;
    payer = await signIn(url, second, { purpose: 'CLMATTCH' });
    const task = taskOf(first, askingFor(hidden));
    known = { ...(await instance.accessRequests.ask(signedTask(first, task))), task };
  });
  after(() => bench.close());

  const askingFor = (of: string): Asking => ({
    patient: of,
    custodian: bench.source.custodian.id,
    purpose: 'CLMATTCH',
  });
  const read = (path: string): Asked => get(`/fhir/${path}`, stranger);
  const request = (of: string): Asked => {
    const insurer = insurers[Math.floor(++count / ASKED_OF_ONE)];
    assert.ok(insurer !== undefined);
    const body = signedTask(insurer, taskOf(insurer, askingFor(of)));
    return { path: '/requests', method: 'POST', body };
  };
  /** Of somebody who has no part in it. */
  const decision = (id: string): Asked => {
    const terms = { outcome: 'refused' } as const;
    const body = signedDecision(second, bench.instance.identity.origin, { ...known, id }, terms);
    return { path: '/requests/decisions', method: 'POST', body };
  };
  const claim = (of: string): Asked => ({
    path: '/fhir/Claim/$submit',
    method: 'POST',
    headers: { ...bearer(payer), 'content-type': 'application/fhir+json' },
    body: JSON.stringify({
      resourceType: 'Claim',
      id: 'c1',
      status: 'active',
      use: 'claim',
      patient: { reference: of },
      provider: { reference: 'Organization/clinic' },
      billablePeriod: { start: '2026-03-02', end: '2026-03-02' },
      item: [
        {
          sequence: 1,
          productOrService: { coding: [{ system: 'http://snomed.info/sct', code: '185345009' }] },
          servicedDate: '2026-03-02',
        },
      ],
    }),
  });

  const WAYS: readonly (readonly [string, number, Try, Try])[] = [
    ['to read', 404, () => read(`Observation/${b0}`), ({ id }) => read(`Observation/${id}`)],
    [
      'to read a version',
      404,
      () => read(`Observation/${b0}/_history/1`),
      ({ id }) => read(`Observation/${id}/_history/1`),
    ],
    [
      'to read a history',
      404,
      () => read(`Observation/${b0}/_history`),
      ({ id }) => read(`Observation/${id}/_history`),
    ],
    [
      'to search',
      200,
      () => read(`Observation?patient=${hidden}`),
      ({ id }) => read(`Observation?patient=Patient/${id}`),
    ],
    ['to search by id', 200, () => read(`Observation?_id=${b0}`), ({ id }) => read(`Observation?_id=${id}`)],
    [
      'to everything',
      404,
      () => read(`${hidden}/$everything`),
      ({ id }) => read(`Patient/${id}/$everything`),
    ],
    [
      'to a proof',
      404,
      () => read(`Observation/${b0}?_proof=true`),
      ({ id }) => read(`Observation/${id}?_proof=true`),
    ],
    [
      'to another patient’s reading',
      404,
      () => get(`/fhir/Observation/${b0}`, mine),
      ({ id }) => get(`/fhir/Observation/${id}`, mine),
    ],
    [
      'to an account',
      200,
      () => read(`AuditEvent?type=110106&patient=${hidden}`),
      ({ id }) => read(`AuditEvent?type=110106&patient=Patient/${id}`),
    ],
    [
      'to a proof of another’s access',
      404,
      () => get(`/me/accesses/${receipt}/proof`, mine),
      ({ handle }) => get(`/me/accesses/${handle}/proof`, mine),
    ],
    ['to a claim', 404, () => claim(hidden), ({ id }) => claim(`Patient/${id}`)],
    ['to request access', 202, () => request(hidden), ({ id }) => request(`Patient/${id}`)],
    [
      'to another’s request',
      404,
      () => get(`/requests/${known.id}`, payer),
      ({ handle }) => get(`/requests/${handle}`, payer),
    ],
    ['to decide on another’s request', 404, () => decision(known.id), ({ handle }) => decision(handle)],
  ];
  for (const [what, status, existing, unknown] of WAYS)
    it(what, async (t) => {
      let z = await compare(bench.url, status, existing, unknown);
      // What chance did once it does not do twice; a difference stays.
      if (Math.abs(z) > Z_MAX) z = await compare(bench.url, status, existing, unknown);
      t.diagnostic(`${z.toFixed(1)} standard deviations`);
      assert.ok(Math.abs(z) <= Z_MAX, `${z.toFixed(1)} standard deviations`);
    });

  it('and the same way tells apart what is shown from what is not', async () => {
    const times: number[][] = [[], []];
    for (let i = 0; i < 2 * SAMPLES; i++) {
      const begun = performance.now();
      const path = i % 2 === 0 ? `/fhir/Observation/${b0}` : `/fhir/Observation/${none().id}`;
      await ask(bench.url, path, { headers: bearer(ward) });
      times[i % 2]?.push(performance.now() - begun);
    }
    assert.ok(Math.abs(distance(times[0] ?? [], times[1] ?? [])) > Z_MAX);
  });
});
