/**
 * The token endpoint and what belongs to it.
 *
 * @see https://hl7.org/fhir/smart-app-launch/backend-services.html
 * @see RFC 6749, RFC 7009, RFC 7662
 */
import express from 'express';
import type { Express, Request, Response } from 'express';
import { ASSERTION_ALGORITHMS } from '../../services/tokens/index.js';
import type { TokenAnswer } from '../../services/tokens/index.js';

/** What the routes need of the token service. */
export interface AuthService {
  /** Where this instance is reached, without a slash at the end. */
  readonly baseUrl: () => string;
  readonly issue: (form: ReadonlyMap<string, string>, address: string) => Promise<TokenAnswer>;
  readonly introspect: (form: ReadonlyMap<string, string>, address: string) => Promise<object>;
  readonly revoke: (
    form: ReadonlyMap<string, string>,
    address: string,
  ) => Promise<Extract<TokenAnswer, { ok: false }> | undefined>;
}

const FORM_BYTES_MAX = 32 * 1024;
const FORM = 'application/x-www-form-urlencoded';

/** Paths below the base. */
export const TOKEN_PATH = '/auth/token';
const INTROSPECT_PATH = '/auth/introspect';
const REVOKE_PATH = '/auth/revoke';

/** Addresses and what they take. */
export const AUTH_ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/.well-known/smart-configuration', 'GET, HEAD'],
  ['/fhir/.well-known/smart-configuration', 'GET, HEAD'],
  [TOKEN_PATH, 'POST'],
  [INTROSPECT_PATH, 'POST'],
  [REVOKE_PATH, 'POST'],
];

export function mountAuth(app: Express, service: AuthService): void {
  for (const path of ['/.well-known/smart-configuration', '/fhir/.well-known/smart-configuration']) {
    app.get(path, (_request, response) => {
      response.set('Cache-Control', 'max-age=300').json(smartConfiguration(service.baseUrl()));
    });
  }
  const raw = express.raw({ type: () => true, limit: FORM_BYTES_MAX });
  app.post(TOKEN_PATH, raw, async (request, response) => {
    const form = formOf(request);
    if (form === undefined) return sendRefusal(response, NO_FORM);
    const answer = await service.issue(form, addressOf(request));
    if (!answer.ok) return sendRefusal(response, answer);
    noStore(response).json({
      access_token: answer.accessToken,
      token_type: 'bearer',
      expires_in: answer.expiresInS,
      scope: answer.scope,
      purpose_of_use: answer.purpose,
    });
  });
  app.post(INTROSPECT_PATH, raw, async (request, response) => {
    const form = formOf(request);
    if (form === undefined) return sendRefusal(response, NO_FORM);
    const answer = await service.introspect(form, addressOf(request));
    if ('ok' in answer) return sendRefusal(response, answer as Extract<TokenAnswer, { ok: false }>);
    noStore(response).json(answer);
  });
  app.post(REVOKE_PATH, raw, async (request, response) => {
    const form = formOf(request);
    if (form === undefined) return sendRefusal(response, NO_FORM);
    const refused = await service.revoke(form, addressOf(request));
    if (refused !== undefined) return sendRefusal(response, refused);
    noStore(response).status(200).end();
  });
}

function smartConfiguration(base: string): object {
  return {
    token_endpoint: `${base}${TOKEN_PATH}`,
    token_endpoint_auth_methods_supported: ['private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    grant_types_supported: ['client_credentials'],
    scopes_supported: ['system/*.rs', 'system/*.cruds'],
    introspection_endpoint: `${base}${INTROSPECT_PATH}`,
    revocation_endpoint: `${base}${REVOKE_PATH}`,
    capabilities: ['client-confidential-asymmetric', 'permission-v1', 'permission-v2'],
  };
}

const NO_FORM = {
  ok: false,
  error: 'invalid_request',
  description: `send parameters as ${FORM}, each once`,
} as const;

/** The parameters, or `undefined` for another media type, and where one is repeated. */
function formOf(request: Request): Map<string, string> | undefined {
  const body: unknown = request.body;
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (!Buffer.isBuffer(body) || type !== FORM) return undefined;
  const form = new Map<string, string>();
  const names = new Set<string>();
  for (const [name, value] of new URLSearchParams(body.toString('utf8'))) {
    if (names.has(name)) return undefined;
    names.add(name);
    if (value !== '') form.set(name, value);
  }
  return form;
}

function addressOf(request: Request): string {
  return request.socket.remoteAddress ?? '';
}

function sendRefusal(response: Response, refused: Extract<TokenAnswer, { ok: false }>): void {
  noStore(response);
  if (refused.error === 'slow_down') {
    response.status(429).set('Retry-After', String(refused.retryAfterS)).json({ error: 'slow_down' });
    return;
  }
  const { error, description } = refused;
  response.status(error === 'invalid_client' ? 401 : 400).json({ error, error_description: description });
}

function noStore(response: Response): Response {
  return response.set('Cache-Control', 'no-store').set('Pragma', 'no-cache');
}
