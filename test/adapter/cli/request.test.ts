/** `firebreak request` as commands: asked, approved twice, narrowed, withdrawn; with keys made and enrolled by commands. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ShownAccess } from '../../../adapter/http/contract/index.js';
import type { AccessOutcome } from '../../../adapter/services/access/index.js';
import { presentDer } from '../../../adapter/services/ca/index.js';
import { privateKeyObject } from '../../../ledger/log/index.js';
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
let patient: string;
let custodian: string;
const path = (name: string): string => join(folder, name);
const firebreak = (...args: readonly string[]) => runFirebreak('--data', data, ...args);
const keys = (name: string): string[] => ['--key', path(`${name}.key`), '--certificate', path(`${name}.pem`)];

before(async () => {
  folder = temporaryFolder();
  data = path('data');
  const opened = await openTestInstance(data);
  const { instance } = opened;
  const source = await addImportSource(instance, 'ward');
  custodian = source.custodian.id;
  const keep = (name: string, seed: Buffer, participant: string): void => {
    const certified = instance.certification.rows.get(participant);
    assert.ok(certified !== undefined);
    writeFileSync(path(`${name}.key`), privateKeyObject(seed).export({ type: 'pkcs8', format: 'pem' }));
    const lines = presentDer(certified)
      .toString('base64')
      .replace(/.{64}(?=.)/g, '$&\n');
    writeFileSync(path(`${name}.pem`), `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`);
  };
  const wallet = await enrolWallet(servicesOf(instance), 'ward', 'p');
  patient = wallet.enrolled.patient.reference;
  keep('patient', wallet.seed, wallet.enrolled.participant);
  const ministry = await enrolOrganisation(instance, 'Ministry of Health', 'authority');
  keep('ministry', ministry.seed, ministry.participant);
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(path('stranger.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await opened.close();

  assert.equal((await firebreak('keys', 'new', '--out', path('staff'))).code, 0);
  const who = ['--role', 'staff', '--of', custodian, '--by', 'Ann Lee'];
  const asked = await firebreak('ca', 'enrol', '--csr', path('staff.csr'), ...who, '--json');
  assert.equal(asked.code, 0, asked.stderr);
  const { id } = JSON.parse(asked.stdout) as { id: string };
  const approved = await firebreak('ca', 'approve', id, '--by', 'Bo Rask', '--json');
  writeFileSync(path('staff.pem'), (JSON.parse(approved.stdout) as { certificate: string }).certificate);
});
after(() => removeFolder(folder));

const day = (n: number): string => new Date(Date.now() + n * 86_400_000).toISOString();
const asking = (by = 'ministry'): string[] => [
  patient,
  '--custodian',
  custodian,
  '--purpose',
  'HRESCH',
  '--types',
  'Observation,Condition',
  '--until',
  day(2),
  '--reason',
  'Study 7',
  ...keys(by),
];
const state = (stdout: string): string => (JSON.parse(stdout) as AccessOutcome).state;

test('a request goes its way by commands', async () => {
  const none = await firebreak('request', 'list', '--json');
  assert.deepEqual(JSON.parse(none.stdout), []);
  const asked = await firebreak('request', 'new', ...asking(), '--json');
  assert.equal(asked.code, 0, asked.stderr);
  const { id } = JSON.parse(asked.stdout) as AccessOutcome;
  const early = await firebreak('request', 'approve', id, ...keys('patient'));
  assert.equal(early.code, 3);
  // What the hospital has not approved, the patient does not see.
  assert.match(early.stderr, /ADAPTER_NOT_FOUND/);
  const first = await firebreak('request', 'approve', id, ...keys('staff'), '--json');
  assert.equal(first.code, 0, first.stderr);
  assert.equal(state(first.stdout), 'custodian-approved');
  const open = JSON.parse((await firebreak('request', 'list', '--open', '--json')).stdout) as ShownAccess[];
  assert.deepEqual(
    open.map((one) => one.id),
    [id],
  );
  const narrower = ['--types', 'Observation', '--until', day(1)];
  const second = await firebreak('request', 'approve', id, ...narrower, ...keys('patient'), '--json');
  assert.equal(second.code, 0, second.stderr);
  assert.equal(state(second.stdout), 'in-force');
  const shown = JSON.parse((await firebreak('request', 'show', id, '--json')).stdout) as ShownAccess;
  assert.deepEqual([shown.state, shown.types, shown.decisions.length], ['in-force', ['Observation'], 2]);
  const ended = await firebreak('request', 'end', id, ...keys('patient'), '--json');
  assert.equal(state(ended.stdout), 'withdrawn');
  assert.deepEqual(JSON.parse((await firebreak('request', 'list', '--open', '--json')).stdout), []);
  assert.match((await firebreak('request', 'list')).stdout, /withdrawn/);
});

test('what is wrong is said, and sends nothing', async () => {
  const foreign = ['--key', path('stranger.key'), '--certificate', path('ministry.pem')];
  for (const [args, code, says] of [
    [['new', ...asking(), ...foreign], 3, /ADAPTER_FORBIDDEN/],
    [['new', ...asking(), '--types', 'Nonsense'], 3, /ADAPTER_UNPROCESSABLE/],
    [['new', ...asking(), '--purpose', 'FUN'], 3, /ADAPTER_UNPROCESSABLE/],
    [['new', ...asking(), '--until', '2020-01-01T00:00:00Z'], 3, /ADAPTER_UNPROCESSABLE/],
    [['new', 'Patient/nobody', ...asking().slice(1)], 0, /^$/],
    [['new'], 2, /required option '--custodian <id>'/],
    [['refuse', 'A'.repeat(43), ...keys('staff')], 3, /ADAPTER_NOT_FOUND/],
    [['show', 'A'.repeat(43)], 3, /ADAPTER_NOT_FOUND/],
    [['approve', 'A'.repeat(43)], 2, /--by|--key/],
  ] as const) {
    const answered = await firebreak('request', ...args);
    assert.match(answered.stderr, says, args.join(' '));
    assert.equal(answered.code, code, `${args.join(' ')}: ${answered.stderr}`);
  }
});
