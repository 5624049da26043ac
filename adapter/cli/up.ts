import type { Command } from 'commander';
import { AdapterError, codeOf } from '../errors.js';
import { openInstance } from '../instance/instance.js';
import type { Instance } from '../instance/instance.js';
import { adminSocketPath, clearRunning, writeRunning } from '../instance/running.js';
import { stderrLogger } from '../logger.js';
import { listenAdmin } from '../services/admin.js';
import { adminHandlers } from '../services/admin-handlers.js';
import { DemoProcess } from '../services/demo-process.js';
import { drain } from '../services/drain.js';
import { serveHttp } from '../services/server.js';
import { refreshSeverity } from '../services/severity.js';
import type { SeverityOutcome } from '../services/severity.js';
import { addSource, syncSource } from '../services/source-admin.js';
import { summarise } from '../services/summary.js';
import { configOf } from './open.js';
import { renderSummary } from './render-summary.js';
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
  const ended: (() => Promise<unknown>)[] = [];
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    const instance = await openInstance({ config, demo: flags.demo === true ? true : undefined, logger });
    ended.push(() => instance.close());
    const catchUp = catchUpOf(instance, stop.signal);
    const server = await serveHttp(instance, catchUp);
    ended.push(() => server.close());
    const adminSocket = adminSocketPath(config.dataDir);
    const admin = await listenAdmin(adminSocket, adminHandlers(instance));
    ended.push(() => admin.close());
    const startedAt = new Date().toISOString();
    writeRunning(config.dataDir, {
      pid: process.pid,
      command: 'up',
      startedAt,
      adminSocket,
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
      await runDemo({
        instance,
        demo,
        terminal,
        flags,
        patients,
        address: server.address,
        signal: stop.signal,
      });
    } else {
      if (instance.identity.demo) terminal.say('this folder is a demo; add --demo to run its hospital too');
      await Promise.all(
        instance.sources.list().map(async ({ id, kind }) => (kind === 'fhir' ? catchUp(id) : undefined)),
      );
    }
    let severity: SeverityOutcome | undefined;
    if (flags.demo === true || flags.once === true) {
      await drain(instance, (pending) => terminal.progress(`${pending} events at work`), stop.signal);
      severity = await refreshSeverity(instance, undefined, (line) => terminal.progress(line));
      instance.touched.clear();
      terminal.progress('verifying the log');
      const summary = await summarise(instance, severity, flags.once === true ? undefined : server.address);
      terminal.print(flags.json === true ? JSON.stringify(summary) : renderSummary(summary));
      if (!summary.verify.ok) throw new AdapterError('ADAPTER_CONFLICT', 'the log does not verify');
    }
    if (flags.once !== true) await live(instance, terminal, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    if (stop.signal.aborted) terminal.say('stopping');
    for (const end of ended.toReversed()) {
      await end().catch((error: unknown) => logger.error('stop failed', { code: codeOf(error) }));
    }
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
  }
}

interface DemoRun {
  readonly instance: Instance;
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
    bearerToken: token,
    csr,
    allowResearch: true,
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
  await syncSource(
    instance,
    source.id,
    ({ types, typesTotal, resources }) =>
      terminal.progress(
        `reading history: ${types} of ${typesTotal} types, ${resources} resources, ${instance.engine.head().size} log entries`,
      ),
    signal,
  );
  await settled;
}

/** The instance at work: new records are scored as they come, until it is told to stop. */
async function live(instance: Instance, terminal: Terminal, signal: AbortSignal): Promise<void> {
  terminal.say('listening; Ctrl-C stops');
  while (!signal.aborted) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, SCORE_MS);
      signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
    if (signal.aborted) return;
    const { stored, waiting, denied } = instance.statistics.pipeline;
    terminal.progress(
      `log ${instance.engine.head().size} entries; stored ${stored}, waiting ${waiting}, denied ${denied}, pending ${instance.inbox.pendingCount}`,
    );
    if (instance.touched.size === 0 || !instance.isIdle()) continue;
    const keys = new Set(instance.touched);
    instance.touched.clear();
    await refreshSeverity(instance, keys);
  }
}

/** One reading of a source at a time; asked again meanwhile, it is read once more afterwards. */
function catchUpOf(instance: Instance, signal: AbortSignal): (id: string) => void {
  const running = new Map<string, { again: boolean }>();
  return (id) => {
    const present = running.get(id);
    if (present !== undefined) {
      present.again = true;
      return;
    }
    const state = { again: false };
    running.set(id, state);
    void (async () => {
      try {
        do {
          state.again = false;
          await syncSource(instance, id, () => undefined, signal);
        } while (state.again && !signal.aborted);
      } catch (error) {
        if (!signal.aborted) instance.logger.warn('source not read', { source: id, code: codeOf(error) });
      } finally {
        running.delete(id);
      }
    })();
  };
}

function patientsOf(text: string | undefined): number {
  if (text === undefined) return PATIENTS_DEFAULT;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > PATIENTS_MAX) {
    throw new AdapterError('ADAPTER_USAGE', `--patients takes a whole number from 1 to ${PATIENTS_MAX}`);
  }
  return value;
}
