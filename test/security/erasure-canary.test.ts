import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { drain } from '../../adapter/services/drain.js';
import { CohortRows } from '../../adapter/services/cohorts/rows.js';
import { eraseAsAsked } from '../../adapter/services/erasure/index.js';
import { nodeProofCrypto } from '../../adapter/services/proof-crypto.js';
import { prove } from '../../adapter/services/proofs/index.js';
import { exportPublished } from '../../adapter/services/export-published.js';
import type { Instance } from '../../adapter/instance/instance.js';
import { checkProof, proofTrust } from '../../ledger/proofs/index.js';
import { probesOf } from '../../adapter/services/erasure/compaction.js';

import { consenting, failedChecks, openBench, push, readLog } from '../adapter/support/bench.js';
import { CohortBench } from '../adapter/support/cohort-bench.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { enrolOrganisation, enrolPerson } from '../support/person.js';
import type { Wallet } from '../support/wallet.js';
import { findSecrets, secretsOf } from './disk-scan.js';
import type { Secret } from './disk-scan.js';

const DUTY = { ground: 'objection', by: 'M. Keller', reason: 'letter of 3 May', yes: true } as const;
const CANARY = 'canary-7f3a9c51e2';

/** A resource that says the canary in an element that is kept as it came. */
function telling(resource: object, text: string): object {
  return { ...resource, note: [{ text }], text: { status: 'generated', div: `<div>${text}</div>` } };
}

async function trustOf(instance: Instance) {
  const vkey = (await instance.engine.read('vkey'))?.toString('utf8').trim() ?? '';
  return proofTrust({ vkeys: [vkey], caRoot: instance.authority.root }, nodeProofCrypto);
}

async function subjectOf(instance: Instance, source: string, id: string) {
  const subject = await instance.subjects.find(instance.subjects.keyOf(source, id));
  assert.ok(subject !== undefined);
  return subject;
}

test('after an erasure no byte of a patient is found, and older proofs go on verifying', async () => {
  const bench = await openBench({ logLevel: 'debug' });
  const { instance, dir } = bench;
  try {
    const canary = `${CANARY}-a`;
    const other = `${CANARY}-b`;
    await consenting(bench, 'a');
    await consenting(bench, 'b');
    await push(bench, telling(patient('a', { version: '1', minute: 1 }), canary));
    for (let i = 0; i < 30; i++) {
      await push(
        bench,
        telling(heartRate(`a${i % 10}`, 'a', 60 + i, { version: String(i), minute: i }), `${canary} ${i}`),
        telling(heartRate(`b${i}`, 'b', 60 + i, { version: '1', minute: 1 }), other),
      );
      // What is deleted and what is overwritten comes to lie in tables of its own, on several levels.
      if (i % 7 === 3) await compactAll(instance);
    }
    // What waits, and what was set aside: it tells of the patient and cannot be mapped.
    const dead = { resourceType: 'Observation', id: 'dead1', status: 'final', note: [{ text: canary }] };
    await push(bench, {
      ...dead,
      subject: { reference: 'Patient/a' },
      performer: [{ reference: 'Patient/a' }],
      effectiveDateTime: 'no date',
    });
    await push(bench, {
      resourceType: 'Appointment',
      id: 'two',
      status: 'booked',
      comment: canary,
      participant: ['a', 'b'].map((id) => ({ actor: { reference: `Patient/${id}` }, status: 'accepted' })),
    });
    const unrelated: string[] = [];
    for await (const { key } of instance.inbox.about(instance.subjects.keyOf('ward', 'a')))
      unrelated.push(key);
    assert.ok(unrelated.length > 0, 'something lies in the inbox');

    const subject = await subjectOf(instance, 'ward', 'a');
    const secrets: Secret[] = [
      { what: 'canary', bytes: Buffer.from(canary) },
      ...(await secretsOf(instance, subject)),
    ];
    const rowKeys = await instance.store.keys({ gte: 'inbox/d/', lt: 'inbox/d/~' }).all();
    for (const key of rowKeys) {
      const row = instance.store.getSync(key);
      assert.ok(row !== undefined);
      secrets.push({ what: `row ${key}`, bytes: Buffer.from(row.subarray(3, 43)) });
    }
    assert.ok(findSecrets(dir, secrets).length > 0, 'before, sealed bytes are found');
    const proofs: string[] = [];
    for (const more of [{}, { open: true }, { fact: 'code' }]) {
      const proved = await prove(instance, { what: 'record', record: 'Observation/a1', ...more });
      assert.ok(proved.proved);
      proofs.push(proved.file);
    }
    const stored = new Set(
      (await readLog(instance)).flatMap(({ type, body }) =>
        type === 'record.stored' ? [String(body['handle'])] : [],
      ),
    );

    const began = performance.now();
    const answer = await eraseAsAsked(instance, { name: 'Patient/a', ...DUTY });
    const took = performance.now() - began;
    assert.equal(answer.outcome, 'erased');
    assert.equal(answer.compacted, true);
    assert.equal(answer.versions.length, 31);
    assert.ok(answer.versions.every((handle) => stored.has(handle)));

    const exported = join(dir, 'export');
    mkdirSync(exported);
    await exportPublished(instance, exported);
    writeFileSync(join(dir, 'what-was-logged'), bench.logged());
    assert.deepEqual(findSecrets(dir, secrets), [], 'live');
    assert.ok(took < 20_000, `${took} ms`);

    const trust = await trustOf(instance);
    for (const file of proofs) assert.ok(checkProof(Buffer.from(file), trust).ok, 'an older proof');
    await assert.rejects(prove(instance, { what: 'record', record: 'Observation/a1', open: true }), {
      code: 'ADAPTER_NOT_FOUND',
    });
    const kept = await prove(instance, { what: 'record', record: 'Observation/b1', open: true });
    assert.ok(kept.proved && checkProof(Buffer.from(kept.file), trust).ok, 'another patient');
    const erased = (await readLog(instance)).filter(({ type }) => type === 'record.erased');
    assert.deepEqual(new Set(erased.map(({ body }) => body['handle'])), new Set(answer.versions));
    assert.ok(erased.every(({ tags }) => tags.length === 1));
    assert.deepEqual(await failedChecks(instance), []);
    await drain(instance);
  } finally {
    await bench.close();
  }
});

async function compactAll({ store }: Instance): Promise<void> {
  const level = store as unknown as { compactRange(from: string, to: string): Promise<void> };
  await level.compactRange('', '~');
}

test('one record goes, and the patient’s others stay; so after the folder was closed and opened again', async () => {
  const bench = await openBench();
  const { instance, dir } = bench;
  try {
    await consenting(bench, 'a');
    await push(bench, telling(heartRate('x', 'a', 60, { version: '1', minute: 1 }), `${CANARY}-x`));
    await push(bench, telling(heartRate('x', 'a', 61, { version: '2', minute: 2 }), `${CANARY}-x`));
    await push(bench, telling(heartRate('y', 'a', 62, { version: '1', minute: 1 }), `${CANARY}-y`));
    const subject = await subjectOf(instance, 'ward', 'a');
    const all = await secretsOf(instance, subject);
    const answer = await eraseAsAsked(instance, { name: 'Observation/x', ...DUTY });
    assert.equal(answer.versions.length, 2);
    assert.equal(answer.compacted, true);
    const gone = all.filter(({ what }) => answer.versions.some((handle) => what.includes(handle)));
    assert.equal(gone.length, 8);
    assert.deepEqual(findSecrets(dir, gone), []);
    const left = await prove(instance, { what: 'record', record: 'Observation/y', open: true });
    assert.ok(left.proved);
  } finally {
    await bench.close();
  }
});

test('while somebody reads an older state the bytes stay, and that is said; afterwards they go', async () => {
  const bench = await openBench();
  const { instance, dir } = bench;
  try {
    await consenting(bench, 'a');
    await push(bench, heartRate('x', 'a', 60, { version: '1', minute: 1 }));
    const subject = await subjectOf(instance, 'ward', 'a');
    const secrets = (await secretsOf(instance, subject)).filter(({ what }) => what.startsWith('head'));
    const reader = instance.store.iterator();
    await reader.next();
    const answer = await eraseAsAsked(instance, { name: 'Patient/a', ...DUTY });
    assert.equal(answer.compacted, false);
    assert.ok(findSecrets(dir, secrets).length > 0);
    await reader.close();
    await instance.erasures.resume();
    assert.deepEqual(findSecrets(dir, secrets), []);
    const again = await eraseAsAsked(instance, { name: 'Patient/a', ...DUTY });
    assert.equal(again.compacted, true);
  } finally {
    await bench.close();
  }
});

test('lists of exports forget who is erased, in mid-export and over a crash, and tell recipients whom to delete', async (t) => {
  const bench = await openBench({ logLevel: 'debug' });
  const { instance, dir } = bench;
  const { appender, store } = instance;
  const ministry = await enrolOrganisation(instance, 'Ministry of Health', 'authority');
  const staff = await enrolPerson(instance, 'staff');
  const cohorts = new CohortBench(
    () => bench,
    () => ministry,
    () => staff,
  );
  try {
    const wallets = new Map<string, Wallet>();
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const wallet = await consenting(bench, id);
      await cohorts.permit(wallet);
      await push(
        bench,
        patient(id, { version: '1', minute: 1 }),
        heartRate(`${id}1`, id, 60, { version: '1', minute: 1 }),
      );
      wallets.set(id, wallet);
    }
    const manifest = await cohorts.exported(await cohorts.approved());
    const rows = new CohortRows(store, instance.keys.storage.vaultKek);
    const [exported] = await rows.exports();
    assert.ok(exported?.patients === wallets.size);
    const going = [instance.subjects.keyOf('ward', 'b'), instance.subjects.keyOf('ward', 'e')] as const;
    const secrets: Secret[] = [];
    for (const id of ['b', 'e'])
      secrets.push(...(await secretsOf(instance, await subjectOf(instance, 'ward', id))));
    const keepRow = (what: string): void => {
      const row = store.getSync(what);
      assert.ok(row !== undefined, what);
      secrets.push({ what, bytes: Buffer.from(row.subarray(3, 43)) });
    };
    const names: string[] = [];
    const places: string[] = [];
    for (const one of rows.patients(exported.id, 0, exported.patients)) {
      const { place, patient: found } = one;
      if (found === undefined || !going.includes(found.subject)) continue;
      const at = `${exported.id}/${String(place).padStart(8, '0')}`;
      for (const prefix of ['cohort-patients/', 'cohort-handles/']) keepRow(prefix + at);
      assert.ok(store.getSync(`cohort-receipt/${at}`) !== undefined);
      names.push(found.pseudonym);
      places.push(at);
    }
    assert.equal(places.length, 2);

    // An export under way writes the patient down once the erasure has looked for such rows, and then the process ends.
    const erase = appender.appendErasure.bind(appender);
    const late = async (...args: Parameters<typeof erase>): Promise<unknown> => {
      const written = { subject: going[0], epoch: 1, standsOn: [], pseudonym: 'late', recordEpoch: '' };
      await appender.writeRows(() => ({
        writes: rows.patientWrites('under-way', 7, written, ['handle']),
        value: undefined,
      }));
      for (const prefix of ['cohort-patients/', 'cohort-handles/']) keepRow(`${prefix}under-way/00000007`);
      const outcome = await erase(...args);
      t.mock.method(appender, 'writeRows', () => Promise.reject(new Error('cut off')), { times: 1 });
      return outcome;
    };
    t.mock.method(appender, 'appendErasure', late as typeof appender.appendErasure, { times: 1 });
    await assert.rejects(eraseAsAsked(instance, { name: 'Patient/b', ...DUTY }), /cut off/);
    assert.ok(store.getSync('cohort-patients/under-way/00000007') !== undefined);
    await instance.erasures.resume();
    assert.equal((await eraseAsAsked(instance, { name: 'Patient/e', ...DUTY })).compacted, true);

    assert.deepEqual(findSecrets(dir, secrets), []);
    for (const at of places)
      for (const kind of ['patients', 'handles', 'receipt'])
        assert.equal(store.getSync(`cohort-${kind}/${at}`), undefined, kind);
    // All that stays, in no row of their own and in no place.
    assert.deepEqual(rows.gone(exported.id), names.toSorted());
    for await (const key of store.keys({ gte: 'cohort', lt: 'cohort~' })) {
      const said = store.getSync(key)?.length === 0 ? key : key + JSON.stringify(rows.get(key));
      for (const subject of going) assert.ok(!said.includes(subject), key);
    }
    // Who was erased is not told apart from who withdrew.
    const wallet = wallets.get('d');
    assert.ok(wallet !== undefined);
    await cohorts.permit(wallet, 'deny');
    const withdrawn = [...rows.patients(exported.id, 0, exported.patients)].find(
      ({ patient: found }) => found?.subject === instance.subjects.keyOf('ward', 'd'),
    );
    const told = instance.cohortExports.withdrawn(exported);
    assert.deepEqual(told, [...names, withdrawn?.patient?.pseudonym ?? ''].toSorted());
    for (const { url } of manifest.output) assert.equal((await cohorts.get(url)).status, 410);
    assert.deepEqual(await failedChecks(instance), []);
  } finally {
    await bench.close();
  }
});

test('the places that are looked at by the way are told turned, so that they are not found themselves', () => {
  const row = Buffer.from(Array.from({ length: 80 }, (_, i) => i));
  const probes = probesOf(row);
  assert.equal(probes.length, 2);
  for (const probe of probes) assert.ok(!row.includes(Buffer.from(probe, 'base64url')));
  assert.deepEqual(probesOf(Buffer.alloc(8)), []);
});
