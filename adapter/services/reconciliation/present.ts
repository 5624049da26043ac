/** The version of one resource that a source shows now. */
import { hash } from 'node:crypto';
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import { BYTES_VERSION } from '../../inbound/inbox.js';
import { IMAGE_TYPES } from '../../inbound/large-body.js';
import type { SourceClient } from '../../inbound/source-client.js';

export type Present =
  | { readonly outcome: 'gone' }
  | {
      readonly outcome: 'found';
      /** Absent where only its presence is known. */
      readonly version?: string;
      /** Absent for images, whose content is not fetched to learn their version. */
      readonly bytes?: Buffer;
    };

const ETAG = /^(?:W\/)?"([A-Za-z0-9.-]{1,64})"$/;
/** The content is not read, however large the headers say that it is. */
const CONTENT_BYTES_MAX = 1024 * 1024 * 1024 * 1024;

/**
 * Asks a source for one resource. Images are asked for by their headers alone.
 *
 * @throws AdapterError ADAPTER_SOURCE_REFUSED, ADAPTER_SOURCE_UNREACHABLE
 */
export async function presentOf(client: SourceClient, type: string, id: string): Promise<Present> {
  if (IMAGE_TYPES.has(type)) return presentImage(client, type, id);
  const found = await client.read(type, id);
  if (found.outcome === 'gone') return found;
  return { outcome: 'found', version: versionIn(found.bytes), bytes: found.bytes };
}

/** `meta.versionId` of a resource, or what stands for it. */
export function versionIn(bytes: Buffer): string {
  const resource = parseJson(bytes);
  const meta = isJsonObject(resource) ? resource['meta'] : undefined;
  const version = isJsonObject(meta) ? meta['versionId'] : undefined;
  return typeof version === 'string' && version !== '' ? version : bytesVersion(bytes);
}

/** What stands for the version of a resource that names none. */
export function bytesVersion(bytes: Buffer): string {
  return BYTES_VERSION + hash('sha256', bytes, 'base64url');
}

async function presentImage(client: SourceClient, type: string, id: string): Promise<Present> {
  const url = `${type}/${id}`;
  const head = await client.request({ url, method: 'HEAD', bytesMax: CONTENT_BYTES_MAX });
  if (isGone(head.status)) return { outcome: 'gone' };
  if (head.status === 200) return foundBy(head.headers);
  // A server without HEAD: its answer is left as soon as its headers are there.
  const answer = await client.stream({ url, bytesMax: CONTENT_BYTES_MAX });
  await answer.body.return(undefined);
  if (isGone(answer.status)) return { outcome: 'gone' };
  if (answer.status === 200) return foundBy(answer.headers);
  throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `the source answered ${answer.status} (${type})`);
}

function isGone(status: number): boolean {
  return status === 404 || status === 410;
}

function foundBy(headers: Headers): Present {
  const version = ETAG.exec(headers.get('etag') ?? '')?.[1];
  return { outcome: 'found', ...(version === undefined ? {} : { version }) };
}
