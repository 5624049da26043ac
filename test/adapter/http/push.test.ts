import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { IncomingHttpHeaders } from 'node:http';
import type { Bundle } from 'fhir/r4.js';
import { replayDeadLetters, discardDeadLetters } from '../../../adapter/services/dead-letters.js';
import {
  consenting,
  failedChecks,
  logSize,
  openBench,
  readLog,
  refusalOf,
  sign,
  typesSince,
} from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { json } from '../support/facade.js';
import { bundleOf, handleOf, issueIn, leafOf, pusherOf, signatureOf, statesOf } from '../support/push.js';
import type { Pusher } from '../support/push.js';
import { heartRate, patient } from '../support/resources.js';
import { enrolWallet } from '../../support/wallet.js';
import { servicesOf } from '../../support/instance.js';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { prove } from '../../../adapter/services/proofs/index.js';
import { checkProof, portableCrypto, proofTrust } from '../../../ledger/proofs/index.js';
import type { ProofCrypto, RecordFound } from '../../../ledger/proofs/index.js';

let bench: Bench;
let city: Pusher;
before(async () => {
  bench = await openBench();
  city = await pusherOf(bench, { push: 'city' });
  await consenting(bench, 'p1', {}, 'city');
});
after(async () => {
  assert.deepEqual(await failedChecks(bench.instance), []);
  await bench.close();
});

const put = (resource: { resourceType: string; id: string }, headers = {}) =>
  city.send('PUT', `/${resource.resourceType}/${resource.id}`, resource, { headers });

const org = (value: string, name: string) => ({
  resourceType: 'Organization',
  identifier: [{ system: 'urn:orgs', value }],
  name,
});

const about = (id: string, query: string) => ({
  ...heartRate(id, 'x', 70),
  subject: { reference: `Patient?${query}` },
});

const says = async (answer: Promise<Parameters<typeof refusalOf>[0]>) => refusalOf(await answer);

const plain = ({ date: _date, ...headers }: IncomingHttpHeaders) => headers;

test('Prefer: the form of the answer is kept to and said; what cannot be shown yet is left', async () => {
  const answers: [string, string | undefined, number][] = [
    ['return=minimal', 'return=minimal', 0],
    ['respond-async, return="minimal"', 'respond-async, return=minimal', 0],
    ['Return=OperationOutcome; x=1', 'return=OperationOutcome', 1],
    ['return=representation', undefined, 1],
    ['return=everything, handling=lenient', undefined, 1],
    ['', undefined, 1],
  ];
  for (const [i, [prefer, applied, least]] of answers.entries()) {
    const answer = await put(heartRate(`prefer${i}`, 'p1', 70), { prefer });
    assert.equal(answer.status, 202, prefer);
    assert.equal(answer.headers['preference-applied'], applied, prefer);
    assert.equal(Math.min(answer.body.length, 1), least, prefer);
    assert.deepEqual(statesOf(await city.became(answer)), ['200 stored'], prefer);
  }
  // A preference never widens what is asked for: a filter that is not known is refused, whatever is preferred.
  for (const prefer of ['handling=lenient', 'handling=strict', ''])
    assert.equal((await city.get('/fhir/Observation?nosuch=1', { headers: { prefer } })).status, 400, prefer);
});

test('what is put is durable when it is answered, and its ticket tells where it stands on the log', async () => {
  const answer = await put(heartRate('hr1', 'p1', 70), { prefer: 'respond-async' });
  assert.equal(answer.status, 202);
  assert.equal(answer.headers['preference-applied'], 'respond-async');
  assert.match(
    answer.headers['content-location'] ?? '',
    /^http:\/\/127\.0\.0\.1:\d+\/fhir\/push\/[0-9a-f]{44}$/,
  );
  const report = await city.became(answer);
  assert.equal(report.type, 'batch-response');
  assert.deepEqual(statesOf(report), ['200 stored']);
  const entry = report.entry?.[0] ?? {};
  const leaf = (await readLog(bench.instance))[leafOf(entry) ?? -1];
  assert.equal(leaf?.type, 'record.stored');
  assert.equal(leaf?.body['handle'], handleOf(entry));
  // What is told leads to what is read.
  const read = await city.get(new URL(entry.response?.location ?? '').pathname);
  assert.equal(read.status, 200);
  assert.equal(read.headers.etag, entry.response?.etag);
});

test('a change, an equal repeat and a deletion', async () => {
  const from = logSize(bench.instance);
  const first = heartRate('hr2', 'p1', 70);
  assert.deepEqual(statesOf(await city.became(await put(first))), ['200 stored']);
  assert.deepEqual(statesOf(await city.became(await put(first))), ['200 same']);
  assert.deepEqual(statesOf(await city.became(await put(heartRate('hr2', 'p1', 71)))), ['200 stored']);
  assert.deepEqual(statesOf(await city.became(await city.send('DELETE', '/Observation/hr2'))), [
    '204 deleted',
  ]);
  assert.deepEqual(await typesSince(bench.instance, from), [
    'record.stored',
    'record.stored',
    'record.superseded',
    'record.deleted',
  ]);
});

test('what is put one after the other without waiting ends as it was put', async () => {
  const answers = [];
  for (let i = 0; i < 30; i++) answers.push(await put(heartRate('hr3', 'p1', 60 + i)));
  answers.push(await city.send('DELETE', '/Observation/hr3'));
  const last = await put(heartRate('hr3', 'p1', 99));
  await city.became(last);
  const { records, store } = bench.instance;
  const state = records.state(
    { get: (key) => store.getSync(key) },
    records.resourceKey('city', 'Observation', 'hr3'),
  );
  assert.equal(state?.status, 'current');
  const report = await city.became(last);
  assert.equal(state?.handle, handleOf(report.entry?.[0] ?? {}));
});

test('a version that names itself is known again', async () => {
  const resource = heartRate('hr4', 'p1', 70, { version: '1', minute: 1 });
  assert.deepEqual(statesOf(await city.became(await put(resource))), ['200 stored']);
  assert.deepEqual(statesOf(await city.became(await put(resource))), ['200 known']);
});

test('POST: the resource’s id where it has one, else one of ours, which the ticket tells', async () => {
  const named = await city.became(await city.send('POST', '/Observation', heartRate('hr5', 'p1', 70)));
  assert.deepEqual(statesOf(named), ['201 stored']);
  const { id: _id, ...unnamed } = heartRate('x', 'p1', 70);
  const given = await city.became(await city.send('POST', '/Observation', unnamed));
  assert.deepEqual(statesOf(given), ['201 stored']);
  const [, id] = /written as Observation\/(\S+)/.exec(issueIn(given).diagnostics ?? '') ?? [];
  assert.match(id ?? '', /^[0-9a-f-]{36}$/);
  assert.deepEqual(statesOf(await city.became(await city.send('DELETE', `/Observation/${id}`))), [
    '204 deleted',
  ]);
});

test('it waits for the patient’s answer, and the ticket goes along', async () => {
  const first = await put(heartRate('w1', 'p2', 70));
  assert.deepEqual(statesOf(await city.became(first)), ['202 waiting']);
  const wallet = await enrolWallet(servicesOf(bench.instance), 'city', 'p2');
  await sign(bench, wallet);
  const report = await city.became(first);
  assert.deepEqual(statesOf(report), ['200 stored']);
  assert.equal(typeof leafOf(report.entry?.[0] ?? {}), 'number');
  await sign(bench, wallet, { type: 'deny' });
  assert.deepEqual(statesOf(await city.became(await put(heartRate('w2', 'p2', 70)))), ['403 refused']);
});

test('what cannot be understood is set aside with the reason, replayed, or discarded', async () => {
  const { subject: _subject, ...orphan } = heartRate('d1', 'p1', 70) as unknown as Record<string, unknown>;
  const answer = await put(orphan as never);
  const report = await city.became(answer);
  assert.deepEqual(statesOf(report), ['422 dead']);
  assert.match(issueIn(report).diagnostics ?? '', /^MAPPING_NO_PATIENT/);
  assert.deepEqual(issueIn(report).expression, ['Observation.subject']);
  assert.deepEqual(await replayDeadLetters(bench.instance, []), { replayed: 1, deadAgain: 1 });
  assert.deepEqual(statesOf(await city.became(answer)), ['422 dead']);
  const seqs = [];
  for await (const { seq } of bench.instance.inbox.deadLetters()) seqs.push(seq);
  assert.deepEqual(await discardDeadLetters(bench.instance, seqs), { discarded: 1 });
  assert.deepEqual(statesOf(await city.became(answer)), ['422 discarded']);
});

test('a transaction: urn:uuid references, ids of ours, one ticket', async () => {
  const urn = 'urn:uuid:0d9bd2b4-5e0c-4a3b-9d6e-000000000001';
  await consenting(bench, '0d9bd2b4-5e0c-4a3b-9d6e-000000000001', {}, 'city');
  const { id: _p, ...newPatient } = patient('x');
  const { id: _o, ...newRate } = heartRate('x', 'y', 70) as unknown as Record<string, unknown>;
  const answer = await city.send('POST', '', {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      { fullUrl: urn, resource: newPatient, request: { method: 'POST', url: 'Patient' } },
      {
        resource: { ...newRate, subject: { reference: urn } },
        request: { method: 'POST', url: 'Observation' },
      },
    ],
  });
  const report = await city.became(answer);
  assert.equal(report.type, 'transaction-response');
  assert.deepEqual(statesOf(report), ['201 stored', '201 stored']);
});

test('one entry at fault refuses a transaction, and in a batch itself alone', async () => {
  const entries = [
    { resource: heartRate('b1', 'p1', 70) },
    { request: { method: 'GET', url: 'Patient/p1' } },
    { resource: heartRate('b2', 'p1', 70), request: { method: 'PUT', url: 'Observation/other' } },
  ];
  const from = logSize(bench.instance);
  const whole = await city.send('POST', '', bundleOf('transaction', ...entries));
  assert.equal(refusalOf(whole), '400 not-supported ADAPTER_NOT_SUPPORTED');
  assert.deepEqual(json<{ issue: { expression: string[] }[] }>(whole).issue[0]?.expression, [
    'Bundle.entry[1].request.method',
  ]);
  assert.equal(logSize(bench.instance), from);
  const report = await city.became(await city.send('POST', '', bundleOf('batch', ...entries)));
  assert.deepEqual(statesOf(report), ['200 stored', '400 refused-at-once', '400 refused-at-once']);
});

test('If-Match holds for the current version, in the facade’s words, and for no other', async () => {
  const report = await city.became(await put(heartRate('m1', 'p1', 70)));
  const etag = report.entry?.[0]?.response?.etag ?? '';
  const stale = { 'if-match': 'W/"another"' };
  assert.deepEqual(statesOf(await city.became(await put(heartRate('m1', 'p1', 71), stale))), [
    '412 precondition-failed',
  ]);
  assert.deepEqual(
    statesOf(await city.became(await city.send('DELETE', '/Observation/m1', undefined, { headers: stale }))),
    ['412 precondition-failed'],
  );
  assert.deepEqual(statesOf(await city.became(await put(heartRate('m1', 'p1', 71), { 'if-match': etag }))), [
    '200 stored',
  ]);
  assert.deepEqual(statesOf(await city.became(await put(heartRate('m1', 'p1', 72), { 'if-match': etag }))), [
    '412 precondition-failed',
  ]);
  assert.deepEqual(statesOf(await city.became(await put(heartRate('m2', 'p1', 72), { 'if-match': '*' }))), [
    '412 precondition-failed',
  ]);
  assert.equal(
    refusalOf(await put(heartRate('m1', 'p1', 72), { 'if-match': 'three' })),
    '400 invalid ADAPTER_BAD_REQUEST',
  );
});

test('If-None-Exist: none makes one, one is taken for it, several refuse', async () => {
  const post = (value: string, name: string, headers = {}) =>
    city.send('POST', '/Organization', org(value, name), { headers });
  const once = { 'if-none-exist': 'identifier=urn:orgs|1' };
  assert.deepEqual(statesOf(await city.became(await post('1', 'a', once))), ['201 directory']);
  assert.deepEqual(statesOf(await city.became(await post('1', 'a', once))), ['200 exists']);
  const both = await Promise.all(
    ['a', 'b'].map((name) => post('2', name, { 'if-none-exist': 'identifier=urn:orgs|2' })),
  );
  const states = await Promise.all(both.map(async (one) => statesOf(await city.became(one))[0]));
  assert.deepEqual(new Set(states), new Set(['200 exists', '201 directory']));
  // What was deleted is not found; made again, it is. A condition on a version of the directory never holds.
  const named = { ...org('3', 'a'), id: 'org3' };
  const three = { 'if-none-exist': 'identifier=urn:orgs|3' };
  await city.became(await put(named));
  await city.became(await city.send('DELETE', '/Organization/org3'));
  assert.deepEqual(statesOf(await city.became(await put(named))), ['200 directory']);
  assert.deepEqual(statesOf(await city.became(await post('3', 'a', three))), ['200 exists']);
  assert.deepEqual(statesOf(await city.became(await put(named, { 'if-match': '*' }))), [
    '412 precondition-failed',
  ]);
  await city.became(await post('1', 'b'));
  assert.equal(refusalOf(await post('1', 'c', once)), '412 conflict ADAPTER_PRECONDITION_FAILED');
});

test('references by condition are tied to what was pushed, or set aside with the reason', async () => {
  const withIdentifier = { ...patient('p1'), identifier: [{ system: 'urn:mrn', value: 'a|b' }] };
  await city.became(await put(withIdentifier));
  assert.deepEqual(statesOf(await city.became(await put(about('c1', 'identifier=urn:mrn|a\\|b')))), [
    '200 stored',
  ]);
  assert.deepEqual(statesOf(await city.became(await put(about('c2', 'identifier=urn:mrn|c')))), ['422 dead']);
  assert.deepEqual(statesOf(await city.became(await put(about('c3', 'birthdate=1950-01-01')))), ['422 dead']);
});

test('whatever a push cannot honour is refused, and never ignored', async () => {
  const body = heartRate('n1', 'p1', 70);
  const unsupported = '400 not-supported ADAPTER_NOT_SUPPORTED';
  assert.equal(await says(put(body, { 'if-none-match': '*' })), unsupported);
  assert.equal(await says(put(body, { 'if-none-exist': 'identifier=a|b' })), unsupported);
  assert.equal(await says(put(body, { 'if-modified-since': 'now' })), unsupported);
  assert.equal(
    await says(city.send('POST', '/Observation', body, { headers: { 'if-match': '*' } })),
    unsupported,
  );
  for (const query of ['name=x', 'identifier=b', 'identifier=a|b&identifier=c|d', 'identifier=a|b,c|d'])
    assert.equal(
      await says(city.send('POST', '/Patient', patient('n'), { headers: { 'if-none-exist': query } })),
      unsupported,
    );
  assert.equal(await says(city.send('PUT', '/Patient?identifier=a|b', patient('n'))), unsupported);
  assert.equal(await says(city.send('DELETE', '/Patient?identifier=a|b')), unsupported);
  assert.equal(await says(city.send('DELETE', '/Patient/p1?_cascade=delete')), unsupported);
  assert.equal(
    await says(city.send('POST', '', { resourceType: 'Bundle', type: 'collection', entry: [] })),
    '400 invalid ADAPTER_BAD_REQUEST',
  );
  assert.equal(await says(city.send('POST', '', body)), '422 processing ADAPTER_UNPROCESSABLE');
  assert.equal((await city.send('PATCH', '/Observation/n1', '[]')).status, 405);
  const twice = bundleOf('transaction', { resource: body }, { resource: body });
  assert.equal(await says(city.send('POST', '', twice)), '400 invalid ADAPTER_BAD_REQUEST');
});

test('what the hospital signed counts as signed by it, and nothing else does', async () => {
  const signed = [heartRate('s1', 'p1', 70), heartRate('s2', 'p1', 71), heartRate('s3', 'p1', 72)];
  const loose = heartRate('s4', 'p1', 73);
  const report = await city.became(
    await city.send(
      'POST',
      '',
      bundleOf(
        'transaction',
        ...[...signed, loose].map((resource) => ({ resource })),
        signatureOf(bench, city, signed),
      ),
    ),
  );
  assert.deepEqual(statesOf(report), [
    '200 stored',
    '200 stored',
    '200 stored',
    '200 stored',
    '200 signature',
  ]);
  const { subjects, records, store } = bench.instance;
  const subject = await subjects.find(subjects.keyOf('city', 'p1'));
  assert.ok(subject);
  const cards = new Map<string, unknown>();
  for await (const { card } of records.cards(store, subject)) cards.set(card.gate.id, card.signed);
  assert.equal((cards.get('s1') as { count: number }).count, 3);
  assert.equal((cards.get('s3') as { index: number }).index, 2);
  assert.equal(cards.get('s4'), undefined);

  // The proof of each says who signed it, or that nobody did; and the signature serves no other bytes.
  const { instance } = bench;
  const vkey = (await instance.engine.read('vkey'))?.toString('utf8').trim() ?? '';
  const trusted = { vkeys: [vkey], caRoot: instance.authority.root };
  const proofOf = async (id: string): Promise<string> => {
    const made = await prove(instance, {
      what: 'record',
      record: `Observation/${id}`,
      source: 'city',
      open: true,
    });
    assert.ok(made.proved);
    return made.file;
  };
  const contentOf = (file: string, crypto: ProofCrypto) => {
    const verdict = checkProof(Buffer.from(file), proofTrust(trusted, crypto));
    return verdict.ok ? (verdict as RecordFound).content : verdict.code;
  };
  const [s2, s3, s4] = [await proofOf('s2'), await proofOf('s3'), await proofOf('s4')];
  for (const crypto of [nodeProofCrypto, portableCrypto]) {
    const content = contentOf(s2, crypto);
    assert.ok(typeof content === 'object' && content.kind === 'whole');
    assert.equal(content.signedBy?.id, city.client.id);
    assert.deepEqual(content.signedBy?.group, 'provider');
    const unsigned = contentOf(s4, crypto);
    assert.ok(typeof unsigned === 'object' && unsigned.kind === 'whole' && unsigned.signedBy === undefined);
    type File = { opening: { signature: Record<string, unknown> } };
    const parsed = (file: string) => JSON.parse(file) as File;
    const altered = (change: (file: File) => void): string => {
      const file = parsed(s2);
      change(file);
      return JSON.stringify(file);
    };
    const codeOf = (change: (file: File) => void) => contentOf(altered(change), crypto);
    assert.equal(
      codeOf((file) => (file.opening.signature = parsed(s3).opening.signature)),
      'opening-signature',
    );
    assert.equal(
      codeOf((file) => (file.opening.signature['source'] = 'other')),
      'opening-signature',
    );
    assert.equal(
      codeOf((file) => (file.opening.signature['index'] = 0)),
      'opening-signature',
    );
    assert.equal(
      codeOf((file) => (file.opening.signature['count'] = 4)),
      'opening-signature',
    );
    assert.equal(
      codeOf((file) => (file.opening.signature['inclusion'] = [])),
      'opening-signature',
    );
    assert.equal(
      codeOf(
        (file) =>
          (file.opening.signature['jws'] = String(file.opening.signature['jws']).replace('..', '.e30.')),
      ),
      'opening-signature',
    );
    assert.equal(
      codeOf((file) => {
        file.opening.signature['certificate'] = (
          file as unknown as { certificates: { actor: string } }
        ).certificates.actor;
      }),
      'opening-signature',
    );
  }
});

test('a signature that is not good refuses the push', async () => {
  const one = heartRate('t1', 'p1', 70);
  const other = await pusherOf(bench, { push: 'other' });
  const good = signatureOf(bench, city, [one]);
  const judged = async (resource: object, signature: object, type: 'batch' | 'transaction' = 'transaction') =>
    refusalOf(await city.send('POST', '', bundleOf(type, { resource: resource as never }, signature)));
  const from = logSize(bench.instance);
  const unprocessable = '422 processing ADAPTER_UNPROCESSABLE';
  assert.equal(await judged(heartRate('t1', 'p1', 71), good), unprocessable);
  assert.equal(await judged(heartRate('t1', 'p1', 71), good, 'batch'), unprocessable);
  assert.equal(await judged(one, signatureOf(bench, other, [one])), unprocessable);
  const altered = (change: object) => ({ ...good, resource: { ...good.resource, ...change } });
  assert.equal(await judged(one, altered({ target: [] })), unprocessable);
  assert.equal(await judged(one, altered({ target: [{ reference: 'Observation/none' }] })), unprocessable);
  assert.equal(await judged(one, altered({ signature: [] })), unprocessable);
  assert.equal(logSize(bench.instance), from);
  // One that is not the custodian of the source signs nothing.
  const helper = await pusherOf(bench, { source: 'city', name: 'A laboratory' });
  const by = await helper.send(
    'POST',
    '',
    bundleOf('transaction', { resource: one }, signatureOf(bench, helper, [one])),
  );
  assert.equal(refusalOf(by), '403 forbidden ADAPTER_FORBIDDEN');
});

test('only the client that pushed hears what became of it', async () => {
  const answer = await put(heartRate('o1', 'p1', 70));
  const own = city.ticket(answer);
  const stranger = await pusherOf(bench, { push: 'stranger' });
  const unknown = own.slice(0, -4) + (own.endsWith('0000') ? '1111' : '0000');
  const [others, none] = [await stranger.get(own), await city.get(unknown)];
  assert.equal(others.status, 404);
  assert.deepEqual(others.body, none.body);
  assert.deepEqual(plain(others.headers), plain(none.headers));
  assert.equal((await city.get('/fhir/push/..%2f')).status, 404);
  assert.equal((await city.send('DELETE', own.replace('/fhir', ''))).status, 405);
});

test('scopes, sources and tokens bound what may be pushed', async () => {
  const body = heartRate('q1', 'p1', 70);
  const narrow = await pusherOf(bench, {
    source: 'city',
    scopes: ['system/Observation.c', 'system/Patient.u'],
  });
  const forbidden = '403 forbidden ADAPTER_FORBIDDEN';
  assert.equal(await says(narrow.send('PUT', '/Observation/q1', body)), forbidden);
  assert.equal(await says(narrow.send('DELETE', '/Observation/q1')), forbidden);
  assert.equal(await says(narrow.send('POST', '', bundleOf('transaction', { resource: body }))), forbidden);
  const batch = await narrow.send(
    'POST',
    '',
    bundleOf(
      'batch',
      { resource: body },
      { resource: body, request: { method: 'POST', url: 'Observation' } },
    ),
  );
  assert.deepEqual(statesOf(await narrow.became(batch)), ['403 refused-at-once', '201 stored']);
  const reader = await pusherOf(bench, { source: bench.source.id });
  // A source of files is nobody's to write.
  assert.equal(await says(reader.send('PUT', '/Observation/q1', body)), forbidden);
  assert.equal(
    await says(city.send('PUT', '/Observation/q1', body, { headers: { authorization: 'Bearer x' } })),
    '401 login ADAPTER_UNAUTHORIZED',
  );
  await bench.instance.sources.update('city', { state: 'paused' });
  const paused = await put(body);
  assert.equal(refusalOf(paused), '503 transient ADAPTER_STOPPING');
  assert.equal(paused.headers['retry-after'], '5');
  await bench.instance.sources.update('city', { state: 'active' });
});

test('two hospitals write the same ids apart', async () => {
  const north = await pusherOf(bench, { push: 'north' });
  await consenting(bench, 'p1', {}, 'north');
  const theirs = await north.became(await north.send('PUT', '/Observation/hr1', heartRate('hr1', 'p1', 50)));
  const ours = await city.became(await put(heartRate('hr1', 'p1', 70)));
  assert.deepEqual([statesOf(theirs), statesOf(ours)], [['200 stored'], ['200 same']]);
  assert.notEqual(theirs.entry?.[0]?.fullUrl, ours.entry?.[0]?.fullUrl);
});

test('a consent is posted without a token, as before', async () => {
  const answer = await city.send(
    'POST',
    '',
    { resourceType: 'Bundle', type: 'transaction' },
    { headers: { authorization: '' } },
  );
  assert.notEqual(answer.status, 202);
  const bundle: Bundle = { resourceType: 'Bundle', type: 'transaction' };
  assert.deepEqual(statesOf(await city.became(await city.send('POST', '', bundle))), []);
});
