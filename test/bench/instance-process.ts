/** A real instance in a process of its own, with its own private Redis, as `firebreak up` starts it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readRunning } from '../../adapter/instance/running.js';
import { askAdmin } from '../../adapter/services/admin.js';
import { consentFor, enrolWallet, signedBundle } from '../support/wallet.js';
import type { Firebreak, Wallet } from '../support/wallet.js';
import { Poster } from './poster.js';

export interface InstanceProcess {
  readonly pid: number;
  readonly address: string;
  readonly source: string;
  /** The source's bearer token. */
  readonly secret: string;
  readonly metrics: () => Promise<ReadonlyMap<string, number>>;
  /** Asks its administration. */
  readonly admin: (command: string, args: object) => Promise<unknown>;
  stop(): Promise<void>;
}

const SOURCE = 'bench';
/** The instance has begun to listen by then, ms. */
const START_MS_MAX = 30_000;
const POLL_MS = 20;
const STOP_MS_MAX = 10_000;
/** Of what it says, so much is shown when it fails. */
const SAID_CHARS_MAX = 2000;

/**
 * Starts an instance and registers this process as its source.
 *
 * @param environment - Of its settings, in addition.
 * @param allowResearch - Whether the hospital lets research be asked for.
 */
export async function startInstance(
  environment: Readonly<Record<string, string>> = {},
  allowResearch = false,
): Promise<InstanceProcess> {
  const dataDir = mkdtempSync(join(tmpdir(), 'firebreak-bench-'));
  const main = fileURLToPath(new URL('../../adapter/cli/main.js', import.meta.url));
  // Its own flags of node go with it, so that `node --cpu-prof main.js` profiles both.
  const flags = ['--data', dataDir, '--log-level', 'warn', 'up', '--port', '0'];
  const child = spawn(process.execPath, [...process.execArgv, main, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let said = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (said = (said + text).slice(-SAID_CHARS_MAX)));
  const hospital = await listenAsHospital();
  const stop = async (): Promise<void> => {
    process.off('SIGTERM', stopped).off('SIGINT', stopped);
    await end(child);
    await hospital.close();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
  };
  const stopped = (): void => void stop().finally(() => process.exit(1));
  process.on('SIGTERM', stopped).on('SIGINT', stopped);
  try {
    const { address, adminSocket } = await listening(dataDir, child);
    const args = { id: SOURCE, url: hospital.url, name: 'bench', allowResearch };
    const added = (await askAdmin(adminSocket, { command: 'source-add', args })) as { secret: string };
    const metrics = async (): Promise<ReadonlyMap<string, number>> => {
      const answer = await fetch(`${address}/metrics`);
      return readMetrics(await answer.text());
    };
    const admin = (command: string, more: object): Promise<unknown> =>
      askAdmin(adminSocket, { command, args: { ...more } });
    return { pid: child.pid ?? 0, address, source: SOURCE, secret: added.secret, metrics, admin, stop };
  } catch (cause) {
    await stop();
    throw new Error(`the instance did not start; it said: ${said}`, { cause });
  }
}

/**
 * Gives patients wallets, each with a signed consent to update and care.
 *
 * @param also - Makes another that each signs.
 * @returns Their ids at the facade, in their order.
 */
export async function enrolPatients(
  instance: InstanceProcess,
  patients: readonly string[],
  also?: (wallet: Wallet) => Parameters<typeof signedBundle>[1],
): Promise<string[]> {
  const poster = new Poster(instance.address, instance.secret);
  const wallets = new Poster(instance.address);
  const firebreak: Firebreak = {
    invite: async (source, ids) => {
      const body = Buffer.from(JSON.stringify({ patients: ids }));
      return JSON.parse(await poster.send('POST', `/sources/${source}/invitations`, body)) as {
        invitations: { patient: string; code: string }[];
      };
    },
    enrol: async (body) => JSON.parse(await wallets.send('POST', '/pki/enrol', body)) as never,
    submit: (bundle) => wallets.send('POST', '/fhir', bundle),
  };
  const ids: string[] = [];
  for (const patient of patients) {
    const wallet = await enrolWallet(firebreak, instance.source, patient);
    await firebreak.submit(signedBundle(wallet, consentFor(wallet)));
    if (also !== undefined) await firebreak.submit(signedBundle(wallet, also(wallet)));
    ids.push(wallet.enrolled.patient.reference.replace('Patient/', ''));
  }
  poster.close();
  wallets.close();
  return ids;
}

async function listening(
  dataDir: string,
  child: ChildProcess,
): Promise<{ address: string; adminSocket: string }> {
  const deadline = performance.now() + START_MS_MAX;
  for (;;) {
    const running = readRunning(dataDir);
    if (running?.address !== undefined) return { address: running.address, adminSocket: running.adminSocket };
    if (child.exitCode !== null) throw new Error(`the instance ended with ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error('the instance does not listen');
    await sleep(POLL_MS);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await exited;
  clearTimeout(timer);
}

/** A FHIR server as far as registering it goes: the instance asks it what it has. */
async function listenAsHospital(): Promise<{ url: string; close: () => Promise<void> }> {
  const statement = {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-01-01',
    kind: 'instance',
    fhirVersion: '4.0.1',
    format: ['json'],
    rest: [{ mode: 'server', resource: [{ type: 'Patient', interaction: [{ code: 'search-type' }] }] }],
  };
  const server = createServer((request, response) => {
    const { url = '' } = request;
    const nothing = { resourceType: 'Bundle', type: 'searchset', total: 0 };
    const found = url.startsWith('/metadata') ? statement : url.startsWith('/Patient?') ? nothing : undefined;
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/fhir+json' });
    response.end(JSON.stringify(found ?? { resourceType: 'OperationOutcome' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Samples of the Prometheus text format, by name and labels as written. */
function readMetrics(text: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const gap = line.lastIndexOf(' ');
    if (gap > 0 && !line.startsWith('#')) samples.set(line.slice(0, gap), Number(line.slice(gap + 1)));
  }
  return samples;
}

/** Waits until nothing is pending. */
export async function settled({ metrics }: InstanceProcess): Promise<void> {
  while (((await metrics()).get('firebreak_inbox_pending') ?? 0) > 0) await sleep(POLL_MS);
}
