/** A Binary that is sent as its content itself. */
import type { IncomingHttpHeaders } from 'node:http';
import type { NativeBinary } from '../inbound/large-body.js';
import { isJson } from './media.js';

/**
 * What the headers say of a Binary's content that is put to its address, or none where a resource is sent.
 *
 * @see HL7 FHIR R4 Binary, section 2.1.27.0.1
 */
export function nativeBinary(
  headers: IncomingHttpHeaders,
  named: { readonly type: string; readonly id: string } | undefined,
): NativeBinary | undefined {
  const contentType = headers['content-type'];
  if (named?.type !== 'Binary' || contentType === undefined || isJson(contentType)) return undefined;
  // A resource in another format is not its content.
  if (/^(?:application\/(?:fhir\+xml|fhir\+turtle|xml)|text\/xml)\b/i.test(contentType)) return undefined;
  const securityContext = headers['x-security-context'];
  return {
    id: named.id,
    contentType,
    ...(typeof securityContext === 'string' ? { securityContext } : {}),
  };
}
