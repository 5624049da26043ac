/**
 * Bodies of images as they come: small ones are collected, large ones go through the seal into a file, and what is left
 * to look at is the resource without its data.
 */
import { createHash } from 'node:crypto';
import { isFhirId, JsonOutline } from '../../mappings/index.js';
import { bytesHashOf } from '../instance/records.js';
import type { LargeBodies } from '../instance/large-bodies.js';
import { AdapterError } from '../errors.js';
import { DataDigests } from './data-digests.js';
import { isJson } from '../http/media.js';
import type { LargeBody } from './event.js';
import type { StreamedAnswer, StreamRequest } from './source-client.js';

/** Up to this size a body is held in memory, and is then treated like any other. */
export const SMALL_BYTES_MAX = 4 * 1024 * 1024;

/** Types whose data may be large; all others are bounded by what memory takes. */
export const IMAGE_TYPES: ReadonlySet<string> = new Set(['Binary', 'Media', 'DocumentReference']);

/** What was received: all bytes, or the outline of a resource whose bytes lie in a file. */
export interface Received {
  readonly bytes: Buffer;
  readonly large?: LargeBody;
}

/** A Binary that comes as its content itself, with what the headers say of it. */
export interface NativeBinary {
  readonly id: string;
  readonly contentType: string;
  /** `X-Security-Context`. */
  readonly securityContext?: string;
  /** Version by `ETag`. */
  readonly versionId?: string;
  /** By `Last-Modified`, ms. */
  readonly lastUpdatedMs?: number;
}

/** The first bytes of a body, and the rest of it to come. */
export interface Begun {
  readonly head: readonly Buffer[];
  readonly isAll: boolean;
  /** Head and rest. */
  readonly pieces: AsyncIterable<Buffer>;
}

/** Reads so much of a body that it is known to be small, or not to be. */
export async function begin(body: AsyncIterator<Uint8Array>): Promise<Begun> {
  const head: Buffer[] = [];
  let size = 0;
  let isAll = false;
  while (!isAll && size <= SMALL_BYTES_MAX) {
    const next = await body.next();
    if (next.done === true) isAll = true;
    else {
      // A copy: whoever sends the pieces may use their buffer again.
      head.push(Buffer.from(next.value));
      size += next.value.length;
    }
  }
  return { head, isAll, pieces: all(head, isAll, body) };
}

async function* all(
  head: readonly Buffer[],
  isAll: boolean,
  body: AsyncIterator<Uint8Array>,
): AsyncGenerator<Buffer> {
  yield* head;
  if (isAll) return;
  for (let next = await body.next(); next.done !== true; next = await body.next()) {
    const { buffer, byteOffset, byteLength } = next.value;
    yield Buffer.from(buffer, byteOffset, byteLength);
  }
}

/**
 * Seals a body into a file.
 *
 * @param onPiece - Sees each piece before it is sealed.
 * @throws AdapterError as `LargeBodies.take` does; MappingError for JSON that holds something else than data.
 */
export async function receive(
  pieces: AsyncIterable<Uint8Array>,
  bodies: LargeBodies,
  native?: NativeBinary,
  onPiece: (piece: Uint8Array) => void = () => undefined,
): Promise<Received & { readonly large: LargeBody }> {
  if (native !== undefined) {
    const sum = createHash('sha1');
    const taken = await bodies.take(pieces, (piece) => {
      onPiece(piece);
      sum.update(piece);
    });
    const { contentType } = native;
    return {
      bytes: outlineOf(native),
      large: { ...taken, contentType, dataDigests: [sum.digest('base64')] },
    };
  }
  const digests = new DataDigests();
  const outline = new JsonOutline(digests);
  const large = await bodies.take(pieces, (piece) => {
    onPiece(piece);
    outline.push(piece);
  });
  try {
    return { bytes: outline.end(), large: { ...large, dataDigests: digests.taken } };
  } catch (error) {
    await bodies.settle(large.name);
    throw error;
  }
}

/** Reads a body for its hash and its outline alone. */
export async function digest(
  pieces: AsyncIterable<Uint8Array>,
  native?: NativeBinary,
): Promise<{ readonly bytes: Buffer; readonly bytesHash: string }> {
  const sum = createHash('sha256');
  const outline = new JsonOutline();
  for await (const piece of pieces) {
    sum.update(piece);
    if (native === undefined) outline.push(piece);
  }
  const bytes = native === undefined ? outline.end() : outlineOf(native);
  return { bytes, bytesHash: sum.digest('base64url') };
}

/** A resource that the source shows, not yet read. */
export interface StreamedBack {
  readonly body: AsyncGenerator<Buffer>;
  /** Where the source answers with a Binary's content itself. */
  readonly native?: NativeBinary;
}

/**
 * Asks a source for an image. Its body is to be read to its end, or ended by `return`.
 *
 * @returns `undefined` when it is not, or no longer, there.
 * @throws AdapterError ADAPTER_SOURCE_REFUSED, ADAPTER_SOURCE_UNREACHABLE
 * @see HL7 FHIR R4 Binary, section 2.1.27.0.1: a server may answer with the content itself
 */
export async function streamBack(
  reader: { stream(request: StreamRequest): Promise<StreamedAnswer> },
  type: string,
  id: string,
  bytesMax: number,
): Promise<StreamedBack | undefined> {
  const { status, headers, body } = await reader.stream({
    url: `${type}/${id}`,
    headers: { accept: 'application/fhir+json', 'cache-control': 'no-cache' },
    bytesMax,
  });
  if (status !== 200) {
    await body.return(undefined);
    if (status === 404 || status === 410) return undefined;
    const code = status === 401 || status === 403 ? 'ADAPTER_SOURCE_REFUSED' : 'ADAPTER_SOURCE_UNREACHABLE';
    throw new AdapterError(code, `the source answered ${status} (${type})`);
  }
  const contentType = headers.get('content-type') ?? '';
  if (type !== 'Binary' || isJson(contentType)) return { body };
  const securityContext = headers.get('x-security-context') ?? undefined;
  const versionId = /^(?:W\/)?"([^"]{1,64})"$/.exec(headers.get('etag') ?? '')?.[1];
  const modified = Date.parse(headers.get('last-modified') ?? '');
  const native = {
    id,
    contentType,
    ...(securityContext === undefined ? {} : { securityContext }),
    ...(versionId === undefined ? {} : { versionId }),
    ...(Number.isNaN(modified) ? {} : { lastUpdatedMs: modified }),
  };
  return { body, native };
}

/** base64url SHA-256 of what was received of a version, wherever it lies. */
export function receivedHash({ bytes, large }: Received): string {
  return large?.plainHash ?? bytesHashOf(bytes);
}

/** What a Binary resource with this content would be, without its data. */
function outlineOf({ id, contentType, securityContext, versionId, lastUpdatedMs }: NativeBinary): Buffer {
  const meta = {
    ...(versionId === undefined || !isFhirId(versionId) ? {} : { versionId }),
    ...(lastUpdatedMs === undefined ? {} : { lastUpdated: new Date(lastUpdatedMs).toISOString() }),
  };
  const resource = {
    resourceType: 'Binary',
    id,
    ...(Object.keys(meta).length === 0 ? {} : { meta }),
    contentType,
    ...(securityContext === undefined ? {} : { securityContext: { reference: securityContext } }),
  };
  return Buffer.from(JSON.stringify(resource), 'utf8');
}
