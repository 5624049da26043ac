import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { encodeVkey, generateSeed, publicKey } from '../../../ledger/log/index.js';
import type { EntryType, JsonObject } from '../../../ledger/log/index.js';
import { storeReader, verifyLog } from '../../../ledger/verify/index.js';
import type { CheckResult } from '../../../ledger/verify/index.js';
import {
  draft,
  everyType,
  firstAnchor,
  genesis,
  makeHolder,
  ORIGIN,
  random32,
  records,
  submit,
  theCast,
} from '../log/fixture.js';
import type { Cast } from '../log/fixture.js';
import { mappedLog } from './mapped-log.js';

const T0 = 1_795_000_000_000;
let cast: Cast;

before(async () => {
  cast = await theCast();
});

/** A log and its map, and what verifying says of the state. */
async function begin(context: { after: (done: () => Promise<void>) => void }) {
  const { store, engine, commit, anchor } = await mappedLog(context, cast, () => T0);
  const state = async (): Promise<CheckResult | undefined> => {
    const report = await verifyLog(storeReader(store));
    assert.deepEqual(
      report.checks.filter(({ ok, name }) => !ok && name !== 'state'),
      [],
    );
    return report.checks.find(({ name }) => name === 'state');
  };
  return { engine, commit, anchor, state };
}

test('state: the map rebuilt from the entries has the roots that were anchored', async (context) => {
  const { commit, anchor, state } = await begin(context);
  await commit(genesis(cast), everyType(cast));
  await commit(anchor());
  for (let round = 0; round < 4; round++) {
    await commit(...records(cast, 500));
    const made = anchor();
    // Others of the same batch may come before the anchor: it names the size before them all.
    await commit(...records(cast, 20), made, everyType(cast));
  }
  assert.deepEqual(await state(), { name: 'state', ok: true, checked: 5 });
});

const certificate = (der: Buffer): string => der.toString('base64');

test('state: revoked participants and rotated keys stand in both maps alike', async (context) => {
  const { commit, anchor, state } = await begin(context);
  const { ca, instance } = cast;
  const next = await makeHolder(ca, 'Test authority', 'clinic');
  const first = await makeHolder(ca, 'Test authority', 'clinic');
  const [clinic, patient] = [random32(), random32()];
  const about = { handle: clinic, group: 'provider', role: 'organisation', name: 'A clinic' };
  await commit(
    genesis(cast),
    submit(ca, [
      draft(ca.actor, 'participant.enrolled', { ...about, certificate: certificate(first.der) }),
      draft(ca.actor, 'participant.enrolled', { handle: patient, group: 'patient', commitment: random32() }),
    ]),
  );
  const steps: (readonly [EntryType, JsonObject])[] = [
    ['key.rotated', { key: 'participant', handle: clinic, certificate: certificate(next.der) }],
    ['key.rotated', { key: 'participant', handle: patient, commitment: random32() }],
    ['participant.revoked', { handle: patient, reason: 'keyCompromise' }],
    ['participant.revoked', { handle: clinic, reason: 'cessationOfOperation' }],
  ];
  for (const [type, body] of steps) {
    await commit(submit(ca, [draft(ca.actor, type, body)]));
    await commit(anchor());
  }
  // A key of the log is no participant's.
  const [from, to] = [generateSeed(), generateSeed()].map((seed) => encodeVkey(ORIGIN, publicKey(seed)));
  const body = { key: 'log', from: from ?? '', to: to ?? '', overlapUntil: T0 };
  await commit(submit(instance, [draft(instance.actor, 'key.rotated', body)]));
  await commit(anchor());
  assert.deepEqual(await state(), { name: 'state', ok: true, checked: 5 });
});

test('state: an anchor of another root, count or size is found, though the log took it', async (context) => {
  for (const more of [{ root: 'A'.repeat(43) }, { keys: 5 }, { size: 3 }, { size: 10_000 }]) {
    const { engine, commit, anchor, state } = await begin(context);
    await commit(genesis(cast), ...records(cast, 300));
    await commit(anchor());
    await engine.commit({ submissions: [anchor(more)], writes: [] });
    const check = await state();
    assert.equal(check?.ok, false);
    assert.equal(check?.checked, 2);
    assert.equal(check?.failure?.leaf, engine.head().size - 1);
  }
});

test('state: the state before any entry can be anchored, until a later one was', async (context) => {
  const { engine, commit, state } = await begin(context);
  await commit(genesis(cast));
  await engine.commit({ submissions: [firstAnchor(cast)], writes: [] });
  assert.deepEqual(await state(), { name: 'state', ok: true, checked: 1 });
  const later = await begin(context);
  await later.commit(genesis(cast));
  await later.commit(later.anchor());
  await later.engine.commit({ submissions: [firstAnchor(cast)], writes: [] });
  assert.equal((await later.state())?.failure?.rule, 'an anchor of a size out of order');
});
