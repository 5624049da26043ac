import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runFirebreak } from '../../support/firebreak-process.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import { addExportSource, startExportServer } from '../support/export-server.js';
import type { ExportServer } from '../support/export-server.js';
import { heartRate, patient } from '../support/resources.js';

const dataDir = temporaryFolder();
let server: ExportServer;
before(async () => {
  server = await startExportServer();
  server.offer.retryAfter = '0';
  const opened = await openTestInstance(dataDir);
  await addExportSource(opened.instance, server, 'city');
  await opened.close();
});
after(async () => {
  await server.close();
  removeFolder(dataDir);
});

const sync = (...args: string[]): ReturnType<typeof runFirebreak> =>
  runFirebreak('--data', dataDir, 'source', 'sync', 'city', ...args);

test('source sync --bulk: says what was read; exit 1 where the export is not whole', async () => {
  const line = heartRate('o1', 'p1', 60, { version: '1' });
  server.offer.files = [
    { type: 'Patient', lines: [patient('p1', { version: '1' })] },
    { type: 'Observation', lines: [line], count: 2 },
  ];
  const short = await sync('--bulk');
  assert.equal(short.code, 1, short.stderr);
  assert.equal(
    short.stdout,
    [
      '2 resources read, 2 new, 0 known',
      'export of all up to 2026-11-01T00:00:00Z: 2 files, 0 deletions, NOT complete',
      '  file 1 (Observation): FILE_SHORT (1)',
      'the next export begins where the last complete one ended',
      '',
    ].join('\n'),
  );
  server.offer.files = [{ type: 'Observation', lines: [line], count: 1 }];
  const whole = await sync('--bulk', '--types', 'Observation, Observation', '--json');
  assert.equal(whole.code, 0, whole.stderr);
  const { types, isComplete, duplicates } = JSON.parse(whole.stdout) as Record<string, unknown>;
  assert.deepEqual([types, isComplete, duplicates], [['Observation'], true, 1]);
});

test('source sync: wishes that do not go together are usage errors; cancelling nothing is fine', async () => {
  const wrong = [
    ['--types', 'Patient'],
    ['--full'],
    ['--cancel', '--full', '--bulk'],
    ['--bulk', '--since', 'x'],
  ];
  for (const args of wrong) assert.equal((await sync(...args)).code, 2, args.join(' '));
  const cancelled = await sync('--cancel');
  assert.deepEqual([cancelled.code, cancelled.stdout], [0, 'no export of city was under way\n']);
  server.instead = (_request, response) => {
    response.writeHead(404).end();
    return true;
  };
  assert.equal((await sync('--bulk')).code, 3);
});
