/** Exports that meet trouble: a restart in mid-job, two at once, a reader that breaks off, a withdrawal, their end. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { CohortExports } from '../../../adapter/services/cohorts/index.js';
import type { ExportRow } from '../../../adapter/services/cohorts/index.js';
import { runImport } from '../../../adapter/services/importing.js';
import type { Caller } from '../../../adapter/services/tokens/index.js';
import { definitionOf, signedCohort } from '../../support/cohorts.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../../support/instance.js';
import type { TestInstance } from '../../support/instance.js';
import { enrolOrganisation } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';
import { failedChecks, readLog } from '../support/bench.js';
import { heartRate, patient } from '../support/resources.js';

const PURPOSE = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|HRESCH';
const PATIENTS = 6;

describe('exports of cohorts', () => {
  let dir: string;
  let opened: TestInstance;
  let ministry: TestPerson;
  let caller: Caller;
  let cohort: string;
  const wallets: Wallet[] = [];

  beforeEach(async () => {
    dir = temporaryFolder();
    opened = await openTestInstance(dir);
    const { instance } = opened;
    const source = await addImportSource(instance);
    ministry = await enrolOrganisation(instance, 'Institute', 'authority');
    wallets.length = 0;
    const resources: object[] = [];
    for (let i = 0; i < PATIENTS; i++) {
      const wallet = await enrolWallet(servicesOf(instance), source.id, `p${i}`);
      wallets.push(wallet);
      await instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
      await permit(wallet);
      resources.push(patient(`p${i}`, { version: '1', minute: 1 }));
      resources.push(heartRate(`h${i}`, `p${i}`, 60 + i, { version: '1', minute: 1 }));
    }
    const file = join(dir, 'ward.ndjson');
    writeFileSync(file, resources.map((one) => `${JSON.stringify(one)}\n`).join(''));
    await runImport(instance, { paths: [file], source: source.id, demo: false }, () => undefined);
    caller = {
      clientId: ministry.id,
      participant: ministry.participant,
      name: 'Institute',
      group: 'authority',
      fingerprint: ministry.fingerprint,
      scopes: [],
      purpose: PURPOSE,
      x25519: Buffer.alloc(32),
    };
    const shown = await instance.cohorts.define(caller, Buffer.from(definitionOf()));
    await instance.cohorts.request(Buffer.from(signedCohort(ministry, instance.identity.origin, shown)));
    await instance.cohorts.decideAsOperator(shown.id, 'approved', 'Ann Lee');
    cohort = shown.id;
  });
  afterEach(async () => {
    assert.deepEqual(await failedChecks(opened.instance), []);
    await opened.close();
    removeFolder(dir);
  });

  async function permit(wallet: Wallet, type: 'permit' | 'deny' = 'permit'): Promise<void> {
    const actor = `Organization/${ministry.id}`;
    const choices = { actor, type, actions: ['disclose'], purpose: 'HRESCH' };
    await opened.instance.consents.submit(signedBundle(wallet, consentFor(wallet, choices)));
  }
  const begin = (exports = opened.instance.cohortExports): Promise<ExportRow> =>
    exports.begin(caller, cohort, { request: 'http://x/fhir/Group/1/$export' });
  const countOf = async (type: string): Promise<number> =>
    (await readLog(opened.instance)).filter((entry) => entry.type === type).length;
  const read = async (row: ExportRow, name: string): Promise<Buffer> => {
    const { body } = opened.instance.cohortExports.file(caller, row.id, name);
    const pieces: Buffer[] = [];
    for await (const piece of body) pieces.push(piece as Buffer);
    return Buffer.concat(pieces);
  };

  const names = async (row: ExportRow): Promise<string[]> =>
    (await read(row, 'Patient.1.ndjson'))
      .toString()
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id)
      .toSorted((x, y) => (x < y ? -1 : 1));

  it('goes on after a restart, with one entry and one receipt a patient', async () => {
    const { id } = await begin();
    await opened.close();
    opened = await openTestInstance(dir);
    await opened.instance.cohortExports.idle();
    const row = opened.instance.cohortExports.own(caller, id);
    assert.equal(row.state, 'done');
    assert.deepEqual([await countOf('cohort.exported'), await countOf('disclosure')], [1, PATIENTS]);
    assert.equal((await read(row, 'Patient.1.ndjson')).toString().trim().split('\n').length, PATIENTS);
    // As a crash between the entry and the receipts leaves it: nothing is written twice.
    const { rows } = opened.instance.cohorts;
    const { appender } = opened.instance;
    await appender.writeRows(() => ({
      writes: [rows.exportWrite({ ...row, state: 'building' })],
      value: undefined,
    }));
    await opened.close();
    opened = await openTestInstance(dir);
    await opened.instance.cohortExports.idle();
    assert.equal(opened.instance.cohortExports.own(caller, id).state, 'done');
    assert.deepEqual([await countOf('cohort.exported'), await countOf('disclosure')], [1, PATIENTS]);
  });

  it('makes two at once, each with names that are the project’s', async () => {
    const [a, b] = await Promise.all([begin(), begin()]);
    await opened.instance.cohortExports.idle();
    assert.deepEqual(await names(a), await names(b));
    assert.equal(await countOf('cohort.exported'), 2);
    await begin();
    await begin();
    await begin();
    await begin();
    await assert.rejects(begin(), { code: 'ADAPTER_TOO_MANY_REQUESTS' });
    await opened.instance.cohortExports.idle();
  });

  it('is read again by a client that broke off', async () => {
    const row = await begin();
    await opened.instance.cohortExports.idle();
    const { body } = opened.instance.cohortExports.file(caller, row.id, 'Patient.1.ndjson');
    body.destroy();
    assert.ok((await read(row, 'Patient.1.ndjson')).length > 0);
  });

  it('stops only the files that hold who withdraws', async () => {
    const { instance } = opened;
    const parts = instance;
    const exports = await CohortExports.open({ parts, cohorts: instance.cohorts, patientsPerFile: 2 });
    const row = await begin(exports);
    await exports.idle();
    const done = exports.own(caller, row.id);
    const open = (): number => (done.files ?? []).filter((file) => exports.isOpen(done, file)).length;
    const all = open();
    assert.equal((done.files ?? []).filter(({ type }) => type === 'Patient').length, PATIENTS / 2);
    assert.ok(wallets[0] !== undefined);
    await permit(wallets[0], 'deny');
    // Of two types one file each.
    assert.equal(open(), all - 2);
    assert.equal(exports.withdrawn(done).length, 1);
    await exports.close();
  });

  it('is gone at its end, with its files', async () => {
    const { instance } = opened;
    const exports = await CohortExports.open({ parts: instance, cohorts: instance.cohorts, lifeMs: 1 });
    const { id } = await begin(exports);
    await exports.idle();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await exports.expire();
    assert.throws(() => exports.own(caller, id), { code: 'ADAPTER_NOT_FOUND' });
    assert.deepEqual(readdirSync(join(dir, 'exports')), []);
    await exports.close();
  });

  it('spends the budget once, over restarts', async () => {
    const ask = (epsilon: number): Promise<{ left: number; repeated: boolean; counts: object }> =>
      opened.instance.aggregates.ask(caller, cohort, Buffer.from(JSON.stringify({ kind: 'count', epsilon })));
    const first = await ask(4);
    await opened.close();
    opened = await openTestInstance(dir);
    const again = await ask(1);
    assert.deepEqual([again.repeated, again.left, again.counts], [true, 6, first.counts]);
    const more = { kind: 'histogram', view: 'patient', columns: ['gender'], bins: [['male']], epsilon: 6.5 };
    await assert.rejects(
      opened.instance.aggregates.ask(caller, cohort, Buffer.from(JSON.stringify(more))),
      /BUDGET_SPENT/,
    );
    assert.equal(await countOf('aggregate.answered'), 1);
  });
});
