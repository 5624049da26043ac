import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { removeFolder, temporaryFolder } from '../../support/instance.js';
import { heartRate, patient } from '../support/resources.js';
import { startShownServer } from '../support/shown-server.js';
import type { ShownServer } from '../support/shown-server.js';
import { run, up } from './cli.js';
import type { Finished, Up } from './cli.js';

const dir = temporaryFolder();
const data = join(dir, 'data');
const alone = join(dir, 'alone');
let running: Up;
let city: ShownServer;
before(async () => {
  city = await startShownServer();
  for (let i = 1; i <= 3; i++) city.put(heartRate(`o${i}`, 'p', 60 + i, { version: '1', minute: i }));
  city.put(patient('p', { version: '1', minute: 0 }));
  running = await up(['--data', data], dir);
});
after(async () => {
  running.child.kill('SIGKILL');
  await city.close();
  removeFolder(dir);
});

const firebreak = (folder: string, ...args: string[]): Promise<Finished> =>
  run(['--data', folder, ...args], dir);

const listing = (lines: readonly object[]): string => {
  const path = join(dir, 'listing.ndjson');
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
};

test('a source is reconciled and certified by commands, on the running instance and without one', async () => {
  for (const folder of [data, alone]) {
    const added = await firebreak(folder, 'source', 'add', city.base, '--id', 'city', '--json');
    assert.equal(added.code, 0, added.stderr);
    const never = await firebreak(folder, 'source', 'certificate', 'city');
    assert.equal(never.code, 3);
    assert.match(never.stderr, /never reconciled; firebreak source reconcile city/);

    const done = await firebreak(folder, 'source', 'reconcile', 'city');
    assert.equal(done.code, 0, done.stdout + done.stderr);
    assert.match(done.stdout, /^it showed {5}4 resources, root /m);
    assert.match(done.stdout, /^of these {6}0 stored, 0 in the directory, 4 waiting for consent$/m);
    assert.match(done.stdout, /^nothing {7}was missed$/m);
    const shown = await firebreak(folder, 'source', 'show', 'city');
    assert.match(shown.stdout, /^reconciled \d{4}-.*, nothing was missed$/m);
    const again = await firebreak(folder, 'source', 'reconcile', 'city', '--json');
    assert.equal(again.code, 0, again.stderr);
    const { handle, document } = JSON.parse(again.stdout) as {
      handle: string;
      document: { fates: { waiting: number }; healed: object };
    };
    assert.equal(document.fates.waiting, 4);
    assert.deepEqual(document.healed, { fetched: 0, deleted: 0 });

    const file = join(dir, 'city.certificate.json');
    const made = await firebreak(folder, 'source', 'certificate', 'city', '--out', file);
    assert.deepEqual([made.code, made.stdout], [0, ''], made.stderr);
    assert.ok(readFileSync(file, 'utf8').includes(handle));
    if (folder === alone) return;
    const ca = join(dir, 'root.der');
    writeFileSync(ca, Buffer.from(await (await fetch(`${running.address}/pki/root.crt`)).arrayBuffer()));
    const vkey = (await (await fetch(`${running.address}/log/vkey`)).text()).trim();
    const check = (...more: string[]): Promise<Finished> =>
      run(['check', file, '--vkey', vkey, '--ca', ca, ...more], dir);

    const judged = await check();
    assert.equal(judged.code, 0, judged.stdout + judged.stderr);
    assert.match(judged.stdout, /^source {8}city, city, http:/m);
    assert.match(judged.stdout, /proved$/m);
    const lines = [...city.held.values()].map(({ resourceType, id, meta }) => ({
      type: resourceType,
      id,
      version: meta?.versionId,
    }));
    const good = await check('--listing', listing(lines));
    assert.equal(good.code, 0, good.stdout + good.stderr);
    assert.match(good.stdout, /the listing of 4 lines is what the source showed$/m);
    assert.equal(
      (await check('--listing', listing([...city.held.values()]))).code,
      0,
      'resources themselves',
    );
    const bad = await check('--listing', listing(lines.slice(1)), '--json');
    assert.equal(bad.code, 1);
    const { compared } = JSON.parse(bad.stdout) as { compared: { code: string } };
    assert.equal(compared.code, 'listing-line-missing');
    for (const odd of ['', '{', '{"type":"Patient"}', '[]', 'null']) {
      writeFileSync(join(dir, 'odd'), `${odd}\n`);
      const refused = await check('--listing', join(dir, 'odd'));
      assert.deepEqual([refused.code, refused.stdout], [2, ''], odd);
      assert.match(refused.stderr, /line 1/);
    }
  }
});

test('something missing is a negative answer', async () => {
  city.put(heartRate('o1', 'p', 61, { version: '0', minute: 0 }));
  city.onAsk = (_method, path) => (path === 'Practitioner' ? 403 : undefined);
  const { code, stdout } = await firebreak(data, 'source', 'reconcile', 'city');
  assert.equal(code, 1);
  assert.match(stdout, /^NOT read {6}Practitioner$/m);
});

test('wrong usage, and help with examples', async () => {
  assert.equal((await firebreak(data, 'source', 'reconcile')).code, 2);
  assert.match((await firebreak(data, 'source', 'reconcile', 'none')).stderr, /\(ADAPTER_NOT_FOUND\)/);
  assert.match((await firebreak(data, 'source', 'certificate', 'none')).stderr, /\(ADAPTER_NOT_FOUND\)/);
  for (const command of ['reconcile', 'certificate'])
    assert.match(
      (await firebreak(data, 'source', command, '--help')).stdout,
      /Examples?:\n {2}firebreak source/,
    );
});
