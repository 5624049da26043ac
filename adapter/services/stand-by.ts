/**
 * What answers while the disk is full: the instance is closed then, for LevelDB must be opened anew after a failed
 * write, and whoever asks is told to come back, on the same address.
 */
import { statfs } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AdapterError } from '../errors.js';
import { outcomeOf } from '../http/outcome.js';

/** LevelDB writes about this much when it opens: its tables of what the log held, bytes. */
const ROOM_BYTES_MIN = 8 * 1024 * 1024;
/** How often the free space is looked up, ms. */
const LOOK_MS = 500;
/** Pause after a failure that is not for want of space, ms: a device that comes back needs a moment. */
const PAUSE_MS = 5000;

export interface StandByOptions {
  readonly dataDir: string;
  readonly diskReserveBytes: number;
  readonly host: string;
  readonly port: number;
  /** Why the store took no more writes. */
  readonly failure: AdapterError;
  readonly signal: AbortSignal;
}

/** Answers 503 to everything until there is room again, or the signal comes. */
export async function standBy(options: StandByOptions): Promise<void> {
  const { dataDir, diskReserveBytes, failure, signal } = options;
  const { status, outcome } = outcomeOf(failure);
  const body = Buffer.from(JSON.stringify(outcome), 'utf8');
  const server = createServer((request, response) => {
    request.resume();
    const isAlive = request.url === '/health/live';
    response.writeHead(isAlive ? 200 : status, {
      'content-type': 'application/fhir+json; charset=utf-8',
      'content-length': String(body.length),
      'retry-after': '5',
      connection: 'close',
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => {
    // Nobody can be told then, which is no reason not to wait.
    server.once('error', () => resolve());
    server.listen(options.port, options.host, () => resolve());
  });
  const room = Math.max(diskReserveBytes, ROOM_BYTES_MIN);
  const readyAt = performance.now() + (failure.code === 'ADAPTER_DISK_FULL' ? 0 : PAUSE_MS);
  try {
    while (!signal.aborted) {
      await pause(LOOK_MS, signal);
      const { bavail, bsize } = await statfs(dataDir);
      if (bavail * bsize >= room && performance.now() >= readyAt) break;
    }
  } finally {
    server.closeAllConnections();
    if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
