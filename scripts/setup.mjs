/**
 * Set-up of a fresh clone, and of one whose packages or sources have changed: npm packages, compiled sources, a
 * redis-server. Needs nothing but Node; does only what is left to do; says what it does on stderr.
 *
 * Environment: REDIS_URL or FIREBREAK_REDIS_URL (a Redis of your own, none is looked for), FIREBREAK_REDIS_SERVER
 * (a binary of your own, likewise).
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { argv } from 'node:process';
import { ensureBuilt } from './build.mjs';
import { ensurePackages } from './packages.mjs';
import { ensureRedis } from './redis.mjs';
import { SetupError, main, say } from './say.mjs';
import { withSetupLock } from './setup-lock.mjs';

/** The project's folder. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const NODE_MIN = [20, 19];

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  throw new SetupError(`needs Node ${NODE_MIN.join('.')} or later; this is ${process.versions.node}`);
}

/**
 * Brings everything up to date.
 *
 * @param {{ needsPrivateRedis?: boolean }} [options] - `needsPrivateRedis`: a redis-server is wanted even where the
 *   environment names a Redis, for tests must not touch that one.
 * @throws SetupError with one line that says what is wrong.
 */
export async function setUp({ needsPrivateRedis = false } = {}) {
  checkNode();
  await withSetupLock(ROOT, async () => {
    await ensurePackages(ROOT);
    await ensureBuilt(ROOT);
    const named = ['REDIS_URL', 'FIREBREAK_REDIS_URL', 'FIREBREAK_REDIS_SERVER'].find(
      (name) => process.env[name],
    );
    if (named === undefined || (needsPrivateRedis && named !== 'FIREBREAK_REDIS_SERVER'))
      await ensureRedis(ROOT);
  });
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    await setUp();
    say('ready: npm start');
    return 0;
  });
}
