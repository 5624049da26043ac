import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Subject } from '../../../../adapter/instance/subjects.js';
import { eraseAsAsked, listHolds, releaseHold, setHold } from '../../../../adapter/services/erasure/index.js';
import type { EraseAnswer } from '../../../../adapter/services/erasure/index.js';
import { signDocument } from '../../../../ledger/consent/index.js';
import { ERASURE_REQUEST } from '../../../../ledger/custody/index.js';
import { commitmentOf } from '../../../../ledger/vault/index.js';
import { openTables } from '../../../../adapter/services/erasure/tables.js';
import { servicesOf } from '../../../support/instance.js';
import { enrolWallet } from '../../../support/wallet.js';
import type { Wallet } from '../../../support/wallet.js';
import {
  consenting,
  deadLetters,
  hook,
  logSize,
  openBench,
  push,
  readLog,
  typesSince,
} from '../../support/bench.js';
import type { Bench } from '../../support/bench.js';
import { heartRate, patient } from '../../support/resources.js';
import { drain } from '../../../../adapter/services/drain.js';

const DUTY = { ground: 'objection', by: 'M. Keller', reason: 'letter of 3 May', yes: true } as const;
const CONFLICT = { code: 'ADAPTER_CONFLICT' };

let bench: Bench;
before(async () => {
  bench = await openBench();
});
after(() => bench.close());

const erase = (name: string, more: object = DUTY): Promise<EraseAnswer> =>
  eraseAsAsked(bench.instance, { name, ...more });
const dropped = (): number => bench.instance.statistics.pipeline.erased;
const keysUnder = (prefix: string): Promise<string[]> =>
  bench.instance.store.keys({ gte: prefix, lt: `${prefix}~` }).all();
const keyOf = (id: string): string => bench.instance.subjects.keyOf('ward', id);

async function subjectOf(id: string): Promise<Subject> {
  const subject = await bench.instance.subjects.find(keyOf(id));
  assert.ok(subject !== undefined);
  return subject;
}

function requestOf(wallet: Wallet, scope: 'all' | readonly string[], by = wallet): object {
  const request = {
    kind: ERASURE_REQUEST,
    patient: wallet.enrolled.patient.reference,
    scope,
    dateTime: new Date().toISOString(),
  };
  return { request, jws: signDocument(request, by.seed, by.enrolled.fingerprint) };
}

test('without --yes it is shown what would be erased, and nothing is', async () => {
  await consenting(bench, 'p');
  await push(bench, heartRate('p1', 'p', 70, { version: '1', minute: 1 }));
  const size = logSize(bench.instance);
  const shown = await erase('Observation/p1', {});
  assert.deepEqual([shown.outcome, shown.scope, shown.versions.length], ['planned', 'record', 1]);
  assert.equal(logSize(bench.instance), size);
  assert.deepEqual(await erase(shown.versions[0] ?? '', {}), { ...shown, scope: 'version' });
});

test('a record goes in all its versions, is kept out by whatever way it comes, and erasing again says the same', async () => {
  await consenting(bench, 'r');
  const versions = [1, 2, 3].map((minute) =>
    heartRate('r1', 'r', 60 + minute, { version: String(minute), minute }),
  );
  for (const version of versions) await push(bench, version);
  await push(bench, heartRate('r2', 'r', 70));
  const size = logSize(bench.instance);
  const { compacted, ...first } = await erase('Observation/r1');
  assert.equal(compacted, true);
  assert.deepEqual([first.outcome, first.scope, first.versions.length], ['erased', 'record', 3]);
  assert.deepEqual(await typesSince(bench.instance, size), [
    'record.erased',
    'record.erased',
    'record.erased',
  ]);
  const again = await erase('Observation/r1');
  assert.deepEqual([again.erasedAt, new Set(again.versions)], [first.erasedAt, new Set(first.versions)]);
  assert.deepEqual(await erase('Observation/r1', {}), again, 'and so without an order');

  const droppedBefore = dropped();
  const sizeAfter = logSize(bench.instance);
  for (const version of versions) await push(bench, version);
  await push(bench, heartRate('r1', 'r', 99, { version: '4', minute: 4 }));
  await push(bench, heartRate('r1', 'r', 98));
  const { status } = await hook(bench, '/Observation/r1', { method: 'DELETE' });
  assert.equal(status, 200);
  await drain(bench.instance);
  assert.equal(dropped() - droppedBefore, 3);
  assert.equal(logSize(bench.instance), sizeAfter);
  assert.equal((await erase('Observation/r2', {})).versions.length, 1, 'the other one is there');

  // Who asked and why opens the commitment on the log; no two commitments are equal.
  const { erasures } = openTables(bench.instance.store, bench.instance.keys.storage);
  const commitments = new Map(
    (await readLog(bench.instance)).flatMap(({ type, body }) =>
      type === 'record.erased' ? [[body['handle'], body['commitment']] as const] : [],
    ),
  );
  for (const handle of first.versions) {
    const row = erasures.get(`${keyOf('r')}/${handle}`);
    assert.ok(row !== undefined);
    const salt = Buffer.from(row.salt, 'base64url');
    assert.equal(
      commitmentOf(salt, Buffer.from(row.evidence)).toString('base64url'),
      commitments.get(handle),
    );
    const { ground, by, reason } = JSON.parse(row.evidence) as Record<string, unknown>;
    assert.deepEqual({ ground, by, reason, yes: true }, DUTY);
  }
  assert.equal(new Set(commitments.values()).size, commitments.size);
});

test('one version goes alone, and does not come again; one that names no version cannot go alone', async () => {
  await consenting(bench, 'v');
  const old = heartRate('v1', 'v', 61, { version: '1', minute: 1 });
  const current = heartRate('v1', 'v', 62, { version: '2', minute: 2 });
  await push(bench, old);
  await push(bench, current);
  const { versions } = await erase('Observation/v1', {});
  const [first = ''] = (await readLog(bench.instance)).flatMap(({ type, body }) =>
    type === 'record.superseded' && versions.includes(String(body['handle'])) ? [String(body['handle'])] : [],
  );
  const [second = ''] = versions.filter((handle) => handle !== first);
  assert.deepEqual((await erase(first)).versions, [first]);
  assert.deepEqual((await erase(first)).versions, [first]);
  assert.deepEqual((await erase('Observation/v1', {})).versions, [second]);
  assert.deepEqual((await erase(second)).versions, [second]);
  const size = logSize(bench.instance);
  await push(bench, old, current);
  assert.equal(logSize(bench.instance), size);
  await push(bench, heartRate('v1', 'v', 63, { version: '3', minute: 3 }));
  assert.deepEqual(await typesSince(bench.instance, size), ['record.stored'], 'a new version is another');

  await push(bench, heartRate('v2', 'v', 64));
  const [nameless = ''] = (await erase('Observation/v2', {})).versions;
  await assert.rejects(erase(nameless), CONFLICT);
  assert.equal((await erase('Observation/v2')).outcome, 'erased');
});

test('all of a patient: what is kept, what waits and what was set aside goes, and what comes is dropped', async () => {
  const wallet = await consenting(bench, 'a');
  await push(
    bench,
    patient('a', { version: '1', minute: 1 }),
    heartRate('a1', 'a', 70),
    heartRate('a2', 'a', 71),
  );
  await push(bench, { ...heartRate('a3', 'a', 71), effectiveDateTime: 'never' });
  const { invitations } = await bench.instance.enrolment.invite('ward', ['a']);
  await enrolWallet(servicesOf(bench.instance), 'ward', 'bystander');
  const letters = await deadLetters(bench.instance);
  const size = logSize(bench.instance);
  const answer = await erase('Patient/a');
  assert.deepEqual(
    [answer.outcome, answer.scope, answer.versions.length, answer.compacted],
    ['erased', 'patient', 3, true],
  );
  assert.deepEqual(await typesSince(bench.instance, size), Array(3).fill('record.erased'));
  assert.equal((await deadLetters(bench.instance)).length, letters.length - 1);
  assert.deepEqual(await keysUnder(`vault/${keyOf('a')}/`), []);
  assert.deepEqual(await keysUnder('erasing/'), []);
  assert.equal(await bench.instance.subjects.find(keyOf('a')), undefined);
  const { erasedAt } = answer;
  assert.deepEqual(
    [(await erase('Patient/a')).erasedAt, (await erase('a', {})).erasedAt],
    [erasedAt, erasedAt],
  );

  const sizeAfter = logSize(bench.instance);
  const droppedBefore = dropped();
  await push(
    bench,
    heartRate('a1', 'a', 72),
    heartRate('a9', 'a', 73),
    patient('a', { version: '2', minute: 2 }),
  );
  await push(bench, { ...heartRate('a10', 'a', 71), effectiveDateTime: 'never' });
  await push(bench, {
    resourceType: 'Provenance',
    id: 'pa',
    target: [{ reference: 'Observation/a1' }],
    recorded: '2026-01-01T08:00:00Z',
    agent: [{ who: { display: 'x' } }],
  });
  assert.equal(dropped() - droppedBefore, 5);
  assert.equal(logSize(bench.instance), sizeAfter);
  assert.deepEqual((await keysUnder('inbox/p/')).length, 0);
  assert.equal((await deadLetters(bench.instance)).length, letters.length - 1, 'nothing of it is set aside');
  assert.deepEqual(await keysUnder(`inbox/w/${keyOf('a')}/`), []);
  const code = invitations[0]?.code;
  const csr = 'x';
  await assert.rejects(
    bench.instance.enrolment.enrol(Buffer.from(JSON.stringify({ invitation: code, csr }))),
    { code: 'ADAPTER_FORBIDDEN' },
  );
  await assert.rejects(bench.instance.consents.submit(Buffer.from('{}')), { code: 'ADAPTER_UNPROCESSABLE' });
  assert.ok((await keysUnder(`consent/${keyOf('a')}/`)).length > 0, 'what was signed stays as evidence');
  assert.ok(
    bench.instance.subjects.findErased(keyOf('a'))?.wallet?.fingerprint === wallet.enrolled.fingerprint,
  );
});

test('what waits for a patient’s answer goes too', async () => {
  await push(bench, heartRate('w1', 'w', 70), heartRate('w2', 'w', 71, { version: '1' }));
  assert.equal((await keysUnder(`inbox/w/${keyOf('w')}/`)).length, 2);
  const answer = await erase('Patient/w');
  assert.deepEqual([answer.outcome, answer.versions, answer.compacted], ['erased', [], true]);
  assert.deepEqual(await keysUnder(`inbox/w/${keyOf('w')}/`), []);
  await push(bench, heartRate('w1', 'w', 70));
  assert.deepEqual(await keysUnder(`inbox/w/${keyOf('w')}/`), []);
});

test('a patient’s signed request is an order for what it names, and for nobody else', async () => {
  const wallet = await consenting(bench, 's');
  const other = await consenting(bench, 't');
  await push(bench, heartRate('s1', 's', 70), heartRate('s2', 's', 71), heartRate('t1', 't', 72));
  const forbidden = { code: 'ADAPTER_FORBIDDEN' };
  const facade = `Observation/${bench.instance.records.facadeId('ward', 'Observation', 's1')}`;
  const asked = (name: string, request: object) => erase(name, { yes: true, request });
  await assert.rejects(asked('Observation/s2', requestOf(wallet, [facade])), forbidden);
  await assert.rejects(asked('Patient/s', requestOf(wallet, [facade])), forbidden);
  await assert.rejects(asked('Observation/s1', requestOf(wallet, 'all', other)), forbidden);
  await assert.rejects(asked('Observation/t1', requestOf(wallet, 'all')), forbidden);
  for (const bad of [{}, { request: 1 }, { request: {}, jws: 'x..y' }, []])
    await assert.rejects(asked('Observation/s1', bad), forbidden);
  for (const bad of ['text', null, 7])
    await assert.rejects(asked('Observation/s1', bad as never), { code: 'ADAPTER_USAGE' });
  assert.equal((await asked('Observation/s1', requestOf(wallet, [facade]))).outcome, 'erased');
  const all = await asked('Patient/s', requestOf(wallet, 'all'));
  assert.equal(all.versions.length, 1, 'the other one went before');
  assert.deepEqual((await erase('Patient/s')).versions, all.versions);
});

test('by a revoked key nothing is ordered', async () => {
  const wallet = await consenting(bench, 'k');
  await push(bench, heartRate('k1', 'k', 70));
  const asked = { yes: true, request: requestOf(wallet, 'all') };
  await bench.instance.certification.revoke(wallet.enrolled.participant, 'keyCompromise');
  const size = logSize(bench.instance);
  for (const name of ['Observation/k1', 'Patient/k'])
    await assert.rejects(erase(name, asked), { code: 'ADAPTER_FORBIDDEN' });
  assert.equal(logSize(bench.instance), size);
  assert.equal((await erase('Observation/k1')).outcome, 'erased', 'the hospital’s duty stands');
});

test('without person, reason or duty nothing is erased; nor what has no name, or two', async () => {
  const usage = { code: 'ADAPTER_USAGE' };
  await consenting(bench, 'u');
  await push(bench, heartRate('u1', 'u', 70));
  for (const missing of ['ground', 'by', 'reason'] as const)
    await assert.rejects(erase('Observation/u1', { ...DUTY, [missing]: undefined }), usage);
  await assert.rejects(erase('Observation/u1', { ...DUTY, ground: 'whim' }), usage);
  await assert.rejects(erase('Observation/u1', { ...DUTY, by: ' ' }), { code: 'ADAPTER_FORBIDDEN' });
  await assert.rejects(erase('Observation/no such'), usage);
  await assert.rejects(erase('Observation/none'), { code: 'ADAPTER_NOT_FOUND' });
  await assert.rejects(erase('Patient/none'), { code: 'ADAPTER_NOT_FOUND' });
  await assert.rejects(erase('A'.repeat(43)), { code: 'ADAPTER_NOT_FOUND' });
  await assert.rejects(erase('Observation/u1', { ...DUTY, source: 'other' }), { code: 'ADAPTER_NOT_FOUND' });
  assert.equal((await erase('Observation/u1', { ...DUTY, source: 'ward' })).outcome, 'erased');
});

test('under a legal hold nothing is erased, whoever asks; the hold says by whom and why, sealed', async () => {
  const wallet = await consenting(bench, 'h');
  await push(bench, heartRate('h1', 'h', 70));
  const { instance } = bench;
  const by = 'Registrar of the court';
  const asked = { patient: 'Patient/h', by, reason: 'file 12 O 345/26' };
  const held = await setHold(instance, asked);
  assert.deepEqual([held.by, held.reason, held.patient, held.source], [by, asked.reason, 'h', 'ward']);
  assert.equal(held.reference, `Patient/${(await subjectOf('h')).facadeId}`);
  await assert.rejects(setHold(instance, asked), CONFLICT);
  assert.deepEqual(await listHolds(instance), [held]);
  const size = logSize(instance);
  for (const name of ['Patient/h', 'Observation/h1']) {
    await assert.rejects(erase(name), CONFLICT);
    await assert.rejects(erase(name, { yes: true, request: requestOf(wallet, 'all') }), CONFLICT);
  }
  assert.equal((await erase('Patient/h', {})).held, true);
  assert.equal(logSize(instance), size);
  const sealed = await instance.store.iterator({ gte: 'hold/', lt: 'hold/~' }).all();
  for (const [, row] of sealed) assert.ok(!row.includes('Registrar') && !row.includes('345'));
  await assert.rejects(releaseHold(instance, { ...asked, reason: ' ' }), { code: 'ADAPTER_USAGE' });
  await releaseHold(instance, { ...asked, reason: 'settled' });
  await assert.rejects(releaseHold(instance, asked), CONFLICT);
  assert.deepEqual(await listHolds(instance), []);
  assert.equal((await erase('Patient/h')).outcome, 'erased');
  await assert.rejects(setHold(instance, asked), { code: 'ADAPTER_NOT_FOUND' });
});

test('while records of a patient pour in, all of them go', async () => {
  await consenting(bench, 'x');
  const entry = Array.from({ length: 300 }, (_, i) => ({ resource: heartRate(`x${i}`, 'x', i) }));
  const body = JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry });
  await push(bench, heartRate('first', 'x', 1));
  const [answer] = await Promise.all([erase('Patient/x'), hook(bench, '', { body })]);
  await drain(bench.instance);
  assert.equal(answer.outcome, 'erased');
  assert.deepEqual(await keysUnder(`vault/${keyOf('x')}/`), []);
  assert.deepEqual(await keysUnder(`inbox/w/${keyOf('x')}/`), []);
  const log = await readLog(bench.instance);
  const stored = log.filter(({ type }) => type === 'record.stored').length;
  const erased = log.filter(({ type }) => type === 'record.erased');
  assert.equal(new Set(erased.map(({ body: { handle } }) => handle)).size, erased.length);
  let kept = 0;
  for await (const key of bench.instance.store.keys({ gte: 'vault/', lt: 'vault/~' }))
    kept += key === '' ? 0 : 1;
  assert.equal(stored - erased.length, kept);
});
