import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import { startFhirServer } from '../support/fhir-server.js';
import { heartRate, patient } from '../support/resources.js';
import { run, up } from './cli.js';
import type { Finished, Up } from './cli.js';

const dir = temporaryFolder();
const data = join(dir, 'data');
let running: Up;
before(async () => {
  running = await up(['--data', data], dir);
});
after(async () => {
  running.child.kill('SIGKILL');
  removeFolder(dir);
});

const firebreak = (...args: string[]): Promise<Finished> => run(['--data', data, ...args], dir);

test('a second one on the same folder names the process that has it', async () => {
  const { code, stderr } = await firebreak('up', '--port', '0');
  assert.equal(code, 3);
  assert.match(
    stderr,
    new RegExp(`is in use by process ${running.child.pid} \\(up\\)\n {2}\\(ADAPTER_DATA_FOLDER_IN_USE\\)`),
  );
});

test('also when a command without a server has it', async () => {
  const other = join(dir, 'other');
  const holder = await openTestInstance(other);
  try {
    const { code, stderr } = await run(['--data', other, 'up', '--port', '0'], dir);
    assert.equal(code, 3);
    assert.match(stderr, new RegExp(`is in use by process ${process.pid} \\(firebreak\\)`));
  } finally {
    await holder.close();
  }
});

test('a port in use is named, and what was opened is closed', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const folder = join(dir, 'port');
  const { code, stderr } = await run(['--data', folder, 'up', '--port', String(port)], dir);
  assert.equal(code, 3);
  assert.match(stderr, new RegExp(`port ${port} on 127.0.0.1 is in use; choose another with --port`));
  assert.ok(!existsSync(join(folder, 'running.json')));
  server.close();
});

test('commands reach the running instance: import, dead letters, replay', async () => {
  const file = join(dir, 'lines.ndjson');
  const bad = { ...heartRate('bad', 'p', 70), effectiveDateTime: '2020-13-45' };
  writeFileSync(
    file,
    [patient('p'), heartRate('h', 'p', 70), bad].map((line) => JSON.stringify(line)).join('\n'),
  );
  const imported = await firebreak('import', file);
  assert.equal(imported.code, 0, imported.stderr);
  assert.match(imported.stdout, /^3 resources in 1 files$/m);
  assert.match(imported.stdout, /^2 wait, sealed, for the consent of 1 patients$/m);
  assert.match(imported.stdout, /^1 dead letters, MAPPING_BAD_DATE 1$/m);
  const listed = await firebreak('dead-letters', 'list');
  assert.match(
    listed.stdout,
    /^\d{15} {2}import {2}Observation {2}MAPPING_BAD_DATE {2}Observation\.effective\n$/,
  );
  const json = JSON.parse((await firebreak('dead-letters', 'list', '--json')).stdout) as { seq: string }[];
  assert.equal(json.length, 1);
  const replayed = await firebreak('dead-letters', 'replay', json[0]?.seq ?? '');
  assert.deepEqual([replayed.code, replayed.stdout], [1, '1 replayed, 1 set aside once more\n']);
  assert.equal((await firebreak('dead-letters', 'list')).stdout, listed.stdout, 'it has not mended');
  const unknown = await firebreak('dead-letters', 'replay', '42');
  assert.equal(unknown.code, 3);
  assert.match(unknown.stderr, /name no dead letter\n {2}\(ADAPTER_NOT_FOUND\)/);
});

test('sources: added with its secret, listed, read, and not twice', async () => {
  const hospital = await startFhirServer();
  try {
    hospital.held.set('Patient/q', patient('q', { version: '1', minute: 1 }));
    const added = await firebreak('source', 'add', hospital.base, '--id', 'city', '--name', 'City');
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.stdout, /^server {9}a FHIR server, FHIR 4\.0\.1$/m);
    assert.match(added.stdout, /^source city added\nhook {4}\/hooks\/city\nsecret {2}\S{43}\n$/m);
    const again = await firebreak('source', 'add', hospital.base, '--id', 'city');
    assert.equal(again.code, 3);
    assert.match(again.stderr, /source city exists/);
    const wrong = await firebreak('source', 'add', hospital.base, '--id', 'City!');
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /small letters, digits and hyphens/);
    const synced = await firebreak('source', 'sync', 'city');
    assert.match(synced.stdout, /^1 resources read, (?:1 new, 0|0 new, 1) known$/m);
    assert.match((await firebreak('source', 'sync', 'city')).stdout, /^1 resources read, 0 new, 1 known$/m);
    assert.match(
      (await firebreak('source', 'list')).stdout,
      /^city {2}fhir {2}active {2}City {2}http\S+ {2}\S+ {2}1 types read$/m,
    );
    assert.match((await firebreak('source', 'sync', 'nobody')).stderr, /ADAPTER_NOT_FOUND/);
  } finally {
    await hospital.close();
  }
});

test('the doctor knows the running instance, and that a source of it is gone', async () => {
  const { code, stdout } = await firebreak('doctor');
  assert.equal(code, 1, stdout);
  assert.match(stdout, /FAIL source city {4}server: /);
  assert.equal((await firebreak('source', 'pause', 'city')).code, 0);
  assert.equal((await firebreak('doctor')).code, 0);
  assert.match(stdout, new RegExp(`instance +process ${running.child.pid}, ${running.address}`));
  assert.match(stdout, /ok {3}redis +private, \d/);
});

test('a log is verified by folder, address and export; a changed byte exits 1 and names the leaf', async () => {
  for (const log of [data, running.address, `${running.address}/log`]) {
    const { code, stdout } = await firebreak('verify', log);
    assert.deepEqual([code, stdout.endsWith('\nverified\n')], [0, true], log);
  }
  const exported = join(dir, 'export');
  assert.equal((await firebreak('log', 'export', exported)).code, 0);
  const intact = await run(['verify', exported, '--json'], dir);
  const { size } = JSON.parse(intact.stdout) as { size: number };
  const entries = join(exported, 'tile', 'entries', `000.p`, String(size));
  const bytes = readFileSync(entries);
  // The second entry's text: its first quote becomes another character.
  const at = 2 + bytes.readUInt16BE(0) + 2 + 10;
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  writeFileSync(entries, changed);
  const tampered = await run(['verify', exported], dir);
  assert.equal(tampered.code, 1);
  assert.match(tampered.stdout, /^FAIL .*leaf 1\b/m);
  assert.match(tampered.stdout, /\nNOT verified\n$/);
  writeFileSync(entries, bytes);
  const checkpoint = join(exported, 'checkpoint');
  const note = readFileSync(checkpoint, 'utf8');
  writeFileSync(checkpoint, note.replace(`\n${size}\n`, `\n${size - 1}\n`));
  assert.equal((await run(['verify', exported], dir)).code, 1);
  writeFileSync(checkpoint, note);
  assert.equal((await run(['verify', exported], dir)).code, 0);
});

test('Ctrl-C ends it at once, and leaves the folder for the next', async () => {
  const begun = performance.now();
  assert.equal(await running.stop(), 0);
  assert.ok(performance.now() - begun < 5000);
  assert.ok(!existsSync(join(data, 'running.json')));
  const { code, stdout } = await firebreak('verify', data);
  assert.deepEqual([code, stdout.endsWith('\nverified\n')], [0, true]);
  assert.match((await firebreak('dead-letters', 'list')).stdout, /MAPPING_BAD_DATE/);
});
