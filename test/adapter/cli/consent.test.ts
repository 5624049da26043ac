/** `firebreak consent` and `firebreak explain` as commands. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Consent } from 'fhir/r4.js';
import type { ListedConsent } from '../../../adapter/services/explain/index.js';
import { CONSENT_TEMPLATES } from '../../../mappings/index.js';
import { runFirebreak } from '../../support/firebreak-process.js';
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
let custodian: string;
let patient: string;
const firebreak = (...args: readonly string[]) => runFirebreak('--data', data, ...args);
const template = (name: string, ...more: readonly string[]) =>
  firebreak('consent', 'template', name, '--patient', patient, '--hospital', custodian, ...more);

before(async () => {
  folder = temporaryFolder();
  data = join(folder, 'data');
  const opened = await openTestInstance(data);
  await addImportSource(opened.instance, 'ward');
  const services = servicesOf(opened.instance);
  const wallet = await enrolWallet(services, 'ward', 'p');
  custodian = wallet.enrolled.custodian.reference;
  patient = wallet.enrolled.patient.reference;
  await services.submit(signedBundle(wallet, consentFor(wallet, { actions: ['collect'] })));
  await opened.close();
  writeFileSync(join(folder, 'ward.ndjson'), ndjson([patientOf('p'), observationOf('o1', 'p')]));
  const imported = await firebreak('import', '--source', 'ward', join(folder, 'ward.ndjson'));
  assert.equal(imported.code, 0, imported.stderr);
});
after(() => removeFolder(folder));

test('list and show: what is signed', async () => {
  const { code, stdout, stderr } = await firebreak('consent', 'list', 'Patient/p', '--json');
  assert.equal(code, 0, stderr);
  const [first, ...more] = JSON.parse(stdout) as ListedConsent[];
  assert(first !== undefined && more.length === 0);
  assert.deepEqual([first.state, first.actions, first.purposes], ['in force', ['collect'], ['treatment']]);
  const shown = await firebreak('consent', 'show', first.handle);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /in force .* permits Organization\/.*; collect; for treatment\n\n\{/);
  assert.equal((await firebreak('consent', 'show', 'x')).code, 3);
  assert.equal((await firebreak('consent', 'list', 'nobody')).code, 3);
});

test('every form is printed; one that lacks something is a usage error', async () => {
  for (const name of CONSENT_TEMPLATES) {
    const { code, stdout, stderr } = await template(
      name,
      '--recipient',
      'Organization/insurer',
      '--claim',
      'Claim/c',
    );
    assert.equal(code, 0, stderr);
    const consent = JSON.parse(stdout) as Consent;
    assert.equal(consent.patient?.reference, patient);
  }
  for (const args of [
    ['nothing'],
    ['claim'],
    ['research'],
    ['treatment', '--days', '0'],
    ['update', '--replaces', 'x'],
  ])
    assert.equal((await template(args[0] ?? '', ...args.slice(1))).code, 2, args.join(' '));
});

test('explain: nothing is seen, and by the form signed all would be', async () => {
  const form = join(folder, 'form.json');
  const made = await template('treatment', '--sensitive');
  writeFileSync(form, made.stdout);
  const asked = ['explain', 'Patient/p', '--requester', custodian, '--purpose', 'TREAT'];
  const now = await firebreak(...asked);
  assert.equal(now.code, 1, now.stderr);
  assert.match(now.stdout, /for TREAT: sees 0 of 2 records\n\s+1 {2}No: .*another use/);
  const then = await firebreak(...asked, '--if-signed', form);
  assert.equal(then.code, 1);
  assert.match(then.stdout, /if this were signed: would see 2 of 2; 2 more, 0 no more/);
  writeFileSync(form, 'no json');
  assert.equal((await firebreak(...asked, '--if-signed', form)).code, 2);
  assert.equal((await firebreak('explain', 'Patient/p')).code, 2);
  const help = await firebreak('explain', '--help');
  assert.equal(help.code, 0);
  assert.match(help.stdout, /Examples:/);
});
