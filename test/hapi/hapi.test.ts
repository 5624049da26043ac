/**
 * Firebreak beside a real HAPI FHIR JPA server, as a hospital has it: patients' records are loaded into the server, changed,
 * deleted and lost from its hooks, and Firebreak ends with what the server has.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Bundle, CapabilityStatement, Observation, Patient } from 'fhir/r4.js';
import { eventually, runFirebreak, startUp } from '../support/firebreak-process.js';
import type { FirebreakProcess } from '../support/firebreak-process.js';
import { openTestInstance, removeFolder, servicesOf, temporaryFolder } from '../support/instance.js';
import { sharedData } from '../support/shared-data.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import { HapiServer, hapiMissing } from '../support/hapi-server.js';

const bundles = sharedData('synthea-r4');
const skip = bundles === undefined ? 'the shared test data is absent' : hapiMissing();
const SOURCE = 'hapi';
const PATIENTS = 4;
/** What lies in the patient compartment of Synthea's Bundles. */
const TYPES = new Set([
  'Patient',
  'Encounter',
  'Observation',
  'Condition',
  'Procedure',
  'MedicationRequest',
  'Immunization',
  'DiagnosticReport',
  'CarePlan',
  'Claim',
]);

const folder = temporaryFolder();
const data = join(folder, 'data');
let hapi: HapiServer;
let up: FirebreakProcess & { readonly address: string };
let patients: string[];

const firebreak = (...args: readonly string[]) => runFirebreak('--data', data, ...args);

async function good(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await firebreak(...args);
  assert.equal(code, 0, `${args.join(' ')}: ${stdout.slice(0, 2000)}\n${stderr}`);
  return stdout;
}

/** The smallest Bundles first: a quarter of a minute each is enough. */
function syntheaBundles(): Bundle[] {
  return readdirSync(bundles ?? '')
    .filter((name) => name.endsWith('.json') && !/^(?:hospital|practitioner)/.test(name))
    .map((name) => readFileSync(join(bundles ?? '', name), 'utf8'))
    .toSorted((a, b) => a.length - b.length)
    .map((text) => JSON.parse(text) as Bundle)
    .filter(({ entry }) => entry?.some(({ resource }) => resource?.resourceType === 'Patient') === true)
    .slice(0, PATIENTS);
}

async function idle(): Promise<void> {
  await eventually('an empty inbox', async () =>
    /^firebreak_inbox_pending 0$/m.test(await (await fetch(`${up.address}/metrics`)).text()),
  );
}

/** Ends the instance, compares what it holds with what the server has, and starts it again. */
async function sameAsServer(): Promise<void> {
  const theirs = await hapi.state(TYPES);
  up.child.kill('SIGTERM');
  await up.ended;
  const opened = await openTestInstance(data);
  const differences: string[] = [];
  try {
    const { records, store } = opened.instance;
    for (const [name, version] of theirs) {
      const [type = '', id = ''] = name.split('/');
      const row = records.resourceKey(SOURCE, type, id);
      const state = records.state({ get: (key) => store.getSync(key) }, row);
      const ours = state?.status === 'current' ? state.versionId : undefined;
      if (ours !== version) differences.push(`${name}: theirs ${version}, ours ${ours} (${state?.status})`);
    }
  } finally {
    await opened.close();
  }
  up = await startUp(data);
  assert.deepEqual(differences.slice(0, 20), []);
  assert.ok(theirs.size > 100, `${theirs.size} resources`);
}

before(async () => {
  if (skip !== false) return;
  hapi = await HapiServer.start(`--db=${join(folder, 'hapi')}`, '--poll-ms=500', '--batch-ms=500');
  for (const bundle of syntheaBundles()) await hapi.good('POST', '', bundle);
  const found = await hapi.good<Bundle<Patient>>('GET', 'Patient?_count=100');
  patients = (found.entry ?? []).map(({ resource }) => resource?.id ?? '');
  assert.equal(patients.length, PATIENTS);
  // An instance comes to be by its first use.
  await (await openTestInstance(data)).close();
  const added = await good('source', 'add', hapi.base, '--id', SOURCE, '--json');
  const { found: saw } = JSON.parse(added) as { found: { software: string; history: { system: boolean } } };
  assert.match(saw.software, /HAPI/);
  assert.ok(saw.history.system);
  const opened = await openTestInstance(data);
  for (const patient of patients) {
    const services = servicesOf(opened.instance);
    const wallet = await enrolWallet(services, SOURCE, patient);
    await services.submit(signedBundle(wallet, consentFor(wallet)));
  }
  await opened.close();
  up = await startUp(data);
});

after(async () => {
  if (skip !== false) return;
  await up.dispose();
  await hapi.stop();
  removeFolder(folder);
});

test('all of the server is read, resource by resource and version by version', { skip }, async () => {
  await good('source', 'sync', SOURCE);
  await idle();
  await sameAsServer();
});

test(
  'what no hook told of is found, healed, and certified by the server’s own listing',
  { skip },
  async () => {
    const found = await hapi.good<Bundle<Observation>>('GET', `Observation?patient=${patients[0]}&_count=3`);
    const [changed, gone] = (found.entry ?? []).flatMap(({ resource }) => resource ?? []);
    assert.ok(changed?.id !== undefined && gone?.id !== undefined);
    await hapi.good('PUT', `Observation/${changed.id}`, { ...changed, status: 'amended' });
    await hapi.good('DELETE', `Observation/${gone.id}?_cascade=delete`);
    const { id: _id, meta: _meta, ...copy } = changed;
    const made = await hapi.good<Observation>('POST', 'Observation', copy);
    const fleeting = await hapi.good<Observation>('POST', 'Observation', copy);
    await hapi.good('DELETE', `Observation/${fleeting.id}`);

    const report = JSON.parse(await good('source', 'reconcile', SOURCE, '--json')) as Record<string, unknown>;
    assert.ok(made.id !== undefined, JSON.stringify(report));
    await idle();
    await sameAsServer();
    assert.match(await good('verify', data), /ok/);

    const certificate = join(folder, 'certificate.json');
    const listing = join(folder, 'listing.ndjson');
    await good('source', 'reconcile', SOURCE);
    await good('source', 'certificate', SOURCE, '--out', certificate);
    const lines = await serverListing();
    writeFileSync(listing, lines.join(''));
    const trust = await trustFlags();
    await good('check', certificate, ...trust, '--listing', listing);
    // And one line that the server has not is not passed over.
    writeFileSync(listing, lines.slice(1).join(''));
    assert.equal((await firebreak('check', certificate, ...trust, '--listing', listing)).code, 1);
  },
);

/** What the server itself lists: a line a resource of any type that is a record. */
async function serverListing(): Promise<string[]> {
  const { rest } = await hapi.good<CapabilityStatement>('GET', 'metadata');
  // The Subscriptions there are ours.
  const types = (rest?.[0]?.resource ?? [])
    .map(({ type }) => type as string)
    .filter((type) => type !== 'Subscription');
  const lines: string[] = [];
  for (const [name, version] of await hapi.state(new Set(types))) {
    const [type = '', id = ''] = name.split('/');
    if (version !== undefined) lines.push(`${JSON.stringify({ type, id, version })}\n`);
  }
  return lines;
}

async function trustFlags(): Promise<string[]> {
  const vkey = await (await fetch(`${up.address}/log/vkey`)).text();
  const root = join(folder, 'root.crt');
  writeFileSync(root, Buffer.from(await (await fetch(`${up.address}/pki/root.crt`)).arrayBuffer()));
  return ['--vkey', vkey.trim(), '--ca', root];
}
