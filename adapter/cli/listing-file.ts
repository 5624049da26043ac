/** A hospital's own listing of what its server holds: NDJSON, a line a resource. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { ListingLine } from '../../ledger/proofs/index.js';
import { AdapterError } from '../errors.js';
import { bytesVersion } from '../services/reconciliation/index.js';

const CHUNK_BYTES = 1024 * 1024;
/** A line may be a whole resource. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;
const LF = 0x0a;
const NAME_MAX = 256;

/**
 * Lines of a listing, read as they are asked for: `{"type", "id", "version"}`, or a resource as the server gives it.
 *
 * @throws AdapterError ADAPTER_USAGE naming the line that is none.
 */
export function* listingIn(path: string): Generator<ListingLine> {
  let number = 0;
  for (const bytes of linesIn(path)) {
    number += 1;
    if (bytes.toString('latin1').trim() === '') {
      throw new AdapterError('ADAPTER_USAGE', `${path}: line ${number} is empty`);
    }
    const line = lineOf(bytes);
    if (line === undefined)
      throw new AdapterError(
        'ADAPTER_USAGE',
        `${path}: line ${number} is no {"type":…,"id":…,"version":…} and no FHIR resource`,
      );
    yield line;
  }
}

function lineOf(bytes: Buffer): ListingLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, resourceType, id, version, meta } = value as {
    readonly type?: unknown;
    readonly resourceType?: unknown;
    readonly id?: unknown;
    readonly version?: unknown;
    readonly meta?: { readonly versionId?: unknown };
  };
  const isResource = typeof resourceType === 'string';
  const named = isResource ? resourceType : type;
  const given = isResource ? (meta?.versionId ?? bytesVersion(bytes)) : version;
  return isName(named) && isName(id) && isName(given) ? { type: named, id, version: given } : undefined;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= NAME_MAX;
}

/** Bytes of each line; the last may lack its end. */
function* linesIn(path: string): Generator<Buffer> {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be read`, { cause });
  }
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let rest = Buffer.alloc(0);
    for (;;) {
      const length = readFrom(file, chunk, path);
      if (length === 0) break;
      const bytes = Buffer.concat([rest, chunk.subarray(0, length)]);
      let start = 0;
      for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
        yield withoutReturn(bytes.subarray(start, end));
        start = end + 1;
      }
      rest = bytes.subarray(start);
      if (rest.length > LINE_BYTES_MAX)
        throw new AdapterError('ADAPTER_USAGE', `${path} has a line of more than ${LINE_BYTES_MAX} bytes`);
    }
    if (rest.length > 0) yield withoutReturn(rest);
  } finally {
    closeSync(file);
  }
}

function readFrom(file: number, chunk: Buffer, path: string): number {
  try {
    return readSync(file, chunk);
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be read`, { cause });
  }
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
}
