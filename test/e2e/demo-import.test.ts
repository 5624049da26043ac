import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ImportResult } from '../../adapter/services/importing.js';
import { runFirebreak } from '../support/firebreak-process.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { sharedData } from '../support/shared-data.js';
import { ndjson, observationOf, patientOf } from '../support/ward-data.js';

/** All of them in the long run. */
const BUNDLES = process.env['FIREBREAK_TEST_LONG'] === '1' ? Number.POSITIVE_INFINITY : 20;

const folder = temporaryFolder();
after(() => removeFolder(folder));

async function importInto(dataDir: string, ...words: readonly string[]): Promise<ImportResult> {
  const ended = await runFirebreak('--data', dataDir, 'import', '--json', ...words);
  assert.deepEqual([ended.code, ended.signal], [0, null], ended.stderr);
  assert.equal(ended.stdout.trim().split('\n').length, 1, 'one JSON document and nothing else');
  return JSON.parse(ended.stdout) as ImportResult;
}

test('import --demo of Synthea Bundles: nearly all become entries, a second import adds none', async (t) => {
  const dir = sharedData('synthea-r4');
  if (dir === undefined) {
    t.skip('no shared data');
    return;
  }
  const files = readdirSync(dir)
    .filter((name) => name.endsWith('.json'))
    .slice(0, BUNDLES)
    .map((name) => join(dir, name));
  const dataDir = join(folder, 'synthea');
  const first = await importInto(dataDir, '--demo', ...files);
  const of = (name: string): number => first.handled[name] ?? 0;
  assert.equal(first.files, files.length);
  assert.deepEqual(first.failures, []);
  assert.equal(
    first.resources,
    of('stored') + of('directory') + of('duplicate') + of('dead') + of('denied'),
    'each resource was dealt with in one way',
  );
  assert.ok(of('stored') > first.resources * 0.95, `${of('stored')} of ${first.resources} became entries`);
  assert.equal(first.entries['record.stored'], of('stored'));
  assert.equal(first.wallets?.enrolled, first.stored['Patient']);
  assert.deepEqual(first.waiting, { events: 0, patients: 0 });

  const second = await importInto(dataDir, '--demo', ...files);
  assert.deepEqual(second.log, first.log);
  assert.deepEqual(second.entries, first.entries);
  assert.equal(second.handled['stored'] ?? 0, 0);
  assert.equal(second.wallets?.consents, 0);
  assert.deepEqual(second.deadLetters, first.deadLetters);
  const verified = await runFirebreak('verify', dataDir);
  assert.equal(verified.code, 0, verified.stdout);
});

test('a real instance takes no demo wallets, and stays what it is', async () => {
  const file = join(folder, 'ward.ndjson');
  writeFileSync(file, ndjson([patientOf('p1'), observationOf('o1', 'p1')]));
  const dataDir = join(folder, 'real');
  const first = await importInto(dataDir, file);
  assert.deepEqual(first.waiting, { events: 2, patients: 1 }, 'without consents the records wait');
  const refused = await runFirebreak('--data', dataDir, 'import', '--demo', file);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /real instance.*--data/s);
  const second = await importInto(dataDir, file);
  assert.deepEqual(second.log, first.log);
  assert.deepEqual(second.waiting, first.waiting);
});
