/** The HTTP server: every route, and the one place where the framework is met. */
import express from 'express';
import type { Express, NextFunction, Request, Response } from 'express';
import { AdapterError, codeOf } from '../errors.js';
import type { Accepted } from '../inbound/inbox.js';
import type { Logger } from '../logger.js';
import type { Exceptional } from '../services/exceptional/index.js';
import { limitSigned, AUTH_ALLOWED, mountAuth, mountPeople, PEOPLE_ALLOWED } from './auth/index.js';
import type { AuthService, PeopleService } from './auth/index.js';
import { capabilityStatement } from './capability.js';
import { EXCEPTIONAL_ALLOWED, mountExceptional } from './exceptional.js';
import { CLAIMS_ALLOWED, mountClaims } from './claims.js';
import type { ClaimsService } from './claims.js';
import { CDS_ALLOWED, mountCds } from './cds.js';
import type { CdsRoutes } from './cds.js';
import { mountAuditEvents, mountFacade, mountPush } from './fhir/index.js';
import type { AuditEventsService, FacadeService, PushService } from './fhir/index.js';
import { takeHook } from './hooks.js';
import { mayBeLarge, takeLargeHook } from './large-hooks.js';
import type { LargeHookService } from './large-hooks.js';
import { servesLog } from './log.js';
import type { LogService } from './log.js';
import { outcome, outcomeOf } from './outcome.js';
import { EVENTS_ALLOWED, mountEvents } from './events.js';
import { mountWebhooks, WEBHOOKS_ALLOWED } from './webhooks.js';
import type { WebhooksService } from './webhooks.js';
import type { EventsService } from './events.js';
import { BULK_ALLOWED, mountBulkExport } from './bulk-export.js';
import { COHORTS_ALLOWED, mountCohorts } from './cohorts.js';
import type { CohortsService } from './cohorts.js';
import { mountRequests, REQUESTS_ALLOWED } from './requests.js';
import type { RequestsService } from './requests.js';
import { mountOwn, OWN_ALLOWED } from './own.js';
import type { OwnService } from './own.js';
import { mountPki, RENEWAL_PATH } from './pki.js';
import { mountDemo } from './demo.js';
import type { DemoWallets } from './demo.js';
import { CLINICAL_ALLOWED, mountClinical } from './clinical.js';
import type { ClinicalService } from './clinical.js';
import { DESK_ALLOWED, mountDesk } from './desk.js';
import type { DeskService } from './desk.js';
import { AUTHORITY_ALLOWED, mountAuthority } from './authority.js';
import type { AuthorityService } from './authority.js';
import { mountWallets, WALLETS_ALLOWED } from './wallets.js';
import type { WalletService } from './wallets.js';
import { mountPortal } from './portal.js';
import type { PortalFiles } from './portal.js';
import type { PkiService } from './pki.js';

interface AppServices {
  readonly hooks: LargeHookService;
  readonly log: LogService;
  readonly pki: PkiService;
  readonly wallets: WalletService;
  readonly authority: AuthorityService;
  readonly desk: DeskService;
  readonly clinical: ClinicalService;
  readonly auth: AuthService;
  readonly people: PeopleService;
  readonly own: OwnService;
  readonly requests: RequestsService;
  readonly events: EventsService;
  readonly webhooks: WebhooksService;
  readonly cohorts: CohortsService;
  readonly exceptional: Exceptional;
  readonly audit: AuditEventsService;
  readonly fhir: FacadeService;
  readonly push: PushService;
  readonly cds: CdsRoutes;
  readonly claims: ClaimsService;
  /** The pages for people; `undefined` where they were not built. */
  readonly portal: PortalFiles | undefined;
  /** Of a demo alone. */
  readonly demoWallets: DemoWallets | undefined;
  /** Our public keys as a client of hospitals' servers: a JWK set. */
  readonly sourceKeys: () => object;
  /** Takes a signed consent's Bundle. */
  readonly submitConsent: (bytes: Buffer) => Promise<{ outcome: string; handle: string }>;
  readonly health: () => { ready: boolean; checks: Readonly<Record<string, boolean>> };
  readonly metrics: () => Promise<{ contentType: string; body: string }>;
  readonly identity: { readonly origin: string; readonly demo: boolean };
  readonly bodyBytesMax: number;
  readonly logger: Logger;
}

const FHIR_JSON = 'application/fhir+json; charset=utf-8';
/** A PKCS#10 request and an invitation are far smaller. */
const SMALL_BODY_BYTES_MAX = 64 * 1024;
/** A Consent with its narrative and signature is far smaller. */
const CONSENT_BYTES_MAX = 1024 * 1024;
/** What each address takes; `/hooks` says it itself. */
const ALLOWED: readonly (readonly [path: string, allow: string])[] = [
  ['/health/live', 'GET, HEAD'],
  ['/health/ready', 'GET, HEAD'],
  ['/metrics', 'GET, HEAD'],
  ['/fhir/metadata', 'GET, HEAD'],
  ['/fhir', 'POST'],
  ['/pki/profile', 'GET, HEAD'],
  ['/pki/:file.crt', 'GET, HEAD'],
  ['/pki/issuing.crl', 'GET, HEAD'],
  ['/pki/issuing.crl.pem', 'GET, HEAD'],
  ['/pki/enrol', 'POST'],
  ['/pki/registrations', 'POST'],
  [RENEWAL_PATH, 'POST'],
  ...WALLETS_ALLOWED,
  ...AUTHORITY_ALLOWED,
  ...DESK_ALLOWED,
  ...CLINICAL_ALLOWED,
  ['/sources/:source/invitations', 'POST'],
  ['/log/*path', 'GET, HEAD'],
  ['/.well-known/jwks.json', 'GET, HEAD'],
  ['/app', 'GET, HEAD'],
  ['/app/*path', 'GET, HEAD'],
  ...AUTH_ALLOWED,
  ...PEOPLE_ALLOWED,
  ...OWN_ALLOWED,
  ...REQUESTS_ALLOWED,
  ...EVENTS_ALLOWED,
  ...WEBHOOKS_ALLOWED,
  ...COHORTS_ALLOWED,
  ...BULK_ALLOWED,
  ...EXCEPTIONAL_ALLOWED,
  ...CDS_ALLOWED,
  ...CLAIMS_ALLOWED,
];

export function createApp(services: AppServices): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');

  app.get('/health/live', (_request, response) => {
    response.json({ status: 'live' });
  });
  app.get('/health/ready', (_request, response) => {
    const { ready, checks } = services.health();
    response
      .status(ready ? 200 : 503)
      .json({ status: statusOf(ready, checks), checks, demo: services.identity.demo });
  });
  app.get('/metrics', async (_request, response) => {
    const { contentType, body } = await services.metrics();
    response.type(contentType).send(body);
  });
  app.get('/fhir/metadata', (request, response) => {
    const base = `${request.protocol}://${request.get('host') ?? 'localhost'}/fhir`;
    sendFhir(response, 200, capabilityStatement(base, services.identity));
  });
  limitSigned(app, services.cohorts);
  mountClaims(app, services.claims);
  mountPush(app, services.push);
  app.post('/fhir', rawBody(CONSENT_BYTES_MAX), async (request, response) => {
    const { outcome: result, handle } = await services.submitConsent(bodyOf(request));
    sendFhir(
      response,
      result === 'known' ? 200 : 201,
      outcome('information', 'informational', `${result} ${handle}`),
    );
  });

  app.use('/hooks/:source', async (request: Request<{ source: string }>, response, next) => {
    const { method, headers } = request;
    const rest = restOf(request);
    if (!mayBeLarge(method, rest, headers)) {
      next();
      return;
    }
    try {
      const body = request.iterator({ destroyOnReturn: false });
      const { source } = request.params;
      sendAccepted(response, await takeLargeHook({ method, source, rest, headers, body }, services.hooks));
    } catch (error) {
      // What still comes of it is not wanted: it is let run out, and the connection with it.
      response.set('Connection', 'close');
      request.on('error', () => undefined).resume();
      throw error;
    }
  });
  app.use(
    '/hooks/:source',
    rawBody(services.bodyBytesMax),
    async (request: Request<{ source: string }>, response) => {
      if (!['POST', 'PUT', 'DELETE'].includes(request.method))
        return notAllowed(response, 'POST, PUT, DELETE');
      const accepted = await takeHook(
        {
          method: request.method,
          source: request.params.source,
          rest: restOf(request),
          headers: request.headers,
          body: bodyOf(request),
        },
        services.hooks,
      );
      sendAccepted(response, accepted);
    },
  );

  app.get('/pki/profile', (_request, response) => {
    response.json(services.pki.profile());
  });
  app.get('/pki/:file.crt', (request: Request<{ file: string }>, response) => {
    const certificate = services.pki.certificate(request.params.file);
    if (certificate === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such certificate');
    response.type('application/pkix-cert').send(certificate);
  });
  mountPki(app, services.pki);
  mountWallets(app, services.wallets);
  mountAuthority(app, services.authority);
  mountDesk(app, services.desk);
  mountClinical(app, services.clinical);
  app.post('/pki/enrol', rawBody(SMALL_BODY_BYTES_MAX), async (request, response) => {
    response.status(201).json(await services.pki.enrol(bodyOf(request)));
  });
  app.post('/pki/registrations', rawBody(SMALL_BODY_BYTES_MAX), async (request, response) => {
    response.status(201).json(await services.pki.register(bodyOf(request)));
  });
  app.post(
    '/sources/:source/invitations',
    rawBody(CONSENT_BYTES_MAX),
    async (request: Request<{ source: string }>, response) => {
      const invited = await services.pki.invite(request.params.source, request.headers, bodyOf(request));
      response.status(201).json(invited);
    },
  );

  mountAuth(app, services.auth);
  mountPeople(app, services.people);
  mountOwn(app, services.own);
  mountRequests(app, services.requests);
  mountEvents(app, services.events);
  mountWebhooks(app, services.webhooks);
  mountCohorts(app, services.cohorts);
  mountBulkExport(app, services.cohorts);
  mountExceptional(app, services);
  mountAuditEvents(app, services.audit);
  mountFacade(app, services.fhir);
  mountCds(app, services.cds);
  app.get('/.well-known/jwks.json', (_request, response) => {
    response.set('Cache-Control', 'max-age=300').json(services.sourceKeys());
  });
  app.get('/log/*path', servesLog(services.log));
  mountDemo(app, services.demoWallets);
  mountPortal(app, services.portal, services.demoWallets !== undefined);

  // What is left of these addresses came by a method that they do not take.
  for (const [path, allow] of ALLOWED) {
    app.all(path, (_request: Request, response: Response) => notAllowed(response, allow));
  }
  app.use((request, response) => {
    if (request.method === 'TRACE') return notAllowed(response, 'GET, HEAD, POST, PUT, DELETE');
    sendFhir(response, 404, outcome('error', 'not-found', `nothing answers ${request.method} here`));
  });
  // The framework takes four parameters for what handles errors.
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    if (response.headersSent) {
      // Begun already: who reads must not take what came for all. The framework would write the error to stderr as it is.
      services.logger.warn('answer cut off', { code: codeOf(error), method: request.method });
      response.destroy();
      return;
    }
    const { status, outcome: body } = outcomeOf(fromFramework(error));
    if (status >= 500)
      services.logger.error('request failed', { code: codeOf(error), status, method: request.method });
    if (status === 503) response.set('Retry-After', '5');
    if (status === 401) response.set('WWW-Authenticate', 'Bearer realm="firebreak"');
    sendFhir(response, status, body);
  });
  return app;
}

/** `degraded`: it takes events and answers, and something that it works with does not. */
function statusOf(ready: boolean, checks: Readonly<Record<string, boolean>>): string {
  if (!ready) return 'not-ready';
  return Object.values(checks).every(Boolean) ? 'ready' : 'degraded';
}

/** What follows the source in a hook's address. */
function restOf(request: Request<{ source: string }>): string[] {
  return request.path.split('/').filter((part) => part !== '');
}

function sendAccepted(response: Response, { accepted, duplicates }: Accepted): void {
  sendFhir(
    response,
    200,
    outcome('information', 'informational', `${accepted} accepted, ${duplicates} known`),
  );
}

function rawBody(limit: number) {
  return express.raw({ type: () => true, limit });
}

/** Express leaves the body undefined where there is none. */
function bodyOf(request: Request): Buffer {
  const body: unknown = request.body;
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

function sendFhir(response: Response, status: number, body: object): void {
  response
    .status(status)
    .set('Content-Type', FHIR_JSON)
    .send(Buffer.from(JSON.stringify(body), 'utf8'));
}

function notAllowed(response: Response, allow: string): void {
  response.set('Allow', allow);
  sendFhir(response, 405, outcome('error', 'not-supported', `this address takes ${allow}`));
}

/** The body reader's own errors, as ours. */
function fromFramework(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || error instanceof AdapterError) return error;
  switch ((error as { type?: unknown }).type) {
    case 'entity.too.large':
      return new AdapterError('ADAPTER_BODY_TOO_LARGE', 'the body is larger than this instance takes', {
        cause: error,
      });
    case 'encoding.unsupported':
      return new AdapterError('ADAPTER_UNSUPPORTED_MEDIA', 'that Content-Encoding is not taken', {
        cause: error,
      });
    case 'request.aborted':
    case 'request.size.invalid':
      return new AdapterError('ADAPTER_BAD_REQUEST', 'the body ended early', { cause: error });
    default:
      if ((error as { status?: unknown }).status === 400) {
        return new AdapterError('ADAPTER_BAD_REQUEST', 'the request cannot be read', { cause: error });
      }
      return error;
  }
}
