/** Who runs on a data folder: a small file that names process and admin socket, for other commands and for errors. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Running {
  readonly pid: number;
  readonly command: string;
  readonly startedAt: string;
  /** Unix socket on which the running process takes other commands' requests. */
  readonly adminSocket: string;
  /** Unix socket on which the operator is answered over HTTP. */
  readonly operatorSocket?: string;
  /** Address of its HTTP server, once it listens. */
  readonly address?: string;
}

/** Paths of unix sockets end at 107 bytes on Linux, 103 on macOS. */
const SOCKET_PATH_MAX = 100;

/** Path of a folder's admin socket: inside it, or, where that is too long, a private folder of the system's. */
export function adminSocketPath(dataDir: string): string {
  return socketPath(dataDir, 'admin.sock');
}

/** Path of the socket on which the operator is answered over HTTP. */
export function operatorSocketPath(dataDir: string): string {
  return socketPath(dataDir, 'operator.sock');
}

function socketPath(dataDir: string, file: string): string {
  const inside = join(dataDir, file);
  if (Buffer.byteLength(inside) <= SOCKET_PATH_MAX) return inside;
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  const dir = join(tmpdir(), `firebreak-${process.getuid?.() ?? 0}-${name}`);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return join(dir, file);
}

function pathOf(dataDir: string): string {
  return join(dataDir, 'running.json');
}

/** States who runs; the lock itself is LevelDB's, this file only tells its name. */
export function writeRunning(dataDir: string, running: Running): void {
  const temporary = `${pathOf(dataDir)}.tmp`;
  writeFileSync(temporary, JSON.stringify(running), { mode: 0o600 });
  renameSync(temporary, pathOf(dataDir));
}

/** Who runs on a folder, or `undefined` when nobody does (a crashed process does not count). */
export function readRunning(dataDir: string): Running | undefined {
  try {
    const running = JSON.parse(readFileSync(pathOf(dataDir), 'utf8')) as Running;
    process.kill(running.pid, 0);
    return running;
  } catch (error) {
    // EPERM: the process is there, but another user's.
    if ((error as { code?: unknown }).code === 'EPERM')
      return JSON.parse(readFileSync(pathOf(dataDir), 'utf8')) as Running;
    return undefined;
  }
}

export function clearRunning(dataDir: string): void {
  rmSync(pathOf(dataDir), { force: true });
}

/** Who has the store open, a command that takes no other's requests included. */
export type Holder = Pick<Running, 'pid' | 'command'>;

function holderPath(dataDir: string): string {
  return join(dataDir, 'holder.json');
}

/** Notes that this process has the store; read only by one that found it locked, so an old note does no harm. */
export function noteHolder(dataDir: string, command: string): void {
  try {
    const holder: Holder = { pid: process.pid, command };
    writeFileSync(holderPath(dataDir), JSON.stringify(holder), { mode: 0o600 });
  } catch {
    // A full disk must not keep anyone from reading: the note serves only a better message.
  }
}

/** The process that last opened the store, where it still runs. */
export function readHolder(dataDir: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(holderPath(dataDir), 'utf8')) as Holder;
    process.kill(holder.pid, 0);
    return holder;
  } catch {
    return undefined;
  }
}
