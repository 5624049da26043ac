/**
 * The five groups by command line and HTTP alone, as a stranger would: the authority enrols all, the hospital pushes, the
 * patient permits, ministry and insurer ask, hospital and then patient approve, they read, the patient withdraws, they are
 * refused, and the patient's account of it all is complete and proved.
 */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AuditEvent, Bundle } from 'fhir/r4.js';
import type { OwnAccesses, ShownAccess } from '../../adapter/http/contract/index.js';
import type { LoggedAccess } from '../../adapter/services/account/index.js';
import { decodeBundle, entriesPath, TILE_WIDTH } from '../../ledger/log/index.js';
import { startFhirServer } from '../adapter/support/fhir-server.js';
import type { FhirServer } from '../adapter/support/fhir-server.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { runFirebreak, startUp } from '../support/firebreak-process.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { Outsiders } from '../support/outsiders.js';
import { consentFor, signedBundle } from '../support/wallet.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const path = (name: string): string => join(folder, name);
let up: Awaited<ReturnType<typeof startUp>>;
let hospital: FhirServer;

const outsiders = new Outsiders(folder, data, () => up.address);

before(async () => {
  hospital = await startFhirServer();
  up = await startUp(data);
});
after(async () => {
  await up.dispose();
  await hospital.close();
  removeFolder(folder);
});

const cli: Outsiders['cli'] = (...args) => outsiders.cli(...args);
const http: Outsiders['http'] = (...args) => outsiders.http(...args);

/** Disclosures as AuditEvents, the latest first, two a page. */
async function auditsOf(of: string, headers: { authorization: string }): Promise<AuditEvent[]> {
  const found: AuditEvent[] = [];
  let next: string | undefined = `/fhir/AuditEvent?type=110106&patient=${of}&_count=2`;
  while (next !== undefined) {
    const { entry = [], link = [] }: Bundle<AuditEvent> = await http(next, { headers });
    for (const { resource } of entry) if (resource !== undefined) found.push(resource);
    next = link.find(({ relation }) => relation === 'next')?.url.replace(up.address, '');
  }
  return found;
}

/** Who was shown how many versions, and for what. */
function lineOf({ agent, entity = [], purposeOfEvent = [] }: AuditEvent): string {
  const to = agent.find(({ type }) => type?.coding?.[0]?.code === '110152')?.who?.display ?? '';
  const versions = entity.flatMap(({ detail = [] }) => detail).find(({ type }) => type === 'versions');
  return `${to} ${purposeOfEvent[0]?.coding?.[0]?.code ?? ''} ${versions?.valueString ?? ''}`;
}

/** All entries of the log, as anybody can read them. */
async function readEntries(): Promise<{ readonly type: string; readonly tags: readonly string[] }[]> {
  const checkpoint = await (await fetch(`${up.address}/log/checkpoint`)).text();
  const size = Number(checkpoint.split('\n')[1]);
  assert.ok(size > 0 && size < TILE_WIDTH, `${size} entries are one tile`);
  const bundle = await fetch(`${up.address}/log/${entriesPath(0, size)}`);
  assert.equal(bundle.status, 200);
  return decodeBundle(Buffer.from(await bundle.arrayBuffer()), size).map(
    (entry) => JSON.parse(entry.toString('utf8')) as { type: string; tags: string[] },
  );
}

/** Waits until the patient's record shows so many resources to whoever asks. */
async function until(count: number, read: () => Promise<number>): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const found = await read();
    if (found === count) return;
    assert.ok(Date.now() < deadline, `${found} instead of ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test('the five groups, from enrolment to a complete account', { timeout: 180_000 }, async () => {
  // The certification authority enrols hospital, ministry and insurer, each by two people.
  const ministry = await outsiders.enrol('Ministry', 'authority');
  await outsiders.enrol('Insurer', 'payer');
  await outsiders.newKeys('Hospital');
  const at = ['--id', 'city', '--name', 'City Hospital', '--csr', path('Hospital.csr')];
  const how = [...at, '--allow-private', '--without', 'poll'];
  const added = await cli<{ secret: string }>('source', 'add', hospital.base, ...how);

  // The patient enrols with the hospital's invitation, by keys of the patient's own.
  const wallet = await outsiders.enrolPatient('city', 'p', added.secret);
  const { enrolled } = wallet;
  const own = enrolled.patient.reference;

  // The hospital pushes before the patient has answered: it waits. Then the patient permits it.
  const entry = [
    patient('p', { version: '1', minute: 1 }),
    heartRate('h1', 'p', 71, { version: '1', minute: 1 }),
    heartRate('h2', 'p', 72, { version: '1', minute: 2 }),
  ].map((resource) => ({ resource }));
  const hooked = await fetch(`${up.address}/hooks/city`, {
    method: 'POST',
    headers: { authorization: `Bearer ${added.secret}`, 'content-type': 'application/fhir+json' },
    body: JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry }),
  });
  assert.equal(hooked.status, 200);
  const me = await outsiders.patientSession(wallet);
  await until(3, async () => (await http<{ waiting: number }>('/me', { headers: me })).waiting);
  const consent = signedBundle(wallet, consentFor(wallet));
  assert.equal((await fetch(`${up.address}/fhir`, { method: 'POST', body: consent })).status, 201);
  await until(0, async () => (await http<{ waiting: number }>('/me', { headers: me })).waiting);

  // Ministry and insurer ask; neither sees anything before both have said yes.
  const custodian = enrolled.custodian.reference.replace('Organization/', '');
  const end = new Date(Date.now() + 30 * 86_400_000).toISOString();
  const ask = (name: string, purpose: string): Promise<{ id: string }> => {
    const what = ['--custodian', custodian, '--purpose', purpose, '--types', 'Observation'];
    const terms = [...what, '--until', end, '--reason', 'as agreed', ...outsiders.keysOf(name)];
    return cli('request', 'new', own, ...terms);
  };
  const asked = { ministry: await ask('Ministry', 'HRESCH'), insurer: await ask('Insurer', 'CLMATTCH') };
  // The script's own list of what was asked for: what was shown to whom, and what was refused.
  const shown: string[] = [];
  let refused = 0;
  const reads = async (name: string, purpose: string): Promise<number> => {
    const headers = await outsiders.session(name, purpose);
    const found = await http<Bundle>(`/fhir/Observation?patient=${own}`, { headers });
    const count = found.entry?.length ?? 0;
    if (count === 0) refused++;
    else shown.push(`${name} ${purpose} ${count}`);
    return count;
  };
  assert.equal(await reads('Ministry', 'HRESCH'), 0);
  assert.equal((await cli<ShownAccess[]>('request', 'list', '--open')).length, 2);
  for (const { id } of Object.values(asked)) {
    const decided = await cli<{ state: string }>('request', 'approve', id, '--by', 'Cy Holm');
    assert.equal(decided.state, 'custodian-approved');
  }
  assert.equal(await reads('Ministry', 'HRESCH'), 0);
  const { requests } = await http<{ requests: ShownAccess[] }>('/requests', { headers: me });
  assert.equal(requests.length, 2);
  const { origin, vkey } = await outsiders.log();
  const decide = (request: ShownAccess, outcome: string): Promise<{ state: string }> =>
    outsiders.decide(wallet, origin, request, outcome);
  for (const request of requests) assert.equal((await decide(request, 'approved')).state, 'in-force');

  // Both read what was agreed; the patient withdraws from the ministry, which sees nothing any more.
  assert.equal(await reads('Ministry', 'HRESCH'), 2);
  assert.equal(await reads('Insurer', 'CLMATTCH'), 2);
  const toEnd = requests.find(({ requester }) => requester.id === ministry);
  assert.ok(toEnd !== undefined);
  assert.equal((await decide(toEnd, 'ended')).state, 'withdrawn');
  assert.equal(await reads('Ministry', 'HRESCH'), 0);
  assert.equal(await reads('Insurer', 'CLMATTCH'), 2);
  assert.deepEqual([shown.length, refused], [3, 3]);

  // The account has each of these readings once, and nothing else; each is proved by one file.
  const account = await http<OwnAccesses>('/me/accesses', { headers: me });
  assert.deepEqual(
    account.accesses.map(({ name, purpose, records }) => `${name ?? ''} ${purpose} ${records}`).toReversed(),
    shown,
  );
  // The same as AuditEvents, page by page; to the ministry its own question tells nothing of it.
  const audits = await auditsOf(own, me);
  assert.deepEqual(audits.map(lineOf).toReversed(), shown);
  assert.deepEqual(
    audits.map(({ id = '' }) => Buffer.from(id, 'hex').toString('base64url')),
    account.accesses.map(({ handle }) => handle),
  );
  for (const { agent, entity = [], recorded } of audits) {
    assert.equal(agent[0]?.who?.reference, `Organization/${custodian}`);
    assert.equal(entity[0]?.what?.reference, own);
    assert.ok(Date.parse(recorded) <= Date.now());
    // The records and the approval are named, by what stands on the log.
    assert.equal(entity.filter(({ role }) => role?.code === '4').length, 2);
    assert.ok(entity.some(({ role }) => role?.code === '13'));
  }
  assert.deepEqual(await auditsOf(own, await outsiders.session('Ministry', 'HRESCH')), []);

  // And by command line. What was refused was shown to nobody, and stands on the log without a name.
  const table = await runFirebreak('--data', data, 'access', 'log', own);
  assert.equal(table.code, 0, table.stderr);
  assert.equal(table.stdout.trim().split('\n').length, 1 + shown.length);
  assert.match(table.stdout, /Ministry \(Organization\/\S+\)\s+HRESCH\s+search Observation\s+2/);
  const receipts = (await readEntries()).filter(({ type }) => type === 'disclosure');
  assert.deepEqual(
    receipts.map(({ tags }) => tags.length),
    [0, 0, 1, 1, 0, 1],
  );

  // Proofs of them all, by both ways; each that is made out is a line of the account itself.
  const listed = await cli<{ accesses: LoggedAccess[] }>('access', 'log', own, '--proofs', path('proofs'));
  assert.deepEqual(
    listed.accesses.map(({ name, purpose, records }) => `${name} ${purpose} ${records}`).toReversed(),
    shown,
  );
  assert.deepEqual(
    readdirSync(path('proofs')).toSorted(),
    account.accesses.map(({ handle }) => `${handle}.json`).toSorted(),
  );
  const trust = await outsiders.trust();
  for (const { id = '' } of audits) {
    const handle = Buffer.from(id, 'hex').toString('base64url');
    const response = await fetch(`${up.address}/me/accesses/${handle}/proof`, { headers: me });
    writeFileSync(path('proof.json'), await response.text());
    for (const file of [path('proof.json'), join(path('proofs'), `${handle}.json`)]) {
      const checked = await runFirebreak('check', file, ...trust);
      assert.equal(checked.code, 0, checked.stderr);
      assert.match(checked.stdout, /disclosure/i);
    }
  }
  const whole = await auditsOf(own, me);
  assert.equal(whole.length, shown.length + 2 * audits.length);
  assert.deepEqual(whole.slice(-shown.length), audits);
  const verified = await runFirebreak('--data', data, 'verify', up.address, '--vkey', vkey);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
});
