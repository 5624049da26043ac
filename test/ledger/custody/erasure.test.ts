import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signDocument } from '../../../ledger/consent/index.js';
import {
  ERASURE_REQUEST,
  erasedKey,
  holdKey,
  orderByCustodian,
  orderByPatient,
  tagCount,
} from '../../../ledger/custody/index.js';
import type { ErasureOrder, ErasureRequest } from '../../../ledger/custody/index.js';
import { generateSeed, publicKey } from '../../../ledger/log/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { random32 } from '../log/fixture.js';
import { openBench, storedDraft, tagNumbers } from './bench.js';
import type { Patient } from './bench.js';

const GUARD = { code: 'LEDGER_GUARD_REFUSED' };
const NOW_MS = Date.UTC(2026, 4, 3);

function orderFor(subject: string, handles: readonly string[] | 'all'): ErasureOrder {
  const targets = handles === 'all' ? handles : handles.map((handle) => ({ handle }));
  const order = orderByCustodian({
    subject,
    targets,
    duty: 'objection',
    by: 'M. Keller',
    reason: 'a letter',
    nowMs: NOW_MS,
  });
  assert.ok(typeof order !== 'string');
  return order;
}

const erasedDraft = (handle: string) =>
  ({ type: 'record.erased', body: { handle, commitment: random32() } }) as const;

test('an erasure needs an order for this patient and these versions', async (context) => {
  const bench = await openBench(context);
  const { appender, engine } = bench;
  const a: Patient = await bench.patient();
  const stored = storedDraft();
  await appender.append(a.permit, 1, a, () => ({ drafts: [stored], writes: [], value: 0 }));
  const { handle } = stored.body;
  const stage = () => ({ drafts: [erasedDraft(handle)], writes: [], value: 'gone' });
  const order = orderFor(a.key, [handle]);
  const { size } = engine.head();

  const { subject, handles, evidence } = order;
  // @ts-expect-error what looks like an order is none
  await assert.rejects(appender.appendErasure({ subject, handles, evidence }, 1, a, stage), GUARD);
  // @ts-expect-error nor is a permit to read
  await assert.rejects(appender.appendErasure(a.permit, 1, a, stage), GUARD);
  await assert.rejects(appender.appendErasure(orderFor('other', 'all'), 1, a, stage), GUARD);
  await assert.rejects(appender.appendErasure(orderFor(a.key, [random32()]), 1, a, stage), GUARD);
  await assert.rejects(
    // @ts-expect-error an order to erase is no leave to store
    appender.appendErasure(order, 1, a, () => ({ drafts: [storedDraft()], writes: [], value: 0 })),
    GUARD,
  );
  // @ts-expect-error and it is no entry without an order
  await assert.rejects(appender.appendControl({}, stage), GUARD);
  const Forged = order.constructor as unknown as new (claims: object) => ErasureOrder;
  const forged = new Forged({ subject: a.key, handles: 'all', evidence: '' });
  await assert.rejects(appender.appendErasure(forged, 1, a, stage), GUARD);
  assert.equal(engine.head().size, size);

  const outcome = await appender.appendErasure(order, 1, a, stage);
  assert.ok(outcome.outcome === 'committed' && outcome.value === 'gone');
  assert.deepEqual(await tagNumbers(bench, a), [0, 1]);
});

test('a hold, or an entry that was sequenced first, binds within the batch; after all is erased no permit writes', async (context) => {
  const bench = await openBench(context);
  const { appender, store } = bench;
  const a = await bench.patient();
  const count = (): number => tagCount({ get: (key) => store.getSync(key) }, a.key);
  const stored = storedDraft();
  const { handle } = stored.body;
  const store1 = () => appender.append(a.permit, 1, a, () => ({ drafts: [stored], writes: [], value: 0 }));
  await store1();
  const order = orderFor(a.key, 'all');
  const erase = (writes: readonly string[] = []) =>
    appender.appendErasure(order, count(), a, () => ({
      drafts: [erasedDraft(handle)],
      writes: writes.map((key) => ({ type: 'put', key, value: Buffer.alloc(1) }) as const),
      value: 0,
    }));

  // One patient's appends stay in order within their group.
  const [, overtaken] = await Promise.all([
    appender.append(a.permit, 1, a, () => ({ drafts: [storedDraft()], writes: [], value: 0 })),
    erase(),
  ]);
  assert.deepEqual(overtaken, { outcome: 'overtaken' });
  const hold = { type: 'put', key: holdKey(a.key), value: Buffer.alloc(1) } as const;
  await appender.writeRows(() => ({ writes: [hold], value: 0 }));
  assert.deepEqual(await erase(), { outcome: 'held' });
  await appender.writeRows(() => ({ writes: [{ type: 'del', key: holdKey(a.key) }], value: 0 }));
  assert.equal((await erase([erasedKey(a.key)])).outcome, 'committed');
  assert.deepEqual(await store1(), { outcome: 'permit-void' });
  assert.deepEqual(await tagNumbers(bench, a), [0, 1, 2]);
});

test('a patient’s request is an order if it is signed, of this patient, in time, and names all', () => {
  const seed = generateSeed();
  const kid = random32();
  const handles = [random32(), random32()] as const;
  const good: ErasureRequest = {
    kind: ERASURE_REQUEST,
    patient: 'Patient/me',
    scope: 'all',
    dateTime: new Date(NOW_MS).toISOString(),
  };
  const judge = (
    request: object,
    {
      signed = request,
      key = seed,
      targets = [{ handle: handles[0], names: ['Observation/x'] }] as never,
    } = {},
  ): string => {
    const order = orderByPatient({
      subject: 's',
      patient: 'Patient/me',
      targets,
      signed: { request: request as ErasureRequest, jws: signDocument(signed as JsonObject, key, kid) },
      key: publicKey(seed),
      kid,
      certifiedAt: NOW_MS - 1000,
      nowMs: NOW_MS,
    });
    return typeof order === 'string' ? order : 'order';
  };
  assert.equal(judge(good), 'order');
  assert.equal(judge({ ...good, reason: 'as I wish' }), 'order');
  assert.equal(judge({ ...good, scope: [handles[0]] }), 'order');
  assert.equal(judge({ ...good, scope: ['Observation/x'] }), 'order');
  assert.equal(judge({ ...good, scope: [handles[1]] }), 'scope');
  assert.equal(judge({ ...good, scope: [handles[0]] }, { targets: 'all' as never }), 'scope');
  assert.equal(judge(good, { key: generateSeed() }), 'signature');
  assert.equal(judge(good, { signed: { ...good, scope: ['Observation/x'] } }), 'signature');
  assert.equal(judge({ ...good, patient: 'Patient/you' }), 'patient');
  assert.equal(judge({ ...good, dateTime: new Date(NOW_MS + 600_000).toISOString() }), 'time');
  assert.equal(judge({ ...good, dateTime: new Date(NOW_MS - 600_000).toISOString() }), 'time');
  for (const bad of [
    { ...good, kind: 'firebreak/other/v1' },
    { ...good, more: 1 },
    { ...good, scope: [] },
    { ...good, scope: 'some' },
    { ...good, dateTime: '2026-05-03' },
    { ...good, dateTime: '2026-99-03T00:00:00Z' },
    { ...good, reason: '' },
  ])
    assert.equal(judge(bad), 'form', JSON.stringify(bad));
});

test('a custodian’s order names duty, person and reason', () => {
  const good = { subject: 's', targets: 'all', duty: 'objection', by: 'x', reason: 'y', nowMs: 0 } as const;
  assert.notEqual(orderByCustodian(good), 'form');
  for (const bad of [{ by: ' ' }, { reason: '' }, { duty: 'whim' as never }, { reason: 'y'.repeat(3000) }])
    assert.equal(orderByCustodian({ ...good, ...bad }), 'form');
});
