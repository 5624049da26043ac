/** One set-up at a time in one folder: two would install and compile over each other. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError, say } from './say.mjs';

const WAIT_MS_MAX = 15 * 60_000;
const POLL_MS = 200;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Makes the lock file; false when it is there already. */
function take(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw new SetupError(`cannot write in ${join(path, '..')}: ${error.code}`);
  }
}

/** Process that holds the lock; 0 when it has just let go, or has not yet written who it is. */
function holderOf(path) {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return 0;
  }
}

/**
 * Runs `body` while no other process runs its own under the same lock.
 *
 * @template T
 * @param {string} root - The project's folder.
 * @param {() => Promise<T>} body
 * @returns {Promise<T>}
 */
export async function withSetupLock(root, body) {
  const path = join(root, '.setup', 'lock');
  try {
    mkdirSync(join(root, '.setup'), { recursive: true });
  } catch (error) {
    throw new SetupError(`cannot write in ${root}: ${error.code}`);
  }
  const deadline = performance.now() + WAIT_MS_MAX;
  for (let told = false; !take(path);) {
    const holder = holderOf(path);
    // Left by a set-up that was killed.
    if (holder !== 0 && !isAlive(holder)) rmSync(path, { force: true });
    else {
      if (performance.now() > deadline)
        throw new SetupError(`process ${holder} holds ${path}; is it hanging?`);
      if (!told && holder !== 0) say(`waiting for the set-up that process ${holder} is doing …`);
      told ||= holder !== 0;
      await sleep(POLL_MS);
    }
  }
  try {
    return await body();
  } finally {
    rmSync(path, { force: true });
  }
}
