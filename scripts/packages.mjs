/** The npm packages that package-lock.json names, installed once for each state of it. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runQuietly } from './run.mjs';
import { SetupError, say } from './say.mjs';

/**
 * Whether `node_modules` holds what the lock file wants, as far as npm's own note of what it installed tells: every
 * package in its version, none besides. Packages for other platforms may be absent.
 */
function isInstalled(root) {
  const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  let wanted, present;
  try {
    [wanted, present] = [read('package-lock.json'), read('node_modules/.package-lock.json')];
  } catch {
    return false;
  }
  return (
    Object.entries(wanted).every(
      ([path, { version, optional }]) => path === '' || optional || present[path]?.version === version,
    ) && Object.entries(present).every(([path, { version }]) => wanted[path]?.version === version)
  );
}

/** npm says the cause first, and its usage after it. */
const ERROR_LINES_MAX = 12;

/** Runs the npm that runs us, or the one on PATH. */
function npm(root, args) {
  const path = process.env['npm_execpath'];
  const all = [...args, '--no-fund', '--no-audit', '--no-progress', '--loglevel=error', '--include=dev'];
  return path?.endsWith('.js')
    ? runQuietly(process.execPath, [path, ...all], { cwd: root })
    : runQuietly('npm', all, { cwd: root });
}

/**
 * Whether `npm ci` refused the lock file for nothing but optional packages that it does not name. npm itself writes
 * such a file where the registry in use does not offer them, and `npm install` takes it.
 */
function lacksOnlyOptional(root, output) {
  const missing = [...output.matchAll(/ Missing: (\S+)@\S* from lock file/g)].map(([, name]) => name);
  const complaints = output.match(/ (Missing|Invalid): /g) ?? [];
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const optional = new Set(
    Object.values(packages).flatMap((item) => Object.keys(item.optionalDependencies ?? {})),
  );
  return (
    missing.length > 0 && missing.length === complaints.length && missing.every((name) => optional.has(name))
  );
}

/**
 * Installs the packages where they are missing or the lock file has changed.
 *
 * @param {string} root - The project's folder.
 * @throws SetupError when npm cannot be run or fails.
 */
export async function ensurePackages(root) {
  const stamp = join(root, 'node_modules', '.firebreak-setup.json');
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  // Native parts are built for one version of Node and one platform.
  const state = JSON.stringify({
    lock,
    modules: process.versions.modules,
    platform: process.platform,
    arch: process.arch,
  });
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return;
  // Somebody ran npm by hand: nothing to do but note it. A stamp of another state means that Node has changed.
  if (!existsSync(stamp) && isInstalled(root)) {
    writeFileSync(stamp, state);
    return;
  }

  say('installing npm packages (about 600 MB, under a minute on a good line) …');
  rmSync(stamp, { force: true });
  let { ok, output } = await npm(root, ['ci']);
  if (!ok && lacksOnlyOptional(root, output)) {
    ({ ok, output } = await npm(root, ['install', '--no-save']));
  }
  if (!ok) {
    process.stderr.write(`${output.trim().split('\n').slice(0, ERROR_LINES_MAX).join('\n')}\n`);
    throw new SetupError(
      'npm could not install the packages (see above); the first time, it needs the network.',
    );
  }
  writeFileSync(stamp, state);
}
