import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DurableBudget } from '../../adapter/services/cohorts/privacy.js';
import { CohortRows } from '../../adapter/services/cohorts/rows.js';
import type { Caller } from '../../adapter/services/tokens/index.js';
import { purposeCoding } from '../../adapter/services/tokens/index.js';
import { Random } from '../../demo/random.js';
import { consenting, failedChecks, openBench, push, readLog } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { CohortBench } from '../adapter/support/cohort-bench.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { enrolOrganisation, enrolPerson } from '../support/person.js';

const KILLS = process.env['FIREBREAK_TEST_LONG'] === '1' ? 60 : 8;
const PATIENTS = 30;
const RATES = 6;
const BUDGET = 3;
const EPSILON = 0.05;
const WORKER = fileURLToPath(new URL('cohort-worker.js', import.meta.url));

const folder = temporaryFolder();
after(() => removeFolder(folder));

/** A hospital whose patients permit research, and an approved cohort of them. */
async function prepared(): Promise<{ readonly cohort: string; readonly caller: Omit<Caller, 'x25519'> }> {
  const bench = await openBench({ privacyBudget: BUDGET }, false, folder);
  const ministry = await enrolOrganisation(bench.instance, 'Ministry of Health', 'authority');
  const staff = await enrolPerson(bench.instance, 'staff');
  const requests = new CohortBench(
    () => bench,
    () => ministry,
    () => staff,
  );
  for (let i = 0; i < PATIENTS; i++) {
    await requests.permit(await consenting(bench, `p${i}`));
    const rates = Array.from({ length: RATES }, (_, k) =>
      heartRate(`h${i}-${k}`, `p${i}`, 60 + k, { version: '1', minute: k + 1 }),
    );
    await push(bench, patient(`p${i}`, { version: '1', minute: 1 }), ...rates);
  }
  const { id: cohort } = await requests.approved();
  await bench.close();
  const caller = {
    clientId: ministry.id,
    participant: ministry.participant,
    name: 'Ministry of Health',
    group: 'authority',
    fingerprint: ministry.fingerprint,
    scopes: [],
    purpose: purposeCoding('HRESCH'),
  } as const;
  return { cohort, caller };
}

test(`cohorts killed ${KILLS} times: exports whole and once, and no more told than the budget holds`, async () => {
  const { cohort, caller } = await prepared();
  const random = new Random(20261123);
  const told = new Set<string>();
  let cutOff = 0;
  for (let i = 0; i < KILLS; i++) {
    const args = [WORKER, folder, cohort, JSON.stringify(caller), String(BUDGET)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (said += piece));
    await once(child.stdout, 'data');
    await sleep(random.integer(0, 500));
    child.kill('SIGKILL');
    await ended;
    for (const [, id] of said.matchAll(/^told (\S+)$/gm)) told.add(id ?? '');
    const bench = await openBench({ privacyBudget: BUDGET }, false, folder);
    const { instance } = bench;
    cutOff += (await rowsIn(bench).exports()).filter(({ state }) => state !== 'done').length;
    await instance.cohortExports.idle();
    await requireWhole(bench, { ...caller, x25519: Buffer.alloc(0) });
    const answered = (await readLog(instance)).filter(({ type }) => type === 'aggregate.answered');
    assert.ok(answered.length * EPSILON <= BUDGET + 1e-9, `${answered.length} answers`);
    const handles = new Set(answered.map(({ body }) => String(body['handle'])));
    for (const id of told) assert.ok(handles.has(id), 'what was told stands on the log');
    const options = { rows: rowsIn(bench), appender: () => instance.appender, total: BUDGET };
    const { left } = await DurableBudget.open(options);
    assert.ok(Math.abs(left - (BUDGET - answered.length * EPSILON)) < 1e-9);
    assert.deepEqual(await failedChecks(instance), []);
    await bench.close();
  }
  assert.ok(cutOff > 0, 'no kill fell into an export');
  assert.ok(told.size > 0, 'nothing was told');
});

function rowsIn({ instance }: Bench): CohortRows {
  return new CohortRows(instance.store, instance.keys.storage.vaultKek);
}

/** Each export was finished, stands on the log once, and its files are those that the manifest names. */
async function requireWhole(bench: Bench, caller: Caller): Promise<void> {
  const { instance, dir } = bench;
  const log = await readLog(instance);
  const exported = log.filter(({ type }) => type === 'cohort.exported').map(({ body }) => body['handle']);
  const rows = await rowsIn(bench).exports();
  assert.deepEqual(
    rows.map(({ state }) => state).filter((state) => state !== 'done'),
    [],
  );
  assert.deepEqual(new Set(rows.map(({ handle }) => handle)), new Set(exported));
  assert.equal(exported.length, rows.length);
  const blobs = new Set(readdirSync(join(dir, 'exports')));
  let receipts = 0;
  for (const row of rows) {
    const files = row.files ?? [];
    const manifest = JSON.parse(row.manifest ?? '{}') as { files: { name: string; sha256: string }[] };
    const named = new Map(manifest.files.map(({ name, sha256 }) => [name, sha256]));
    for (const file of files) {
      assert.ok(blobs.delete(file.blob.name), 'a file that is named is there');
      const bytes = await buffer(instance.cohortExports.file(caller, row.id, file.name).body);
      assert.equal(bytes.length, file.bytes);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      assert.equal(sha256, file.sha256);
      if (file.name !== 'manifest.json') assert.equal(named.get(file.name), sha256);
      if (file.type !== 'Patient' && file.type !== 'Observation') continue;
      const lines = bytes.toString('utf8').trimEnd().split('\n');
      assert.equal(lines.length, PATIENTS * (file.type === 'Patient' ? 1 : RATES));
      assert.equal(new Set(lines).size, lines.length, 'nothing twice');
    }
    receipts += row.patients ?? 0;
  }
  assert.deepEqual([...blobs], [], 'no file that nobody names');
  // One receipt for each patient and export: those of the readings beside are none here.
  assert.equal(log.filter(({ type }) => type === 'disclosure').length, receipts);
}
