/** Starts the hospital: fills a new one, or takes up the one that is there. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FhirRouter } from '@medplum/fhir-router';
import type { Resource } from 'fhir/r4.js';
import { DemoError } from '../errors.js';
import { DEMO_SEED, generatePatients, hospitalDirectory } from '../patients.js';
import { indexDefinitions } from './definitions.js';
import { answerRequest, BASE_PATH } from './http.js';
import { createJournal, hasJournal, Journal, readJournal } from './journal.js';
import { HospitalRepository } from './repository.js';

export interface StartHospitalOptions {
  /** Folder of the hospital's own data; made when absent. What it holds already is the hospital. */
  readonly dataDir: string;
  /** Port on 127.0.0.1; 0 for any free one. Default 0. */
  readonly port?: number;
  /** Secret of those who may read and write. */
  readonly token: string;
  /** Inpatients of a new hospital. Default 600. */
  readonly patients?: number;
  /** Seed of a new hospital. */
  readonly seed?: number;
  /** Present of a new hospital's history, ms; default the last midnight (UTC) at its first start. */
  readonly anchorMs?: number;
  /** The server's clock; default the machine's. */
  readonly nowMs?: () => number;
}

export interface Hospital {
  /** FHIR base, such as `http://127.0.0.1:40123/fhir`. */
  readonly url: string;
  readonly port: number;
  /** What the hospital was made from, which may be an earlier start's options. */
  readonly origin: { readonly seed: number; readonly patients: number; readonly anchorMs: number };
  /** Whether this start made it. */
  readonly created: boolean;
  /** Resources of a type as they stand, or of all types. */
  count(type?: string): number;
  /** Stops listening, ends connections, closes the journal. */
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
const PATIENTS_DEFAULT = 600;

/**
 * Starts the hospital: a new one filled with its history, or the same one as before with all versions and dates.
 *
 * @throws DemoError DEMO_JOURNAL_DAMAGED, DEMO_PORT_UNAVAILABLE, DEMO_BAD_OPTION
 */
export async function startHospital(options: StartHospitalOptions): Promise<Hospital> {
  const nowMs = options.nowMs ?? Date.now;
  const created = !hasJournal(options.dataDir);
  if (created) fill(options, nowMs());
  indexDefinitions();
  const repository = new HospitalRepository(nowMs);
  const origin = await readJournal(options.dataDir, (line) => repository.restore(line));
  const journal = await Journal.open(options.dataDir);
  repository.attach(journal);

  let url = '';
  const hospital = { router: new FhirRouter(), repository, token: options.token, baseUrl: () => url, nowMs };
  const server = createServer((request, response) => void answerRequest(request, response, hospital));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port ?? 0, '127.0.0.1', resolve);
    });
  } catch (cause) {
    await journal.close();
    throw new DemoError('DEMO_PORT_UNAVAILABLE', `the hospital cannot listen on port ${options.port ?? 0}`, {
      cause,
    });
  }
  const { port } = server.address() as AddressInfo;
  url = `http://127.0.0.1:${port}${BASE_PATH}`;
  return {
    url,
    port,
    origin: { seed: origin.seed, patients: origin.patients, anchorMs: origin.anchorMs },
    created,
    count: (type) =>
      type === undefined
        ? repository.types().reduce((sum, each) => sum + repository.count(each), 0)
        : repository.count(type),
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await journal.close();
    },
  };
}

function fill(options: StartHospitalOptions, nowMs: number): void {
  const seed = options.seed ?? DEMO_SEED;
  const count = options.patients ?? PATIENTS_DEFAULT;
  const anchorMs = options.anchorMs ?? Math.floor(nowMs / DAY_MS) * DAY_MS;
  const history: Resource[] = [...hospitalDirectory(seed, anchorMs)];
  for (const { resources } of generatePatients({ seed, count, anchorMs })) history.push(...resources);
  // A server's order is that of its writes; ISO instants of one form sort as text.
  history.sort((a, b) => (stamp(a) < stamp(b) ? -1 : stamp(a) > stamp(b) ? 1 : 0));
  createJournal(options.dataDir, { format: 1, seed, patients: count, anchorMs }, history);
}

function stamp(resource: Resource): string {
  return resource.meta?.lastUpdated ?? '';
}
