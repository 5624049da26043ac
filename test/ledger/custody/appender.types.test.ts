/** The lines that must not compile are the test: no entry on a patient's data without a permit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Permitted } from '../../../ledger/consent/index.js';
import type { Appender } from '../../../ledger/custody/index.js';
import { openPermitted } from '../../../ledger/custody/index.js';
import { entrySchemas } from '../../../ledger/log/index.js';
import type { EntryType } from '../../../ledger/log/index.js';
import { openBench, storedDraft } from './bench.js';

const stage = () => ({ drafts: [storedDraft()], writes: [], value: undefined });

test('ungated appending does not compile, and is refused where types do not reach', async (context) => {
  const { appender, patient } = await openBench(context);
  const subject = await patient();
  const { requestHash, action, standsOn } = subject.permit;
  const claims = { requestHash, subject: subject.key, action, standsOn };
  const guard = { code: 'LEDGER_GUARD_REFUSED' };
  // @ts-expect-error what looks like a permit is none: the gate alone makes them
  await assert.rejects(appender.append(claims, 1, subject, stage), guard);
  // @ts-expect-error nor is a copy of one
  await assert.rejects(appender.append({ ...(subject.permit as object) }, 1, subject, stage), guard);
  // @ts-expect-error without a permit
  await assert.rejects(appender.append(undefined, 1, subject, stage), guard);
  // @ts-expect-error the permit cannot be left out
  const without = (): unknown => appender.append(1, subject, stage);
  assert.equal(typeof without, 'function');
  // @ts-expect-error no record opens without one either
  assert.throws(() => openPermitted(claims, subject.key, {}), guard);
});

test('what needs no permit is of the types that need none', async (context) => {
  const { appender: open, engine } = await openBench(context);
  const { size } = engine.head();
  await assert.rejects(open.appendControl({}, stage as never), { code: 'LEDGER_GUARD_REFUSED' });
  await open.writeRows(stage as never);
  assert.equal(engine.head().size, size);
  const control = (appender: Appender): unknown[] => [
    // @ts-expect-error a record is on a patient's data
    appender.appendControl({}, stage),
    appender.appendControl({}, () => ({
      // @ts-expect-error so is a score
      drafts: [{ type: 'score.issued', body: {} }],
      writes: [],
      value: 0,
    })),
    // @ts-expect-error rows alone go without a permit, entries do not
    appender.writeRows(stage),
  ];
  assert.equal(typeof control, 'function');
  // @ts-expect-error and a permit cannot be written down
  const written: Permitted = { requestHash: '', subject: '', action: 'collect', standsOn: [] };
  assert.ok(written);
});

/** A stage of one entry, whatever the compiler says of its type. */
const cast = (type: string) => () => ({ drafts: [{ type, body: {} }], writes: [], value: 0 }) as never;

test('each type goes by its own way, and by no easier one', async (context) => {
  const { appender, engine, patient } = await openBench(context);
  const subject = await patient();
  const free: readonly EntryType[] = [
    'participant.enrolled',
    'participant.renewed',
    'participant.revoked',
    'key.rotated',
    'representative.appointed',
    'representative.ended',
    'consent.signed',
    'consent.withdrawn',
    'access.requested',
    'access.decided',
    'record.merged',
    'record.unmerged',
    'model.published',
    'source.reconciled',
    'state.anchored',
  ];
  // An erasure wants an order, and a submission is the appender's own.
  const byNeither: readonly EntryType[] = ['record.erased', 'submission'];
  for (const type of [...entrySchemas.keys(), 'unknown.type']) {
    const ways = [
      [free.includes(type as EntryType), () => appender.appendControl({}, cast(type))],
      [
        entrySchemas.has(type as EntryType) && !byNeither.includes(type as EntryType),
        () => appender.append(subject.permit, 1, subject, cast(type)),
      ],
    ] as const;
    for (const [isGood, way] of ways) {
      const { size } = engine.head();
      if (isGood) await way();
      else await assert.rejects(way, { code: 'LEDGER_GUARD_REFUSED' }, type);
      assert.equal(engine.head().size, isGood ? size + 2 : size, type);
    }
  }
});
