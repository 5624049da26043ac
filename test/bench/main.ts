/**
 * `npm run bench`: measures, and prints a table, or with `--json` one array of results on stdout. Progress goes to
 * stderr.
 */
import type { Bench, Reported } from './bench.js';
import { report } from './bench.js';
import { decideBench } from './decide.js';
import { endToEnd } from './end-to-end.js';
import { hookLatency } from './hook-latency.js';
import { logAppend } from './log-append.js';
import { mapBench } from './map.js';
import { nearest } from './nearest.js';
import { severityFit } from './severity-fit.js';
import { table } from './table.js';
import { verifyBench } from './verify.js';

const BENCHES: readonly Bench[] = [
  endToEnd,
  hookLatency,
  logAppend,
  verifyBench,
  mapBench,
  decideBench,
  severityFit,
];
const NAMES = BENCHES.flatMap(({ names }) => names);

const USAGE = `Usage: npm run bench -- [--json] [--only NAME]… [--list]

  --json       print one JSON array of results on stdout, and nothing else
  --only NAME  run this bench alone; may be given more than once
  --list       print the names`;

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
      if (name === undefined || name.startsWith('--')) throw new UsageError('--only takes the name of a bench');
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
    const wanted = bench.names.filter((name) => only.length === 0 || only.includes(name));
    if (wanted.length === 0) continue;
    say(`${bench.names.join(', ')}: ${bench.about}`);
    const measured = await bench.run({ say: (text) => say(`  ${text}`) });
    for (const figures of measured) if (wanted.includes(figures.bench)) reported.push(report(figures));
  }
  return reported;
}

async function main(args: readonly string[]): Promise<number> {
  const asked = read(args);
  if (asked.help) process.stdout.write(`${USAGE}\n`);
  else if (asked.list) {
    if (asked.json) process.stdout.write(`${JSON.stringify(NAMES)}\n`);
    else {
      for (const { names, about } of BENCHES) {
        for (const name of names) process.stdout.write(`${name.padEnd(18)} ${about}\n`);
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
    say(`bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exitCode = 3;
  }
}
