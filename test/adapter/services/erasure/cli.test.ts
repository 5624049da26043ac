import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../../support/wallet.js';
import { run, up } from '../../cli/cli.js';
import type { Finished, Up } from '../../cli/cli.js';
import { heartRate } from '../../support/resources.js';

const dir = temporaryFolder();
const data = join(dir, 'data');
let running: Up | undefined;
before(async () => {
  const opened = await openTestInstance(data);
  const { instance } = opened;
  await addImportSource(instance);
  for (const id of ['a', 'b']) {
    const wallet = await enrolWallet(servicesOf(instance), 'ward', id);
    await instance.consents.submit(signedBundle(wallet, consentFor(wallet)));
  }
  await opened.close();
  const lines = [heartRate('a1', 'a', 70), heartRate('a2', 'a', 71), heartRate('b1', 'b', 72)];
  writeFileSync(join(dir, 'in.ndjson'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const { code, stderr } = await firebreak('import', '--source', 'ward', join(dir, 'in.ndjson'));
  assert.equal(code, 0, stderr);
});
after(() => {
  running?.child.kill('SIGKILL');
  removeFolder(dir);
});

const firebreak = (...args: string[]): Promise<Finished> => run(['--data', data, ...args], dir);
const DUTY = ['--ground', 'objection', '--by', 'M. Keller', '--reason', 'letter of 3 May'];

test('on a stopped instance: shown, refused under a hold, erased, and again', async () => {
  const shown = await firebreak('erase', 'Observation/a1');
  assert.equal(shown.code, 1, shown.stderr);
  assert.match(
    shown.stdout,
    /^would erase the record, 1 version; nothing was erased: add --yes\n {2}[\w-]{43}\n$/,
  );
  const held = await firebreak('hold', 'set', 'Patient/a', '--by', 'court', '--reason', 'file 1');
  assert.equal(held.code, 0, held.stderr);
  assert.match(
    held.stdout,
    /^held: ward Patient\/a {2}Patient\/[a-z2-7]{32} {2}since \S+ {2}by court: file 1\n$/,
  );
  const refused = await firebreak('erase', 'Observation/a1', ...DUTY, '--yes');
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /a legal hold lies on this patient: nothing was erased\n {2}\(ADAPTER_CONFLICT\)/,
  );
  assert.equal((await firebreak('hold', 'release', 'a', '--by', 'court', '--reason', 'settled')).code, 0);
  assert.equal((await firebreak('hold', 'release', 'a', '--by', 'court', '--reason', 'settled')).code, 1);
  const erased = await firebreak('erase', 'Observation/a1', ...DUTY, '--yes');
  assert.equal(erased.code, 0, erased.stderr);
  assert.match(erased.stdout, /^erased on \d{4}-\S+Z: the record, 1 version\n {2}[\w-]{43}\n/);
  assert.equal((await firebreak('erase', 'Observation/a1', ...DUTY, '--yes')).stdout, erased.stdout);
});

test('on a running one, through its admin socket', async () => {
  running = await up(['--data', data], dir);
  const held = await firebreak('hold', 'set', 'b', '--by', 'court', '--reason', 'file 2', '--json');
  assert.equal(held.code, 0, held.stderr);
  const list = await firebreak('hold', 'list', '--json');
  assert.deepEqual(JSON.parse(list.stdout), [JSON.parse(held.stdout)]);
  const refused = await firebreak('erase', 'Patient/b', ...DUTY, '--yes', '--json');
  assert.equal(refused.code, 1);
  assert.deepEqual(JSON.parse(refused.stdout), { outcome: 'refused', code: 'ADAPTER_CONFLICT' });
  const erased = await firebreak('erase', 'Patient/a', ...DUTY, '--yes', '--json');
  assert.equal(erased.code, 0, erased.stderr);
  const { outcome, versions, compacted } = JSON.parse(erased.stdout) as Record<string, unknown>;
  assert.deepEqual([outcome, (versions as unknown[]).length, compacted], ['erased', 1, true]);
  const due = await firebreak('erase', '--due', '--yes');
  assert.deepEqual([due.code, due.stdout.startsWith('due and destroyed: 0 receipts')], [0, true]);
});

test('wrong usage is told, with status 2', async () => {
  for (const args of [
    ['erase'],
    ['erase', 'x', '--due', '--yes'],
    ['erase', '--due'],
    ['erase', 'Patient/b', '--yes'],
    ['erase', 'Patient/b', '--yes', '--request', join(dir, 'none.json')],
    ['hold', 'set', 'b'],
    ['hold', 'set', 'b', '--by', 'x', '--reason', ' '],
  ]) {
    const { code, stderr } = await firebreak(...args);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
  }
  assert.equal((await firebreak('erase', 'Patient/none', ...DUTY, '--yes')).code, 3);
});
