/** Patients that turn out to be one: both must permit, until the one who remains signs again. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Merges } from '../../../adapter/instance/merges.js';
import { drain } from '../../../adapter/services/drain.js';
import { addSource } from '../../../adapter/services/source-admin.js';
import { decide } from '../../../ledger/consent/index.js';
import type { AccessRequest } from '../../../ledger/consent/index.js';
import {
  ask,
  consenting,
  failedChecks,
  logSize,
  openBench,
  push,
  readLog,
  sign,
  typesSince,
} from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { facadeIdOf, readerOf } from '../support/facade.js';
import { heartRate, patient } from '../support/resources.js';
import { startShownServer } from '../support/shown-server.js';
import type { Shown, ShownServer } from '../support/shown-server.js';

let bench: Bench;
let city: ShownServer;
let secret = '';
before(async () => {
  bench = await openBench();
  city = await startShownServer();
  ({ secret } = await addSource(bench.instance, {
    id: 'city',
    url: city.base,
    name: 'C',
    allowResearch: false,
  }));
});
after(async () => {
  assert.deepEqual(await failedChecks(bench.instance), []);
  await bench.close();
  await city.close();
});

const inMinutes = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString();

/** A Patient that was replaced, or not. */
function version(id: string, minute: number, by?: string): Shown {
  const link = by === undefined ? [] : [{ other: { reference: `Patient/${by}` }, type: 'replaced-by' }];
  const of = { active: by === undefined, link };
  return { ...patient(id, { version: String(minute), minute }), ...of };
}

/** What the gate says to the hospital's own update of a patient's record: permit, or why not. */
async function gate(id: string, source = 'ward'): Promise<string> {
  const { subjects, consents } = bench.instance;
  const subject = await subjects.ensure(source, id);
  const decision = decide(
    requestOn(subject.key, source),
    (await consents.policies(subject)).policies,
    Date.now(),
  );
  return decision.outcome === 'permit' ? 'permit' : decision.reason;
}

const gates = async (...ids: string[]): Promise<string[]> => Promise.all(ids.map((id) => gate(id)));

test('both permit: the merge is on the log, and what comes for either is taken', async () => {
  await consenting(bench, 'a');
  await consenting(bench, 'b');
  await push(bench, version('a', 1), version('b', 1));
  const size = logSize(bench.instance);
  await push(bench, version('a', 2, 'b'));
  assert.deepEqual(await typesSince(bench.instance, size), [
    'record.merged',
    'record.stored',
    'record.superseded',
  ]);
  const [merged] = (await readLog(bench.instance)).slice(size).filter(({ type }) => type === 'record.merged');
  assert.deepEqual(Object.keys(merged?.body ?? {}).toSorted(), ['commitment', 'handle']);
  assert.equal(merged?.tags.length, 1);
  assert.deepEqual(await gates('a', 'b'), ['permit', 'permit']);
  // Told once more, it says nothing new.
  const twice = logSize(bench.instance);
  await push(bench, version('a', 3, 'b'));
  assert.ok(!(await typesSince(bench.instance, twice)).includes('record.merged'));
});

test('a refusal of either refuses for both; the survivor who signs again speaks for both; then the old one again', async () => {
  const identifier = randomUUID();
  const old = await consenting(bench, 'c', { type: 'deny' });
  const survivor = await consenting(bench, 'd', { identifier, dateTime: inMinutes(0) });
  assert.deepEqual(await gates('c', 'd'), ['refused', 'permit']);
  await push(bench, version('c', 2, 'd'));
  assert.deepEqual(await gates('c', 'd'), ['refused', 'refused']);
  // A withdrawal is a word that binds, and no consent that would speak for both.
  await sign(bench, survivor, { identifier, dateTime: inMinutes(1), status: 'inactive' });
  assert.deepEqual(await gates('c', 'd'), ['refused', 'refused']);
  await sign(bench, survivor, { dateTime: inMinutes(2) });
  assert.deepEqual(await gates('c', 'd'), ['permit', 'permit']);
  await sign(bench, old, { type: 'deny', purpose: 'TREAT', dateTime: inMinutes(3) });
  assert.deepEqual(await gates('c', 'd'), ['refused', 'refused']);
});

test('without an answer of one, what comes for the other waits, and its consent releases it', async () => {
  await consenting(bench, 'e');
  const size = logSize(bench.instance);
  await push(bench, version('e', 2, 'f'));
  // Even the Patient that says so waits: it is the merge alone that needs no leave.
  assert.deepEqual(await typesSince(bench.instance, size), ['record.merged']);
  assert.deepEqual(await gates('e', 'f'), ['no-answer', 'no-answer']);
  await push(bench, heartRate('e1', 'e', 70), heartRate('f1', 'f', 71));
  const { events } = await bench.instance.inbox.waiting();
  assert.equal(events, 3);
  await consenting(bench, 'f');
  assert.equal((await bench.instance.inbox.waiting()).events, 0);
  assert.equal((await typesSince(bench.instance, size)).filter((type) => type === 'record.stored').length, 3);
});

test('a merge that is undone leaves things as they stood; what waited is judged again', async () => {
  await consenting(bench, 'g');
  await push(bench, version('g', 2, 'h'), heartRate('g1', 'g', 70));
  assert.equal(await gate('g'), 'no-answer');
  const size = logSize(bench.instance);
  await push(bench, version('g', 1));
  assert.equal(await gate('g'), 'no-answer', 'an older version undoes nothing');
  await push(bench, version('g', 3));
  const types = await typesSince(bench.instance, size);
  assert.equal(types.filter((type) => type === 'record.unmerged').length, 1);
  assert.equal(await gate('g'), 'permit');
  assert.equal((await bench.instance.inbox.waiting()).events, 0);
  const log = await readLog(bench.instance);
  const merged = log.filter(({ type }) => type === 'record.merged').at(-1);
  assert.equal(log.find(({ type }) => type === 'record.unmerged')?.body['handle'], merged?.body['handle']);
});

test('merged on into a third: all three must permit, and the last one who signs speaks for all', async () => {
  await consenting(bench, 'i');
  await consenting(bench, 'j');
  const last = await consenting(bench, 'k');
  await consenting(bench, 'l', { type: 'deny' });
  await push(bench, version('i', 2, 'j'), version('j', 2, 'k'), version('l', 2, 'j'));
  assert.deepEqual(await gates('i', 'j', 'k', 'l'), ['refused', 'refused', 'refused', 'refused']);
  await sign(bench, last, { dateTime: inMinutes(1) });
  assert.deepEqual(await gates('i', 'j', 'k', 'l'), ['permit', 'permit', 'permit', 'permit']);
});

test('each replaced by the other: the second is refused until the first is undone; by itself means nothing', async () => {
  const { keys, appender, subjects } = bench.instance;
  const merges = new Merges(keys, () => appender);
  const [m, n] = await Promise.all(['m', 'n'].map((id) => subjects.ensure('ward', id)));
  assert.ok(m !== undefined && n !== undefined);
  const size = logSize(bench.instance);
  assert.equal((await merges.heard(m, n, { by: 'n', at: 2 })).outcome, 'merged');
  await assert.rejects(merges.heard(n, m, { by: 'm', at: 3 }), { code: 'ADAPTER_CONFLICT' });
  assert.equal((await merges.heard(m, undefined, { at: 1 })).outcome, 'same', 'older');
  assert.equal((await merges.heard(m, undefined, { at: 3 })).outcome, 'unmerged');
  assert.equal((await merges.heard(n, m, { by: 'm', at: 3 })).outcome, 'merged');
  assert.deepEqual(await typesSince(bench.instance, size), [
    'record.merged',
    'record.unmerged',
    'record.merged',
  ]);
  await push(bench, version('s', 2, 's'));
  assert.equal((await typesSince(bench.instance, size)).length, 3);
});

test('one that says nothing of being active is replaced all the same, one that is active is not', async () => {
  const ids = ['old1', 'new1', 'old2', 'new2'];
  for (const id of ids) {
    await consenting(bench, id);
    await push(bench, version(id, 1));
  }
  const link = [{ other: { reference: 'Patient/new1' }, type: 'replaced-by' }];
  const silent = { ...patient('old1', { version: '2', minute: 2 }), link };
  const size = logSize(bench.instance);
  await push(bench, silent);
  assert.ok((await typesSince(bench.instance, size)).includes('record.merged'));
  await push(bench, { ...version('old2', 2, 'new2'), active: true });
  const merged = (await typesSince(bench.instance, size)).filter((type) => type === 'record.merged');
  assert.equal(merged.length, 1);
});

test('a permit from before a merge is void behind it', async () => {
  await consenting(bench, 'o');
  const other = await consenting(bench, 'p');
  const { subjects, consents, appender } = bench.instance;
  const subject = await subjects.ensure('ward', 'o');
  const { policies, epoch } = await consents.policies(subject);
  const decision = decide(requestOn(subject.key), policies, Date.now());
  assert.ok(decision.outcome === 'permit');
  await push(bench, version('o', 2, 'p'));
  assert.equal((await appender.append(decision.permit, epoch, subject, nothing)).outcome, 'permit-void');
  // And a refusal of the other voids what was decided for this one.
  const now = await consents.policies(subject);
  const again = decide(requestOn(subject.key), now.policies, Date.now());
  assert.ok(again.outcome === 'permit');
  await sign(bench, other, { type: 'deny' });
  assert.equal((await appender.append(again.permit, now.epoch, subject, nothing)).outcome, 'permit-void');
});

test('a hook that claims a merge is believed once the source shows it', async () => {
  await consenting(bench, 'q', {}, 'city');
  const hook = async (body: object): Promise<void> => {
    const headers = { 'content-type': 'application/fhir+json', authorization: `Bearer ${secret}` };
    const answer = await ask(bench.url, '/hooks/city', {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    assert.equal(answer.status, 200);
    await drain(bench.instance);
  };
  city.put(version('q', 3));
  await hook(version('q', 2, 'r'));
  assert.equal(await gate('q', 'city'), 'permit');
  city.put(version('q', 4, 'r'));
  await hook(version('q', 4, 'r'));
  assert.equal(await gate('q', 'city'), 'no-answer');
});

test('what is read over the facade needs both, and a withdrawal of either binds the next answer', async () => {
  const identifier = randomUUID();
  await consenting(bench, 't');
  const other = await consenting(bench, 'u', { identifier, dateTime: inMinutes(0) });
  await push(bench, heartRate('t1', 't', 70), heartRate('u1', 'u', 71));
  const reader = await readerOf(bench, { source: bench.source.id });
  const statuses = async (): Promise<number[]> =>
    Promise.all(
      ['t1', 'u1'].map(async (id) => {
        const name = facadeIdOf(bench, 'Observation', id);
        return (await reader.get(`Observation/${name}`)).status;
      }),
    );
  assert.deepEqual(await statuses(), [200, 200]);
  await push(bench, version('t', 2, 'u'));
  assert.deepEqual(await statuses(), [200, 200]);
  await sign(bench, other, { identifier, dateTime: inMinutes(1), status: 'inactive' });
  assert.deepEqual(await statuses(), [404, 404]);
  await push(bench, version('t', 3));
  assert.deepEqual(await statuses(), [200, 404]);
});

function nothing(): { drafts: []; writes: []; value: undefined } {
  return { drafts: [], writes: [], value: undefined };
}

function requestOn(subject: string, source = 'ward'): AccessRequest {
  const custodian = bench.instance.sources.get(source)?.custodian.id ?? '';
  return {
    subject,
    actor: { references: [`Organization/${custodian}`] },
    action: 'collect',
    purposes: ['http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT'],
    resource: { type: 'Observation', id: 'x', classes: [], codes: [], labels: undefined },
  };
}
