/** `firebreak access log` and `firebreak request` as commands, fit for scripts. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { showToPatient } from '../../../adapter/services/proofs/leave.js';
import { runFirebreak } from '../../support/firebreak-process.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../../support/instance.js';
import { enrolWallet } from '../../support/wallet.js';

let folder: string;
let data: string;
let own: string;
let vkey: string;
const firebreak = (...args: readonly string[]) => runFirebreak('--data', data, ...args);

before(async () => {
  folder = temporaryFolder();
  data = join(folder, 'data');
  const opened = await openTestInstance(data);
  const { instance } = opened;
  await addImportSource(instance, 'ward');
  for (const patient of ['p', 'q']) {
    const wallet = await enrolWallet(servicesOf(instance), 'ward', patient);
    const subject = await instance.subjects.find(instance.subjects.keyOf('ward', patient));
    if (subject === undefined) throw new Error('no patient');
    if (patient === 'p') {
      own = wallet.enrolled.patient.reference;
      await showToPatient(instance, subject, 'Bundle', { shown: 'waiting' });
      await showToPatient(instance, subject, 'Consent', { shown: 'consent' });
    }
  }
  vkey = Buffer.from((await instance.engine.read('vkey')) ?? '')
    .toString('utf8')
    .trim();
  writeFileSync(join(folder, 'root.der'), instance.authority.root);
  await opened.close();
});
after(() => removeFolder(folder));

test('the account of one patient: a table, JSON, and a proof of each that stands for itself', async () => {
  const table = await firebreak('access', 'log', 'p');
  assert.equal(table.code, 0, table.stderr);
  const lines = table.stdout.trim().split('\n');
  assert.match(lines[0] ?? '', /^when +of +to +for +what +versions +under$/);
  assert.equal(lines.length, 3);
  assert.match(lines[1] ?? '', new RegExp(`${own} +${own} +PATRQT +consent`));
  const proofs = join(folder, 'proofs');
  const asked = await firebreak('access', 'log', own, '--json', '--proofs', proofs);
  const { accesses } = JSON.parse(asked.stdout) as { accesses: { handle: string; purpose: string }[] };
  assert.deepEqual(
    accesses.map(({ purpose }) => purpose),
    ['PATRQT', 'PATRQT'],
  );
  assert.deepEqual(readdirSync(proofs).toSorted(), accesses.map(({ handle }) => `${handle}.json`).toSorted());
  for (const name of readdirSync(proofs)) {
    const checked = await firebreak(
      'check',
      join(proofs, name),
      '--vkey',
      vkey,
      '--ca',
      join(folder, 'root.der'),
    );
    assert.equal(checked.code, 0, checked.stdout + checked.stderr);
  }
});

test('the account of a source, and of nobody; what cannot be asked is said', async () => {
  const all = await firebreak('access', 'log', '--source', 'ward', '--json');
  const { accesses } = JSON.parse(all.stdout) as { accesses: { patient: string }[] };
  assert.ok(accesses.length >= 2 && accesses.every(({ patient }) => patient === own));
  assert.match((await firebreak('access', 'log', 'q')).stdout, /nobody was shown anything/);
  const later = await firebreak('access', 'log', 'p', '--since', '2099-01-01', '--json');
  assert.deepEqual(JSON.parse(later.stdout), { accesses: [] });
  for (const [args, code, says] of [
    [['access', 'log'], 2, /name a patient, or --source/],
    [['access', 'log', 'nobody'], 3, /no such patient|not kept/],
    [['access', 'log', '--source', 'nowhere'], 3, /no source nowhere/],
    [['access', 'log', 'p', '--since', 'soon'], 2, /a time is such as/],
  ] as const) {
    const refused = await firebreak(...args);
    assert.match(refused.stderr, says, args.join(' '));
    assert.equal(refused.code, code, `${args.join(' ')}: ${refused.stderr}`);
  }
});
