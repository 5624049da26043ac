/** One life of the private `redis-server`, under a shell that ends it when we are gone. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { QueueError } from './errors.js';
import type { RedisBinary } from './redis-binary.js';
import { askRedis } from './redis-socket.js';
import type { RedisSocket } from './redis-socket.js';

/** One run of the server. */
export interface RedisLife {
  /** Process id of the `redis-server` itself. */
  readonly pid: number;
  /** Resolves with the reason when shell and server are gone. */
  readonly ended: Promise<string>;
  /** Ends it: politely, after a second by force. Resolves when it is gone. */
  end(): Promise<void>;
}

/** How long a start may take, ms: 30 are usual, a loaded machine needs seconds. */
const START_MS_MAX = 10_000;
/** Pause between two questions whether it is up, ms. */
const POLL_MS = 15;
/** How long the server may take to end before the shell kills it, s: it has nothing to write. */
const TERM_S = 1;
/** How long the shell may take to end before its whole group is killed, ms. */
const END_MS_MAX = 1_600;
/** What is kept of its last words, characters. */
const WORDS_MAX = 2_000;

/**
 * Runs the server and ends it as soon as standard input closes, which the kernel sees to even when we are killed
 * by SIGKILL. The first line of output is the server's process id. Exit 127: there is no such program.
 *
 * Arguments: library path or '', socket, folder to remove or '', program, its options.
 */
const SHELL_SCRIPT = `
libraries=$1 socket=$2 folder=$3; shift 3
[ -z "$folder" ] || mkdir -m 700 "$folder" 2>/dev/null || [ -O "$folder" ] || exit 1
command -v "$1" >/dev/null 2>&1 || exit 127
exec 3<&0
(
  [ -z "$libraries" ] || export LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  exec "$@" </dev/null 3<&- >&2
) &
server=$!
{ while read -r _ <&3; do :; done
  kill -TERM "$server"; sleep ${TERM_S}; kill -KILL "$server"; } >/dev/null 2>&1 &
watcher=$!
echo "$server"
wait "$server"; code=$?
kill -TERM "$watcher" 2>/dev/null
rm -f "$socket"
[ -z "$folder" ] || rmdir "$folder" 2>/dev/null
exit "$code"
`;

function redisOptions(socketPath: string): string[] {
  const words =
    '--port 0 --unixsocketperm 700 --daemonize no --appendonly no --maxmemory-policy noeviction --loglevel warning';
  return [...words.split(' '), '--save', '', '--unixsocket', socketPath];
}

/** A server that nobody stops must not keep our process from ending: it ends with us. */
function unref(child: ChildProcess): void {
  child.unref();
  for (const stream of child.stdio) if (stream instanceof Socket) stream.unref();
}

/** The shell leads the group that it, its watcher and the server are in. */
function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group is gone already, which is what was wanted.
  }
}

/**
 * Starts a server and waits until it answers PING.
 *
 * @throws QueueError QUEUE_REDIS_MISSING when the program cannot be run; QUEUE_REDIS_FAILED when it ends, or
 *   does not answer within ten seconds.
 */
export async function beginRedisLife(binary: RedisBinary, socket: RedisSocket): Promise<RedisLife> {
  const places = [binary.libraryPath ?? '', socket.path, socket.ownFolder ?? ''];
  const child = spawn(
    '/bin/sh',
    ['-c', SHELL_SCRIPT, 'firebreak-redis', ...places, binary.path, ...redisOptions(socket.path)],
    // A group and session of its own: Ctrl-C must reach us alone, for the queue is needed to stop cleanly.
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  );
  let pidLine = '';
  let words = '';
  let exit: { readonly code: number | null; readonly why: string } | undefined;
  child.stdout.on('data', (chunk: Buffer) => (pidLine += chunk.toString('latin1')));
  child.stderr.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-WORDS_MAX)));
  // Closing a pipe whose reader has just died is no failure of ours.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<string>((settle) => {
    child.on('error', (cause) => settle((exit = { code: null, why: cause.message }).why));
    child.on('exit', (_code, signal) => {
      if (signal !== null) killGroup(child); // The shell was killed: nobody minds the server any more.
    });
    child.on('close', (code, signal) => settle((exit = { code, why: signal ?? `exit code ${code}` }).why));
  });
  unref(child);

  const deadline = performance.now() + START_MS_MAX;
  for (;;) {
    if (exit !== undefined) throw startFailed(binary, exit, words);
    if (pidLine.endsWith('\n') && (await askRedis(socket.path, 'PING', 500)) === '+PONG') break;
    if (performance.now() > deadline) {
      killGroup(child);
      throw startFailed(binary, { code: null, why: 'no answer in time' }, words);
    }
    await sleep(POLL_MS);
  }
  const end = async (): Promise<void> => {
    child.stdin.end();
    const force = setTimeout(() => killGroup(child), END_MS_MAX);
    await ended;
    clearTimeout(force);
    rmSync(socket.path, { force: true }); // The shell has done it, unless it had to be killed.
  };
  return { pid: Number.parseInt(pidLine, 10), ended, end };
}

function startFailed(
  binary: RedisBinary,
  exit: { code: number | null; why: string },
  words: string,
): QueueError {
  if (exit.code === 127 || exit.code === 126) {
    const message = `no redis-server that can be run (tried ${binary.path}): run "npm run setup"`;
    return new QueueError('QUEUE_REDIS_MISSING', message);
  }
  const lastLine = words.trim().split('\n').at(-1) ?? '';
  return new QueueError(
    'QUEUE_REDIS_FAILED',
    `the private Redis did not start: ${exit.why}. ${lastLine}`.trim(),
  );
}
