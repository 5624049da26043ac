import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config.js';
import { messageOf } from '../errors.js';
import { readRunning } from '../instance/running.js';
import { findRedisBinary } from '../queue/redis-binary.js';
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
  return findings;
}
