/**
 * Redis without root on Debian, Ubuntu and their kin: apt downloads the packages and checks their signatures,
 * dpkg-deb unpacks them into `.setup/redis`, and nothing outside the project's folder is touched.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { runQuietly } from './run.mjs';
import { say } from './say.mjs';

/** Rounds of libraries that libraries want: Redis's own are two deep. */
const DEPTH_MAX = 4;
/** Never beside the system's own: a second C library under one loader crashes. */
const NEVER = /^(libc6|libgcc-s1|gcc-.*-base|libstdc\+\+6)(:|$)/;

/** apt's words are read below: they must be English. */
const LC_C = { env: { ...process.env, LC_ALL: 'C' } };

/** Packages that `names` depend on directly and that this system does not have: libraries and nothing else. */
async function missingLibraries(names, aptOptions) {
  const { output } = await runQuietly('apt-cache', [...aptOptions, 'depends', '--important', ...names], LC_C);
  const wanted = [...output.matchAll(/^\s*\|?(?:Pre)?Depends: ([^\s<>]+)/gm)].map(([, name]) => name);
  const libraries = [...new Set(wanted)].filter((name) => /^(lib|lua)/.test(name) && !NEVER.test(name));
  if (libraries.length === 0) return [];
  const installed = await runQuietly(
    'dpkg-query',
    ['-W', '-f', '${db:Status-Abbrev} ${Package}\n', ...libraries],
    LC_C,
  );
  const present = new Set([...installed.output.matchAll(/^ii\s+(\S+)/gm)].map(([, name]) => name));
  return libraries.filter((name) => !present.has(name));
}

/**
 * apt's options for package lists of our own, for where the system's are missing (as in container images) or too
 * old, and only root may refresh them.
 */
async function privateLists(folder) {
  const at = (name) => join(folder, name);
  for (const name of ['lists/partial', 'cache/archives/partial']) mkdirSync(at(name), { recursive: true });
  const options = ['-o', `Dir::State::Lists=${at('lists')}`, '-o', `Dir::Cache=${at('cache')}`];
  say('fetching package lists …');
  return (await runQuietly('apt-get', [...options, 'update', '-q'])).ok ? options : undefined;
}

/** Downloads the packages and what they need, and unpacks all into `folder`. */
async function downloadInto(folder, downloads, aptOptions) {
  mkdirSync(downloads, { recursive: true });
  let names = ['redis-tools'];
  const had = new Set();
  for (let depth = 0; names.length > 0; depth += 1) {
    if (depth === DEPTH_MAX) return false;
    // One at a time: a package that is only virtual must not keep the others away.
    for (const name of names) {
      had.add(name);
      const { ok } = await runQuietly('apt-get', [...aptOptions, 'download', '-q', name], { cwd: downloads });
      if (!ok && name === 'redis-tools') return false;
    }
    names = (await missingLibraries(names, aptOptions)).filter((name) => !had.has(name));
  }
  for (const file of readdirSync(downloads).filter((name) => name.endsWith('.deb'))) {
    if (!(await runQuietly('dpkg-deb', ['-x', join(downloads, file), folder])).ok) return false;
  }
  return true;
}

/** Folders of shared libraries below `folder`: `lib` and `usr/lib`, and one a machine type in each. */
function libraryFolders(folder) {
  return ['lib', 'usr/lib'].flatMap((name) => {
    const path = join(folder, name);
    if (!existsSync(path)) return [];
    const inner = readdirSync(path, { withFileTypes: true }).filter((item) => item.isDirectory());
    return [...inner.map((item) => join(path, item.name)), path];
  });
}

/** The unpacked server, or undefined. In Debian it is `redis-check-rdb` called by another name. */
function unpacked(folder) {
  const path = join(folder, 'usr', 'bin', 'redis-server');
  const program = join(folder, 'usr', 'bin', 'redis-check-rdb');
  if (!existsSync(path) && existsSync(program)) symlinkSync('redis-check-rdb', path);
  if (!existsSync(path)) return undefined;
  return { path, libraryPath: libraryFolders(folder).join(':') };
}

/**
 * Downloads and unpacks a `redis-server`, unless that was done before.
 *
 * @param {string} root - The project's folder.
 * @returns The program and the folders of its libraries; undefined where this is no Debian, or it did not work.
 */
export async function downloadDebianRedis(root) {
  const folder = join(root, '.setup', 'redis');
  if (existsSync(folder)) return unpacked(folder);
  for (const tool of ['apt-get', 'apt-cache', 'dpkg-deb', 'dpkg-query']) {
    if (!(await runQuietly(tool, ['--version'])).ok) return undefined;
  }
  const work = join(root, '.setup', 'redis.part');
  rmSync(work, { recursive: true, force: true });
  const [tree, downloads] = [join(work, 'tree'), join(work, 'downloads')];
  mkdirSync(tree, { recursive: true });
  say('downloading Redis (about 2 MB, into .setup/redis; nothing is installed) …');
  let done = await downloadInto(tree, downloads, []);
  if (!done) {
    const lists = await privateLists(join(work, 'apt'));
    done = lists !== undefined && (await downloadInto(tree, downloads, lists));
  }
  // Only a whole tree gets the final name: a run that was cut off starts anew.
  if (done) renameSync(tree, folder);
  rmSync(work, { recursive: true, force: true });
  return done ? unpacked(folder) : undefined;
}
