/** `firebreak witness`: follows logs, cosigns what extends them, keeps evidence of what cannot. */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { parseVkey } from '../../ledger/log/index.js';
import { AdapterError } from '../errors.js';
import { openStore } from '../instance/store.js';
import { stderrLogger } from '../logger.js';
import type { LogLevel } from '../logger.js';
import {
  auditor,
  EvidenceFolder,
  Follower,
  openWitnessKey,
  readPolicyFile,
  serveWitness,
  Witness,
  WitnessStore,
} from '../services/witness/index.js';
import type { Followed } from '../services/witness/index.js';
import { EXIT } from './exit.js';
import { createTerminal } from './terminal.js';
import type { Terminal } from './terminal.js';
import { checkedVkey, printEvidence } from './witness-evidence.js';

interface WitnessFlags {
  readonly dir?: string;
  readonly replay?: boolean;
  readonly name?: string;
  readonly vkey: readonly string[];
  readonly policy?: string;
  readonly host: string;
  readonly port: string;
  readonly interval: string;
  readonly once?: boolean;
  readonly json?: boolean;
}

const DIR = './.firebreak-witness';
/** An auditor's key says more than a witness's, so the two never share a folder. */
const AUDITOR_DIR = './.firebreak-auditor';
const PORT = '8708';
const INTERVAL_S = '10';
const INTERVAL_S_MAX = 86_400;

export function addWitness(program: Command): void {
  const witness = program
    .command('witness')
    .description('follow logs, cosign each checkpoint that extends them, keep evidence of one that cannot')
    .argument('[log...]', 'address of a log, or its verifier key when it comes to us by itself')
    .option('--dir <dir>', `folder of key, state and evidence (default ${DIR}; with --replay ${AUDITOR_DIR})`)
    .option(
      '--replay',
      'be an auditor: read every entry, rebuild the state, and cosign only what keeps all rules',
    )
    .option('--name <name>', 'name in the cosignatures of a new witness, such as witness.example/w1')
    .option('--vkey <key>', 'trusted key of a log; may be repeated', collect, [])
    .option('--policy <file>', 'C2SP policy file: its logs are followed and trusted')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <n>', 'port to listen on, 0 for any', PORT)
    .option('--interval <s>', 'seconds from one look at a log to the next', INTERVAL_S)
    .option('--once', 'look at each log once, print what came of it, and end; nothing listens')
    .option('--json', 'print results as JSON lines')
    .addHelpText(
      'after',
      `
Examples:
  firebreak witness http://127.0.0.1:8707/log --vkey firebreak.example/…+…
  firebreak witness --policy logs.policy --once
  firebreak witness http://127.0.0.1:8707/log --replay --port 8709
  firebreak witness evidence
Without --vkey a log's own key is believed at first sight, and from then on no other. With --once, exits 1 when
a log was refused. An auditor has a key and a folder of its own; it keeps the heads that it cosigned, and reads a
log anew from its first entry when it starts.`,
    )
    .action(async (logs: readonly string[], flags: WitnessFlags, command: Command) => {
      const { logLevel } = command.optsWithGlobals<{ logLevel?: LogLevel }>();
      await runWitness(logs, flags, logLevel ?? 'warn');
    });
  witness
    .command('evidence')
    .description('print and judge the evidence that was kept, or given files')
    .argument('[file...]', 'files of evidence; without any, those of --dir')
    .option('--vkey <key>', 'trusted key of the log; without it the file’s own is believed', collect, [])
    .option('--json', 'print as JSON lines')
    .addHelpText(
      'after',
      `
Example:
  firebreak witness evidence fork.json --vkey firebreak.example/…+…
Needs no network. Given files, exits 1 unless each proves that a log contradicted itself.`,
    )
    .action(async (files: readonly string[], _flags: unknown, command: Command) => {
      // The witness has options of these names too: whichever command they were given to, they are meant.
      const flags = command.optsWithGlobals<Pick<WitnessFlags, 'dir' | 'json' | 'vkey'>>();
      const own = command.opts<{ vkey: readonly string[] }>().vkey;
      await printEvidence(files, {
        ...flags,
        dir: folderOf(witness.opts<WitnessFlags>()),
        vkey: [...own, ...(witness.opts<WitnessFlags>().vkey ?? [])],
      });
    });
}

async function runWitness(logs: readonly string[], flags: WitnessFlags, level: LogLevel): Promise<void> {
  const terminal = createTerminal(flags.json === true);
  const intervalMs = 1000 * whole(flags.interval, '--interval', 1, INTERVAL_S_MAX);
  const port = whole(flags.port, '--port', 0, 65_535);
  const policy = flags.policy === undefined ? undefined : readPolicyFile(resolve(flags.policy));
  const pushed = logs.filter((log) => !isAddress(log));
  const urls = new Set(logs.filter(isAddress));
  for (const { url, vkey } of policy?.logs ?? []) {
    if (url === undefined) pushed.push(vkey);
    else urls.add(url);
  }
  if (urls.size + pushed.length === 0)
    throw new AdapterError('ADAPTER_USAGE', 'name a log by its address or its verifier key');
  const vkeys = [...flags.vkey, ...(policy?.logs ?? []).map(({ vkey }) => vkey)].map(checkedVkey);

  if (flags.replay === true && pushed.length > 0) {
    throw new AdapterError('ADAPTER_USAGE', 'an auditor reads the entries: name each log by its address');
  }
  const dir = folderOf(flags);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const logger = stderrLogger(level);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  // Its lock also keeps a second witness from this key.
  const store = await openStore(dir);
  try {
    const heads = new WitnessStore(store);
    const cosigner = await openWitnessKey(dir, flags.name, flags.replay === true ? 'auditor' : 'witness');
    const evidence = new EvidenceFolder(dir);
    const onProgress = (origin: string, read: number, size: number): void =>
      terminal.progress(`${origin}: ${read} of ${size} entries read`);
    const witness = new Witness({
      cosigner,
      heads,
      evidence,
      nowMs: Date.now,
      logger,
      ...(flags.replay === true ? { replay: auditor({ findings: evidence, logger, onProgress }) } : {}),
    });
    watchPushed(witness, pushed.map(checkedVkey));
    const followers = [...urls].map((url) => new Follower({ url, witness, pins: heads, vkeys }));
    terminal.say(`${flags.replay === true ? 'auditor' : 'witness'} ${cosigner.vkey}`);
    if (flags.once === true) {
      const outcomes: Followed['outcome'][] = [];
      for (const follower of followers) outcomes.push(await lookAndTell(follower, terminal, flags));
      if (outcomes.includes('refused')) process.exitCode = EXIT.negative;
      else if (outcomes.includes('unreachable')) process.exitCode = EXIT.failure;
      return;
    }
    const server = await serveWitness(witness, { host: flags.host, port, logger });
    terminal.say(`listening on ${server.address}; Ctrl-C stops`);
    try {
      const following = followers.map((follower) =>
        follow(follower, intervalMs, terminal, flags, stop.signal).catch((error: unknown) => {
          // What a look throws is the store's failure: nothing can be cosigned any more.
          stop.abort();
          throw error;
        }),
      );
      await Promise.allSettled(following);
      await Promise.all(following);
      await untilStopped(stop.signal);
    } finally {
      await server.close();
    }
  } finally {
    await store.close();
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
  }
}

/** Logs that we know by key alone: they ask, we do not look. */
function watchPushed(witness: Witness, vkeys: readonly string[]): void {
  const byOrigin = new Map<string, ReturnType<typeof parseVkey>[]>();
  for (const vkey of vkeys) {
    const verifier = parseVkey(vkey);
    byOrigin.set(verifier.name, [...(byOrigin.get(verifier.name) ?? []), verifier]);
  }
  for (const [origin, verifiers] of byOrigin) witness.watch({ origin, verifiers });
}

/** Looks again and again; what is the same as last time is not told again. */
async function follow(
  follower: Follower,
  intervalMs: number,
  terminal: Terminal,
  flags: WitnessFlags,
  signal: AbortSignal,
): Promise<void> {
  let told = '';
  while (!signal.aborted) {
    const followed = await follower.look();
    const text = tell(follower, followed, flags.json === true);
    if (followed.outcome !== 'unchanged' && text !== told) say(terminal, text, flags);
    told = text;
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}

async function lookAndTell(
  follower: Follower,
  terminal: Terminal,
  flags: WitnessFlags,
): Promise<Followed['outcome']> {
  const followed = await follower.look();
  terminal.print(tell(follower, followed, flags.json === true));
  return followed.outcome;
}

function say(terminal: Terminal, text: string, flags: WitnessFlags): void {
  if (flags.json === true) terminal.print(text);
  else terminal.say(text);
}

function tell({ url, origin }: Follower, followed: Followed, json: boolean): string {
  if (!('code' in followed)) {
    const { size, root } = followed.checkpoint;
    const { outcome } = followed;
    const note = followed.note.toString('utf8');
    return json
      ? JSON.stringify({ log: url, origin, outcome, size, root: root.toString('base64'), note })
      : `${outcome} ${origin ?? url} at size ${size}, root ${root.toString('base64')}`;
  }
  const { outcome, code } = followed;
  const evidence = followed.outcome === 'refused' ? followed.evidence : [];
  return json
    ? JSON.stringify({ log: url, origin, outcome, code, evidence })
    : [`${outcome} ${origin ?? url}: ${code}`, ...evidence.map((path) => `  evidence in ${path}`)].join('\n');
}

/** Where key, state and evidence lie. */
function folderOf({ dir, replay }: Pick<WitnessFlags, 'dir' | 'replay'>): string {
  return resolve(dir ?? (replay === true ? AUDITOR_DIR : DIR));
}

function isAddress(log: string): boolean {
  return /^https?:\/\//.test(log);
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function whole(text: string, flag: string, min: number, max: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max))
    throw new AdapterError('ADAPTER_USAGE', `${flag} takes a whole number from ${min} to ${max}`);
  return value;
}

async function untilStopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((done) => {
    signal.addEventListener('abort', () => done(), { once: true });
  });
}
