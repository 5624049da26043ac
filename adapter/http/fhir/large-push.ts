/**
 * A pushed image whose body may be too large to be held: it is sealed into a file as it comes, and memory does not grow
 * with it. What is small, or no image, is held as any other body.
 */
import type { Request } from 'express';
import { AdapterError } from '../../errors.js';
import { begin, IMAGE_TYPES, receive } from '../../inbound/large-body.js';
import { tooLarge } from '../../instance/large-bodies.js';
import type { LargeBodies } from '../../instance/large-bodies.js';
import { readResource } from '../../services/push/index.js';
import type { PushHeaders, PutEntry } from '../../services/push/index.js';
import { mayBeLarge } from '../large-hooks.js';
import { nativeBinary } from '../native-binary.js';

/** Where a push is addressed to. */
export interface PushTarget {
  readonly method: 'POST' | 'PUT';
  readonly type: string;
  readonly id?: string;
}

/** Whether a push is to be looked at as it comes. */
export function isLargePush({ method, type, id }: PushTarget, request: Request): boolean {
  return IMAGE_TYPES.has(type) && mayBeLarge(method, id === undefined ? [type] : [type, id], request.headers);
}

/**
 * Reads a pushed image. What it returns with `large` has a file, to be settled when the push was taken or was not.
 *
 * @param pieceMsMax - How long the next piece may take to come, ms.
 * @throws AdapterError ADAPTER_BODY_TOO_LARGE, ADAPTER_UNSUPPORTED_MEDIA, ADAPTER_SLOW_BODY, ADAPTER_BAD_REQUEST,
 * ADAPTER_DISK_FULL; MappingError
 */
export async function readLargePush(
  { method, type, id }: PushTarget,
  request: Request,
  headers: PushHeaders,
  bodies: LargeBodies,
  pieceMsMax: number,
): Promise<PutEntry> {
  if (Number(request.headers['content-length'] ?? '0') > bodies.bytesMax) throw tooLarge(bodies.bytesMax);
  const native = nativeBinary(request.headers, id === undefined ? undefined : { type, id });
  const pieces = request.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Uint8Array>;
  const begun = await begin(inTime(pieces, pieceMsMax));
  if (begun.isAll && native === undefined) {
    return readResource(method, type, id, Buffer.concat(begun.head), headers);
  }
  const received = await receive(begun.pieces, bodies, native);
  try {
    return { ...readResource(method, type, id, received.bytes, headers), large: received.large };
  } catch (error) {
    await bodies.settle(received.large.name);
    throw error;
  }
}

/** Refuses a body that stands still, and one that breaks off. */
function inTime(pieces: AsyncIterator<Uint8Array>, msMax: number): AsyncIterator<Uint8Array> {
  return {
    next: async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => {
          const text = `nothing of the body came for ${Math.ceil(msMax / 1000)} s`;
          reject(new AdapterError('ADAPTER_SLOW_BODY', text));
        }, msMax);
      });
      const next = pieces.next().catch((cause: unknown) => {
        throw new AdapterError('ADAPTER_BAD_REQUEST', 'the body ended early', { cause });
      });
      try {
        return await Promise.race([next, late]);
      } finally {
        clearTimeout(timer);
        next.catch(() => undefined);
      }
    },
  };
}
