/** The unix socket of the private Redis: its name, a question on it, and what a crashed run left of it. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { randomBytes } from 'node:crypto';

/** A socket's path holds 108 bytes on Linux and 104 on macOS, its ending zero included. */
const SOCKET_PATH_BYTES_MAX = 100;
/** `redis-<pid of the process that started it>-<random>.sock` */
const SOCKET_NAME = /^redis-(\d+)-[0-9a-f]{8}\.sock$/;

/** A socket to be made by a Redis of ours. */
export interface RedisSocket {
  readonly path: string;
  /** Folder made for this socket alone, to be removed with it. */
  readonly ownFolder?: string;
}

/**
 * Picks a new socket's path in `dir`, or in a private folder of the system's temporary one where the path would
 * be too long. Each start has a name of its own: so a Redis that is slow to end can never unlink its successor's.
 */
export function newRedisSocket(dir: string): RedisSocket {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const name = `redis-${process.pid}-${randomBytes(4).toString('hex')}.sock`;
  const path = join(resolve(dir), name);
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return { path };
  const ownFolder = mkdtempSync(join(tmpdir(), 'firebreak-')); // 0700
  return { path: join(ownFolder, name), ownFolder };
}

/**
 * Sends one command and gives the first line of its answer.
 *
 * @returns The line without CRLF; `undefined` when nobody listens, or none comes within `timeoutMs`.
 */
export function askRedis(path: string, command: string, timeoutMs: number): Promise<string | undefined> {
  return new Promise((settle) => {
    let answer = '';
    const socket = connect(path);
    const end = (line: string | undefined): void => {
      socket.destroy();
      settle(line);
    };
    socket.setTimeout(timeoutMs, () => end(undefined));
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
    socket.on('connect', () => socket.write(`${command}\r\n`));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      const lineEnd = answer.indexOf('\r\n');
      if (lineEnd !== -1) end(answer.slice(0, lineEnd));
    });
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and another user's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * Removes from `dir` what runs that crashed have left: sockets nobody listens on, and a Redis whose process is
 * gone and whose supervisor was killed with it. One that a living process owns is left alone.
 */
export async function clearLeftovers(dir: string): Promise<void> {
  for (const name of readdirSync(dir)) {
    const owner = SOCKET_NAME.exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    const path = join(resolve(dir), name);
    // It holds nothing that the inbox does not: it may go at once. It does not answer when it obeys.
    await askRedis(path, 'SHUTDOWN NOSAVE NOW FORCE', 500);
    rmSync(path, { force: true });
  }
}
