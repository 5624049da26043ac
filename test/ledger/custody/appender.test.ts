import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  consentEpochWrite,
  consentStatusWrite,
  GROUP_UNITS_MAX,
  tagCount,
} from '../../../ledger/custody/index.js';
import type { AppendOutcome, Appender } from '../../../ledger/custody/index.js';
import { LedgerError } from '../../../ledger/errors.js';
import { SUBMISSION_DRAFTS_MAX } from '../../../ledger/log/index.js';
import type { StoreWrite } from '../../../ledger/store.js';
import { verifyLog } from '../../../ledger/verify/index.js';
import { random32, theCast } from '../log/fixture.js';
import { openBench, storedDraft, tagNumbers } from './bench.js';
import type { Bench, Patient } from './bench.js';

const stage = () => ({ drafts: [storedDraft()], writes: [], value: undefined });

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function append(bench: Bench, patient: Patient, drafts = 1): Promise<AppendOutcome<undefined>> {
  return bench.appender.append(patient.permit, 1, patient, () => ({
    drafts: Array.from({ length: drafts }, () => storedDraft()),
    writes: [],
    value: undefined,
  }));
}

async function assertGood(bench: Bench): Promise<void> {
  const report = await verifyLog({ read: (path) => bench.engine.read(path) });
  assert.deepEqual(
    report.checks.filter(({ ok }) => !ok),
    [],
  );
}

const countOf = (bench: Bench, { key }: Patient): number =>
  tagCount({ get: (name) => bench.store.getSync(name) }, key);

test('leaves are where the outcome says, each under its submission', async (context) => {
  const bench = await openBench(context);
  const patient = await bench.patient();
  const names = Array.from({ length: 5 }, () => storedDraft());
  const outcome = await bench.appender.append(patient.permit, 1, patient, () => ({
    drafts: names,
    writes: [],
    value: 'yes',
  }));
  assert.ok(outcome.outcome === 'committed');
  assert.equal(outcome.value, 'yes');
  const leaves = await bench.leaves();
  for (const [i, leaf] of outcome.leaves.entries()) assert.deepEqual(leaves[leaf]?.body, names[i]?.body);
  await assertGood(bench);
});

test('tags are numbered without gaps over refusals, stages that throw, and commits that fail before and after', async (context) => {
  const bench = await openBench(context);
  const [a, b] = [await bench.patient(), await bench.patient()];
  const thrown = new RangeError('a stage of the test');
  let written = 0;
  for (const [round, fault] of [
    undefined,
    'before',
    'after',
    undefined,
    'after',
    'before',
    undefined,
  ].entries()) {
    bench.faults.push(fault as never);
    const results = await Promise.allSettled([
      append(bench, a),
      append(bench, b, 2),
      // A permit of an epoch that is over, and a stage that throws, use up no number.
      bench.appender.append(a.permit, 0, a, () => ({ drafts: [storedDraft()], writes: [], value: 0 })),
      bench.appender.append(b.permit, 1, b, () => {
        throw thrown;
      }),
      append(bench, a, 3),
    ]);
    const failure = fault === undefined ? 'fulfilled' : 'rejected';
    assert.deepEqual(
      results.map(({ status }) => status),
      [failure, failure, 'fulfilled', 'rejected', failure],
      `round ${round}`,
    );
    assert.deepEqual(results[2], { status: 'fulfilled', value: { outcome: 'permit-void' } });
    assert.equal(results[3]?.status === 'rejected' && results[3].reason, thrown);
    if (fault !== undefined)
      assert.ok(results[0]?.status === 'rejected' && results[0].reason instanceof LedgerError);
    if (fault !== 'before') written += 1;
  }
  assert.deepEqual(await tagNumbers(bench, a), upTo(4 * written));
  assert.deepEqual(await tagNumbers(bench, b), upTo(2 * written));
  assert.deepEqual([countOf(bench, a), countOf(bench, b)], [4 * written, 2 * written]);
  await assertGood(bench);
});

test('rows and entries stand or fall together: a retry after a lost answer finds its row', async (context) => {
  const bench = await openBench(context);
  const patient = await bench.patient();
  const once = () =>
    bench.appender.append(patient.permit, 1, patient, (view) =>
      view.has('done')
        ? { drafts: [], writes: [], value: 'known' }
        : {
            drafts: [storedDraft()],
            writes: [{ type: 'put', key: 'done', value: Buffer.alloc(1) }],
            value: 'new',
          },
    );
  bench.faults.push('before', 'after');
  await assert.rejects(once(), { code: 'LEDGER_WRITE_FAILED' });
  assert.equal(bench.store.getSync('done'), undefined);
  await assert.rejects(once(), { code: 'LEDGER_WRITE_FAILED' });
  const outcome = await once();
  assert.ok(outcome.outcome === 'committed');
  assert.deepEqual([outcome.value, outcome.leaves], ['known', []]);
  assert.deepEqual(await tagNumbers(bench, patient), [0]);
});

test('stages of one group see what those before them wrote', async (context) => {
  const bench = await openBench(context);
  const values = await Promise.all(
    upTo(50).map(() =>
      bench.appender.writeRows((view) => {
        const count = view.get('count')?.readUInt8(0) ?? 0;
        return { writes: [{ type: 'put', key: 'count', value: Buffer.from([count + 1]) }], value: count };
      }),
    ),
  );
  assert.deepEqual(
    values.toSorted((x, y) => x - y),
    upTo(50),
  );
  assert.equal(bench.store.getSync('count')?.[0], 50);
});

test('a permit of another patient, or none, appends nothing', async (context) => {
  const bench = await openBench(context);
  const [a, b] = [await bench.patient(), await bench.patient()];
  const { size } = bench.engine.head();
  await assert.rejects(bench.appender.append(a.permit, 1, b, stage), { code: 'LEDGER_GUARD_REFUSED' });
  const likeness = JSON.parse(JSON.stringify(a.permit)) as Patient['permit'];
  await assert.rejects(bench.appender.append(likeness, 1, a, stage), { code: 'LEDGER_GUARD_REFUSED' });
  assert.equal(bench.engine.head().size, size);
});

test('a permit is void when a consent it stands on was withdrawn, replaced or forgotten, or the patient spoke', async (context) => {
  const bench = await openBench(context);
  const changes: ((patient: Patient) => StoreWrite[])[] = [
    ({ consent }) => [consentStatusWrite(consent, { version: 10, status: 'withdrawn' })],
    ({ consent }) => [consentStatusWrite(consent, { version: 10, status: 'replaced' })],
    ({ consent }) => [consentStatusWrite(consent, { version: 11, status: 'in-force' })],
    ({ consent }) => [{ type: 'del', key: `consent-status/${consent}` }],
    ({ key }) => [consentEpochWrite(key, 2)],
    () => [consentStatusWrite('custodian', { version: 1, status: 'withdrawn' })],
  ];
  for (const [i, change] of changes.entries()) {
    const patient = await bench.patient();
    await bench.appender.writeRows(() => ({ writes: change(patient), value: undefined }));
    assert.deepEqual(await append(bench, patient), { outcome: 'permit-void' }, String(i));
    assert.deepEqual(await tagNumbers(bench, patient), []);
  }
});

test('patients are mixed within a group, and each one’s own entries stay in order', async (context) => {
  const bench = await openBench(context);
  const patients = await Promise.all(upTo(8).map(() => bench.patient()));
  const order = new Map<string, number[]>();
  const turns: number[] = [];
  await Promise.all(
    upTo(25).flatMap((i) =>
      patients.map((patient, p) =>
        bench.appender.append(patient.permit, 1, patient, () => {
          turns.push(p);
          order.set(patient.key, [...(order.get(patient.key) ?? []), i]);
          return { drafts: [storedDraft()], writes: [], value: undefined };
        }),
      ),
    ),
  );
  for (const patient of patients) {
    assert.deepEqual(order.get(patient.key), upTo(25));
    assert.deepEqual(await tagNumbers(bench, patient), upTo(25));
  }
  assert.notDeepEqual(
    turns,
    upTo(25).flatMap(() => upTo(8)),
    'the order of the calls would link them',
  );
  await assertGood(bench);
});

test('more drafts than a submission holds are several, more units than a group holds are several batches', async (context) => {
  const bench = await openBench(context);
  const patient = await bench.patient();
  const outcome = await append(bench, patient, SUBMISSION_DRAFTS_MAX + 10);
  assert.ok(outcome.outcome === 'committed');
  assert.equal(outcome.leaves.length, SUBMISSION_DRAFTS_MAX + 10);
  assert.equal(new Set(outcome.leaves).size, SUBMISSION_DRAFTS_MAX + 10);
  assert.deepEqual(await tagNumbers(bench, patient), upTo(SUBMISSION_DRAFTS_MAX + 10));
  const before = bench.batches.length;
  await Promise.all(
    upTo(GROUP_UNITS_MAX + 1).map(() => bench.appender.writeRows(() => ({ writes: [], value: 0 }))),
  );
  assert.ok(bench.batches.length >= before + 2);
  await assertGood(bench);
});

test('the authority signs what is its own, and an entry with tags is the instance’s', async (context) => {
  const bench = await openBench(context);
  const cast = await theCast();
  const patient = await bench.patient();
  const commitment = random32();
  const enrolled = {
    type: 'participant.enrolled',
    body: { handle: random32(), group: 'patient', commitment },
  } as const;
  const signed = {
    type: 'consent.signed',
    body: { handle: random32(), start: null, end: null, commitment },
  } as const;
  const control: Appender['appendControl'] = (by, staging) => bench.appender.appendControl(by, staging);
  await Promise.all([
    control({ signer: cast.ca }, () => ({ drafts: [enrolled], writes: [], value: 0 })),
    control({ signer: cast.ca, subject: patient }, () => ({ drafts: [signed], writes: [], value: 0 })),
    append(bench, patient),
  ]);
  await assertGood(bench);
  const leaves = await bench.leaves();
  const actorOf = (type: string): unknown =>
    (leaves.findLast((leaf) => leaf.type === type) as { actor?: unknown }).actor;
  assert.equal(actorOf('participant.enrolled'), cast.ca.actor);
  assert.equal(actorOf('consent.signed'), cast.instance.actor);
  assert.deepEqual(await tagNumbers(bench, patient), [0, 1]);
});

test('a draft that no entry can be is alone refused, not the appends beside it', async (context) => {
  const bench = await openBench(context);
  const patient = await bench.patient();
  const { size } = bench.engine.head();
  const huge = { type: 'record.stored', body: { handle: 'x'.repeat(70_000) } } as const;
  const refused = assert.rejects(
    bench.appender.append(patient.permit, 1, patient, () => ({ drafts: [huge], writes: [], value: 0 })),
    (error: unknown) => error instanceof LedgerError && error.code === 'LEDGER_ENTRY_TOO_LARGE',
  );
  const beside = await Promise.all([append(bench, patient, 2), append(bench, patient)]);
  await refused;
  assert.ok(beside.every(({ outcome }) => outcome === 'committed'));
  // Two submissions: the group was halved, and halved again where the refusal was.
  assert.equal(bench.engine.head().size, size + 5);
  await append(bench, patient);
  assert.deepEqual(await tagNumbers(bench, patient), [0, 1, 2, 3]);
  await assertGood(bench);
});

test('nobody is refused because of what was never written', async (context) => {
  const bench = await openBench(context);
  const patient = await bench.patient();
  const huge = { type: 'record.stored', body: { handle: 'x'.repeat(70_000) } } as const;
  const row: StoreWrite = { type: 'put', key: 'once', value: Buffer.from('x') };
  const epoch = consentEpochWrite(patient.key, 2);
  const outcomes = await Promise.allSettled([
    bench.appender.append(patient.permit, 1, patient, () => ({
      drafts: [huge],
      writes: [row, epoch],
      value: 0,
    })),
    // Both would be refused by what the first was about to write.
    bench.appender.append(patient.permit, 1, patient, stage),
    bench.appender.writeRows((view) => {
      if (view.has('once')) throw new RangeError('it is there');
      return { writes: [row], value: 'new' };
    }),
    // This one is, by what was written.
    bench.appender.writeRows((view) => {
      if (view.has('once')) throw new RangeError('it is there');
      return { writes: [row], value: 'new' };
    }),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled', 'rejected'],
  );
  const [first, second, , fourth] = outcomes;
  assert.ok(first?.status === 'rejected' && first.reason instanceof LedgerError);
  assert.ok(second?.status === 'fulfilled' && (second.value as { outcome: string }).outcome === 'committed');
  assert.ok(fourth?.status === 'rejected' && fourth.reason instanceof RangeError);
  assert.deepEqual(await tagNumbers(bench, patient), [0]);
  await assertGood(bench);
});

test('closing ends what waits and refuses what comes', async (context) => {
  const bench = await openBench(context);
  const patient = await bench.patient();
  const waiting = upTo(10).map(() => append(bench, patient));
  await bench.appender.close();
  assert.ok((await Promise.all(waiting)).every(({ outcome }) => outcome === 'committed'));
  await assert.rejects(append(bench, patient), { code: 'LEDGER_CLOSED' });
});
