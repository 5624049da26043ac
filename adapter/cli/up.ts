import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { AskPassphrase } from '../../ledger/vault/index.js';
import type { Config } from '../config.js';
import { AdapterError, codeOf } from '../errors.js';
import { openInstance } from '../instance/instance.js';
import type { Instance } from '../instance/instance.js';
import { adminSocketPath, clearRunning, operatorSocketPath, writeRunning } from '../instance/running.js';
import { stderrLogger } from '../logger.js';
import type { Logger } from '../logger.js';
import { listenOperator } from '../http/operator.js';
import { listenAdmin } from '../services/admin.js';
import { adminHandlers, operatorService } from '../services/admin-handlers.js';
import { DemoProcess } from '../services/demo-process.js';
import { drain } from '../services/drain.js';
import { WebhookDelivery } from '../services/webhooks/index.js';
import { ExportSchedule } from '../services/export-schedule.js';
import { serveHttp } from '../services/server.js';
import { refreshSeverity } from '../services/severity.js';
import { SourceChannels } from '../services/channels/index.js';
import { addSource } from '../services/source-admin.js';
import { Reconciliations } from '../services/reconciliation/index.js';
import { SourceReadings } from '../services/source-readings.js';
import { standBy } from '../services/stand-by.js';
import { summarise } from '../services/summary.js';
import { configOf } from './open.js';
import { renderSummary } from './render-summary.js';
import { passphraseOf } from './passphrase.js';
import { createTerminal } from './terminal.js';
import type { Terminal } from './terminal.js';

interface UpFlags {
  readonly demo?: boolean;
  readonly once?: boolean;
  readonly json?: boolean;
  readonly patients?: string;
  readonly host?: string;
  readonly port?: string;
}

/** The demo hospital's id as a source. */
const DEMO_SOURCE = 'demo-hospital';
const PATIENTS_DEFAULT = 600;
const PATIENTS_MAX = 1_000_000;
/** How often the live instance looks for patients to score, ms. */
const SCORE_MS = 2000;
/** How long `--once` waits for witnesses, ms. */
const WITNESSES_MS_MAX = 5000;

export function addUp(program: Command): void {
  program
    .command('up')
    .description('everything in one process: HTTP, queue, workers, ledger')
    .option(
      '--demo',
      'a demo hospital with synthetic patients and their consents; the folder is a demo for good',
    )
    .option('--once', 'end when the queues are empty, and print the summary')
    .option('--json', 'the summary is one JSON document on stdout, and nothing else is')
    .option('--patients <n>', `inpatients of a new demo hospital (default ${PATIENTS_DEFAULT})`)
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .option('--port <n>', 'port to listen on, 0 for any (default 8707)')
    .addHelpText(
      'after',
      '\nExamples:\n  firebreak up --demo\n  firebreak up --demo --once --json --patients 100',
    )
    .action(async (flags: UpFlags, command: Command) => {
      await up(flags, command);
    });
}

async function up(flags: UpFlags, command: Command): Promise<void> {
  const terminal = createTerminal(false);
  const { config } = configOf(command, {
    ...(flags.host === undefined ? {} : { host: flags.host }),
    ...(flags.port === undefined ? {} : { port: flags.port }),
  });
  const patients = patientsOf(flags.patients);
  const { logLevel } = command.optsWithGlobals<{ logLevel?: string }>();
  // A demo speaks to a person: its log starts where something goes wrong.
  const logger = stderrLogger(flags.demo === true && logLevel === undefined ? 'warn' : config.logLevel);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    // Asked for once: after a failure of the store nobody may be there to type it again.
    const passphrase = passphraseOf(config);
    const run = { config, passphrase, flags, patients, terminal, logger, stop: stop.signal };
    for (let ended = await runOnce(run, true); ended !== undefined;) {
      const { failure, port, summarised } = ended;
      if (stop.signal.aborted) return;
      if (flags.once === true) throw failure;
      terminal.say(`${failure.message} (${failure.code}); going on when it can be written again`);
      const { dataDir, diskReserveBytes, host } = config;
      await standBy({ dataDir, diskReserveBytes, host, port, failure, signal: stop.signal });
      if (stop.signal.aborted) return;
      ended = await runOnce({ ...run, config: { ...config, port } }, !summarised);
    }
  } finally {
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
  }
}

interface Run {
  readonly config: Config;
  readonly passphrase: AskPassphrase;
  readonly flags: UpFlags;
  readonly patients: number;
  readonly terminal: Terminal;
  readonly logger: Logger;
  readonly stop: AbortSignal;
}

/** What ended a run that nobody asked to end: the store took no more writes, and must be opened anew. */
interface StoreEnded {
  readonly failure: AdapterError;
  /** Where it listened, so that it can be found there again. */
  readonly port: number;
  readonly summarised: boolean;
}

/** Opens everything, works until told to stop, closes everything. */
async function runOnce(run: Run, withSummary: boolean): Promise<StoreEnded | undefined> {
  const { config, flags, patients, terminal, logger, stop } = run;
  const broken = new AbortController();
  const signal = AbortSignal.any([stop, broken.signal]);
  const ended: (() => Promise<unknown>)[] = [];
  let failure: AdapterError | undefined;
  let port = config.port;
  let summarised = !withSummary;
  try {
    const instance = await openInstance({
      config,
      demo: flags.demo === true ? true : undefined,
      logger,
      passphrase: run.passphrase,
      // What is taken lies in the inbox until Redis is there; who runs us once wants it worked on.
      mayWaitForRedis: flags.once !== true && flags.demo !== true,
      onStoreFailure: (error) => {
        failure = error;
        broken.abort();
      },
    });
    ended.push(() => instance.close());
    const readings = new SourceReadings(instance, signal);
    const reconciliations = new Reconciliations(instance, signal);
    ended.push(() => reconciliations.close());
    const exports = new ExportSchedule(instance, signal);
    ended.push(() => exports.close());
    const webhooks = new WebhookDelivery(instance);
    ended.push(() => webhooks.close());
    let address = config.publicUrl ?? '';
    const channels = new SourceChannels({ instance, readings, address: () => address, signal });
    ended.push(() => channels.close());
    const server = await serveHttp(
      instance,
      (source) => channels.hint(source),
      (source, notice) => channels.noticed(source, notice),
    );
    ended.push(() => server.close());
    address = config.publicUrl ?? server.address;
    port = Number(new URL(server.address).port);
    const adminSocket = adminSocketPath(config.dataDir);
    const admin = await listenAdmin(adminSocket, adminHandlers(instance, readings, reconciliations));
    ended.push(() => admin.close());
    const operatorSocket = operatorSocketPath(config.dataDir);
    const operator = await listenOperator(operatorSocket, operatorService(instance, server.metrics));
    ended.push(() => operator.close());
    const startedAt = new Date().toISOString();
    writeRunning(config.dataDir, {
      pid: process.pid,
      command: 'up',
      startedAt,
      adminSocket,
      operatorSocket,
      address: server.address,
    });
    ended.push(async () => clearRunning(config.dataDir));
    terminal.say(
      instance.identity.demo
        ? `Firebreak DEMO ${instance.identity.origin}: all patients are synthetic. Listening on ${server.address}`
        : `Firebreak ${instance.identity.origin}. Listening on ${server.address}`,
    );

    if (flags.demo === true) {
      const demo = new DemoProcess();
      ended.push(() => demo.stop());
      await runDemo({ instance, readings, demo, terminal, flags, patients, address: server.address, signal });
    } else {
      if (instance.identity.demo) terminal.say('this folder is a demo; add --demo to run its hospital too');
      const servers = instance.sources.list().filter(({ kind }) => kind === 'fhir');
      // A source that is away costs its own turn: the others are read, and it is said.
      if (flags.once === true) await Promise.allSettled(servers.map(({ id }) => readings.read(id)));
    }
    if (!summarised && (flags.demo === true || flags.once === true)) {
      await summariseRun(instance, run, flags.once === true ? undefined : server.address, signal);
      summarised = true;
    }
    // Who runs us once wants what it did to be published too.
    if (flags.once === true)
      await instance.witnessing.covering(instance.engine.head().size, WITNESSES_MS_MAX);
    if (flags.once !== true) channels.start();
    if (flags.once !== true) await live(instance, terminal, server.address, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (stop.aborted) terminal.say('stopping');
    for (const end of ended.toReversed()) {
      await end().catch((error: unknown) => logger.error('stop failed', { code: codeOf(error) }));
    }
  }
  return failure === undefined ? undefined : { failure, port, summarised };
}

/** Waits until all is dealt with, scores, verifies the whole log, and prints the summary. */
async function summariseRun(
  instance: Instance,
  { flags, terminal }: Run,
  address: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  await drain(instance, (pending) => terminal.progress(`${pending} events at work`), signal);
  const severity = await refreshSeverity(instance, undefined, (line) => terminal.progress(line));
  instance.touched.clear();
  terminal.progress('verifying the log');
  const summary = await summarise(instance, severity, address);
  terminal.print(flags.json === true ? JSON.stringify(summary) : renderSummary(summary));
  if (!summary.verify.ok) throw new AdapterError('ADAPTER_CONFLICT', 'the log does not verify');
}

interface DemoRun {
  readonly instance: Instance;
  readonly readings: SourceReadings;
  readonly demo: DemoProcess;
  readonly terminal: Terminal;
  readonly flags: UpFlags;
  readonly patients: number;
  readonly address: string;
  readonly signal: AbortSignal;
}

/** Brings the demo hospital up, registers it, reads its history, and waits until its plan is done. */
async function runDemo({
  instance,
  readings,
  demo,
  terminal,
  flags,
  patients,
  address,
  signal,
}: DemoRun): Promise<void> {
  demo.on((news) => {
    if (news.type === 'progress') terminal.progress(news.text);
  });
  terminal.progress(`the demo hospital opens with ${patients} inpatients`);
  const opened = demo.next('hospital', signal);
  demo.send({ type: 'start', dataDir: instance.config.dataDir, patients, firebreakUrl: address });
  const { url, token, csr, name } = await opened;
  const source = await addSource(instance, {
    id: DEMO_SOURCE,
    url,
    name,
    credential: { kind: 'bearer', token },
    csr,
    allowResearch: true,
    allowWrites: true,
    ifMissing: true,
  });
  terminal.say(`source ${source.id}: a FHIR R4 server at ${url}`);
  const settled = demo.next('settled', signal);
  demo.send({
    type: 'connect',
    firebreakUrl: address,
    source: source.id,
    secret: source.secret,
    once: flags.once === true,
  });
  await readings.read(source.id, ({ types, typesTotal, resources }) =>
    terminal.progress(
      `reading history: ${types} of ${typesTotal} types, ${resources} resources, ${instance.engine.head().size} log entries`,
    ),
  );
  await settled;
}

/** The instance at work: new records are scored as they come, until it is told to stop. */
async function live(
  instance: Instance,
  terminal: Terminal,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  terminal.say(`listening; check the log with: firebreak verify ${address}/log   (Ctrl-C stops)`);
  while (!signal.aborted) {
    // Told to stop, the pause ends at once, by an error that says no more than the signal does.
    await sleep(SCORE_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const { stored, denied } = instance.statistics.pipeline;
    terminal.progress(
      `log ${instance.engine.head().size} entries; stored ${stored}, denied ${denied}, pending ${instance.inbox.pendingCount}`,
    );
    if (instance.touched.size === 0 || !instance.isIdle()) continue;
    const keys = new Set(instance.touched);
    instance.touched.clear();
    await refreshSeverity(instance, keys);
  }
}

function patientsOf(text: string | undefined): number {
  if (text === undefined) return PATIENTS_DEFAULT;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > PATIENTS_MAX) {
    throw new AdapterError('ADAPTER_USAGE', `--patients takes a whole number from 1 to ${PATIENTS_MAX}`);
  }
  return value;
}
