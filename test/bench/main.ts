/**
 * `npm run bench`: measures, and prints a table, or with `--json` one array of results on stdout. Progress goes to
 * stderr.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import type { Bench, Measured, Reported } from './bench.js';
import { report } from './bench.js';
import { claimsBench } from './claims.js';
import { decideBench } from './decide.js';
import { deidentifyBench } from './deidentify.js';
import { endToEnd } from './end-to-end.js';
import { erasureBench } from './erasure.js';
import { exportBench } from './export.js';
import { exportGrowth } from './export-growth.js';
import { exportAgainstHapi } from './export-hapi.js';
import { facadeBench } from './facade.js';
import { facadeSearch } from './facade-search.js';
import { memory } from './memory.js';
import { portal } from './portal.js';
import { hookLatency } from './hook-latency.js';
import { largeBinary } from './large-binary.js';
import { logAppend } from './log-append.js';
import { logCommit } from './log-commit.js';
import { logFlat, logMapFlat } from './log-flat.js';
import { mapBench } from './map.js';
import { againstHapi } from './against-hapi.js';
import { nearest } from './nearest.js';
import { proofCheck } from './proof-check.js';
import { studyReportBench } from './report.js';
import { scaleBench } from './scale.js';
import { scoringBench } from './scoring.js';
import { severityFit } from './severity-fit.js';
import { stateMapBench } from './state-map.js';
import { table } from './table.js';
import { tokensBench } from './tokens.js';
import { approvalBench } from './approval.js';
import { verifyBench } from './verify.js';
import { viewsBench } from './views.js';
import { viewsEnginesBench } from './views-engines.js';

const BENCHES: readonly Bench[] = [
  endToEnd,
  againstHapi,
  hookLatency,
  facadeBench,
  facadeSearch,
  exportBench,
  exportGrowth,
  exportAgainstHapi,
  deidentifyBench,
  claimsBench,
  memory,
  portal,
  logAppend,
  logCommit,
  logFlat,
  logMapFlat,
  verifyBench,
  stateMapBench,
  proofCheck,
  erasureBench,
  largeBinary,
  mapBench,
  decideBench,
  studyReportBench,
  tokensBench,
  approvalBench,
  severityFit,
  scaleBench,
  scoringBench,
  viewsBench,
  viewsEnginesBench,
];
/** First argument of the process that measures one bench. */
const MEASURE = 'measure';
const NAMES = BENCHES.flatMap(allNames);

const USAGE = `Usage: npm run bench -- [--json] [--only NAME]… [--list]

  --json       print one JSON array of results on stdout, and nothing else
  --only NAME  run this bench alone; may be given more than once
  --list       print the names
Figures that take long or need more (log-flat-10m, end-to-end-hapi) are taken only by name. Without --json a table is printed. Progress goes to stderr.`;

function allNames({ names, namesOnRequest = [] }: Bench): readonly string[] {
  return [...names, ...namesOnRequest];
}

interface Asked {
  readonly json: boolean;
  readonly only: readonly string[];
  readonly list: boolean;
  readonly help: boolean;
}

class UsageError extends Error {}

function read(args: readonly string[]): Asked {
  const asked = { json: false, only: [] as string[], list: false, help: false };
  for (let i = 0; i < args.length; i++) {
    const [flag = '', ...rest] = (args[i] ?? '').split('=');
    const given = rest.length === 0 ? undefined : rest.join('=');
    if (flag === '--only') {
      const name = given ?? args[++i];
      if (name === undefined || name.startsWith('--'))
        throw new UsageError('--only takes the name of a bench');
      if (!NAMES.includes(name)) throw unknown('bench', name, NAMES);
      asked.only.push(name);
    } else if (flag === '--json' && given === undefined) asked.json = true;
    else if (flag === '--list' && given === undefined) asked.list = true;
    else if (flag === '--help' || flag === '-h') asked.help = true;
    else throw unknown('argument', args[i] ?? '', ['--json', '--only', '--list', '--help']);
  }
  return asked;
}

function unknown(what: string, given: string, known: readonly string[]): UsageError {
  return new UsageError(`unknown ${what} ${given}; did you mean ${nearest(given, known)}?`);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function run(only: readonly string[]): Promise<Reported[]> {
  const reported: Reported[] = [];
  for (const bench of BENCHES) {
    const wanted = only.length === 0 ? bench.names : allNames(bench).filter((name) => only.includes(name));
    if (wanted.length === 0) continue;
    say(`${wanted.join(', ')}: ${bench.about}`);
    const measured = await measureApart(wanted);
    for (const figures of measured) if (wanted.includes(figures.bench)) reported.push(report(figures));
  }
  return reported;
}

/** Runs a bench in a process of its own, so that what another left on the heap or had compiled does not count. */
async function measureApart(names: readonly string[]): Promise<readonly Measured[]> {
  const child = fork(fileURLToPath(import.meta.url), [MEASURE, ...names], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let measured: readonly Measured[] | undefined;
  child.on('message', (message) => (measured = message as readonly Measured[]));
  const end = (): void => void child.kill('SIGTERM');
  process.on('SIGTERM', end).on('SIGINT', end);
  const [code] = (await once(child, 'exit')) as [number | null];
  process.off('SIGTERM', end).off('SIGINT', end);
  if (code !== 0 || measured === undefined) throw new Error(`${names.join(', ')} failed`);
  return measured;
}

/** The child's side. */
async function measure(asked: readonly string[]): Promise<void> {
  process.once('disconnect', endSelf);
  const bench = BENCHES.find((each) => allNames(each).some((name) => asked.includes(name)));
  const measured = await bench?.run({ say: (text) => say(`  ${text}`), asked });
  process.send?.(measured);
  process.off('disconnect', endSelf);
}

/** Whoever asked is gone: what the bench has started must go too. */
function endSelf(): void {
  process.kill(process.pid, 'SIGTERM');
}

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === MEASURE && process.send !== undefined) {
    await measure(args.slice(1));
    process.disconnect();
    return 0;
  }
  const asked = read(args);
  if (asked.help) process.stdout.write(`${USAGE}\n`);
  else if (asked.list) {
    if (asked.json) process.stdout.write(`${JSON.stringify(NAMES)}\n`);
    else {
      for (const bench of BENCHES) {
        for (const name of allNames(bench)) process.stdout.write(`${name.padEnd(18)} ${bench.about}\n`);
      }
    }
  } else {
    const reported = await run(asked.only);
    process.stdout.write(
      asked.json ? `${JSON.stringify(reported.map(({ result }) => result))}\n` : `${table(reported)}\n`,
    );
  }
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    say(`bench: ${error.message}\n${USAGE}`);
    process.exitCode = 2;
  } else {
    say(`bench: ${error instanceof Error ? inspect(error) : String(error)}`);
    process.exitCode = 3;
  }
}
