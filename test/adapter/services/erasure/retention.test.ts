import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { openInstance } from '../../../../adapter/instance/instance.js';
import type { Instance } from '../../../../adapter/instance/instance.js';
import { createLogger } from '../../../../adapter/logger.js';
import { drain } from '../../../../adapter/services/drain.js';
import {
  eraseAsAsked,
  eraseDue,
  listHolds,
  releaseHold,
  setHold,
} from '../../../../adapter/services/erasure/index.js';
import { prove } from '../../../../adapter/services/proofs/index.js';
import {
  addImportSource,
  removeFolder,
  servicesOf,
  temporaryFolder,
  testConfig,
} from '../../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../../support/wallet.js';
import { failedChecks } from '../../support/bench.js';
import { heartRate } from '../../support/resources.js';

const DAY_MS = 86_400_000;
const YEAR_MS = 365.2425 * DAY_MS;
const DUTY = { ground: 'objection', by: 'M. Keller', reason: 'letter of 3 May', yes: true } as const;

const dir = temporaryFolder();
after(async () => {
  await opened?.close();
  removeFolder(dir);
});
let opened: Instance | undefined;
let nowMs = Date.now();

const open = (): Promise<Instance> =>
  openInstance({
    config: testConfig(dir, { retentionYears: 6 }),
    demo: false,
    logger: createLogger('error', () => undefined),
    nowMs: () => nowMs,
  });

const dateTime = (ms: number): { dateTime: string } => ({ dateTime: new Date(ms).toISOString() });

async function countRows({ store }: Instance, kind: string): Promise<number> {
  return (await store.keys({ gte: `${kind}/`, lt: `${kind}/~` }).all()).length;
}

async function rowsOf(instance: Instance): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const kind of ['consent', 'disclosure', 'erasure', 'hold-past', 'subject', 'erased', 'facade'])
    counts[kind] = await countRows(instance, kind);
  return counts;
}

const NOTHING = { receipts: 0, consents: 0, erasures: 0, holds: 0, patients: 0, compacted: true };

test('receipts and evidence stay until their time is over, and not a day less; a hold stops the clock', async () => {
  let instance = (opened = await open());
  await addImportSource(instance);
  const services = servicesOf(instance);
  for (const id of ['a', 'b', 'c']) {
    const wallet = await enrolWallet(services, 'ward', id);
    const identifier = randomUUID();
    await services.submit(signedBundle(wallet, consentFor(wallet, { identifier, ...dateTime(nowMs) })));
    nowMs += 1000;
    await services.submit(signedBundle(wallet, consentFor(wallet, { identifier, ...dateTime(nowMs) })));
    const event = { source: 'ward', channel: 'rest-hook', kind: 'put', receivedAt: nowMs, lane: id } as const;
    const resource = heartRate(`${id}1`, id, 70, { version: '1', minute: 1 });
    const bytes = Buffer.from(JSON.stringify(resource));
    await instance.inbox.accept([
      { ...event, type: 'Observation', id: `${id}1`, version: '1', bytes } as never,
    ]);
    await drain(instance);
    const shown = await prove(instance, { what: 'record', record: `Observation/${id}1`, open: true });
    assert.ok(shown.proved);
  }
  await setHold(instance, { patient: 'c', by: 'court', reason: 'file 1' });
  await setHold(instance, { patient: 'b', by: 'court', reason: 'file 2' });
  await releaseHold(instance, { patient: 'b', by: 'court', reason: 'settled' });
  await eraseAsAsked(instance, { name: 'Patient/a', ...DUTY });
  const before = await rowsOf(instance);
  assert.deepEqual(before, {
    consent: 6,
    disclosure: 3,
    erasure: 1,
    'hold-past': 1,
    subject: 3,
    erased: 1,
    facade: 3,
  });
  const start = nowMs;

  nowMs = start + 6 * YEAR_MS - DAY_MS;
  assert.deepEqual(await eraseDue(instance), NOTHING);
  assert.deepEqual(await rowsOf(instance), before);

  nowMs = start + 6 * YEAR_MS + DAY_MS;
  const { compacted, ...counts } = await eraseDue(instance);
  assert.equal(compacted, true);
  // Of a both consents, of b the replaced one; c is held.
  assert.deepEqual(counts, { receipts: 2, consents: 4, erasures: 1, holds: 1, patients: 1 });
  assert.deepEqual(await rowsOf(instance), {
    consent: 3,
    disclosure: 1,
    erasure: 0,
    'hold-past': 0,
    subject: 2,
    erased: 1,
    facade: 2,
  });
  assert.deepEqual(await eraseDue(instance), NOTHING);
  assert.equal(
    (await eraseAsAsked(instance, { name: 'Patient/a', ...DUTY })).outcome,
    'erased',
    'the bar stays',
  );
  assert.deepEqual(await failedChecks(instance), []);

  await instance.close();
  // The authority's certificate does not last as long: the clock moves once it is open.
  const late = nowMs;
  nowMs = start;
  instance = opened = await open();
  nowMs = late;
  const [held] = await listHolds(instance);
  assert.equal(held?.patient, 'c', 'a hold outlives the process');
  await releaseHold(instance, { patient: 'c', by: 'court', reason: 'settled' });
  const last = await eraseDue(instance);
  assert.deepEqual([last.receipts, last.consents], [1, 1]);
  const policies = await instance.consents.policies(
    (await instance.subjects.find(instance.subjects.keyOf('ward', 'c'))) ?? assert.fail(),
  );
  assert.ok(
    policies.policies.some(({ handle }) => handle !== undefined),
    'the consent in force stays',
  );
});
