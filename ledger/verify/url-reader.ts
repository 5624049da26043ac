import { setTimeout as sleep } from 'node:timers/promises';
import { LedgerError } from '../errors.js';
import type { LogReader } from './reader.js';

/** A tile has at most 16 MiB; slower than this is no server one can verify against. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Tries of one file unless told otherwise: a server under load answers 429 or 503 now and then. */
const ATTEMPTS_MAX = 4;

/** Pause before the second try; doubled for each one after it, up to the longest. */
const RETRY_PAUSE_MS = 100;
const RETRY_PAUSE_MAX_MS = 10_000;

/** How a log is read over HTTP. */
export interface UrlReaderOptions {
  /** Tries of one file before reading fails. */
  readonly attemptsMax?: number;
}

/**
 * Reads a log over HTTP.
 *
 * @param base - URL of the log's root; `checkpoint` is resolved below it.
 * @throws LedgerError LEDGER_UNREADABLE unless it is an http or https URL.
 */
export function urlReader(base: string, { attemptsMax = ATTEMPTS_MAX }: UrlReaderOptions = {}): LogReader {
  const root = parseBase(base);
  return {
    async read(path, bytesMax) {
      const url = new URL(path, root);
      for (let attempt = 1; ; attempt++) {
        const answer = await get(url, bytesMax);
        if (answer.outcome === 'bytes') return answer.bytes;
        if (answer.outcome === 'absent') return undefined;
        if (!answer.again || attempt >= attemptsMax) {
          throw new LedgerError('LEDGER_UNREADABLE', `${path}: ${answer.reason}`, { cause: answer.cause });
        }
        const pauseMs = Math.min(RETRY_PAUSE_MS * 2 ** (attempt - 1), RETRY_PAUSE_MAX_MS);
        // Spread, so that many fetches do not come back all at once.
        await sleep(pauseMs * (0.5 + Math.random() / 2));
      }
    },
  };
}

type Answer =
  | { readonly outcome: 'bytes'; readonly bytes: Buffer }
  | { readonly outcome: 'absent' }
  | {
      readonly outcome: 'failed';
      readonly again: boolean;
      readonly reason: string;
      readonly cause?: unknown;
    };

async function get(url: URL, bytesMax: number): Promise<Answer> {
  try {
    // A log's address is one address: a redirect could lead to a place that the caller did not mean.
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    if (response.status === 200) return { outcome: 'bytes', bytes: await readBounded(response, bytesMax) };
    await response.body?.cancel();
    if (response.status === 404 || response.status === 410) return { outcome: 'absent' };
    const again = response.status === 429 || response.status >= 500;
    return { outcome: 'failed', again, reason: `status ${response.status}` };
  } catch (cause) {
    return { outcome: 'failed', again: true, reason: 'no answer', cause };
  }
}

/** Counts bytes as they come (after decompression), so that no server can fill the memory. */
async function readBounded(response: Response, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const body: AsyncIterable<Uint8Array> | null = response.body;
  if (body === null) return Buffer.alloc(0);
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    // Leaving the loop cancels the rest.
    if (length > bytesMax) break;
  }
  return Buffer.concat(chunks);
}

function parseBase(base: string): URL {
  let url: URL;
  try {
    url = new URL(base.endsWith('/') ? base : `${base}/`);
  } catch (cause) {
    throw new LedgerError('LEDGER_UNREADABLE', 'not a URL', { cause });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new LedgerError('LEDGER_UNREADABLE', 'a log is read by http or https');
  }
  return url;
}
