/** `firebreak backup` and `firebreak restore` as commands: exit statuses, texts, and a whole life between two folders. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { newIdentity, readIdentities } from '../../../adapter/services/backup/index.js';
import { runFirebreak, startUp } from '../../support/firebreak-process.js';
import type { FirebreakProcess } from '../../support/firebreak-process.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';
import { ndjson, observationOf, patientOf } from '../../support/ward-data.js';

let folder: string;
let data: string;
let keys: string;
let up: (FirebreakProcess & { readonly address: string }) | undefined;

const firebreak = (dataDir: string, ...args: readonly string[]) => runFirebreak('--data', dataDir, ...args);

before(async () => {
  folder = temporaryFolder();
  data = join(folder, 'data');
  keys = join(folder, 'keys');
  mkdirSync(keys);
  const opened = await openTestInstance(data);
  const { instance } = opened;
  await addImportSource(instance, 'ward');
  const services = servicesOf(instance);
  const wallet = await enrolWallet(services, 'ward', 'p');
  await services.submit(signedBundle(wallet, consentFor(wallet)));
  await opened.close();
  writeFileSync(join(folder, 'ward.ndjson'), ndjson([patientOf('p'), observationOf('o1', 'p')]));
  const imported = await firebreak(data, 'import', '--source', 'ward', join(folder, 'ward.ndjson'));
  assert.equal(imported.code, 0, imported.stderr);
});

after(async () => {
  await up?.dispose();
  removeFolder(folder);
});

test('without a key there is no backup, and it is said how to make one', async () => {
  const { code, stderr } = await firebreak(data, 'backup', join(folder, 'b.age'));
  assert.equal(code, 2);
  assert.match(stderr, /backup keys new --out/);
  assert.equal(existsSync(join(folder, 'b.age')), false);
});

test('wrong usage is 2, and --help has examples', async () => {
  assert.equal((await firebreak(data, 'backup')).code, 2);
  assert.equal((await firebreak(data, 'restore', 'x.age')).code, 2);
  assert.equal((await firebreak(join(folder, 'nowhere'), 'backup', join(folder, 'n.age'))).code, 2);
  assert.equal(existsSync(join(folder, 'nowhere')), false);
  for (const args of [
    ['backup'],
    ['backup', 'keys'],
    ['backup', 'keys', 'new'],
    ['backup', 'keys', 'destroy'],
    ['restore'],
  ]) {
    const { code, stdout } = await firebreak(data, ...args, '--help');
    assert.equal(code, 0, args.join(' '));
    assert.match(stdout, /Examples?:\n {2}firebreak /, args.join(' '));
  }
});

test('a key is made for its owner alone, outside of the data folder', async () => {
  assert.equal((await firebreak(data, 'backup', 'keys', 'new', '--out', join(data, 'k'))).code, 2);
  const made = await firebreak(data, 'backup', 'keys', 'new', '--out', keys, '--json');
  assert.equal(made.code, 0, made.stderr);
  const { file, recipient, id, until, from, destroyAt } = JSON.parse(made.stdout) as Record<
    string,
    string | number
  >;
  assert.equal(statSync(String(file)).mode & 0o777, 0o600);
  const [identity] = await readIdentities(String(file));
  assert.equal(identity?.recipient, recipient);
  assert.equal(Number(until) - Number(from), 7 * 86_400_000);
  assert.equal(Number(destroyAt) - Number(from), 35 * 86_400_000);
  assert.ok(!made.stdout.includes('SECRET'));
  const listed = await firebreak(data, 'backup', 'keys', 'list');
  assert.match(listed.stdout, new RegExp(`^${String(id)} .*no backup`));
  assert.equal((await firebreak(data, 'backup', 'keys', 'new', '--out', String(file))).code, 2);
  assert.equal((await readIdentities(String(file)))[0]?.recipient, recipient);
});

test('a folder nobody runs on, then the instance that runs there, are backed up', async () => {
  const cold = await firebreak(data, 'backup', join(folder, 'cold.age'), '--json');
  assert.equal(cold.code, 0, cold.stderr);
  up = await startUp(data);
  const hot = await firebreak(data, 'backup', join(folder, 'hot.age'));
  assert.equal(hot.code, 0, hot.stderr);
  assert.match(
    hot.stdout,
    /hot\.age: \d+\.\d MB, \d+ rows, \d+ files\norigin firebreak\.example\/\w+\nsize {3}\d+\n/,
  );
  assert.equal((await firebreak(data, 'backup', join(folder, 'hot.age'))).code, 2);
});

test('a restore waits until it is compared, and goes live beside the running log only when caught up', async () => {
  const [file = ''] = readdirSync(keys).map((name) => join(keys, name));
  const copy = join(folder, 'copy');
  const waiting = await firebreak(copy, 'restore', join(folder, 'cold.age'), '--identity', file);
  assert.equal(waiting.code, 1, waiting.stderr);
  assert.match(waiting.stdout, /NOT live: it was not compared/);
  const refused = await firebreak(copy, 'up', '--port', '0', '--once');
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /ADAPTER_UNSETTLED/);
  assert.match(refused.stderr, /restore --data .* --catch-up|--catch-up/);
  assert.ok(up !== undefined);
  // A second batch of records makes the published log longer than the backup.
  writeFileSync(join(folder, 'more.ndjson'), ndjson([observationOf('o2', 'p')]));
  assert.equal((await firebreak(data, 'import', '--source', 'ward', join(folder, 'more.ndjson'))).code, 0);
  const ahead = await firebreak(copy, 'restore', '--log', up.address, '--json');
  assert.equal(ahead.code, 1, ahead.stderr);
  assert.equal((JSON.parse(ahead.stdout) as { waitsFor: string }).waitsFor, 'ahead');
  const live = await firebreak(copy, 'restore', '--log', up.address, '--catch-up');
  assert.equal(live.code, 0, live.stderr);
  assert.match(live.stdout, /1 records whose content is lost/);
  assert.match(live.stdout, /is live with \d+ entries/);
  await up.interrupt();
  up = undefined;
  const again = await firebreak(copy, 'import', '--source', 'ward', join(folder, 'more.ndjson'));
  assert.equal(again.code, 0, again.stderr);
  const opened = await openTestInstance(copy);
  const { instance } = opened;
  const subject = await instance.subjects.find(instance.subjects.keyOf('ward', 'p'));
  assert.ok(subject !== undefined);
  const kept: string[] = [];
  for await (const { card } of instance.records.cards(instance.store, subject)) kept.push(card.gate.id);
  await opened.close();
  assert.deepEqual(kept.toSorted(), ['o1', 'o2', 'p']);
});

test('a backup that is not whole is a failure, and leaves no folder', async () => {
  const [file = ''] = readdirSync(keys).map((name) => join(keys, name));
  const cut = join(folder, 'cut.age');
  writeFileSync(cut, readFileSync(join(folder, 'cold.age')));
  truncateSync(cut, statSync(cut).size - 1000);
  const failed = await firebreak(
    join(folder, 'none'),
    'restore',
    cut,
    '--identity',
    file,
    '--nothing-published-since',
  );
  assert.equal(failed.code, 3);
  assert.match(failed.stderr, /BACKUP_CUT/);
  assert.equal(existsSync(join(folder, 'none')), false);
  const other = join(folder, 'other.agekey');
  writeFileSync(other, `${(await newIdentity()).secret}\n`);
  const locked = await firebreak(
    join(folder, 'none'),
    'restore',
    join(folder, 'cold.age'),
    '--identity',
    other,
  );
  assert.match(locked.stderr, /BACKUP_OTHER_KEY/);
  const empty = await firebreak(join(folder, 'none'), 'restore', join(folder, 'cold.age'), '--identity', cut);
  assert.match(empty.stderr, /BACKUP_BAD_IDENTITY/);
});

test('once the key of its period is destroyed, no file left opens a backup', async () => {
  const made = await firebreak(data, 'backup', 'keys', 'new', '--out', keys, '--json');
  assert.equal(made.code, 0, made.stderr);
  const [first, second] = JSON.parse((await firebreak(data, 'backup', 'keys', 'list', '--json')).stdout) as {
    id: string;
    until: number;
  }[];
  assert.ok(first !== undefined && second !== undefined && first.until < second.until);
  const early = await firebreak(data, 'backup', 'keys', 'destroy', first.id, '--keys', keys);
  assert.equal(early.code, 2);
  assert.equal(readdirSync(keys).length, 2);
  const due = await firebreak(data, 'backup', 'keys', 'destroy', '--due', '--keys', keys);
  assert.match(due.stdout, /no key is due/);
  const destroyed = await firebreak(data, 'backup', 'keys', 'destroy', first.id, '--keys', keys, '--yes');
  assert.equal(destroyed.code, 0, destroyed.stderr);
  const missing = await firebreak(data, 'backup', 'keys', 'destroy', second.id, '--keys', folder, '--yes');
  assert.equal(missing.code, 1);
  const left = readdirSync(keys).map((name) => join(keys, name));
  assert.equal(left.length, 1);
  for (const backup of ['cold.age', 'hot.age']) {
    const tried = await firebreak(
      join(folder, 'dead'),
      'restore',
      join(folder, backup),
      '--identity',
      ...left,
    );
    assert.match(tried.stderr, /BACKUP_OTHER_KEY/);
  }
  const listed = await firebreak(data, 'backup', 'keys', 'list');
  assert.match(listed.stdout, new RegExp(`^${first.id} .*destroyed`, 'm'));
});
