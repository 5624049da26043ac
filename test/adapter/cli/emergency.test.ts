/** `firebreak emergency` and `firebreak duty` as commands, with people enrolled by `firebreak ca`. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type {
  OpenedEmergency,
  ShownDuty,
  ShownEmergency,
} from '../../../adapter/services/exceptional/index.js';
import { runFirebreak } from '../../support/firebreak-process.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../../support/instance.js';
import { enrolOrganisation } from '../../support/person.js';
import { enrolWallet } from '../../support/wallet.js';

let folder: string;
let data: string;
let hospital: string;
let ministry: string;
const path = (name: string): string => join(folder, name);
const firebreak = (...args: readonly string[]) => runFirebreak('--data', data, ...args);
const keys = (name: string): string[] => ['--key', path(`${name}.key`), '--certificate', path(`${name}.pem`)];

async function enrol(name: string, role: string): Promise<void> {
  assert.equal((await firebreak('keys', 'new', '--out', path(name))).code, 0);
  const who = ['--role', role, '--of', hospital, '--by', 'Ann Lee'];
  const asked = await firebreak('ca', 'enrol', '--csr', path(`${name}.csr`), ...who, '--json');
  assert.equal(asked.code, 0, asked.stderr);
  const { id } = JSON.parse(asked.stdout) as { id: string };
  const approved = await firebreak('ca', 'approve', id, '--by', 'Bo Rask', '--json');
  const { certificate } = JSON.parse(approved.stdout) as { certificate: string };
  writeFileSync(path(`${name}.pem`), certificate);
}

before(async () => {
  folder = temporaryFolder();
  data = path('data');
  const opened = await openTestInstance(data);
  const { instance } = opened;
  await addImportSource(instance, 'ward');
  await enrolWallet(servicesOf(instance), 'ward', 'p');
  hospital = instance.organisation.id;
  ({ id: ministry } = await enrolOrganisation(instance, 'Ministry of Health', 'authority'));
  await opened.close();
  await enrol('doctor', 'clinician');
  await enrol('reviewer', 'staff');
});
after(() => removeFolder(folder));

test('an emergency is opened, listed and reviewed by another person', async () => {
  const reason = ['--reason', 'unconscious, no history known'];
  const opened = await firebreak('emergency', 'open', 'ward/p', ...reason, ...keys('doctor'), '--json');
  assert.equal(opened.code, 0, opened.stderr);
  const { id } = JSON.parse(opened.stdout) as OpenedEmergency;
  const verdict = ['--outcome', 'justified', '--text', 'that night'];
  const own = await firebreak('emergency', 'review', id, ...verdict, ...keys('doctor'));
  assert.equal(own.code, 3);
  assert.match(own.stderr, /ADAPTER_FORBIDDEN/);
  const overdue = await firebreak('emergency', 'list', '--overdue');
  assert.deepEqual([overdue.code, overdue.stdout.trim()], [0, 'none']);
  const reviewed = await firebreak('emergency', 'review', id, ...verdict, ...keys('reviewer'));
  assert.equal(reviewed.code, 0, reviewed.stderr);
  const listed = await firebreak('emergency', 'list', '--json');
  const [one, ...more] = JSON.parse(listed.stdout) as ShownEmergency[];
  assert.deepEqual([one?.id, one?.state, more.length], [id, 'reviewed', 0]);
});

test('a duty is signed, listed and ended', async () => {
  const what = ['--source', 'ward', '--basis', 'https://law.example|IfSG-6', '--to', ministry];
  const least = ['--type', 'Condition', '--code', 'http://snomed.info/sct|840539006'];
  const until = ['--until', new Date(Date.now() + 86_400_000).toISOString()];
  const added = await firebreak('duty', 'add', ...what, ...least, ...until, ...keys('reviewer'), '--json');
  assert.equal(added.code, 0, added.stderr);
  const { id } = JSON.parse(added.stdout) as { id: string };
  const ended = await firebreak('duty', 'end', id, ...keys('reviewer'));
  assert.equal(ended.code, 0, ended.stderr);
  const [one] = JSON.parse((await firebreak('duty', 'list', '--json')).stdout) as ShownDuty[];
  assert.deepEqual([one?.id, one?.state], [id, 'ended']);
});

test('keys that are none, and outcomes that are none, are usage errors', async () => {
  const wrong = ['--key', path('doctor.pem'), '--certificate', path('doctor.pem')];
  const opened = await firebreak('emergency', 'open', 'ward/p', '--reason', 'no', ...wrong);
  assert.equal(opened.code, 2);
  const verdict = ['--outcome', 'fine', '--text', 'x'];
  assert.equal((await firebreak('emergency', 'review', 'x', ...verdict, ...keys('doctor'))).code, 2);
  assert.equal((await firebreak('emergency', 'open', 'ward/p')).code, 2);
});
