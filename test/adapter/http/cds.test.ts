import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { keepWatch, publishTrained, readModel } from '../../../adapter/services/severity-model.js';
import { refreshSeverity } from '../../../adapter/services/severity.js';
import { scoreNow } from '../../../adapter/services/scoring.js';
import { listModels, reproduceModel } from '../../../adapter/services/models.js';
import type { Card } from '../../../adapter/services/cds/index.js';
import { covidSeverity, trainSeverity } from '../../../analytics/index.js';
import { cohort, stagedCohort } from '../../analytics/severity/cohort.js';
import cardSchema from '../../support/cds-cards.schema.json' with { type: 'json' };
import { assertionClaims, compactJws, enrolClient, signer } from '../../support/client.js';
import type { TestClient } from '../../support/client.js';
import { ask, consenting, openBench, push, readLog, refusalOf, sign } from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import type { Wallet } from '../../support/wallet.js';

const SERVICE = 'firebreak-severity';
let bench: Bench;
let ward: TestClient;
let stranger: TestClient;
let wallet: Wallet;

/** A made-up patient's resources under another name, each about that patient. */
function resourcesOf(name: string): object[] {
  const [patient] = cohort(1, 9);
  return (patient?.resources ?? []).map((resource, i) => {
    const { resourceType } = resource as { resourceType: string };
    const subject = { reference: `Patient/${name}` };
    return resourceType === 'Patient'
      ? { ...(resource as object), id: name }
      : { ...(resource as object), id: `${name}-${i}`, subject };
  });
}

before(async () => {
  bench = await openBench();
  const { instance, source } = bench;
  // For a reader the model is one of patients elsewhere; nobody's consent here is in it.
  const { fitting } = covidSeverity;
  const study = { ...covidSeverity, fitting: { ...fitting, imputedShareMax: 1 } };
  const trained = await trainSeverity(stagedCohort(400, 4), study);
  await publishTrained(instance, trained, { standsOn: [], inputs: new Map(), asOfMs: instance.nowMs() });
  wallet = await consenting(bench, 'a');
  await push(bench, ...resourcesOf('a'), ...resourcesOf('b'));
  const { scored } = await refreshSeverity(instance);
  assert.equal(scored, 1);
  ward = await enrolClient(instance, { source: source.id });
  stranger = await enrolClient(instance);
});
after(() => bench.close());

function jwt(client: TestClient, path: string, more: Readonly<Record<string, unknown>> = {}): string {
  const { sub: _sub, ...claims } = assertionClaims(client, `${bench.url}${path}`);
  const header = { alg: 'EdDSA', kid: client.kid, typ: 'JWT' };
  return compactJws(header, { ...claims, ...more }, signer('EdDSA', client.key));
}

function request(patientId: string, more: object = {}): string {
  return JSON.stringify({
    hook: 'patient-view',
    hookInstance: 'd1577c69-dfbe-44ad-ba6d-3e05e953b2ea',
    context: { userId: 'Practitioner/x', patientId },
    ...more,
  });
}

function call(
  client: TestClient,
  body: string,
  service = SERVICE,
  authorization = `Bearer ${jwt(client, `/cds-services/${service}`)}`,
): Promise<Answer> {
  return ask(bench.url, `/cds-services/${service}`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body,
  });
}

function cardsOf(answer: Answer): Card[] {
  assert.equal(answer.status, 200, answer.body.toString('utf8'));
  return (JSON.parse(answer.body.toString('utf8')) as { cards: Card[] }).cards;
}

const disclosures = async (): Promise<{ tags: readonly string[] }[]> =>
  (await readLog(bench.instance)).filter(({ type }) => type === 'disclosure');

test('services are told to anybody, and ask for no data to be sent along', async () => {
  const answer = await ask(bench.url, '/cds-services');
  const { services } = JSON.parse(answer.body.toString('utf8')) as {
    services: { id: string; hook: string; prefetch?: object }[];
  };
  assert.deepEqual(
    services.map(({ hook, prefetch }) => [hook, prefetch]),
    [
      ['patient-view', undefined],
      ['encounter-start', undefined],
    ],
  );
});

test('the hospital’s own system gets a card of a patient who permits it, and a receipt stands before it', async () => {
  const earlier = await disclosures();
  const [card, ...others] = cardsOf(await call(ward, request('a')));
  assert.ok(card !== undefined && others.length === 0);
  assert.match(card.summary, /^Severity (?:mild|moderate|severe|critical): \d+ % risk/);
  assert.ok(card.summary.length < 140);
  assert.ok(['info', 'warning', 'critical'].includes(card.indicator));
  assert.doesNotMatch(JSON.stringify(card), /null/);
  assert.match(card.links[1]?.url ?? '', /\/fhir\/RiskAssessment\/[A-Za-z0-9.-]+\?_proof=true$/);
  const later = await disclosures();
  assert.equal(later.length, earlier.length + 1);
  assert.equal(later.at(-1)?.tags.length, 1);
  assert.equal(cardsOf(await call(ward, request('Patient/a'))).length, 1);
  const start = 'firebreak-severity-encounter-start';
  assert.equal(cardsOf(await call(ward, request('a', { hook: 'encounter-start' }), start)).length, 1);
});

test('a card keeps the rules of CDS Hooks 2.0, and tells the probability of each level', async () => {
  const answer = await call(ward, request('a'));
  const keepsRules = new Ajv2020({ strict: false }).compile(cardSchema);
  const body = JSON.parse(answer.body.toString('utf8')) as { cards: Card[] };
  assert.ok(keepsRules(body), JSON.stringify(keepsRules.errors));
  for (const wrong of [{ summary: 'x'.repeat(140) }, { indicator: 'mild' }, { source: {} }, { extra: 1 }])
    assert.ok(!keepsRules({ cards: [{ ...body.cards[0], ...wrong }] }), JSON.stringify(wrong));
  const levels =
    /Worst level to come: mild (\d+) %, moderate (\d+) %, severe (\d+) %, critical (\d+) % \(death/;
  const [, ...shares] = levels.exec(body.cards[0]?.detail ?? '') ?? [];
  assert.equal(shares.length, 4, body.cards[0]?.detail);
  const total = shares.reduce((sum, share) => sum + Number(share), 0);
  assert.ok(Math.abs(total - 100) <= 2, String(total));
});

test('who is not permitted, not known or another hospital’s gets the same: no cards', async () => {
  for (const [client, id] of [
    [ward, 'b'],
    [ward, 'nobody'],
    [stranger, 'a'],
    [stranger, bench.instance.records.facadeId(bench.source.id, 'Patient', 'a')],
  ] as const) {
    const answer = await call(client, request(id));
    assert.equal(answer.body.toString('utf8'), '{"cards":[]}');
  }
  assert.deepEqual((await disclosures()).at(-1)?.tags, []);
});

test('a token sent along is not used, and prefetched data are not read', async () => {
  const sent = {
    fhirServer: 'http://127.0.0.1:1/fhir',
    fhirAuthorization: {
      access_token: 'secret',
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'x',
      subject: 'y',
    },
    prefetch: { patient: null },
  };
  assert.equal(cardsOf(await call(ward, request('a', sent))).length, 1);
  assert.doesNotMatch(bench.logged(), /secret/);
});

test('a call that is not signed, signed for elsewhere, twice, or too long is refused', async () => {
  const path = `/cds-services/${SERVICE}`;
  const once = `Bearer ${jwt(ward, path)}`;
  assert.equal((await call(ward, request('a'), SERVICE, once)).status, 200);
  const nowS = Math.floor(Date.now() / 1000);
  for (const authorization of [
    '',
    'Bearer x',
    once,
    `Bearer ${jwt(ward, '/cds-services/other')}`,
    `Bearer ${jwt(ward, path, { sub: stranger.id })}`,
    `Bearer ${jwt(ward, path, { iss: 'nobody' })}`,
    `Bearer ${jwt(ward, path, { exp: nowS - 120 })}`,
    `Bearer ${jwt(ward, path, { exp: nowS + 3600 })}`,
    `Bearer ${jwt(ward, path, { jti: undefined })}`,
  ]) {
    assert.equal((await call(ward, request('a'), SERVICE, authorization)).status, 401, authorization);
  }
});

test('what is no call of the hook is refused in words', async () => {
  for (const [body, refusal] of [
    ['{', '400 invalid ADAPTER_BAD_REQUEST'],
    ['[]', '400 invalid ADAPTER_BAD_REQUEST'],
    [request('a', { hook: 'order-sign' }), '400 invalid ADAPTER_BAD_REQUEST'],
    [request('a', { hookInstance: 'x' }), '400 invalid ADAPTER_BAD_REQUEST'],
    [request('a', { context: {} }), '400 invalid ADAPTER_BAD_REQUEST'],
  ] as const) {
    assert.equal(refusalOf(await call(ward, body)), refusal, body);
  }
  assert.equal((await call(ward, request('a'), 'other')).status, 404);
  assert.equal((await ask(bench.url, `/cds-services/${SERVICE}`)).status, 405);
});

test('feedback is taken and nothing of it kept', async () => {
  const path = `/cds-services/${SERVICE}/feedback`;
  const send = (body: object): Promise<Answer> =>
    ask(bench.url, path, {
      method: 'POST',
      headers: { authorization: `Bearer ${jwt(ward, path)}` },
      body: JSON.stringify(body),
    });
  const one = { card: 'x', outcome: 'accepted', outcomeTimestamp: '2026-11-23T12:00:00Z' };
  assert.equal((await send({ feedback: [one] })).status, 200);
  assert.equal((await send({ feedback: [{ ...one, outcome: 'maybe' }] })).status, 400);
});

test('a score that is asked for by name is shown with its receipt; whoever refuses has none', async () => {
  const earlier = await disclosures();
  const { outcome, assessment } = await scoreNow(bench.instance, { patient: 'a', source: bench.source.id });
  assert.equal(outcome, 'unchanged');
  assert.equal(assessment?.['resourceType'], 'RiskAssessment');
  assert.equal((await disclosures()).length, earlier.length + 1);
  await assert.rejects(scoreNow(bench.instance, { patient: 'nobody' }), { code: 'ADAPTER_NOT_FOUND' });
});

test('once the model has drifted, the next score says so and its card warns', async () => {
  const handle = readModel(bench.instance)?.handle ?? assert.fail();
  await keepWatch(bench.instance, { handle, verdict: 'drifted', at: bench.instance.nowMs() });
  assert.equal((await scoreNow(bench.instance, { patient: 'a' })).outcome, 'scored');
  const [card] = cardsOf(await call(ward, request('a')));
  assert.match(card?.detail ?? '', /Outside the range of what the model was fitted on as a whole/);
  assert.notEqual(card?.indicator, 'info');
});

test('a model whose inputs were not kept cannot be made again, and that is said', async () => {
  const [line] = await listModels(bench.instance);
  assert.ok(line?.inForce === true && !line.isTouched);
  const empty = await reproduceModel(bench.instance, line.handle.slice(0, 8), () => undefined);
  assert.equal(empty.outcome, 'inputs-unknown');
});

test('after a withdrawal the next call has no card, and no score is shown', async () => {
  await sign(bench, wallet, { type: 'deny' });
  assert.deepEqual(cardsOf(await call(ward, request('a'))), []);
  const { outcome, assessment } = await scoreNow(bench.instance, { patient: 'a' });
  assert.deepEqual([outcome, assessment], ['not-permitted', undefined]);
});
