/**
 * Asking a server for an export, and waiting until it is ready.
 *
 * @see https://hl7.org/fhir/uv/bulkdata/STU2/export.html
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AdapterError } from '../../errors.js';
import type { RawAnswer } from '../guarded-fetch.js';
import { backOffMs, retryAfterMs } from '../patience.js';
import type { SourceClient } from '../source-client.js';
import type { ExportAsked, ExportJob } from './job.js';
import { parseManifest } from './manifest.js';
import type { Manifest } from './manifest.js';

/** How long and how often a server is asked. */
export interface ExportPatience {
  /** Longest wait between two looks, ms: servers say two minutes of what is ready in seconds. */
  readonly pollMsMax: number;
  /** An export that is not ready after this is ended, ms. */
  readonly exportMsMax: number;
  /** Tries in a row that bring nothing, of a look or of a file. */
  readonly triesMax: number;
  /** Wait after the n-th of them, ms, where the server asks for none. */
  readonly backOffMs: (attempt: number) => number;
}

export const EXPORT_PATIENCE: ExportPatience = {
  pollMsMax: 30_000,
  exportMsMax: 24 * 3_600_000,
  triesMax: 6,
  backOffMs,
};

/** What became of an export. */
export type Waited =
  | {
      readonly outcome: 'ready';
      readonly manifest: Manifest;
      /** By `Expires`, ms. */
      readonly expiresAt?: number;
    }
  /** The server knows nothing of it any more. */
  | { readonly outcome: 'gone' }
  /** It will not be ready, or not in the time that it has. */
  | { readonly outcome: 'failed'; readonly error: AdapterError };

const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;
/** The first look comes soon: small exports are ready at once. */
const FIRST_LOOK_MS = 500;
const PROGRESS_CHARS_MAX = 100;

/**
 * Asks for an export.
 *
 * @returns Where to look for it.
 * @throws AdapterError ADAPTER_SOURCE_REFUSED, ADAPTER_SOURCE_UNREACHABLE
 */
export async function askForExport(
  client: SourceClient,
  { path, types, since }: Pick<ExportAsked, 'path' | 'types' | 'since'>,
  signal: AbortSignal | undefined,
): Promise<string> {
  const params = new URLSearchParams({ _outputFormat: 'application/fhir+ndjson' });
  if (types !== undefined) params.set('_type', types.join(','));
  if (since !== undefined) params.set('_since', since);
  const answer = await client.request({
    url: `${path}?${params.toString()}`,
    // Servers give an earlier export again to who asks for the same, unless told not to.
    headers: { prefer: 'respond-async', 'cache-control': 'no-cache' },
    signal,
  });
  if (answer.status !== 202) throw failed(answer, 'the source does not begin an export');
  const location = answer.headers.get('content-location') ?? '';
  const base = `${client.baseUrl}/${path}`;
  if (location === '' || !URL.canParse(location, base))
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source does not say where its export will be');
  const url = new URL(location, base);
  if (url.origin !== new URL(base).origin)
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source points to another origin; not followed');
  return url.href;
}

/**
 * Waits until an export is ready.
 *
 * @param onWaiting - Told what the server says of its progress, printable and short.
 * @throws AdapterError ADAPTER_SOURCE_REFUSED for an answer that is none, ADAPTER_SOURCE_UNREACHABLE when the server does not
 * answer: it may still be at work.
 */
export async function awaitExport(
  client: SourceClient,
  job: Pick<ExportJob, 'statusUrl' | 'askedAt'>,
  patience: ExportPatience,
  nowMs: () => number,
  onWaiting: (said: string) => void,
  signal: AbortSignal | undefined,
): Promise<Waited> {
  let failures = 0;
  for (let look = 1; ; look++) {
    const answer = await lookAt(client, job.statusUrl, signal);
    if (answer instanceof AdapterError || isPassing(answer.status)) {
      failures += 1;
      if (failures >= patience.triesMax) {
        if (answer instanceof AdapterError) throw answer;
        const error = failed(answer, 'the export failed');
        // What stands before a server says 502 and the like when it cannot reach it; this one speaks for itself.
        if (answer.status !== 500) throw error;
        return { outcome: 'failed', error };
      }
    } else failures = 0;
    const isLate = nowMs() - job.askedAt > patience.exportMsMax;
    if (isLate && (answer instanceof AdapterError || answer.status !== 200)) {
      const hours = Math.round(patience.exportMsMax / 3_600_000);
      const error = new AdapterError(
        'ADAPTER_SOURCE_UNREACHABLE',
        `the export was not ready after ${hours} h; it is ended`,
      );
      return { outcome: 'failed', error };
    }
    if (answer instanceof AdapterError) {
      await pause(patience.backOffMs(failures), signal);
      continue;
    }
    if (answer.status === 404 || answer.status === 410) return { outcome: 'gone' };
    if (answer.status === 200) return readyOf(answer, job.statusUrl, nowMs());
    if (answer.status !== 202 && !isPassing(answer.status))
      return { outcome: 'failed', error: failed(answer, 'the export failed') };
    if (answer.status === 202) onWaiting(progressOf(answer));
    const asked = retryAfterMs(answer.headers.get('retry-after'), nowMs());
    const own = failures > 0 ? patience.backOffMs(failures) : FIRST_LOOK_MS * 2 ** Math.min(look, 10);
    // One who asks for quiet because it is asked too much gets it; the time that an export may take is but a guess.
    await pause(Math.min(asked ?? own, patience.pollMsMax), signal);
  }
}

function readyOf({ bytes, headers }: RawAnswer, statusUrl: string, nowMs: number): Waited {
  try {
    const manifest = parseManifest(bytes, statusUrl);
    const expires = Date.parse(headers.get('expires') ?? '');
    // Some servers send a time long past, which says that caches should not keep the answer.
    return { outcome: 'ready', manifest, ...(expires > nowMs ? { expiresAt: expires } : {}) };
  } catch (error) {
    if (error instanceof AdapterError) return { outcome: 'failed', error };
    throw error;
  }
}

/** Tells the server that its files are not needed any more. Whether it hears that does not matter to us. */
export async function endExport(
  client: SourceClient,
  statusUrl: string,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    const { status } = await client.request({
      url: statusUrl,
      method: 'DELETE',
      headers: { accept: 'application/json' },
      timeoutMs: 10_000,
      patienceMs: 10_000,
      signal,
    });
    return status < 300 || status === 404 || status === 410;
  } catch {
    return false;
  }
}

/** Waits, unless we are told to stop. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal });
}

/** What may be otherwise at the next try. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

async function lookAt(
  client: SourceClient,
  url: string,
  signal: AbortSignal | undefined,
): Promise<RawAnswer | AdapterError> {
  try {
    return await client.request({
      url,
      headers: { accept: 'application/json' },
      bytesMax: MANIFEST_BYTES_MAX,
      signal,
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof AdapterError && error.code === 'ADAPTER_SOURCE_UNREACHABLE') return error;
    throw error;
  }
}

/** It ends up on a terminal. */
function progressOf(answer: RawAnswer): string {
  const said = answer.headers.get('x-progress') ?? '';
  return said.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?').slice(0, PROGRESS_CHARS_MAX);
}

function failed({ status }: RawAnswer, what: string): AdapterError {
  if (status === 401 || status === 403)
    return new AdapterError(
      'ADAPTER_SOURCE_REFUSED',
      `the source refuses our credentials (${status}, $export)`,
    );
  const code = isPassing(status) ? 'ADAPTER_SOURCE_UNREACHABLE' : 'ADAPTER_SOURCE_REFUSED';
  return new AdapterError(code, `${what} (${status})`);
}
