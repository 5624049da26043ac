import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config.js';
import { messageOf } from '../errors.js';
import { readRunning } from '../instance/running.js';
import { findRedisBinary } from '../queue/redis-binary.js';
import { askAdmin } from '../services/admin.js';
import type { SourceHealth } from '../services/source-health.js';
import { configuredWitnesses } from '../services/witness/index.js';
import type { WitnessingReport, WitnessReport } from '../services/witness/index.js';
import { EXIT } from './exit.js';
import { configOf } from './open.js';
import { createTerminal } from './terminal.js';

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check the set-up, and tell where each value of the configuration came from')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak doctor --data ./.firebreak')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const { config, origins } = configOf(command);
      const findings = await examine(config);
      const ok = findings.every((finding) => finding.ok);
      const rows = [
        ...findings.map(
          ({ check, ok: good, detail }) => `${good ? 'ok  ' : 'FAIL'} ${check.padEnd(14)} ${detail}`,
        ),
        '',
        ...(Object.keys(origins) as (keyof Config)[]).map(
          (name) => `${name.padEnd(18)} ${String(config[name] ?? '-').padEnd(28)} ${origins[name]}`,
        ),
      ];
      createTerminal(false).print(
        flags.json === true ? JSON.stringify({ ok, findings, config, origins }) : rows.join('\n'),
      );
      process.exitCode = ok ? EXIT.success : EXIT.negative;
    });
}

/** How long a program may take to tell its version, ms. */
const VERSION_MS_MAX = 5000;

function redisVersion(path: string, libraryPath: string | undefined): string | undefined {
  const { status, stdout } = spawnSync(path, ['--version'], {
    encoding: 'utf8',
    timeout: VERSION_MS_MAX,
    ...(libraryPath === undefined ? {} : { env: { LD_LIBRARY_PATH: libraryPath } }),
  });
  return status === 0 ? /\bv=(\d[.\d]*)/.exec(stdout)?.[1] : undefined;
}

async function examine(config: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  findings.push({
    check: 'node',
    ok: major > 20 || (major === 20 && minor >= 19),
    detail: `${process.versions.node}; 20.19 or newer is needed`,
  });
  if (config.redisUrl === undefined) {
    const { path, libraryPath } = findRedisBinary(config.redisServer);
    const version = redisVersion(path, libraryPath);
    findings.push({
      check: 'redis',
      ok: version !== undefined,
      detail:
        version === undefined
          ? `${path} does not run: install redis-server, or name one in redisServer or redisUrl`
          : `private, ${version} by ${path}`,
    });
  } else {
    findings.push({ check: 'redis', ok: true, detail: `your own, at ${new URL(config.redisUrl).host}` });
  }
  const folder = existsSync(config.dataDir) ? config.dataDir : dirname(config.dataDir);
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    findings.push({
      check: 'data folder',
      ok: free > config.diskReserveBytes,
      detail: `${config.dataDir}, ${Math.round(free / 1024 / 1024)} MiB free`,
    });
  } catch (error) {
    findings.push({ check: 'data folder', ok: false, detail: messageOf(error) });
  }
  const running = readRunning(config.dataDir);
  findings.push({
    check: 'instance',
    ok: true,
    detail:
      running === undefined ? 'none runs here' : `process ${running.pid}, ${running.address ?? 'no address'}`,
  });
  findings.push({
    check: 'log audience',
    ok: true,
    detail:
      config.logAudience === 'machine' ? '/log/ is for this machine' : `/log/ is for ${config.logAudience}`,
  });
  findings.push(...(await examineWitnesses(config, running?.adminSocket)));
  findings.push(...(await examineSources(config, running?.adminSocket)));
  return findings;
}

/** How the sources do, by the running instance's word: it alone has their credentials and knows what waits. */
async function examineSources(config: Config, adminSocket: string | undefined): Promise<Finding[]> {
  const check = 'sources';
  if (adminSocket === undefined) {
    const detail = existsSync(join(config.dataDir, 'store'))
      ? 'asked while an instance runs; firebreak source test ID asks one without it'
      : 'no folder yet: firebreak source add URL, or firebreak client add --push ID';
    return [{ check, ok: true, detail }];
  }
  try {
    const sources = (await askAdmin(
      adminSocket,
      { command: 'source-health', args: {} },
      () => undefined,
    )) as SourceHealth[];
    if (sources.length === 0)
      return [
        { check, ok: true, detail: 'none: firebreak source add URL, or firebreak client add --push ID' },
      ];
    return sources.flatMap(findingsOf);
  } catch (error) {
    return [{ check, ok: false, detail: messageOf(error) }];
  }
}

/** One line for a source that is well; for another, one for each thing that is not; and what there is to do. */
function findingsOf({ id, kind, ok, checks, traffic }: SourceHealth): Finding[] {
  const check = `source ${id}`;
  const server = checks.find((one) => one.check === 'server')?.detail;
  const lag = checks.find((one) => one.check === 'lag')?.detail ?? '';
  const about = [
    kind,
    ...(server === undefined ? [] : [server]),
    lag,
    `${traffic.received} events in this run`,
  ];
  const told = checks.filter((one) => !one.ok || one.advice !== undefined);
  return [
    ...(ok ? [{ check, ok, detail: about.join('; ') }] : []),
    ...told.map((one) => ({
      check,
      ok: one.ok,
      detail: `${one.check}: ${one.detail}${one.advice === undefined ? '' : `. ${one.advice}`}`,
    })),
  ];
}

/** What is wrong with the policy, or how its witnesses do by the word of the running instance. */
async function examineWitnesses(config: Config, adminSocket: string | undefined): Promise<Finding[]> {
  const check = 'witnesses';
  try {
    const configured = configuredWitnesses(config);
    if (configured === undefined)
      return [
        { check, ok: true, detail: 'none: name a policy in witnessPolicy, so that a fork is found out' },
      ];
    const count = configured.policy.witnesses.length;
    const quorum = configured.policy.quorum ?? 'none';
    const policy = `${count} in ${config.witnessPolicy ?? ''}, quorum ${quorum}`;
    if (adminSocket === undefined)
      return [{ check, ok: true, detail: `${policy}; asked while an instance runs` }];
    const report = (await askAdmin(
      adminSocket,
      { command: 'witnesses', args: {} },
      () => undefined,
    )) as WitnessingReport | null;
    if (report === null)
      return [{ check, ok: false, detail: `${policy}; the running instance has no policy: start it anew` }];
    const { published, size } = report;
    return [
      {
        check,
        ok: published === size || configured.policy.quorum === undefined || report.witnesses.every(isWell),
        detail: `${policy}; published ${published} of ${size} entries`,
      },
      ...report.witnesses.map((one) => ({
        check: `witness ${one.name}`,
        ok: isWell(one),
        detail: tell(one),
      })),
    ];
  } catch (error) {
    return [{ check, ok: false, detail: messageOf(error) }];
  }
}

/** Not asked yet is no fault; that it knows a newer checkpoint is none either. */
function isWell({ outcome, code }: WitnessReport): boolean {
  return outcome === 'cosigned' || outcome === 'not-asked' || code === 'witness-knows-a-newer-one';
}

function tell({ outcome, code, size, lag, atMs, url }: WitnessReport): string {
  const last = atMs === undefined ? '' : `, ${new Date(atMs).toISOString()}`;
  const why = code === undefined ? '' : ` (${ADVICE[code] ?? code})`;
  return `${outcome}${why}${last}; cosigned ${size} entries, ${lag} behind; ${url}`;
}

/** What is behind a code, where that can be said. */
const ADVICE: Readonly<Record<string, string>> = {
  'witness-is-ahead': 'it saw a larger tree of this log: was an older backup restored?',
  'witness-saw-another-root': 'it saw another tree of this size: two logs have one key',
  'no-good-cosignature': 'its answer does not check under the key in the policy',
  'status-403': 'status-403: it has another key for this log',
  'status-404': 'status-404: it does not know this log; give it the log’s verifier key',
  'status-422': 'status-422: it says that this log does not extend what it saw',
};
