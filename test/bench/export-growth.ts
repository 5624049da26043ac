/**
 * An export of a cohort as the cohort grows: resources a second, and the memory that building it needs beyond what the
 * instance had before. A real instance in a process of its own.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ShownCohort } from '../../adapter/http/contract/index.js';
import { generateSeed, privateKeyObject } from '../../ledger/log/index.js';
import { makeCsr } from '../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../ledger/vault/index.js';
import { tokenFor } from '../support/client.js';
import type { TestClient } from '../support/client.js';
import { definitionOf, signedCohort } from '../support/cohorts.js';
import type { BulkManifest } from '../support/cohorts.js';
import { consentFor } from '../support/wallet.js';
import type { Bench, BenchContext, Measured } from './bench.js';
import { enrolPatients, startInstance } from './instance-process.js';
import type { InstanceProcess } from './instance-process.js';
import { ownBytes, patientId, postObservations } from './made-up.js';

const SIZES = { 'export-1k': 1000, 'export-10k': 10_000, 'export-100k': 100_000, 'export-1m': 1_000_000 };
/** Resources of a patient. */
const EACH = 250;
const MIB = 1024 * 1024;
const SAMPLE_MS = 50;
/** A token lives five minutes. */
const TOKEN_MS = 240_000;

export const exportGrowth: Bench = {
  names: [],
  namesOnRequest: Object.keys(SIZES).flatMap((name) => [name, `${name}-memory`]),
  about:
    'an export of a cohort of so many resources: how fast, and how much memory it needs beyond what there was',
  run,
};

async function run({ say, asked }: BenchContext): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const [name, resources] of Object.entries(SIZES)) {
    if (!asked.includes(name) && !asked.includes(`${name}-memory`)) continue;
    const { rate, mib } = await measure(resources, say);
    measured.push(
      { bench: name, unit: 'resources/s', ours: [rate] },
      { bench: `${name}-memory`, unit: 'MiB', ours: [mib] },
    );
  }
  return measured;
}

async function measure(
  resources: number,
  say: BenchContext['say'],
): Promise<{ readonly rate: number; readonly mib: number }> {
  const instance = await startInstance({ FIREBREAK_READER_REQUESTS_PER_SECOND: '1000000' }, true);
  try {
    const requester = await enrolRequester(instance);
    const patients = Math.max(4, Math.round(resources / EACH));
    await enrolPatients(
      instance,
      Array.from({ length: patients }, (_, i) => patientId(i)),
      (wallet) =>
        consentFor(wallet, {
          actor: `Organization/${requester.client.id}`,
          actions: ['access', 'use', 'disclose'],
          purpose: 'HRESCH',
        }),
    );
    await postObservations(instance, resources, patients, say);
    say(`${resources.toLocaleString('en')} resources of ${patients} patients are stored`);
    const cohort = await approved(instance, requester);
    const before = ownBytes(instance.pid) ?? NaN;
    let most = before;
    const sampling = setInterval(() => {
      most = Math.max(most, ownBytes(instance.pid) ?? NaN);
    }, SAMPLE_MS);
    const from = performance.now();
    const count = await exported(instance, requester.client, cohort);
    const seconds = (performance.now() - from) / 1000;
    clearInterval(sampling);
    if (count !== resources) throw new Error(`${count} of ${resources} resources came`);
    const mib = (most - before) / MIB;
    say(
      `${resources.toLocaleString('en')}: ${seconds.toFixed(1)} s; before ${(before / MIB).toFixed(0)} MiB, ${mib.toFixed(0)} more at most`,
    );
    return { rate: resources / seconds, mib };
  } finally {
    await instance.stop();
  }
}

interface Requester {
  readonly client: TestClient;
  readonly seed: Buffer;
}

async function enrolRequester(instance: InstanceProcess): Promise<Requester> {
  const [seed, x25519] = [generateSeed(), generateX25519()];
  const csr = await makeCsr({ seed, x25519Public: x25519PublicKey(x25519) });
  const args = { name: 'Institute', group: 'authority', scopes: ['system/*.rs'], csr: csr.pem };
  const { id, kid } = (await instance.admin('client-add', args)) as { id: string; kid: string };
  return { client: { id, kid, key: privateKeyObject(seed), x25519 }, seed };
}

async function approved(instance: InstanceProcess, { client, seed }: Requester): Promise<ShownCohort> {
  const headers = await headersOf(instance, client);
  const post = async (path: string, body: string): Promise<ShownCohort> => {
    const answer = await fetch(instance.address + path, { method: 'POST', body, headers });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as ShownCohort;
  };
  const cohort = await post('/cohorts', definitionOf({ include: [], types: ['Observation'] }));
  const log = (await (await fetch(`${instance.address}/log/vkey`)).text()).split('+')[0] ?? '';
  const signer = { seed, participant: client.id, fingerprint: client.kid };
  await post('/cohorts/requests', signedCohort(signer, log, cohort));
  await instance.admin('cohort-decide', { id: cohort.id, outcome: 'approved', by: 'Ann Lee' });
  return cohort;
}

/** @returns How many resources came. */
async function exported(instance: InstanceProcess, client: TestClient, cohort: ShownCohort): Promise<number> {
  let headers = await headersOf(instance, client);
  let signedInMs = performance.now();
  const begun = await fetch(`${instance.address}/fhir/Group/${cohort.id}/$export`, {
    headers: { ...headers, prefer: 'respond-async' },
  });
  if (begun.status !== 202) throw new Error(`kick-off: ${begun.status} ${await begun.text()}`);
  await begun.arrayBuffer();
  for (;;) {
    if (performance.now() - signedInMs > TOKEN_MS) {
      headers = await headersOf(instance, client);
      signedInMs = performance.now();
    }
    const answer = await fetch(begun.headers.get('content-location') ?? '', { headers });
    if (answer.status === 200) {
      const { output } = (await answer.json()) as BulkManifest;
      return output.reduce((sum, { count }) => sum + count, 0);
    }
    if (answer.status !== 202 && answer.status !== 429)
      throw new Error(`status: ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
    await sleep(500);
  }
}

async function headersOf(
  instance: InstanceProcess,
  client: TestClient,
): Promise<{ readonly authorization: string }> {
  const token = await tokenFor(client, instance.address, { purpose_of_use: 'HRESCH' });
  return { authorization: `Bearer ${token}` };
}
