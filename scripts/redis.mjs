/**
 * A `redis-server` for the private Redis: the one that is there, or one from the system's packages. What is found
 * is noted in `.setup/redis.json`, where `adapter/queue/redis-binary.ts` reads it.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { downloadDebianRedis } from './redis-debian.mjs';
import { runQuietly } from './run.mjs';
import { SetupError, say } from './say.mjs';

/** BullMQ's recommended minimum; older ones lack commands or options it uses. */
const VERSION_MIN = [6, 2];
/** Valkey is the same server under another name, and what newer distributions ship. */
const NAMES = ['redis-server', 'valkey-server'];

/** Path of an executable file on PATH, or undefined. */
export function onPath(name) {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      if (folder !== '') accessSync(path, constants.X_OK);
      if (folder !== '') return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/**
 * Runs the binary for its version.
 *
 * @param {{ path: string, libraryPath?: string }} binary
 * @returns The version, or undefined when it does not run or is too old.
 */
async function usableVersion({ path, libraryPath }) {
  const env = { ...process.env, ...(libraryPath ? { LD_LIBRARY_PATH: libraryPath } : {}) };
  const { ok, output } = await runQuietly(path, ['--version'], { env });
  const [, version, major, minor] = /\bv=((\d+)\.(\d+)[.\d]*)/.exec(output) ?? [];
  if (!ok || version === undefined) return undefined;
  const isOldEnough = Number(major) - VERSION_MIN[0] || Number(minor) - VERSION_MIN[1];
  return isOldEnough >= 0 ? version : undefined;
}

/** One on PATH, or undefined. */
async function findOnPath() {
  for (const name of NAMES) {
    const path = onPath(name);
    if (path !== undefined && (await usableVersion({ path }))) return { path };
  }
  return undefined;
}

/** Installs by the system's package manager, where we are root. */
async function installBySystem(root) {
  if (process.getuid?.() !== 0) return undefined;
  if (onPath('apt-get')) return installByApt(root);
  const manager = /** @type {const} */ ([
    ['dnf', ['install', '-y', '-q']],
    ['apk', ['add', '--quiet']],
  ]).find(([name]) => onPath(name));
  if (manager === undefined) return undefined;
  const [name, args] = manager;
  for (const pack of ['redis', 'valkey']) {
    say(`installing ${pack} with ${name} …`);
    if ((await runQuietly(name, [...args, pack])).ok) return findOnPath();
  }
  return undefined;
}

/**
 * Debian's `redis-server` package would also start a service on port 6379, which nobody asked for. The program
 * itself is in `redis-tools`, and is a server when called by that name.
 */
async function installByApt(root) {
  say('installing redis-tools with apt-get …');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () =>
    runQuietly('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'redis-tools'], { env });
  if (!(await install()).ok) {
    await runQuietly('apt-get', ['update', '-q'], { env });
    if (!(await install()).ok) return undefined;
  }
  const program = onPath('redis-check-rdb');
  if (program === undefined) return findOnPath();
  const path = join(root, '.setup', 'bin', 'redis-server');
  mkdirSync(join(path, '..'), { recursive: true });
  rmSync(path, { force: true });
  symlinkSync(program, path);
  return { path };
}

function hint() {
  if (process.platform === 'darwin') return 'brew install redis';
  if (onPath('apt-get')) return 'sudo apt-get install redis-server';
  if (onPath('dnf')) return 'sudo dnf install redis (or valkey)';
  if (onPath('apk')) return 'apk add redis';
  return 'install Redis 6.2 or later, or Valkey, from your system';
}

/**
 * Makes sure that there is a `redis-server` of version 6.2 or later.
 *
 * @param {string} root - The project's folder.
 * @throws SetupError with what to install when there is none and none can be had.
 */
export async function ensureRedis(root) {
  const stamp = join(root, '.setup', 'redis.json');
  // FIREBREAK_SETUP_REDIS names the ways to take: for trying out one of them on a machine that has Redis.
  const ways = (process.env['FIREBREAK_SETUP_REDIS'] ?? 'path,system,download').split(',');
  let noted;
  try {
    noted = JSON.parse(readFileSync(stamp, 'utf8'));
  } catch {
    // Nothing noted, or cut off while noting.
  }
  if (noted !== undefined && ways.includes(noted.way) && existsSync(noted.path)) {
    if ((await usableVersion(noted)) === noted.version) return;
  }
  for (const [way, find] of [
    ['path', findOnPath],
    ['system', installBySystem],
    ['download', downloadDebianRedis],
  ]) {
    const binary = ways.includes(way) ? await find(root) : undefined;
    const version = binary && (await usableVersion(binary));
    if (!version) {
      // What was unpacked and does not run is not tried a second time.
      if (way === 'download') rmSync(join(root, '.setup', 'redis'), { recursive: true, force: true });
      continue;
    }
    mkdirSync(join(root, '.setup'), { recursive: true });
    writeFileSync(stamp, JSON.stringify({ way, version, ...binary }));
    say(`redis-server ${version}: ${binary.path}`);
    return;
  }
  rmSync(stamp, { force: true });
  throw new SetupError(
    `no redis-server 6.2 or later here: ${hint()}; or set REDIS_URL to a Redis of your own.`,
  );
}
