/**
 * One file of an export: read as a stream into the inbox, with no more in memory than a few lines, and gone on with
 * where it broke off.
 */
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AdapterError, codeOf } from '../../errors.js';
import { bounded } from '../guarded-fetch.js';
import { retryAfterMs } from '../patience.js';
import { FileReader, isBroken, problem } from './file-reader.js';
import type { FileReading } from './file-reader.js';
import type { FileState } from './job.js';
import type { ExportFile } from './manifest.js';
import { isPassing, pause } from './request.js';

/** A server that is asked too much may ask for this much quiet, ms. */
const QUIET_MS_MAX = 300_000;
const UNZIPPED_CHUNK_BYTES = 64 * 1024;
const NOTHING_READ: FileState = { lines: 0, linesHash: '' };

/**
 * Reads a file to its end.
 *
 * @param before - How far it had been read.
 * @returns Its state, with the hash and what is wrong with it; `gone` when the server has it no more.
 * @throws AdapterError ADAPTER_SOURCE_REFUSED, or ADAPTER_SOURCE_UNREACHABLE when it broke off again and again: what was read
 * is durable and remembered; whatever `accept` throws.
 */
export async function readExportFile(
  file: ExportFile,
  before: FileState | undefined,
  reading: FileReading,
): Promise<FileState | 'gone'> {
  const { patience, signal } = reading;
  let state = before ?? NOTHING_READ;
  let failures = 0;
  let shortHash: string | undefined;
  for (;;) {
    const from = state.lines;
    const tried = await readOnce(file, state, reading, (now) => (state = now));
    if (tried.outcome === 'gone') return 'gone';
    if (tried.outcome === 'end') {
      const { problems = [], ...ended } = tried.state;
      // Fewer lines than the manifest says: perhaps an answer that was cut and does not show it.
      if (file.count === undefined || ended.lines >= file.count) return tried.state;
      if (shortHash === ended.hash) return { ...ended, problems: [problem('FILE_SHORT'), ...problems] };
      shortHash = ended.hash;
    }
    if (tried.outcome === 'changed') state = NOTHING_READ;
    failures = state.lines > from ? 1 : failures + 1;
    if (failures >= patience.triesMax) throw tried.outcome === 'broken' ? tried.error : changing();
    const asked = tried.outcome === 'broken' ? tried.waitMs : undefined;
    await pause(Math.min(asked ?? patience.backOffMs(failures), QUIET_MS_MAX), signal);
  }
}

type Tried =
  | { readonly outcome: 'end'; readonly state: FileState }
  | { readonly outcome: 'broken'; readonly error: AdapterError; readonly waitMs: number | undefined }
  /** What was read before is not what comes now. */
  | { readonly outcome: 'changed' }
  | { readonly outcome: 'gone' };

async function readOnce(
  file: ExportFile,
  before: FileState,
  reading: FileReading,
  onState: (state: FileState) => void,
): Promise<Tried> {
  const { client, requiresAccessToken, fileBytesMax, nowMs, signal } = reading;
  try {
    const { status, headers, body } = await client.stream({
      url: file.url,
      // No Accept: NDJSON is what files are without one, and HAPI gives a Binary in JSON to whoever says anything of JSON.
      bytesMax: fileBytesMax,
      // Whoever needs no token may keep its files anywhere; a token is shown to the server alone.
      elsewhere: !requiresAccessToken,
      withoutCredentials: !requiresAccessToken,
      signal,
    });
    if (status !== 200) {
      await body.return(undefined);
      if (status === 404 || status === 410) return { outcome: 'gone' };
      const error = refusal(status);
      // A token that was refused is not shown again: the next one may be taken.
      if (!isPassing(status) && status !== 401) throw error;
      return { outcome: 'broken', error, waitMs: retryAfterMs(headers.get('retry-after'), nowMs()) };
    }
    const state = await new FileReader(file, before, reading, onState).read(unzipped(body, fileBytesMax));
    return state === undefined ? { outcome: 'changed' } : { outcome: 'end', state };
  } catch (error) {
    signal?.throwIfAborted();
    if (!isBroken(error)) throw error;
    return { outcome: 'broken', error, waitMs: undefined };
  }
}

/** Some servers keep their files packed, and hand them out as they are. */
async function* unzipped(body: AsyncGenerator<Buffer>, bytesMax: number): AsyncGenerator<Buffer> {
  const first = await body.next();
  if (first.done === true) return;
  const all = continued(first.value, body);
  if (first.value[0] !== 0x1f || first.value[1] !== 0x8b) {
    yield* all;
    return;
  }
  const gunzip = pipeline(
    Readable.from(all),
    createGunzip({ chunkSize: UNZIPPED_CHUNK_BYTES }),
    () => undefined,
  );
  try {
    yield* bounded(gunzip, bytesMax);
  } catch (error) {
    if (error instanceof AdapterError) throw error;
    throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `a file of the export broke off: ${codeOf(error)}`, {
      cause: error,
    });
  }
}

async function* continued(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

function refusal(status: number): AdapterError {
  const code = isPassing(status) ? 'ADAPTER_SOURCE_UNREACHABLE' : 'ADAPTER_SOURCE_REFUSED';
  return new AdapterError(code, `the source answered ${status} (a file of the export)`);
}

function changing(): AdapterError {
  return new AdapterError(
    'ADAPTER_SOURCE_UNREACHABLE',
    'a file of the export is another one each time it is read',
  );
}
