/**
 * `npm test`: set-up, the checks (formatting, lint; types were checked by the build), then all tests but the
 * benches. `npm test -- ledger/log` runs the tests whose path holds that text, without the checks;
 * `--long` makes those that try many times (kills, imports) try ten times as often: `npm run test:faults`. `--shots` keeps
 * pictures of the pages that the browser tests visit, in `shots/`: `npm run shots`.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInOurPlace, runQuietly } from './run.mjs';
import { SetupError, main, say } from './say.mjs';
import { ROOT, setUp } from './setup.mjs';

/** Run on demand, not here. */
const EXCLUDED = ['dist/test/bench/', 'dist/test/hapi/'];
/** Of our variables, those that tests may see. */
const KEPT = /^FIREBREAK_(SHARED$|REDIS_SERVER$|TEST_)/;
const OWN_FLAGS = ['--long', '--shots'];
/** A test that has not ended by then hangs, ms. */
const TEST_MS_MAX = 15 * 60_000;
const LONG_TEST_MS_MAX = 2 * 3_600_000;

const bin = (name, path) => join(ROOT, 'node_modules', name, path);

/** @returns {Promise<boolean>} Whether all checks pass; what is wrong has been printed. */
async function check() {
  /** @type {[string, string, string[], string][]} */
  const checks = [
    [
      'formatting',
      bin('prettier', 'bin/prettier.cjs'),
      ['--check', '--log-level=warn', '.'],
      'npm run format',
    ],
    ['lint', bin('oxlint', 'bin/oxlint'), ['--type-aware', '--deny-warnings'], 'npm run lint'],
  ];
  let pass = true;
  for (const [name, script, args, remedy] of checks) {
    const { ok, output } = await runQuietly(process.execPath, [script, ...args], { cwd: ROOT });
    say(`${name}: ${ok ? 'clean' : `NOT clean (see "${remedy}")`}`);
    if (!ok) process.stderr.write(output);
    pass &&= ok;
  }
  return pass;
}

/** Compiled test files, as paths from the project's folder. */
function testFiles(filters) {
  const files = readdirSync(join(ROOT, 'dist', 'test'), { recursive: true })
    .map((path) => `dist/test/${String(path).replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.test.js'))
    .toSorted();
  const chosen = files.filter((path) =>
    filters.length === 0
      ? !EXCLUDED.some((prefix) => path.startsWith(prefix))
      : filters.some((text) => path.includes(text)),
  );
  if (chosen.length === 0) throw new SetupError(`no test has a path with ${filters.join(' or ')} in it`);
  return chosen;
}

await main(async () => {
  await setUp({ needsPrivateRedis: true });
  const given = process.argv.slice(2);
  const isLong = given.includes('--long');
  const areShot = given.includes('--shots');
  const flags = given.filter((word) => word.startsWith('-') && !OWN_FLAGS.includes(word));
  // Both of these name a test's path: the source's and the compiled one's.
  const filters = given.filter((word) => !word.startsWith('-')).map((word) => word.replace(/\.ts$/, ''));
  const files = testFiles(filters);
  const isClean = filters.length > 0 || (await check());

  const { startPrivateRedis } = await import(join(ROOT, 'dist', 'adapter', 'queue', 'private-redis.js'));
  const folder = mkdtempSync(join(tmpdir(), 'firebreak-test-'));
  const binary = process.env['FIREBREAK_REDIS_SERVER'];
  const redis = await startPrivateRedis({ dir: folder, ...(binary ? { binary } : {}) });
  // A Redis, data folder or port of the user's must not get into the tests by the environment.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => name !== 'REDIS_URL' && (!name.startsWith('FIREBREAK_') || KEPT.test(name)),
    ),
  );
  const nodeFlags = [
    '--test',
    '--test-reporter=spec',
    // Many tests wait for a process or a disk: two at least.
    `--test-concurrency=${Math.max(2, availableParallelism())}`,
    `--test-timeout=${isLong ? LONG_TEST_MS_MAX : TEST_MS_MAX}`,
    ...flags,
  ];
  try {
    const code = await runInOurPlace(process.execPath, [...nodeFlags, ...files], {
      cwd: ROOT,
      env: {
        ...env,
        FIREBREAK_TEST_REDIS: redis.socketPath,
        ...(isLong ? { FIREBREAK_TEST_LONG: '1' } : {}),
        ...(areShot ? { FIREBREAK_SHOTS: join(ROOT, 'shots') } : {}),
      },
    });
    return code === 0 && !isClean ? 1 : code;
  } finally {
    await redis.stop();
    if (existsSync(folder)) rmSync(folder, { recursive: true });
  }
});
