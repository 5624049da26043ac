/** `firebreak patient` as commands: a wallet from its invitation to its loss, and what two of the staff testify to. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Enrolled, ReEnrolled, Unlinked } from '../../../adapter/http/contract/index.js';
import { runFirebreak } from '../../support/firebreak-process.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../../support/instance.js';
import { consentFor, enrolWallet } from '../../support/wallet.js';
import type { Wallet } from '../../support/wallet.js';

let folder: string;
let data: string;
let hospital: string;
let helper: string;
let known: string;
const path = (name: string): string => join(folder, name);
const firebreak = (...args: readonly string[]) => runFirebreak('--data', data, ...args);
const keys = (name: string): string[] => ['--key', path(`${name}.key`), '--certificate', path(`${name}.pem`)];

async function done(...args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await firebreak(...args);
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
  return args.includes('--json') ? JSON.parse(stdout) : stdout;
}

async function refused(code: RegExp, ...args: readonly string[]): Promise<void> {
  const found = await firebreak(...args);
  assert.notEqual(found.code, 0, args.join(' '));
  assert.match(found.stderr, code);
}

async function staff(name: string): Promise<void> {
  await done('keys', 'new', '--out', path(name));
  const who = ['--role', 'staff', '--of', hospital, '--by', 'Ann Lee'];
  const asked = await done('ca', 'enrol', '--csr', path(`${name}.csr`), ...who, '--json');
  const approved = await done('ca', 'approve', (asked as { id: string }).id, '--by', 'Bo Rask', '--json');
  writeFileSync(path(`${name}.pem`), (approved as { certificate: string }).certificate);
}

async function invited(source: string, patient: string): Promise<string> {
  const answer = await done('patient', 'invite', source, patient, '--json');
  return (answer as { invitations: { code: string }[] }).invitations[0]?.code ?? '';
}

before(async () => {
  folder = temporaryFolder();
  data = path('data');
  mkdirSync(data);
  const opened = await openTestInstance(data);
  const { instance } = opened;
  await addImportSource(instance, 'ward');
  await addImportSource(instance, 'clinic');
  ({ participant: helper } = (await enrolWallet(servicesOf(instance), 'ward', 'h')).enrolled);
  known = (await instance.subjects.ensure('ward', 'no-wallet')).facadeId;
  hospital = instance.organisation.id;
  await opened.close();
  await staff('a');
  await staff('b');
  writeFileSync(path('scan.pdf'), 'a paper that is synthetic');
});
after(() => removeFolder(folder));

test('a wallet is made, linked, rotated, kept in a recovery file, and unlinked', async () => {
  const wallet = ['--wallet', path('ann.wallet')];
  const invitation = await invited('ward', 'p');
  const enrolled = (await done(
    'patient',
    'enrol',
    '--invitation',
    invitation,
    ...wallet,
    '--json',
  )) as Enrolled;
  assert.equal(statSync(path('ann.wallet')).mode & 0o077, 0, 'for its owner alone');
  await refused(/ADAPTER_CONFLICT/, 'patient', 'enrol', '--invitation', invitation, ...wallet);
  const code = await invited('clinic', 'q');
  const out = ['--out', path('clinic.wallet')];
  const linked = (await done(
    'patient',
    'link',
    '--invitation',
    code,
    ...wallet,
    ...out,
    '--json',
  )) as Enrolled;
  assert.notEqual(linked.participant, enrolled.participant);
  const rotated = (await done('patient', 'rotate', ...wallet, '--json')) as Enrolled;
  assert.equal(rotated.participant, enrolled.participant);
  assert.notEqual(rotated.fingerprint, enrolled.fingerprint);
  assert.equal(
    ((await done('patient', 'renew', ...wallet, '--json')) as Enrolled).fingerprint,
    rotated.fingerprint,
  );

  writeFileSync(path('words'), 'correct horse battery staple\n', { mode: 0o600 });
  writeFileSync(path('others'), 'another passphrase than that\n', { mode: 0o600 });
  const words = ['--passphrase-file', path('words')];
  await done('patient', 'recovery', ...wallet, '--out', path('ann.age'), ...words);
  assert.match(readFileSync(path('ann.age'), 'utf8'), /^-----BEGIN AGE ENCRYPTED FILE-----\n/);
  const found = ['patient', 'recover', path('ann.age'), '--wallet', path('found.wallet')];
  await refused(/ADAPTER_FORBIDDEN/, ...found, '--passphrase-file', path('others'));
  await done(...found, ...words);
  assert.equal(readFileSync(path('found.wallet'), 'utf8'), readFileSync(path('ann.wallet'), 'utf8'));

  const until = ['--until', new Date(Date.now() + 86_400_000).toISOString()];
  const who = ['--representative', helper, '--relationship', 'power-of-attorney', '--acts', 'read,decide'];
  const appointed = await done('patient', 'represent', ...wallet, ...who, ...until, '--json');
  await done('patient', 'unrepresent', (appointed as { handle: string }).handle, ...wallet);
  const ended = await done('patient', 'unlink', '--wallet', path('clinic.wallet'), '--json');
  assert.deepEqual(ended, { participant: linked.participant, withdrawn: 0 } satisfies Unlinked);
});

test('a lost wallet, a guardian and a consent on paper, each by two', async () => {
  const wallet = ['--wallet', path('bo.wallet')];
  await done('patient', 'enrol', '--invitation', await invited('ward', 'b'), ...wallet);
  const lost = ['patient', 'lost', 'ward', 'b', '--reason', 'stolen', '--out', path('lost.json')];
  await done(...lost, ...keys('a'));
  await refused(/ADAPTER_FORBIDDEN/, 'patient', 'attest', path('lost.json'), ...keys('a'));
  const again = await done('patient', 'attest', path('lost.json'), ...keys('b'), '--json');
  await refused(/ADAPTER_CONFLICT/, 'patient', 'attest', path('lost.json'), ...keys('b'));
  const { invitation, revoked } = again as ReEnrolled;
  const next = ['--wallet', path('new.wallet')];
  const enrolled = (await done(
    'patient',
    'enrol',
    '--invitation',
    invitation,
    ...next,
    '--json',
  )) as Enrolled;
  assert.notEqual(enrolled.participant, revoked);
  await refused(/ADAPTER_FORBIDDEN/, 'patient', 'renew', ...wallet);

  const until = ['--until', new Date(Date.now() + 86_400_000).toISOString()];
  const who = ['--representative', helper, '--relationship', 'guardian', '--acts', 'read'];
  const evidence = ['--evidence', path('scan.pdf')];
  const patient = `Patient/${known}`;
  const guardian = ['patient', 'guardian', patient, ...who, ...until, ...evidence, ...keys('a')];
  await done(...guardian, '--out', path('guardian.json'));
  const made = await done('patient', 'attest', path('guardian.json'), ...keys('b'), '--json');
  const { handle } = made as { handle: string };
  await done('patient', 'end-guardian', patient, handle, ...keys('b'), '--out', path('end.json'));
  await done('patient', 'attest', path('end.json'), ...keys('a'));

  const about = { patient: { reference: patient }, custodian: { reference: `Organization/${hospital}` } };
  const consent = consentFor({ enrolled: about } as unknown as Wallet, { actions: ['collect', 'access'] });
  writeFileSync(path('consent.json'), JSON.stringify(consent));
  const paper = ['patient', 'paper', path('consent.json'), ...evidence, ...keys('a')];
  await done(...paper, '--out', path('paper.json'));
  const signed = await done('patient', 'attest', path('paper.json'), ...keys('b'), '--json');
  assert.equal((signed as { outcome: string }).outcome, 'signed');
  await refused(/is there already/, ...paper, '--out', path('paper.json'));
  await refused(/is not what one person has signed/, 'patient', 'attest', path('consent.json'), ...keys('b'));
});

test('a patient decides on a request by the wallet’s file', async () => {
  const wallet = ['--wallet', path('cy.wallet')];
  const invitation = await invited('ward', 'c');
  const enrol = ['patient', 'enrol', '--invitation', invitation, ...wallet, '--json'];
  const { patient } = (await done(...enrol)) as Enrolled;
  await done('keys', 'new', '--out', path('ministry'));
  const who = ['--group', 'authority', '--name', 'Ministry of Health', '--by', 'Ann Lee'];
  const asked = await done('ca', 'enrol', '--csr', path('ministry.csr'), ...who, '--json');
  const approved = await done('ca', 'approve', (asked as { id: string }).id, '--by', 'Bo Rask', '--json');
  writeFileSync(path('ministry.pem'), (approved as { certificate: string }).certificate);
  const what = [
    '--custodian',
    hospital,
    '--purpose',
    'HRESCH',
    '--types',
    'Observation',
    '--reason',
    'study',
  ];
  const until = ['--until', new Date(Date.now() + 86_400_000).toISOString()];
  const ask = ['request', 'new', patient.reference, ...what, ...until, ...keys('ministry'), '--json'];
  const { id } = (await done(...ask)) as { id: string };
  await refused(/ADAPTER_NOT_FOUND/, 'request', 'approve', id, ...wallet);
  await done('request', 'approve', id, '--by', 'Ann Lee');
  const decided = await done('request', 'approve', id, ...wallet, '--json');
  assert.equal((decided as { state: string }).state, 'in-force');

  // From now on the patient's rule answers.
  await refused(/say --refuse or --allow/, 'request', 'rule', '--group', 'authority', ...wallet);
  await refused(/a group is one of/, 'request', 'rule', '--refuse', '--group', 'all', ...wallet);
  const rule = await done('request', 'rule', '--refuse', '--group', 'authority', ...wallet, '--json');
  const { id: ruleId } = rule as { id: string };
  const next = (await done(...ask)) as { id: string };
  const said = await done('request', 'approve', next.id, '--by', 'Ann Lee', '--json');
  assert.equal((said as { state: string }).state, 'refused');
  const rules = await done('request', 'rules', ...wallet, '--json');
  assert.deepEqual(
    (rules as { id: string; state: string }[]).map((one) => [one.id, one.state]),
    [[ruleId, 'in-force']],
  );
  await done('request', 'end-rule', ruleId, ...wallet);
  const last = (await done(...ask)) as { id: string };
  const open = await done('request', 'approve', last.id, '--by', 'Ann Lee', '--json');
  assert.equal((open as { state: string }).state, 'custodian-approved');
});

test('each command of patient has help with an example', async () => {
  const names = ['invite', 'enrol', 'link', 'unlink', 'renew', 'rotate', 'recovery', 'recover', 'represent'];
  const ofStaff = ['unrepresent', 'lost', 'guardian', 'end-guardian', 'paper', 'attest'];
  const all = [...names, ...ofStaff];
  for (let i = 0; i < all.length; i += 5) {
    const asked = all.slice(i, i + 5).map((name) => firebreak('patient', name, '--help'));
    for (const { code, stdout } of await Promise.all(asked)) {
      assert.equal(code, 0);
      assert.match(stdout, /Example:\n {2}firebreak patient /);
    }
  }
});
