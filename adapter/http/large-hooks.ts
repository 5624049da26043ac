/**
 * Hooks whose body may be too large to be held: it is looked at as it comes. An image goes into a sealed file, is on the
 * disk before it is answered, and memory does not grow with it; anything else is held up to the bound of all hooks.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { JsonOutline } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import { eventsFromBody } from '../inbound/intake.js';
import type { Accepted } from '../inbound/inbox.js';
import { begin, IMAGE_TYPES, receive, SMALL_BYTES_MAX } from '../inbound/large-body.js';
import { tooLarge } from '../instance/large-bodies.js';
import type { LargeBodies } from '../instance/large-bodies.js';
import { namedResource, notNamed, senderCheck, sourceOf, takeHook, versionOf } from './hooks.js';
import type { HookRequest, HookService } from './hooks.js';
import { isJson } from './media.js';
import { nativeBinary } from './native-binary.js';

/** A hook whose body is yet to come. */
export type LargeHookRequest = Omit<HookRequest, 'body'> & {
  readonly body: AsyncIterable<Uint8Array>;
};

export interface LargeHookService extends HookService {
  readonly bodies: LargeBodies;
  /** Largest body of what is no image. */
  readonly bodyBytesMax: number;
}

/** Whether a hook's body is to be looked at as it comes. Compressed ones are not: they are held, decompressed. */
export function mayBeLarge(method: string, rest: readonly string[], headers: IncomingHttpHeaders): boolean {
  if (method !== 'POST' && method !== 'PUT') return false;
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') return false;
  if (rest[0] === 'Binary' && !isJson(headers['content-type'])) return true;
  if (headers['transfer-encoding'] !== undefined) return true;
  return Number(headers['content-length'] ?? '0') > SMALL_BYTES_MAX;
}

/**
 * Takes one push whose body comes in pieces.
 *
 * @throws AdapterError as `takeHook` does, ADAPTER_BODY_TOO_LARGE, ADAPTER_DISK_FULL; MappingError.
 */
export async function takeLargeHook(request: LargeHookRequest, service: LargeHookService): Promise<Accepted> {
  const source = sourceOf(request.source, service.sources);
  // A wrong token is refused before a byte is read.
  const sender = senderCheck(request.headers, source);
  const named = namedResource(request.rest);
  const declared = Number(request.headers['content-length'] ?? '0');
  const bytesMax = Math.max(service.bodies.bytesMax, service.bodyBytesMax);
  if (declared > bytesMax) throw tooLarge(bytesMax);
  const native = nativeBinary(request.headers, named);
  const body = request.body[Symbol.asyncIterator]();
  const begun = await begin(endedEarly(body));
  const type = named?.type ?? typeOf(begun.head);
  const isHeld = native === undefined && (begun.isAll || type === undefined || !IMAGE_TYPES.has(type));
  if (isHeld || (begun.isAll && begun.head.length === 0)) {
    if (declared > service.bodyBytesMax) throw tooLarge(service.bodyBytesMax);
    return takeHook({ ...request, body: await collect(begun.pieces, service.bodyBytesMax) }, service);
  }
  if (native === undefined && !isJson(request.headers['content-type']))
    throw new AdapterError('ADAPTER_UNSUPPORTED_MEDIA', 'send application/fhir+json in UTF-8');

  const arrival = { source: source.id, channel: 'hook' as const, receivedAt: service.nowMs() };
  const received = await receive(begun.pieces, service.bodies, native, sender.update);
  try {
    sender.finish();
    const [event] = eventsFromBody(received.bytes, arrival, versionOf(request.headers['if-match']));
    if (event === undefined || !IMAGE_TYPES.has(event.type)) throw notNamed();
    if (named !== undefined && (event.type !== named.type || event.id !== named.id)) throw notNamed();
    return await service.accept([{ ...event, bytes: received.bytes, large: received.large }]);
  } finally {
    await service.bodies.settle(received.large.name);
  }
}

/** The type that a body's first bytes tell. */
function typeOf(head: readonly Buffer[]): string | undefined {
  const outline = new JsonOutline();
  for (const piece of head) {
    // Its first bytes will tell, if they do at all.
    for (let at = 0; at < piece.length; at += LOOK_BYTES) {
      try {
        outline.push(piece.subarray(at, at + LOOK_BYTES));
      } catch {
        return undefined;
      }
      if (outline.resourceType !== undefined) return outline.resourceType;
    }
  }
  return undefined;
}

const LOOK_BYTES = 4096;

async function collect(pieces: AsyncIterable<Buffer>, bytesMax: number): Promise<Buffer> {
  const held: Buffer[] = [];
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > bytesMax) throw tooLarge(bytesMax);
    held.push(piece);
  }
  return Buffer.concat(held, size);
}

/** A sender that goes away in the middle is at fault, not we. */
function endedEarly(body: AsyncIterator<Uint8Array>): AsyncIterator<Uint8Array> {
  return {
    next: async () => {
      try {
        return await body.next();
      } catch (cause) {
        throw new AdapterError('ADAPTER_BAD_REQUEST', 'the body ended early', { cause });
      }
    },
  };
}
