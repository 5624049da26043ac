/** The few lines of HTTP around Medplum's router: who may ask, headers, status codes, links. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { badRequest, getStatus, notFound } from '@medplum/core';
import type { FhirRouter, HttpMethod } from '@medplum/fhir-router';
import type { Bundle, OperationOutcome, Resource } from '@medplum/fhirtypes';
import { DemoError } from '../errors.js';
import { capabilityStatement } from './capability.js';
import type { HospitalRepository } from './repository.js';

export interface HospitalHttp {
  readonly router: FhirRouter;
  readonly repository: HospitalRepository;
  /** Secret of those who may read and write. */
  readonly token: string;
  /** FHIR base without a slash at its end. */
  readonly baseUrl: () => string;
  readonly nowMs: () => number;
}

interface Answer {
  readonly status: number;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Path of the FHIR base. */
export const BASE_PATH = '/fhir';
/** A transaction of some thousand resources. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;
const METHODS: readonly string[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] satisfies HttpMethod[];
const TYPE = /^[A-Z][A-Za-z]+$/;

/** Answers one request; never throws. */
export async function answerRequest(
  request: IncomingMessage,
  response: ServerResponse,
  hospital: HospitalHttp,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await handle(request, hospital);
  } catch (error) {
    const unwritten = error instanceof DemoError && error.code === 'DEMO_JOURNAL_WRITE_FAILED';
    answer = refusal(unwritten ? 503 : 500, 'exception', 'The server could not do this');
  }
  const body = answer.body === undefined ? undefined : Buffer.from(JSON.stringify(answer.body));
  response.writeHead(answer.status, {
    'content-type': 'application/fhir+json; charset=utf-8',
    'content-length': String(body?.length ?? 0),
    'cache-control': 'no-store',
    ...answer.headers,
  });
  response.end(body);
}

async function handle(request: IncomingMessage, hospital: HospitalHttp): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://hospital.invalid');
  if (url.pathname !== BASE_PATH && !url.pathname.startsWith(`${BASE_PATH}/`)) {
    return refusal(404, 'not-found', 'The FHIR base is /fhir');
  }
  const path = url.pathname.slice(BASE_PATH.length + 1);
  const method = request.method ?? 'GET';
  if (method === 'GET' && path === 'metadata') {
    const { repository } = hospital;
    return {
      status: 200,
      body: capabilityStatement(hospital.baseUrl(), repository.types(), hospital.nowMs()),
    };
  }
  if (!mayEnter(request.headers.authorization, hospital.token)) {
    return {
      ...refusal(401, 'login', 'A bearer token is needed'),
      headers: { 'www-authenticate': 'Bearer' },
    };
  }
  const [type = '', id = '', history, ...beyond] = path.split('/');
  // Medplum would answer /_history and /$export as searches of types by these names.
  if (!METHODS.includes(method) || beyond.length > 1 || (path !== '' && !TYPE.test(type))) {
    return refusal(404, 'not-found', 'No such interaction here');
  }
  const body = await readBody(request);
  if (body === undefined) return refusal(413, 'too-long', `At most ${BODY_BYTES_MAX} bytes`);
  let resource: Resource | undefined;
  if (body.length > 0) {
    try {
      resource = JSON.parse(body.toString('utf8')) as Resource;
    } catch {
      return refusal(400, 'structure', 'The body is not JSON');
    }
  }
  // A create's id and version are the server's to give; Medplum would keep the client's.
  if (method === 'POST' && path === type && resource !== undefined && type !== '') delete resource.id;
  for (const name of ['_format', '_pretty']) url.searchParams.delete(name);

  const existed = hospital.repository.has(type, id);
  const query = Object.fromEntries(url.searchParams);
  const [outcome, result] = await hospital.router.handleRequest(
    {
      method: method as HttpMethod,
      url: `${path}${url.search}`,
      pathname: '',
      params: {},
      query,
      body: resource,
      headers: request.headers,
    },
    hospital.repository,
  );
  const status = getStatus(outcome);
  if (status === 404 && history === undefined && hospital.repository.isGone(type, id)) {
    return method === 'DELETE' ? { status: 204 } : refusal(410, 'deleted', 'The resource was deleted');
  }
  if (result === undefined)
    return method === 'DELETE' && status === 200 ? { status: 204 } : { status, body: outcome };
  if (result.resourceType === 'Bundle' && (result.type === 'searchset' || result.type === 'history')) {
    return { status, body: linked(result, url, hospital.baseUrl()) };
  }
  const created = method === 'PUT' && status === 200 && !existed;
  return {
    status: created ? 201 : status,
    body: result,
    headers: versionHeaders(result, hospital.baseUrl()),
  };
}

/** Gives a Bundle its links, and its entries their addresses. */
function linked(bundle: Bundle, url: URL, baseUrl: string): Bundle {
  const self = `${baseUrl}${url.pathname.slice(BASE_PATH.length)}`;
  const next = bundle.link?.find(({ relation }) => relation === 'next')?.url;
  const query = new URLSearchParams(url.searchParams);
  const link = [{ relation: 'self', url: `${self}${query.size > 0 ? `?${query.toString()}` : ''}` }];
  if (next !== undefined) {
    for (const name of ['_cursor', '_offset']) query.delete(name);
    const [name = '', value = ''] = next.split('=');
    query.set(name, value);
    link.push({ relation: 'next', url: `${self}?${query.toString()}` });
  }
  const entry = bundle.entry?.map(({ resource, ...more }) => ({
    ...more,
    ...(resource === undefined
      ? {}
      : { fullUrl: `${baseUrl}/${resource.resourceType}/${resource.id ?? ''}`, resource }),
    ...(bundle.type === 'searchset' ? { search: { mode: 'match' as const } } : {}),
  }));
  return { ...bundle, link, ...(entry === undefined ? {} : { entry }) };
}

function versionHeaders(resource: Resource, baseUrl: string): Record<string, string> {
  const { id, meta, resourceType } = resource;
  if (id === undefined || meta?.versionId === undefined || meta.lastUpdated === undefined) return {};
  return {
    etag: `W/"${meta.versionId}"`,
    'last-modified': new Date(meta.lastUpdated).toUTCString(),
    location: `${baseUrl}/${resourceType}/${id}/_history/${meta.versionId}`,
  };
}

/** @returns `undefined` when the body is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request) {
    size += (piece as Buffer).length;
    if (size > BODY_BYTES_MAX) return undefined;
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces);
}

function mayEnter(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
  if (given === undefined) return false;
  return timingSafeEqual(digest(given), digest(token));
}

/** Of one length for all texts, as a comparison in constant time asks. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function refusal(status: number, code: OperationOutcome['issue'][number]['code'], text: string): Answer {
  const { issue, ...outcome } = status === 404 ? notFound : badRequest(text);
  return {
    status,
    body: {
      ...outcome,
      issue: issue.map((one) => ({ ...one, code, details: { text } })),
    } satisfies OperationOutcome,
  };
}
