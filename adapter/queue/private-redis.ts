/**
 * The private Redis of the default set-up: a `redis-server` of our own on a unix socket that only this user can
 * open, with nothing on disk. It is a cache of the inbox and may be lost at any time. It is started again when it
 * dies, and ends with us however we end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { QueueError } from './errors.js';
import { findRedisBinary } from './redis-binary.js';
import type { RedisBinary } from './redis-binary.js';
import { clearLeftovers, newRedisSocket } from './redis-socket.js';
import type { RedisSocket } from './redis-socket.js';
import { beginRedisLife } from './redis-supervisor.js';
import type { RedisLife } from './redis-supervisor.js';

export interface PrivateRedisOptions {
  /** Folder for the socket; made with mode 0700 where it is missing. Several Redis may share it. */
  readonly dir: string;
  /** Path of a `redis-server`. Default: the one that set-up found, then the one on PATH. */
  readonly binary?: string;
  /** Told when it has died and is started again: exit code or signal, and how often in a row. */
  readonly onRestart?: (why: string, attempt: number) => void;
  /**
   * Told once when none can be started. With it that is no failure: it is tried again every few seconds, and the socket is
   * there once it succeeds.
   */
  readonly onAbsent?: (error: unknown) => void;
}

export interface PrivateRedis {
  /** Path of the unix socket; the same after a restart, another after another start. */
  readonly socketPath: string;
  /** Process id of the `redis-server` that runs now, or ran last; 0 while none has. */
  readonly pid: number;
  /** Ends it, within two seconds. May be called twice. */
  stop(): Promise<void>;
}

/** Restarts in a row before it is given up, so that a broken one does not burn a core; about a minute. */
const RESTARTS_MAX = 20;
const RESTART_PAUSE_MS_MIN = 50;
const RESTART_PAUSE_MS_MAX = 5_000;
/** Pause between two tries to start one where none could be, ms. */
const ABSENT_PAUSE_MS = 5_000;
/** A run of this length starts the count of restarts anew, ms. */
const LONG_RUN_MS = 60_000;

/**
 * Starts a private Redis and waits until it answers.
 *
 * What crashed runs left in `dir` is ended and removed. When it dies it comes back empty on the same socket:
 * whoever uses it fills it again from the inbox.
 *
 * @throws QueueError QUEUE_REDIS_MISSING when there is no `redis-server` to run; QUEUE_REDIS_FAILED when it does
 *   not start, or `dir` cannot be made.
 */
export async function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  const binary = findRedisBinary(options.binary);
  const socket = await prepareSocket(options.dir);
  const stopping = new AbortController();
  let life = await firstLife(options, binary, socket);

  const keepAlive = async (): Promise<void> => {
    while (life === undefined) {
      await sleep(ABSENT_PAUSE_MS, undefined, { ref: false, signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      // Set-up may have put one there meanwhile.
      life = await beginRedisLife(findRedisBinary(options.binary), socket).catch(() => undefined);
    }
    if (stopping.signal.aborted) return life.end();
    await keep(life);
  };
  const keep = async (first: RedisLife): Promise<void> => {
    let current = first;
    for (let attempt = 1, begunAt = performance.now(); attempt <= RESTARTS_MAX; attempt += 1) {
      const why = await current.ended;
      if (stopping.signal.aborted) return;
      if (performance.now() - begunAt > LONG_RUN_MS) attempt = 1;
      options.onRestart?.(why, attempt);
      const pauseMs = Math.min(RESTART_PAUSE_MS_MAX, RESTART_PAUSE_MS_MIN * 2 ** (attempt - 1));
      try {
        await sleep(pauseMs, undefined, { ref: false, signal: stopping.signal });
        begunAt = performance.now();
        life = current = await beginRedisLife(binary, socket);
      } catch {
        // Asked to stop, or the start failed: `current` is still the one that has ended, and the loop goes on.
      }
      if (stopping.signal.aborted) return current.end();
    }
  };
  const kept = keepAlive();

  let stopped: Promise<void> | undefined;
  return {
    socketPath: socket.path,
    get pid() {
      return life?.pid ?? 0;
    },
    stop: () => {
      stopped ??= (async () => {
        stopping.abort();
        await life?.end();
        await kept; // A restart may have been under way, and ends what it began.
      })();
      return stopped;
    },
  };
}

async function firstLife(
  { onAbsent }: PrivateRedisOptions,
  binary: RedisBinary,
  socket: RedisSocket,
): Promise<RedisLife | undefined> {
  try {
    return await beginRedisLife(binary, socket);
  } catch (error) {
    if (onAbsent === undefined) throw error;
    onAbsent(error);
    return undefined;
  }
}

async function prepareSocket(dir: string): Promise<ReturnType<typeof newRedisSocket>> {
  try {
    const socket = newRedisSocket(dir);
    await clearLeftovers(dir);
    return socket;
  } catch (cause) {
    throw new QueueError('QUEUE_REDIS_FAILED', `cannot use ${dir} for the socket of Redis`, { cause });
  }
}
