/** What the headers and parameters of a FHIR request say. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Request } from 'express';
import { AdapterError } from '../../errors.js';
import { PROOF_PARAMETER } from '../../services/facade/index.js';
import type { Conditions, Pairs } from '../../services/facade/index.js';

const JSON_RANGES: ReadonlySet<string> = new Set([
  '*/*',
  'application/*',
  'application/json',
  'application/fhir+json',
  'application/json+fhir',
]);
const SEALED_RANGES: ReadonlySet<string> = new Set(['application/jose']);
const FORM = 'application/x-www-form-urlencoded';
const TAG = /^\s*(?:W\/)?"([^"]*)"\s*$/;

/** Whether an `Accept` takes FHIR JSON; a missing one takes all. */
export function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return true;
  return accepts(accept, JSON_RANGES);
}

/** Whether an `Accept` names sealed answers: who names them wants them. */
export function acceptsSealed(accept: string | undefined): boolean {
  return accepts(accept ?? '', SEALED_RANGES);
}

function accepts(accept: string, ranges: ReadonlySet<string>): boolean {
  return accept.split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const isRefused = parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    return ranges.has(type) && !isRefused;
  });
}

/**
 * What a caller has already, by the headers for it. `If-Modified-Since` counts only without `If-None-Match`.
 *
 * @throws AdapterError ADAPTER_BAD_REQUEST for tags that are none.
 * @see RFC 9110 section 13
 */
export function conditionsOf(headers: IncomingHttpHeaders): Conditions {
  const match = tagsOf('If-Match', headers['if-match']);
  const noneMatch = tagsOf('If-None-Match', headers['if-none-match']);
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return {
    ...(match === undefined ? {} : { match }),
    ...(noneMatch === undefined ? {} : { noneMatch }),
    ...(Number.isNaN(since) ? {} : { modifiedSinceMs: since }),
    isResourceWanted: /\bjson\b/i.test(headers.accept ?? ''),
  };
}

function tagsOf(name: string, value: string | undefined): string[] | undefined {
  if (value === undefined) return undefined;
  if (value.trim() === '*') return ['*'];
  return value.split(',').map((one) => {
    const tag = TAG.exec(one)?.[1];
    if (tag === undefined) throw new AdapterError('ADAPTER_BAD_REQUEST', `${name} is a list of entity tags`);
    return tag;
  });
}

const PROOF_HEADER = 'firebreak-proof';

/**
 * The parameters, and the one for proofs where the header `Firebreak-Proof: 1` asks for them.
 *
 * @throws AdapterError ADAPTER_BAD_REQUEST for another value than 0 and 1.
 */
export function withProof(parameters: Pairs, headers: IncomingHttpHeaders): Pairs {
  const value = headers[PROOF_HEADER];
  if (value === undefined || value === '0') return parameters;
  if (value !== '1') throw new AdapterError('ADAPTER_BAD_REQUEST', 'Firebreak-Proof is 0 or 1');
  const isAsked = parameters.some(([name, asked]) => name === PROOF_PARAMETER && asked === 'true');
  return isAsked ? parameters : [...parameters, [PROOF_PARAMETER, 'true']];
}

/** Parameters of an address, in their order, repeated ones too. */
export function readQueryText(url: string): Pairs {
  const at = url.indexOf('?');
  return at === -1 ? [] : [...new URLSearchParams(url.slice(at + 1))];
}

/**
 * Parameters of a form.
 *
 * @throws AdapterError ADAPTER_UNSUPPORTED_MEDIA for a body of another type.
 */
export function readForm(request: Request): Pairs {
  const body: unknown = request.body;
  if (!Buffer.isBuffer(body) || body.length === 0) return [];
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== FORM) throw new AdapterError('ADAPTER_UNSUPPORTED_MEDIA', `a search is sent as ${FORM}`);
  return [...new URLSearchParams(body.toString('utf8'))];
}
