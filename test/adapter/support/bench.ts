/** An instance behind its real HTTP server, with a source, for tests at the public surface. */
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { OperationOutcome } from 'fhir/r4.js';
import type { Config } from '../../../adapter/config.js';
import type { Instance } from '../../../adapter/instance/instance.js';
import type { Source } from '../../../adapter/instance/sources.js';
import { drain } from '../../../adapter/services/drain.js';
import { serveHttp } from '../../../adapter/services/server.js';
import { decodeBundle, entriesPath, fullTiles, partialWidth, TILE_WIDTH } from '../../../ledger/log/index.js';
import { storeReader, verifyLog } from '../../../ledger/verify/index.js';
import {
  addImportSource,
  openTestInstance,
  removeFolder,
  servicesOf,
  temporaryFolder,
} from '../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';
import type { ConsentChoices, Wallet } from '../../support/wallet.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

export interface LogEntry {
  readonly leaf: number;
  readonly type: string;
  readonly tags: readonly string[];
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Bench {
  readonly dir: string;
  readonly instance: Instance;
  readonly source: Source;
  readonly url: string;
  /** Sources that were asked to be caught up with. */
  readonly caughtUp: string[];
  readonly logged: () => string;
  close(): Promise<void>;
}

/**
 * Opens an instance with one source of files, `ward`, and its HTTP server on a free port.
 *
 * @param demo - Whether the instance says that all its patients are synthetic.
 * @param folder - Kept at the end, and opened as it is; a new one that goes at the end unless given.
 */
export async function openBench(
  more: Partial<Record<keyof Config, string | number>> = {},
  demo = false,
  folder?: string,
): Promise<Bench> {
  const dir = folder ?? temporaryFolder();
  const opened = await openTestInstance(dir, more, demo);
  const { instance } = opened;
  const caughtUp: string[] = [];
  const server = await serveHttp(instance, (id) => caughtUp.push(id));
  return {
    dir,
    instance,
    source: instance.sources.get('ward') ?? (await addImportSource(instance)),
    url: server.address,
    caughtUp,
    logged: opened.logged,
    close: async () => {
      await server.close();
      await opened.close();
      if (folder === undefined) removeFolder(dir);
    },
  };
}

/** One request, exactly as written: paths are not normalised, bodies not touched. */
export function ask(base: string, path: string, options: AskOptions = {}): Promise<Answer> {
  const { hostname, port } = new URL(base);
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((settle, fail) => {
    const request = httpRequest({ hostname, port, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        settle({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
      response.on('error', fail);
    });
    request.on('error', fail);
    request.end(body);
  });
}

/** A hook of the bench's source, with its bearer token unless other headers say who it is. */
export function hook(bench: Bench, path: string, options: AskOptions = {}): Promise<Answer> {
  return ask(bench.url, `/hooks/${bench.source.id}${path}`, {
    method: 'POST',
    ...options,
    headers: {
      'content-type': 'application/fhir+json',
      authorization: `Bearer ${bench.source.secret}`,
      ...options.headers,
    },
  });
}

/** Pushes resources as one batch Bundle and waits until they have been dealt with. */
export async function push(bench: Bench, ...resources: readonly object[]): Promise<void> {
  const entry = resources.map((resource) => ({ resource }));
  const body = JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry });
  const { status } = await hook(bench, '', { body });
  if (status !== 200) throw new Error(`the hook was answered ${status}`);
  await drain(bench.instance);
}

/** The one issue of an OperationOutcome. */
export function issueOf(answer: Answer): OperationOutcome['issue'][number] {
  if (answer.headers['content-type'] !== 'application/fhir+json; charset=utf-8')
    throw new Error(`not FHIR JSON: ${answer.headers['content-type']}`);
  const outcome = JSON.parse(answer.body.toString('utf8')) as OperationOutcome;
  const issue = outcome.issue[0];
  if (outcome.resourceType !== 'OperationOutcome' || issue === undefined || outcome.issue.length !== 1)
    throw new Error('not an OperationOutcome of one issue');
  return issue;
}

/** Status, issue type and the code at the head of the diagnostics: `422 processing ADAPTER_UNPROCESSABLE`. */
export function refusalOf(answer: Answer): string {
  const { code, diagnostics = '' } = issueOf(answer);
  return [answer.status, code, /^[A-Z0-9_]+(?=:|$)/.exec(diagnostics)?.[0] ?? ''].join(' ').trim();
}

/** A patient of the bench's source who has enrolled and signed a consent to care, or what the choices say. */
export async function consenting(
  bench: Bench,
  patient: string,
  choices: ConsentChoices = {},
  source = bench.source.id,
): Promise<Wallet> {
  const wallet = await enrolWallet(servicesOf(bench.instance), source, patient);
  await sign(bench, wallet, choices);
  return wallet;
}

/** Signs and submits; waits until what it released has been judged again. */
export async function sign(bench: Bench, wallet: Wallet, choices: ConsentChoices = {}): Promise<void> {
  await bench.instance.consents.submit(signedBundle(wallet, consentFor(wallet, choices)));
  await drain(bench.instance);
}

/** All entries of the log, in order. */
export async function readLog(instance: Instance): Promise<LogEntry[]> {
  const { size } = instance.engine.head();
  const entries: LogEntry[] = [];
  for (let tile = 0; entries.length < size; tile++) {
    const width = tile < fullTiles(size, 0) ? TILE_WIDTH : partialWidth(size, 0);
    const bytes = await instance.engine.read(entriesPath(tile, width));
    for (const entry of decodeBundle(bytes ?? Buffer.alloc(0), width)) {
      const { type, tags, body } = JSON.parse(entry.toString('utf8')) as Omit<LogEntry, 'leaf'>;
      entries.push({ leaf: entries.length, type, tags, body });
    }
  }
  return entries;
}

/** Entry types since a size of the log, without the submissions' own leaves. */
export async function typesSince(instance: Instance, size: number): Promise<string[]> {
  const entries = await readLog(instance);
  return entries
    .slice(size)
    .map(({ type }) => type)
    .filter((type) => type !== 'submission');
}

export function logSize(instance: Instance): number {
  return instance.engine.head().size;
}

/** Names of the checks that an instance's log fails. */
export async function failedChecks(instance: Instance): Promise<string[]> {
  const report = await verifyLog(storeReader(instance.store));
  return report.checks.filter(({ ok }) => !ok).map(({ name }) => name);
}

/** Dead letters as `Type CODE expression`. */
export async function deadLetters(instance: Instance): Promise<string[]> {
  const letters: string[] = [];
  for await (const { type, code, expression } of instance.inbox.deadLetters())
    letters.push([type, code, expression ?? ''].join(' ').trim());
  return letters;
}
