/**
 * The five groups by command line and HTTP alone, as a stranger would: the authority enrols all, the hospital pushes, the
 * patient permits, ministry and insurer ask, hospital and then patient approve, they read, the patient withdraws, they are
 * refused, and the patient's account of it all is complete and proved.
 */
import assert from 'node:assert/strict';
import { createPrivateKey, sign as signBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AuditEvent, Bundle } from 'fhir/r4.js';
import { SIGN_IN_KIND } from '../../adapter/http/contract/index.js';
import type { Enrolled, OwnAccesses, ShownAccess, SignedIn } from '../../adapter/http/contract/index.js';
import type { LoggedAccess } from '../../adapter/services/account/index.js';
import { documentBytes, signDocument } from '../../ledger/consent/index.js';
import { makeCsr, readCertificate } from '../../ledger/participants/index.js';
import { decodeBundle, entriesPath, generateSeed, TILE_WIDTH } from '../../ledger/log/index.js';
import { generateX25519, x25519PublicKey } from '../../ledger/vault/index.js';
import { startFhirServer } from '../adapter/support/fhir-server.js';
import type { FhirServer } from '../adapter/support/fhir-server.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { runFirebreak, startUp } from '../support/firebreak-process.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import { consentFor, signedBundle } from '../support/wallet.js';
import type { Wallet } from '../support/wallet.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const path = (name: string): string => join(folder, name);
let up: Awaited<ReturnType<typeof startUp>>;
let hospital: FhirServer;

before(async () => {
  hospital = await startFhirServer();
  up = await startUp(data);
});
after(async () => {
  await up.dispose();
  await hospital.close();
  removeFolder(folder);
});

/** Runs a command and reads what it prints as JSON. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the script says what it expects where it reads it
async function cli<T>(...args: readonly string[]): Promise<T> {
  const ended = await runFirebreak('--data', data, ...args, '--json');
  assert.equal(ended.code, 0, `${args.join(' ')}: ${ended.stderr}`);
  return JSON.parse(ended.stdout) as T;
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as above
async function http<T>(where: string, init: RequestInit = {}, status = 200): Promise<T> {
  const response = await fetch(up.address + where, init);
  const text = await response.text();
  assert.equal(response.status, status, `${where}: ${text}`);
  return JSON.parse(text) as T;
}

/** Enrols an organisation: keys of its own, one person asks, another approves. */
async function enrol(name: string, group: string): Promise<string> {
  const made = await runFirebreak('--data', data, 'keys', 'new', '--out', path(name));
  assert.equal(made.code, 0, made.stderr);
  const who = ['--group', group, '--name', name, '--by', 'Ann Lee'];
  const asked = await cli<{ id: string }>('ca', 'enrol', '--csr', path(`${name}.csr`), ...who);
  const approved = await cli<{ certificate: string }>('ca', 'approve', asked.id, '--by', 'Bo Rask');
  writeFileSync(path(`${name}.pem`), approved.certificate);
  const der = Buffer.from(approved.certificate.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  return readCertificate(der).id;
}

const keysOf = (name: string): string[] => [
  '--key',
  path(`${name}.key`),
  '--certificate',
  path(`${name}.pem`),
];

/** A session, signed by whoever's key it is. */
async function session(
  participant: string,
  fingerprint: string,
  purpose: string,
  sign: (input: Buffer) => Buffer,
): Promise<{ authorization: string }> {
  const { challenge } = await http<{ challenge: string }>('/auth/challenge', { method: 'POST' });
  const document = { kind: SIGN_IN_KIND, server: up.address, challenge, participant, purpose };
  const header = Buffer.from(JSON.stringify({ alg: 'EdDSA', kid: fingerprint })).toString('base64url');
  const input = Buffer.from(`${header}.${documentBytes(document).toString('base64url')}`);
  const jws = `${header}..${sign(input).toString('base64url')}`;
  const body = JSON.stringify({ document, jws });
  const { token } = await http<SignedIn>('/auth/session', { method: 'POST', body }, 201);
  return { authorization: `Bearer ${token}` };
}

function memberSession(name: string, id: string, purpose: string): Promise<{ authorization: string }> {
  const key = createPrivateKey(readFileSync(path(`${name}.key`)));
  const der = Buffer.from(
    readFileSync(path(`${name}.pem`), 'utf8').replaceAll(/-----[^-]+-----|\s/g, ''),
    'base64',
  );
  return session(id, readCertificate(der).fingerprint, purpose, (input) => signBytes(null, input, key));
}

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
  const ministry = await enrol('Ministry', 'authority');
  const insurer = await enrol('Insurer', 'payer');
  const made = await runFirebreak('--data', data, 'keys', 'new', '--out', path('Hospital'));
  assert.equal(made.code, 0, made.stderr);
  const at = ['--id', 'city', '--name', 'City Hospital', '--csr', path('Hospital.csr')];
  const how = [...at, '--allow-private', '--without', 'poll'];
  const added = await cli<{ secret: string }>('source', 'add', hospital.base, ...how);

  // The patient enrols with the hospital's invitation, by keys of the patient's own.
  const invited = await http<{ invitations: { code: string }[] }>(
    '/sources/city/invitations',
    {
      method: 'POST',
      headers: { authorization: `Bearer ${added.secret}` },
      body: JSON.stringify({ patients: ['p'] }),
    },
    201,
  );
  const seed = generateSeed();
  const csr = await makeCsr({ seed, x25519Public: x25519PublicKey(generateX25519()) });
  const enrolled = await http<Enrolled>(
    '/pki/enrol',
    { method: 'POST', body: JSON.stringify({ invitation: invited.invitations[0]?.code, csr: csr.pem }) },
    201,
  );
  const wallet: Wallet = { seed, enrolled };
  const own = enrolled.patient.reference;
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const mine = (): Promise<{ authorization: string }> =>
    session(enrolled.participant, enrolled.fingerprint, 'PATRQT', (input) => signBytes(null, input, key));

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
  const me = await mine();
  await until(3, async () => (await http<{ waiting: number }>('/me', { headers: me })).waiting);
  const consent = signedBundle(wallet, consentFor(wallet));
  assert.equal((await fetch(`${up.address}/fhir`, { method: 'POST', body: consent })).status, 201);
  await until(0, async () => (await http<{ waiting: number }>('/me', { headers: me })).waiting);

  // Ministry and insurer ask; neither sees anything before both have said yes.
  const custodian = enrolled.custodian.reference.replace('Organization/', '');
  const end = new Date(Date.now() + 30 * 86_400_000).toISOString();
  const ask = (name: string, purpose: string): Promise<{ id: string }> => {
    const what = ['--custodian', custodian, '--purpose', purpose, '--types', 'Observation'];
    const terms = [...what, '--until', end, '--reason', 'as agreed', ...keysOf(name)];
    return cli('request', 'new', own, ...terms);
  };
  const asked = { ministry: await ask('Ministry', 'HRESCH'), insurer: await ask('Insurer', 'CLMATTCH') };
  // The script's own list of what was asked for: what was shown to whom, and what was refused.
  const shown: string[] = [];
  let refused = 0;
  const reads = async (name: string, id: string, purpose: string): Promise<number> => {
    const headers = await memberSession(name, id, purpose);
    const found = await http<Bundle>(`/fhir/Observation?patient=${own}`, { headers });
    const count = found.entry?.length ?? 0;
    if (count === 0) refused++;
    else shown.push(`${name} ${purpose} ${count}`);
    return count;
  };
  assert.equal(await reads('Ministry', ministry, 'HRESCH'), 0);
  assert.equal((await cli<ShownAccess[]>('request', 'list', '--open')).length, 2);
  for (const { id } of Object.values(asked)) {
    const decided = await cli<{ state: string }>('request', 'approve', id, '--by', 'Cy Holm');
    assert.equal(decided.state, 'custodian-approved');
  }
  assert.equal(await reads('Ministry', ministry, 'HRESCH'), 0);
  const { requests } = await http<{ requests: ShownAccess[] }>('/requests', { headers: me });
  assert.equal(requests.length, 2);
  const vkey = (await (await fetch(`${up.address}/log/vkey`)).text()).trim();
  const [log = ''] = vkey.split('+');
  const decide = (request: ShownAccess, outcome: string): Promise<{ state: string }> => {
    const document = {
      kind: 'firebreak access decision',
      log,
      signer: enrolled.participant,
      at: new Date().toISOString(),
      request: request.id,
      task: request.taskHash,
      outcome,
    };
    const jws = signDocument(document, seed, enrolled.fingerprint);
    return http('/requests/decisions', { method: 'POST', body: JSON.stringify({ document, jws }) });
  };
  for (const request of requests) assert.equal((await decide(request, 'approved')).state, 'in-force');

  // Both read what was agreed; the patient withdraws from the ministry, which sees nothing any more.
  assert.equal(await reads('Ministry', ministry, 'HRESCH'), 2);
  assert.equal(await reads('Insurer', insurer, 'CLMATTCH'), 2);
  const toEnd = requests.find(({ requester }) => requester.id === ministry);
  assert.ok(toEnd !== undefined);
  assert.equal((await decide(toEnd, 'ended')).state, 'withdrawn');
  assert.equal(await reads('Ministry', ministry, 'HRESCH'), 0);
  assert.equal(await reads('Insurer', insurer, 'CLMATTCH'), 2);
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
  assert.deepEqual(await auditsOf(own, await memberSession('Ministry', ministry, 'HRESCH')), []);

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
  writeFileSync(
    path('root.der'),
    Buffer.from(await (await fetch(`${up.address}/pki/root.crt`)).arrayBuffer()),
  );
  for (const { id = '' } of audits) {
    const handle = Buffer.from(id, 'hex').toString('base64url');
    const response = await fetch(`${up.address}/me/accesses/${handle}/proof`, { headers: me });
    writeFileSync(path('proof.json'), await response.text());
    for (const file of [path('proof.json'), join(path('proofs'), `${handle}.json`)]) {
      const checked = await runFirebreak('check', file, '--vkey', vkey, '--ca', path('root.der'));
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
