import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { Submission } from '../../../ledger/log/index.js';
import { verifyLog } from '../../../ledger/verify/index.js';
import type { VaultRow, VerifyReport } from '../../../ledger/verify/index.js';
import { draft, genesis, random32, recordStored, submit, theCast } from '../log/fixture.js';
import type { Cast } from '../log/fixture.js';
import { checkpointOf, failedChecks, failureOf, leavesOf, publish, readerOf, VKEY } from './published-log.js';

let cast: Cast;
const handles = [random32(), random32(), random32()];
let stored: Submission;
let rows: VaultRow[];

before(async () => {
  cast = await theCast();
  const drafts = handles.map((handle) => recordStored(cast.instance.actor, handle));
  stored = submit(cast.instance, drafts);
  rows = drafts.map(({ body: { handle, ciphertext } }) => {
    assert.ok(typeof handle === 'string' && typeof ciphertext === 'string');
    return { handle, ciphertext };
  });
});

/** The log of three records, at leaves 5 to 7, and what may follow. */
function verify(vault: readonly VaultRow[], more: Submission[] = [], size?: number): Promise<VerifyReport> {
  const files = publish(leavesOf([genesis(cast), stored, ...more]));
  const at = size ?? 8 + more.reduce((sum, { drafts }) => sum + 1 + drafts.length, 0);
  return verifyLog(readerOf(files), { vkeys: [VKEY], vault: { size: at, rows: vault } });
}

function erased(handle: string): Submission {
  const { instance } = cast;
  return submit(instance, [draft(instance.actor, 'record.erased', { handle, commitment: random32() })]);
}

test('a vault that holds what the log says passes, whatever the order, and rows of no entry are passed over', async () => {
  const report = await verify([...rows.toReversed(), { handle: random32(), ciphertext: random32() }]);
  assert.ok(report.ok, JSON.stringify(report.checks));
  assert.equal(report.checks.find(({ name }) => name === 'openings')?.checked, 3);
});

test('a row that is missing names its leaf', async () => {
  const report = await verify(rows.filter((_, i) => i !== 1));
  assert.deepEqual(failedChecks(report), ['openings']);
  const { code, expected, leaf } = failureOf(report, 'openings') ?? {};
  assert.deepEqual([code, leaf, expected], ['opening-missing', 6, rows[1]?.ciphertext]);
});

test('a row of another ciphertext names its leaf and both hashes', async () => {
  const other = random32();
  const report = await verify(rows.map((row, i) => (i === 2 ? { ...row, ciphertext: other } : row)));
  const { code, expected, found, leaf } = failureOf(report, 'openings') ?? {};
  assert.deepEqual([code, leaf, expected, found], ['opening-other', 7, rows[2]?.ciphertext, other]);
});

test('record.erased excuses a missing row, and nothing else does', async () => {
  const handle = handles[1] ?? '';
  const without = rows.filter((row) => row.handle !== handle);
  assert.ok((await verify(without, [erased(handle)])).ok);
  const left = await verify(rows, [erased(handle)]);
  assert.deepEqual(
    [failureOf(left, 'openings')?.code, failureOf(left, 'openings')?.leaf],
    ['opening-left', 9],
  );
  const { instance } = cast;
  const deleted = submit(instance, [
    draft(instance.actor, 'record.deleted', { handle, commitment: random32() }),
  ]);
  const superseded = submit(instance, [
    draft(instance.actor, 'record.superseded', { handle, by: handles[0] ?? '' }),
  ]);
  for (const reason of [deleted, superseded]) {
    assert.equal(failureOf(await verify(without, [reason]), 'openings')?.code, 'opening-missing');
  }
});

test('what was logged or erased after the vault was seen is not held against it', async () => {
  const later = submit(cast.instance, [recordStored(cast.instance.actor)]);
  assert.ok((await verify(rows, [later], 8)).ok);
  assert.ok((await verify(rows, [erased(handles[0] ?? '')], 8)).ok);
});

test('a log that is behind the vault, or read in part, leaves the vault unjudged, and says so', async () => {
  const behind = await verify([], [], 9);
  assert.match(behind.checks.find(({ name }) => name === 'openings')?.notJudged ?? '', /8 entries.* 9/);
  const start = genesis(cast);
  const files = publish(leavesOf([start, stored]));
  const since = checkpointOf(publish(leavesOf([start])));
  const part = await verifyLog(readerOf(files), { vkeys: [VKEY], since, vault: { size: 8, rows: [] } });
  assert.deepEqual(failedChecks(part), [], JSON.stringify(part.checks));
  assert.ok(part.checks.some(({ name, notJudged }) => name === 'openings' && notJudged !== undefined));
  const without = await verifyLog(readerOf(files), { vkeys: [VKEY] });
  assert.ok(!without.checks.some(({ name }) => name === 'openings'));
});
