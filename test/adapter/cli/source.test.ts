import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AddedSource, ShownSource } from '../../../adapter/services/source-admin.js';
import type { TestedSource } from '../../../adapter/services/source-check.js';
import { removeFolder, temporaryFolder } from '../../support/instance.js';
import { startFhirServer } from '../support/fhir-server.js';
import type { FhirServer } from '../support/fhir-server.js';
import { run, up } from './cli.js';
import type { Finished, Up } from './cli.js';

const dir = temporaryFolder();
const data = join(dir, 'data');
const alone = join(dir, 'alone');
const tokenFile = join(dir, 'token.txt');
let running: Up;
let hospital: FhirServer;
before(async () => {
  writeFileSync(tokenFile, 'canary-token\n');
  hospital = await startFhirServer();
  running = await up(['--data', data], dir);
});
after(async () => {
  running.child.kill('SIGKILL');
  await hospital.close();
  removeFolder(dir);
});

const source = (folder: string, ...args: string[]): Promise<Finished> =>
  run(['--data', folder, 'source', ...args], dir);

test('a source’s life by commands, on the running instance and without one', async () => {
  for (const folder of [data, alone]) {
    const tried = await source(folder, 'add', hospital.base, '--id', 'city', '--dry-run');
    assert.equal(tried.code, 0, tried.stderr);
    assert.match(tried.stdout, /server {9}a FHIR server, FHIR 4\.0\.1\n/);
    assert.match(tried.stdout, / {2}\+ poll {9}3 types can be searched/);
    assert.equal((await source(folder, 'list')).stdout, 'no sources\n');

    const flags = [
      '--token-file',
      tokenFile,
      '--without',
      'poll',
      '--rate',
      '9',
      '--allow-private',
      '10.0.0.0/8',
      '--json',
    ];
    const added = await source(folder, 'add', hospital.base, '--id', 'city', ...flags);
    assert.equal(added.code, 0, added.stderr);
    const { channels, secret } = JSON.parse(added.stdout) as AddedSource;
    assert.deepEqual(
      channels.filter((one) => one.chosen).map((one) => one.channel),
      ['hook'],
    );

    const shown = await source(folder, 'show', 'city', '--json');
    const { credential, requestsPerSecond, allowPrivate } = JSON.parse(shown.stdout) as ShownSource;
    assert.deepEqual([credential, requestsPerSecond, allowPrivate], [{ kind: 'bearer' }, 9, ['10.0.0.0/8']]);
    const people = await source(folder, 'show', 'city');
    assert.match(people.stdout, /we show {4}bearer\n/);
    for (const { stdout } of [added, shown, people]) assert.ok(!stdout.includes('canary'));
    for (const { stdout } of [shown, people]) assert.ok(!stdout.includes(secret));

    const tested = await source(folder, 'test', 'city', '--json');
    assert.equal(tested.code, 0, tested.stderr);
    assert.ok((JSON.parse(tested.stdout) as TestedSource).ok);
    hospital.failing = 403;
    const failed = await source(folder, 'test', 'city');
    hospital.failing = undefined;
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /^FAIL {2}server .*refuses our credentials/m);

    assert.equal((await source(folder, 'pause', 'city')).stdout, 'source city is paused\n');
    const paused = await source(folder, 'sync', 'city');
    assert.equal(paused.code, 3);
    assert.match(paused.stderr, /\(ADAPTER_CONFLICT\)/);
    assert.equal((await source(folder, 'resume', 'city')).code, 0);
    assert.equal((await source(folder, 'sync', 'city')).code, 0);

    const asked = await source(folder, 'remove', 'city');
    assert.equal(asked.code, 2);
    assert.match(asked.stderr, /--yes/);
    const removed = await source(folder, 'remove', 'city', '--yes');
    assert.equal(removed.code, 0, removed.stderr);
    assert.match(removed.stdout, /credentials are destroyed/);
    assert.match((await source(folder, 'list')).stdout, /^city {2}fhir {2}removed/);
  }
});

test('our keys are made when they are asked for, and stay', async () => {
  const first = await source(data, 'keys', '--json');
  assert.equal(first.code, 0, first.stderr);
  assert.equal((JSON.parse(first.stdout) as { keys: unknown[] }).keys.length, 2);
  assert.deepEqual(JSON.parse((await source(data, 'keys')).stdout), JSON.parse(first.stdout));
  const published = await fetch(`${running.address}/.well-known/jwks.json`);
  assert.deepEqual(await published.json(), JSON.parse(first.stdout));
});

test('wrong usage is said in a line, exit 2', async () => {
  const cases: readonly (readonly string[])[] = [
    ['add', 'http://fhir.example/r4', '--id', 'x'],
    ['add', hospital.base, '--id', 'x', '--rate', 'fast'],
    ['add', hospital.base, '--id', 'x', '--with', 'bulk'],
    ['add', hospital.base, '--id', 'x', '--token-url', 'https://x.example/t'],
    ['add', hospital.base, '--id', 'x', '--token-file', tokenFile, '--client-id', 'y'],
    ['add', hospital.base, '--id', 'x', '--basic-file', tokenFile],
    ['add', hospital.base, '--id', 'x', '--token-file', join(dir, 'none')],
    ['add', hospital.base, '--id', 'x', '--allow-private', '8.8.8.0/24'],
    ['add', hospital.base],
    ['show'],
  ];
  for (const args of cases) {
    const { code, stdout, stderr } = await source(data, ...args);
    assert.deepEqual([code, stdout], [2, ''], args.join(' ') + stderr);
    assert.ok(stderr.split('\n').length <= 3, stderr);
  }
  for (const command of ['show', 'test', 'pause', 'resume'])
    assert.match((await source(data, command, 'none')).stderr, /\(ADAPTER_NOT_FOUND\)/);
});

test('each command shows an example', async () => {
  for (const command of ['add', 'list', 'show', 'test', 'keys', 'pause', 'resume', 'remove', 'sync']) {
    const { code, stdout } = await source(data, command, '--help');
    assert.equal(code, 0);
    assert.match(stdout, /Examples?:\n {2}firebreak source/);
  }
});
