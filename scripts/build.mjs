/** Compiles the TypeScript sources to `dist/`, when they have changed since the last time. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { runQuietly } from './run.mjs';
import { SetupError, say } from './say.mjs';

/** What else decides what the compiler makes. */
const SETTINGS = ['package.json', 'package-lock.json', 'tsconfig.json'];

/** All files below `folder`, as paths relative to `root`, in a fixed order. */
function filesBelow(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((item) => {
      const path = join(folder, item.name);
      if (item.isDirectory()) return item.name === 'node_modules' ? [] : filesBelow(root, path);
      return [path];
    });
}

function sourcesOf(root) {
  const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  return include.flatMap((folder) => filesBelow(root, folder)).filter((path) => /\.(ts|json)$/.test(path));
}

const outputOf = (path) => join('dist', path.replace(/\.ts$/, '.js'));

/** Where the portal's build lies; it is no output of the compiler. */
const PORTAL_OUT = join('dist', 'portal');

/** Removes what the compiler made of sources that are gone, such as tests that would still be found and run. */
function removeStale(root, sources) {
  const wanted = new Set(sources.flatMap((path) => [outputOf(path), `${outputOf(path)}.map`]));
  for (const path of filesBelow(root, 'dist')) {
    if (path.startsWith(PORTAL_OUT + sep)) continue;
    if (/\.(js|js\.map|json)$/.test(path) && !wanted.has(path)) rmSync(join(root, path));
  }
}

/**
 * Builds `dist/` where it is missing or older than the sources.
 *
 * @param {string} root - The project's folder.
 * @throws SetupError when the compiler finds errors; they are printed first.
 */
export async function ensureBuilt(root) {
  await ensureCompiled(root);
  await ensurePortalBuilt(root);
}

/** What a build was made of, in few characters. */
function stateOf(root, paths) {
  const hash = createHash('sha256');
  for (const path of paths)
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)));
  return JSON.stringify({ sources: hash.digest('hex') });
}

async function ensureCompiled(root) {
  const stamp = join(root, 'dist', '.firebreak-build.json');
  const sources = sourcesOf(root);
  const state = stateOf(root, [...SETTINGS, ...sources]);
  const missing = sources.filter(
    (path) => /(?<!\.d)\.ts$/.test(path) && !existsSync(join(root, outputOf(path))),
  );
  if (missing.length === 0 && existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return;

  say('building …');
  rmSync(stamp, { force: true });
  removeStale(root, sources);
  // The compiler believes its own notes: it would not write again what was deleted behind its back.
  if (missing.length > 0) rmSync(join(root, 'dist', '.tsbuildinfo'), { force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { ok, output } = await runQuietly(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root });
  if (!ok) {
    process.stderr.write(output);
    throw new SetupError('the build failed (see above)');
  }
  writeFileSync(stamp, state);
}

/** The portal holds the checker of proofs, and the types that go with it. */
async function ensurePortalBuilt(root) {
  const stamp = join(root, 'dist', '.firebreak-portal.json');
  const sources = ['portal', 'ledger'].flatMap((folder) => filesBelow(root, folder));
  const state = stateOf(root, [...SETTINGS, ...sources]);
  const isThere = existsSync(join(root, PORTAL_OUT, 'index.html'));
  if (isThere && existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return;

  say('building the portal …');
  rmSync(stamp, { force: true });
  const bin = (...path) => join(root, 'node_modules', ...path);
  const steps = [
    [bin('typescript', 'bin', 'tsc'), '-p', 'portal/tsconfig.json'],
    [join(root, 'scripts', 'build-portal.mjs')],
  ];
  for (const step of steps) {
    const { ok, output } = await runQuietly(process.execPath, step, { cwd: root });
    if (ok) continue;
    process.stderr.write(output);
    throw new SetupError('the portal’s build failed (see above)');
  }
  writeFileSync(stamp, state);
}
