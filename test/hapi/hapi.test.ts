/**
 * Firebreak beside a real HAPI FHIR JPA server, as a hospital has it: patients' records are loaded into the server, changed,
 * deleted and lost from its hooks, and Firebreak ends with what the server has.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bundle, CapabilityStatement, Observation, Patient, Subscription } from 'fhir/r4.js';
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
const LONG = process.env['FIREBREAK_TEST_LONG'] === '1';
const DOWN_MS = LONG ? 90_000 : 8000;
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
let port: number;
/** Two records of one person. The server fails to merge Synthea's. */
let twins: string[];

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

/** At a start everything is read; after that nothing for a day, so that it is hooks that tell. */
async function start(): Promise<void> {
  process.env['FIREBREAK_POLL_SECONDS'] = '86400';
  process.env['FIREBREAK_RECONCILE_HOURS'] = '0';
  up = await startUp(data, '--port', String(port));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: free } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return free;
}

/** Events that ended so, since the start. */
async function handled(outcome: string): Promise<number> {
  const text = await (await fetch(`${up.address}/metrics`)).text();
  const pattern = new RegExp(`^firebreak_events_handled\\{outcome="${outcome}"\\} (\\d+)`, 'm');
  return Number(pattern.exec(text)?.[1] ?? 0);
}

/** Acts, and waits until so many more events have ended so. */
async function more(counts: Readonly<Record<string, number>>, act: () => Promise<void>): Promise<void> {
  const former = new Map<string, number>();
  for (const outcome of Object.keys(counts)) former.set(outcome, await handled(outcome));
  await act();
  for (const [outcome, count] of Object.entries(counts))
    await eventually(
      `${count} ${outcome}`,
      async () => (await handled(outcome)) >= (former.get(outcome) ?? 0) + count,
    );
  await idle();
}

/** Three Observations of the first patient. */
async function someObservations(): Promise<[Observation, Observation, Observation]> {
  const found = await hapi.good<Bundle<Observation>>('GET', `Observation?patient=${patients[0]}&_count=3`);
  const [one, two, three] = (found.entry ?? []).flatMap(({ resource }) => resource ?? []);
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  return [one, two, three];
}

const named = ({ resourceType, id }: Observation): string => `${resourceType}/${id ?? ''}`;

function copyOf({ id: _id, meta: _meta, ...copy }: Observation): Observation {
  return copy;
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
  await start();
  assert.deepEqual(differences.slice(0, 20), []);
  assert.ok(theirs.size > 100, `${theirs.size} resources`);
}

before(async () => {
  if (skip !== false) return;
  // One delivery is tried for so long; a change whose delivery was given up is told by nobody.
  const options = ['--poll-ms=500', '--batch-ms=500', `--retry-ms=${LONG ? 60_000 : 3000}`];
  hapi = await HapiServer.start(`--db=${join(folder, 'hapi')}`, ...options);
  for (const bundle of syntheaBundles()) await hapi.good('POST', '', bundle);
  const found = await hapi.good<Bundle<Patient>>('GET', 'Patient?_count=100');
  patients = (found.entry ?? []).map(({ resource }) => resource?.id ?? '');
  assert.equal(patients.length, PATIENTS);
  twins = [];
  for (const family of ['Twin', 'Twinn']) {
    const made = await hapi.good<Patient>('POST', 'Patient', { resourceType: 'Patient', name: [{ family }] });
    const code = { coding: [{ system: 'http://loinc.org', code: '8867-4' }] };
    const subject = { reference: `Patient/${made.id ?? ''}` };
    await hapi.good('POST', 'Observation', { resourceType: 'Observation', status: 'final', code, subject });
    twins.push(made.id ?? '');
  }
  // An instance comes to be by its first use.
  await (await openTestInstance(data)).close();
  const added = await good('source', 'add', hapi.base, '--id', SOURCE, '--json');
  const { found: saw } = JSON.parse(added) as { found: { software: string; history: { system: boolean } } };
  assert.match(saw.software, /HAPI/);
  assert.ok(saw.history.system);
  const opened = await openTestInstance(data);
  for (const patient of [...patients, ...twins]) {
    const services = servicesOf(opened.instance);
    const wallet = await enrolWallet(services, SOURCE, patient);
    await services.submit(signedBundle(wallet, consentFor(wallet)));
  }
  await opened.close();
  // One address for good: the server's Subscriptions name it.
  port = await freePort();
  await start();
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
  'Subscriptions are made at the server, and what changes there is told by its hooks',
  { skip },
  async () => {
    await eventually('active Subscriptions', async () => {
      const { entry = [] } = await hapi.good<Bundle<Subscription>>('GET', 'Subscription?_count=200');
      const ours = entry.flatMap(({ resource }) => resource ?? []);
      const isAll = [...TYPES].every((type) =>
        ours.some(({ criteria, status }) => criteria === `${type}?` && status === 'active'),
      );
      return isAll && ours.every(({ channel }) => channel.endpoint?.startsWith(up.address) === true);
    });
    const [changed, gone, quick] = await someObservations();
    await more({ stored: 5, deleted: 1 }, async () => {
      await hapi.good('PUT', named(changed), { ...changed, status: 'amended' });
      await hapi.good('DELETE', `${named(gone)}?_cascade=delete`);
      await hapi.good('POST', 'Observation', copyOf(changed));
      for (const status of ['amended', 'corrected', 'preliminary'] as const)
        await hapi.good('PUT', named(quick), { ...quick, status });
    });
    await sameAsServer();
  },
);

test('created and deleted within one look of the server at its changes', { skip }, async () => {
  const [kept] = await someObservations();
  await more({ deleted: 1 }, async () => {
    const fleeting = await hapi.good<Observation>('POST', 'Observation', copyOf(kept));
    await hapi.good('DELETE', named(fleeting));
  });
  await sameAsServer();
});

test(
  'what changed while we were down, and its hooks were given up, is read at the next start',
  { skip },
  async () => {
    up.child.kill('SIGKILL');
    await up.ended;
    const [changed, gone] = await someObservations();
    await hapi.good('PUT', named(changed), { ...changed, status: 'entered-in-error' });
    await hapi.good('DELETE', `${named(gone)}?_cascade=delete`);
    await hapi.good('POST', 'Observation', copyOf(changed));
    await sleep(DOWN_MS);
    await start();
    await eventually(
      'what was missed',
      async () => (await handled('stored')) >= 2 && (await handled('deleted')) >= 1,
    );
    await idle();
    await sameAsServer();
  },
);

test('a server that was killed and comes back goes on telling', { skip }, async () => {
  await hapi.kill();
  await sleep(1000);
  await hapi.startAgain();
  const [changed] = await someObservations();
  await more({ stored: 1 }, async () => {
    await hapi.good('PUT', named(changed), { ...changed, status: 'cancelled' });
  });
  await sameAsServer();
});

test('patients that the server merges are merged here', { skip }, async () => {
  const [target = '', merged = ''] = twins;
  const parameter = [
    { name: 'source-patient', valueReference: { reference: `Patient/${merged}` } },
    { name: 'target-patient', valueReference: { reference: `Patient/${target}` } },
  ];
  await more({ stored: 1 }, async () => {
    await hapi.good('POST', 'Patient/$merge', { resourceType: 'Parameters', parameter });
  });
  const exported = join(folder, 'log');
  await eventually('a merge on the log', async () => {
    await good('log', 'export', exported);
    return logTypes(exported).includes('record.merged');
  });
  await sameAsServer();
});

test('all of it comes by a bulk export too', { skip }, async () => {
  const { resources } = JSON.parse(await good('source', 'sync', SOURCE, '--bulk', '--full', '--json')) as {
    resources: number;
  };
  assert.ok(resources > 100, `${resources} resources`);
  await idle();
  await sameAsServer();
});

/** Types of the entries in an exported log. */
function logTypes(dir: string): string[] {
  const entries = join(dir, 'tile', 'entries');
  return readdirSync(entries, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const path = join(entries, name);
    if (statSync(path).isDirectory()) return [];
    return [...readFileSync(path, 'latin1').matchAll(/"type":"([a-z.]+)"/g)].map(([, type = '']) => type);
  });
}

test(
  'what no hook told of is found, healed, and certified by the server’s own listing',
  { skip },
  async () => {
    // Nobody tells: the Subscriptions are ended behind our back.
    const told = await hapi.good<Bundle>('GET', 'Subscription?_count=200');
    for (const { resource } of told.entry ?? [])
      await hapi.good('DELETE', `Subscription/${resource?.id ?? ''}`);
    const [changed, gone] = await someObservations();
    await hapi.good('PUT', named(changed), { ...changed, status: 'corrected' });
    await hapi.good('DELETE', `${named(gone)}?_cascade=delete`);
    await hapi.good('POST', 'Observation', copyOf(changed));
    const fleeting = await hapi.good<Observation>('POST', 'Observation', copyOf(changed));
    await hapi.good('DELETE', named(fleeting));
    await good('source', 'reconcile', SOURCE);
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
  // The Subscriptions there are ours, and a Binary what the export wrote.
  const types = (rest?.[0]?.resource ?? [])
    .map(({ type }) => type as string)
    .filter((type) => type !== 'Subscription' && type !== 'Binary');
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
