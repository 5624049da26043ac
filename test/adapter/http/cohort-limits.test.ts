/** Cohorts under erasure, withdrawal in mid-download, and two requesters who share one budget. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AggregateAnswer } from '../../../adapter/http/contract/index.js';
import { CohortRows } from '../../../adapter/services/cohorts/rows.js';
import { eraseAsAsked } from '../../../adapter/services/erasure/index.js';
import type { BulkManifest } from '../../support/cohorts.js';
import { enrolOrganisation, enrolPerson } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import type { Wallet } from '../../support/wallet.js';
import { findSecrets } from '../../security/disk-scan.js';
import { consenting, failedChecks, logSize, openBench, push, readLog, typesSince } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { CohortBench, json, linesOf } from '../support/cohort-bench.js';
import { heartRate, patient } from '../support/resources.js';

const PATIENTS = 12;
const DUTY = { ground: 'objection', by: 'M. Keller', reason: 'letter of 3 May', yes: true } as const;
/** More than both ends of a connection hold between them. */
const LONG_BYTES = 16 * 1024 * 1024;

describe('cohorts and those who go', () => {
  let bench: Bench;
  let ministry: TestPerson;
  let institute: TestPerson;
  let staff: TestPerson;
  const wallets: Wallet[] = [];
  const requests = new CohortBench(
    () => bench,
    () => ministry,
    () => staff,
  );
  const { as, permit, post, get, approved, exported, kickOff, finished, rowsOf } = requests;

  before(async () => {
    bench = await openBench({ privacyBudget: 3 });
    const { instance } = bench;
    ministry = await enrolOrganisation(instance, 'Ministry of Health', 'authority');
    institute = await enrolOrganisation(instance, 'Institute', 'authority');
    staff = await enrolPerson(instance, 'staff');
    for (let i = 0; i < PATIENTS; i++) {
      const wallet = await consenting(bench, `p${i}`);
      wallets.push(wallet);
      await permit(wallet);
      await permit(wallet, 'permit', institute);
      await push(
        bench,
        { ...patient(`p${i}`, { version: '1', minute: 1 }), birthDate: `19${50 + i}-03-01` },
        heartRate(`h${i}`, `p${i}`, 60 + i, { version: '1', minute: 1 }),
      );
    }
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
  });

  const keyOf = (id: string): string => bench.instance.subjects.keyOf(bench.source.id, id);
  const opened = (): CohortRows => new CohortRows(bench.instance.store, bench.instance.keys.storage.vaultKek);
  /** What the rows of exports say of patients. */
  const told = async (): Promise<string> =>
    JSON.stringify([await opened().all('cohort-patients/'), await opened().all('cohort-handles/')]);

  /** Pseudonyms that a manifest's list of deletions names. */
  const deletedIn = async ({ deleted: [list] }: BulkManifest): Promise<string[]> =>
    linesOf(await get(list?.url ?? '')).map(
      (one) => /Patient\/([A-Za-z0-9.-]+)/.exec(JSON.stringify(one))?.[1] ?? '',
    );

  it('an erased patient is in no row of an export, its files are shut, and recipients are told to delete', async () => {
    const cohort = await approved({ cohort: 'erased' });
    const manifest = await exported(cohort);
    const people = await rowsOf(manifest, 'Patient');
    assert.equal(people.length, PATIENTS);
    const key = keyOf('p3');
    const { store } = bench.instance;
    assert.ok((await told()).includes(key));
    const own: string[] = [];
    for await (const name of store.keys({ gte: 'cohort-patients/', lt: 'cohort-patients/~' }))
      if (JSON.stringify(opened().get(name)).includes(key))
        own.push(name, name.replace('cohort-patients/', 'cohort-handles/'));
    assert.equal(own.length, 2);
    const sealed = own.map((what) => ({
      what,
      bytes: Buffer.from(store.getSync(what)?.subarray(3, 43) ?? ''),
    }));
    assert.equal(findSecrets(bench.dir, sealed).length > 0, true, 'before, sealed bytes are found');
    const answer = await eraseAsAsked(bench.instance, { name: 'Patient/p3', ...DUTY });
    assert.equal(answer.outcome, 'erased');
    assert.ok(!(await told()).includes(key));
    assert.equal(answer.compacted, true);
    assert.deepEqual(findSecrets(bench.dir, sealed), []);
    const [file] = manifest.output;
    assert.equal((await get(file?.url ?? '')).status, 410);
    await sleep(1500);
    const id = file?.url.split('/').at(-2) ?? '';
    const now = json<BulkManifest>(await get(`/fhir/bulk/${id}`));
    const deletions = linesOf(await get(now.deleted[0]?.url ?? ''));
    assert.equal(deletions.length, 1);
    const pseudonym = /Patient\/([A-Za-z0-9.-]+)/.exec(JSON.stringify(deletions))?.[1];
    assert.ok(people.some((one) => one['id'] === pseudonym));
    const later = await exported(cohort, `?_since=${new Date().toISOString()}`);
    assert.match(
      JSON.stringify(linesOf(await get(later.deleted[0]?.url ?? ''))),
      new RegExp(pseudonym ?? '-'),
    );
    assert.equal((await rowsOf(await exported(cohort), 'Patient')).length, PATIENTS - 1);
  });

  it('a patient who is erased while an export is built is not in it, nor in any row of it', async () => {
    const cohort = await approved({ cohort: 'meanwhile' });
    const earlier = await exported(cohort);
    const known = (await rowsOf(earlier, 'Patient')).map((one) => one['id']);
    assert.equal(known.length, PATIENTS - 1);
    const { subjects } = bench.instance;
    const find = subjects.find.bind(subjects);
    const seen: string[] = [];
    let victim: string | undefined;
    subjects.find = async (key) => {
      seen.push(key);
      // Once some have been written into the files.
      if (victim === undefined && seen.length === 5) {
        victim = seen[0] ?? '';
        const number = Array.from({ length: PATIENTS }, (_, i) => i).find((i) => keyOf(`p${i}`) === victim);
        const { outcome } = await eraseAsAsked(bench.instance, { name: `Patient/p${number}`, ...DUTY });
        assert.equal(outcome, 'erased');
      }
      return find(key);
    };
    const begun = logSize(bench.instance);
    const started = await kickOff(cohort);
    let manifest;
    try {
      manifest = json<BulkManifest>(await finished(started));
    } finally {
      subjects.find = find;
    }
    assert.ok(victim !== undefined);
    assert.equal((await rowsOf(manifest, 'Patient')).length, PATIENTS - 2);
    assert.ok(!(await told()).includes(victim));
    const types = await typesSince(bench.instance, begun);
    assert.equal(types.filter((type) => type === 'cohort.exported').length, 1);
    // A receipt for each patient who is in it.
    assert.ok(types.filter((type) => type === 'disclosure').length >= PATIENTS - 2);
    // Who holds the export before is told, by one that was made while the patient went and by one made later.
    const within = (await rowsOf(manifest, 'Patient')).map((one) => one['id']);
    const [lost, ...more] = known.filter((id) => !within.includes(id));
    assert.ok(lost !== undefined && more.length === 0);
    const since = await exported(cohort, `?_since=${earlier.transactionTime}`);
    assert.deepEqual(await deletedIn(since), [lost]);
    assert.deepEqual((await exported(cohort, `?_since=${since.transactionTime}`)).deleted, []);
  });

  it('receipts stand on the log in another order than patients in files', async () => {
    // Two were erased above.
    const here = PATIENTS - 2;
    const begun = logSize(bench.instance);
    await exported(await approved({ cohort: 'order' }));
    const [row] = (await opened().exports()).toSorted((a, b) => b.begunAt - a.begunAt);
    const places = [...opened().patients(row?.id ?? '', 0, here)].map((one) => one.patient?.subject);
    const receipts = (await readLog(bench.instance))
      .slice(begun)
      .flatMap(({ type, body }) => (type === 'disclosure' ? [String(body['handle'])] : []));
    const owners = new Map<string, string>();
    for await (const key of bench.instance.store.keys({ gte: 'disclosure/', lt: 'disclosure/~' })) {
      const [, subject = '', handle = ''] = key.split('/');
      owners.set(handle, subject);
    }
    const order = receipts.map((handle) => owners.get(handle));
    assert.equal(order.length, here);
    assert.deepEqual(new Set(order), new Set(places));
    // By chance once in 3,628,800 times.
    assert.notDeepEqual(order, places);
  });

  const asked = async (id: string, epsilon: number, who: TestPerson, bin = 'male') => {
    const question = { kind: 'histogram', view: 'patient', columns: ['gender'], bins: [[bin]], epsilon };
    const answer = await post(`/cohorts/${id}/aggregate`, JSON.stringify(question), who);
    return answer.status === 200 ? json<AggregateAnswer>(answer) : answer;
  };

  it('two who ask share one budget: what one has spent, the other has not', async () => {
    const ours = await approved({ cohort: 'ours' });
    const theirs = await approved({ cohort: 'theirs' }, institute);
    const begun = logSize(bench.instance);
    const first = await asked(ours.id, 2, ministry);
    assert.ok('left' in first && Math.abs(first.left - 1) < 1e-9);
    // The same question by another is another answer, of other patients’ permission, and is paid.
    const second = await asked(theirs.id, 1.5, institute);
    assert.ok('status' in second && second.status === 422);
    assert.match(second.body.toString(), /BUDGET_SPENT: 1 of ε is left/);
    const third = await asked(theirs.id, 1, institute);
    assert.ok('left' in third && third.left === 0 && !third.repeated);
    for (const [id, who] of [
      [ours.id, ministry],
      [theirs.id, institute],
    ] as const) {
      const spent = await asked(id, 0.01, who, 'female');
      assert.ok('status' in spent && spent.status === 422);
      // What was answered before costs nothing.
      const again = await asked(id, 0.5, who);
      assert.ok('left' in again && again.repeated);
    }
    assert.deepEqual(await typesSince(bench.instance, begun), ['aggregate.answered', 'aggregate.answered']);
  });

  /** Withdraws, and reads on. */
  const withdraw = async (wallet: Wallet, answer: IncomingMessage): Promise<void> => {
    await permit(wallet, 'deny');
    answer.resume();
  };

  it('51: a withdrawal while a file’s bytes flow cuts them off, and shuts the next one', async () => {
    const component = Array.from({ length: 220 }, (_, i) => ({
      code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
      valueQuantity: { value: i, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
    }));
    // Who went above hangs on keyed names, which differ from run to run.
    const { subjects } = bench.instance;
    const there = await Promise.all(wallets.map((_, i) => subjects.find(keyOf(`p${i}`))));
    const number = there.findLastIndex((one) => one !== undefined);
    const own = heartRate('long', `p${number}`, 80, { version: '1', minute: 1 });
    const each = JSON.stringify({ ...own, component }).length;
    for (let i = 0; i * each < LONG_BYTES; i += 20)
      await push(bench, ...Array.from({ length: 20 }, (_, k) => ({ ...own, id: `long${i + k}`, component })));
    const cohort = await approved({ cohort: 'long' });
    const manifest = await exported(cohort);
    const file = manifest.output.find(({ type }) => type === 'Observation');
    const { authorization } = await as(ministry);
    const whole = await get(file?.url ?? '');
    assert.ok(whole.status === 200 && whole.body.length > LONG_BYTES / 2, String(whole.body.length));
    const wallet = wallets[number];
    assert.ok(wallet !== undefined);
    let received = 0;
    let withdrawing: Promise<void> | undefined;
    const outcome = await new Promise<string>((settle, fail) => {
      const sent = request(file?.url ?? '', { headers: { authorization } }, (answer) => {
        answer.on('data', (piece: Buffer) => {
          received += piece.length;
          if (withdrawing !== undefined) return;
          answer.pause();
          withdrawing = withdraw(wallet, answer);
          withdrawing.catch(fail);
        });
        answer.on('end', () => settle(answer.complete ? 'whole' : 'cut'));
        answer.on('error', () => settle('cut'));
        answer.on('close', () => settle(answer.complete ? 'whole' : 'cut'));
      });
      sent.on('error', fail);
      sent.end();
    });
    await withdrawing;
    assert.equal(outcome, 'cut');
    assert.ok(received > 0 && received < whole.body.length, `${received} of ${whole.body.length}`);
    // Nor does any other file begin that holds who withdrew: what was planned to be fetched next is shut, too.
    assert.deepEqual(new Set(manifest.output.map(({ type }) => type)), new Set(['Patient', 'Observation']));
    for (const { url } of manifest.output)
      for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
        const shut = await get(url, headers);
        assert.equal(shut.status, 410);
        assert.match(shut.body.toString(), /"resourceType":"OperationOutcome"/);
      }
  });
});
