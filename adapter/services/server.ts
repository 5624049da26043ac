/** The HTTP server of an instance: routes bound to its parts, listening, and a stop that lets requests finish. */
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { timingSafeEqual } from 'node:crypto';
import { OID_GROUP, OID_ROLE, OID_X25519 } from '../../ledger/participants/index.js';
import { isJsonObject, parseJson } from '../../mappings/index.js';
import { AdapterError, codeOf } from '../errors.js';
import { createApp } from '../http/app.js';
import { TOKEN_PATH } from '../http/auth/index.js';
import type { Notice } from '../inbound/backport-notice.js';
import { RENEWAL_PATH } from '../http/pki.js';
import type { Instance } from '../instance/instance.js';
import { Claims, Expenses } from './claims/index.js';
import { CdsHooks } from './cds/index.js';
import { pemOf, presentDer, presentOf, RenewalRequests } from './ca/index.js';
import type { Registered } from '../http/contract/index.js';
import { Facade } from './facade/index.js';
import { createMetrics } from './metrics.js';
import { prove, versionProofs } from './proofs/index.js';
import type { RowCounts } from './metrics.js';
import { Push } from './push/index.js';
import { PublishedKeys } from './published-keys.js';
import { DemoPeople } from './demo-people.js';
import { readPortal } from './portal-files.js';
import { Account } from './account/index.js';
import { eraseOwn, explainOwn, OwnRecord, previewErasure } from './own/index.js';
import { ClinicalWriting } from './clinical/index.js';
import { HospitalDesk } from './desk/index.js';
import { OfficersDesk } from './authority/index.js';
import { answerOf, callerOfPerson, Sessions } from './people/index.js';
import type { Person } from './people/index.js';
import { RateLimiter, TokenService } from './tokens/index.js';
import type { Caller } from './tokens/index.js';

export interface HttpServer {
  /** Such as `http://127.0.0.1:8707`. */
  readonly address: string;
  readonly metrics: () => Promise<{ contentType: string; body: string }>;
  close(): Promise<void>;
}

/** A reader may ask for so long without pause what it may ask in the long run, s. */
const BURST_S = 5;
/** What decision support at the bedside is for; v3-ActReason. */
const CARE = 'TREAT';
/** Requests under way get this long to end when we stop, ms. */
const GRACE_MS = 2000;

/**
 * Starts listening.
 *
 * @param catchUp - Reads what is new at a source.
 * @param noticed - Takes what topic Subscriptions say of themselves.
 * @throws AdapterError ADAPTER_PORT_IN_USE.
 */
export async function serveHttp(
  instance: Instance,
  catchUp: (source: string) => void,
  noticed?: (source: string, notice: Notice) => Promise<void>,
): Promise<HttpServer> {
  const { config, inbox, statistics, engine, dispatcher, authority, enrolment, sources } = instance;
  let address = '';
  const baseUrl = (): string => config.publicUrl ?? address;
  const perSecond = config.readerRequestsPerSecond;
  const publishedKeys = new PublishedKeys(instance.nowMs);
  const tokens = new TokenService({
    store: instance.store,
    indexKey: instance.keys.storage.indexKey,
    appender: instance.appender,
    clients: instance.clients,
    tokenUrl: () => baseUrl() + TOKEN_PATH,
    publishedKeys: (url, kid) => publishedKeys.keys(url, kid),
    logger: instance.logger,
    nowMs: instance.nowMs,
  });
  const sessions = new Sessions({
    ...instance,
    certified: instance.certification.rows,
    origins: () => originsOf(baseUrl()),
  });
  const findCaller = (token: string): Caller | undefined => {
    const person = sessions.personOf(token);
    return person === undefined ? tokens.callerOf(token) : callerOfPerson(person);
  };
  const own = new OwnRecord(instance);
  const officers = new OfficersDesk({
    ...instance,
    instance: instance.organisation.participant,
    origin: instance.identity.origin,
  });
  const demoPeople = instance.identity.demo ? new DemoPeople(instance) : undefined;
  const renewals = new RenewalRequests({
    certification: instance.certification,
    address: () => baseUrl() + RENEWAL_PATH,
    logger: instance.logger,
    nowMs: instance.nowMs,
  });
  /** Whose feed a person hears: the own one; at the hospital's desk, the hospital's. */
  const feedOf = (person: Person | undefined): string | undefined => {
    if (person?.role !== 'staff') return person?.participant;
    return sources.list().find(({ custodian }) => custodian.id === person.memberOf)?.custodian.participant;
  };
  const participantOf = (token: string): string | undefined =>
    feedOf(sessions.personOf(token)) ?? tokens.callerOf(token)?.participant;
  const fhirUrl = (): string => `${baseUrl()}/fhir`;
  const push = new Push({ ...instance, baseUrl: fhirUrl });
  const facade = new Facade({ ...instance, proofs: versionProofs(instance), baseUrl: fhirUrl });
  const metrics = createMetrics({
    statistics,
    logSize: () => engine.head().size,
    pending: () => inbox.pendingCount,
    queued: () => dispatcher.depth,
    redisUp: () => !dispatcher.isDown,
    sources: () => namesOf(sources),
    traffic: (source) => inbox.traffic.of(source),
    rows: () => countRows(instance),
    nowMs: instance.nowMs,
    witnessing: () => instance.witnessing.report(),
  });
  const stopping = new AbortController();
  const app = createApp({
    hooks: {
      sources,
      bodies: instance.bodies,
      bodyBytesMax: config.bodyBytesMax,
      catchUp,
      noticed,
      nowMs: instance.nowMs,
      accept: async (events) => {
        const accepted = await inbox.accept(events);
        // Counted once they are ours: what was refused comes again.
        for (const event of events) statistics.received(event.channel, event.type);
        statistics.count('duplicate', accepted.duplicates);
        return accepted;
      },
    },
    log: {
      read: async (path) => (path === 'checkpoint' ? instance.publishedCheckpoint() : engine.read(path)),
    },
    pki: {
      profile: () => ({ x25519Oid: OID_X25519, groupOid: OID_GROUP, roleOid: OID_ROLE, keyType: 'Ed25519' }),
      certificate: (name) =>
        name === 'root' ? authority.root : name === 'issuing' ? authority.issuing : undefined,
      revocationList: async () => (await instance.certification.revocations.list()).der,
      renew: (assertion, from) => renewals.renew(assertion, from),
      invite: async (source, headers, body) => {
        authenticateSource(instance, source, headers);
        const asked = parseJson(body);
        return enrolment.invite(source, isJsonObject(asked) ? asked['patients'] : undefined);
      },
      enrol: (body) => enrolment.enrol(body),
      register: (body) => registered(instance, body),
    },
    wallets: {
      link: (body) => enrolment.link(body),
      unlink: (body) => instance.wallets.unlinking.end(body),
      renewWallet: (body) => instance.wallets.keys.renew(body),
      rotate: (body) => instance.wallets.keys.rotate(body),
      reEnrol: (body) => instance.wallets.reEnrolment.begin(body),
      appoint: (body) => instance.representatives.appoint(body),
      endAppointment: (body) => instance.representatives.end(body),
    },
    authority: {
      people: { personOf: (token) => sessions.personOf(token) },
      officers,
    },
    clinical: {
      writing: new ClinicalWriting(instance, catchUp),
      bodyBytesMax: config.bodyBytesMax,
    },
    desk: {
      people: { personOf: (token) => sessions.personOf(token) },
      desk: new HospitalDesk(instance),
    },
    auth: {
      baseUrl,
      issue: (form, from) => tokens.issue(form, from),
      introspect: (form, from) => tokens.introspect(form, from),
      revoke: (form, from) => tokens.revoke(form, from),
    },
    people: {
      challenge: (from) => sessions.challenge(from),
      open: (body, from) => sessions.open(body, from),
      personOf: (token) => sessions.personOf(token),
      answerOf,
      end: (token) => sessions.end(token),
    },
    own: {
      personOf: (token) => sessions.personOf(token),
      home: (person) => own.home(person),
      consents: (person) => own.consents(person),
      accesses: (person) => own.accesses(person),
      accessProof: (person, handle) => own.accessProof(person, handle),
      exportProof: (person, handle) => own.exportProof(person, handle),
      waiting: (person) => own.waiting(person),
      explain: (person, body) => explainOwn(instance, person, body),
      representatives: (person) => own.representatives(person),
      erasure: (person) => previewErasure(instance, person),
      erase: (person, body) => eraseOwn(instance, person, body),
      limit: new RateLimiter({ perSecond, burst: perSecond * BURST_S }),
      nowMs: instance.nowMs,
    },
    exceptional: instance.exceptional,
    requests: {
      requests: instance.accessRequests,
      people: { personOf: (token) => sessions.personOf(token) },
      organisationOf: (person) => (person.role === 'officer' ? undefined : (person.memberOf ?? person.id)),
    },
    webhooks: { participantOf, webhooks: instance.webhooks },
    events: {
      participantOf,
      notices: instance.notices,
      hints: instance.hints,
      stopping: stopping.signal,
    },
    cohorts: {
      cohorts: instance.cohorts,
      aggregates: instance.aggregates,
      exports: instance.cohortExports,
      callerOf: findCaller,
      limit: new RateLimiter({ perSecond, burst: perSecond * BURST_S }),
      fhirUrl,
      prove: async (handle) => {
        const proved = await prove(instance, { what: 'export', handle });
        if (!proved.proved) throw new AdapterError('ADAPTER_CONFLICT', `it cannot be proved: ${proved.code}`);
        return proved.file;
      },
      nowMs: instance.nowMs,
    },
    sourceKeys: () => instance.sourceKeys.published(),
    portal: readPortal(),
    demoWallets: demoPeople === undefined ? undefined : (role) => demoPeople.wallet(role),
    audit: {
      account: new Account(instance),
      callerOf: findCaller,
      limit: new RateLimiter({ perSecond, burst: perSecond * BURST_S }),
      baseUrl: fhirUrl,
      nowMs: instance.nowMs,
    },
    fhir: {
      callerOf: findCaller,
      facade,
      limit: new RateLimiter({ perSecond, burst: perSecond * BURST_S }),
      nowMs: instance.nowMs,
    },
    claims: {
      claims: new Claims({ instance, baseUrl: fhirUrl }),
      expenses: new Expenses(instance),
      callerOf: (token) => {
        const person = sessions.personOf(token);
        return person === undefined ? tokens.callerOf(token) : callerOfPerson(person);
      },
      personOf: (token) => sessions.personOf(token),
      limit: new RateLimiter({ perSecond, burst: perSecond * BURST_S }),
      nowMs: instance.nowMs,
    },
    cds: {
      cds: new CdsHooks({ facade, fhirUrl }),
      callerOf: (jwt, audience, from) => tokens.callerBySignature(jwt, audience, CARE, from),
      baseUrl,
    },
    push: {
      push,
      callerOf: (token) => tokens.callerOf(token),
      baseUrl: fhirUrl,
      bodyBytesMax: config.bodyBytesMax,
      bodies: instance.bodies,
      bodyMsMax: config.pushBodySeconds * 1000,
      requestsPerSecond: config.pushRequestsPerSecond,
      nowMs: instance.nowMs,
    },
    submitConsent: (bytes) => instance.consents.submit(bytes),
    health: () => {
      const checks = {
        redis: !dispatcher.isDown,
        store: instance.store.status === 'open' && instance.storeFailure() === undefined,
        sources: namesOf(sources).every((id) => (statistics.readings.get(id)?.failures ?? 0) === 0),
      };
      return { ready: checks.store, checks };
    },
    metrics,
    identity: instance.identity,
    bodyBytesMax: config.bodyBytesMax,
    logger: instance.logger,
  });
  const server = createServer(app);
  await listen(server, config.host, config.port);
  const { address: ip, port, family } = server.address() as AddressInfo;
  address = `http://${family === 'IPv6' ? `[${ip}]` : ip}:${port}`;
  push.start();
  return {
    address,
    metrics,
    close: async () => {
      stopping.abort();
      await stop(server);
      await push.close();
    },
  };
}

/** The origin of an address; a machine is called by its own name, too. */
function originsOf(address: string): string[] {
  const { origin, protocol, hostname, port } = new URL(address);
  const isOwn = hostname === '127.0.0.1' || hostname === '[::1]';
  return isOwn ? [origin, `${protocol}//localhost${port === '' ? '' : `:${port}`}`] : [origin];
}

function namesOf(sources: Instance['sources']): string[] {
  return sources.list().flatMap(({ id, state }) => (state === 'removed' ? [] : [id]));
}

async function countRows({ inbox }: Instance): Promise<RowCounts> {
  const deadLetters: Record<string, number> = {};
  for await (const { source } of inbox.deadLetters()) deadLetters[source] = (deadLetters[source] ?? 0) + 1;
  const { events, patients } = await inbox.waiting();
  return { deadLetters, waitingEvents: events, waitingPatients: patients };
}

/** @throws AdapterError ADAPTER_UNPROCESSABLE for another form; as {@link Certification.register} does. */
async function registered(instance: Instance, body: Buffer): Promise<Registered> {
  const value = parseJson(body);
  const { csr, certificate, chain = '', signature } = isJsonObject(value) ? value : {};
  const isSigned = signature === undefined || typeof signature === 'string';
  if (typeof csr !== 'string' || typeof certificate !== 'string' || typeof chain !== 'string' || !isSigned)
    throw new AdapterError(
      'ADAPTER_UNPROCESSABLE',
      'send {"csr": PEM, "certificate": PEM, "chain": PEM, "signature": base64}',
    );
  const vouching = { certificate, chain, ...(signature === undefined ? {} : { signature }) };
  const certified = await instance.certification.register(csr, vouching);
  const { fingerprint, notAfter } = presentOf(certified);
  const { handle, id } = certified;
  return { participant: handle, id, certificate: pemOf(presentDer(certified)), fingerprint, notAfter };
}

function authenticateSource(instance: Instance, id: string, headers: IncomingHttpHeaders): void {
  const secret = instance.sources.get(id)?.secret;
  const given = /^Bearer ([\x21-\x7e]+)$/i.exec(headers.authorization ?? '')?.[1];
  if (secret === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such source');
  const a = Buffer.from(given ?? '');
  const b = Buffer.from(secret);
  if (a.length !== b.length || !timingSafeEqual(a, b)) {
    throw new AdapterError('ADAPTER_UNAUTHORIZED', 'only the source itself invites its patients');
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const taken = codeOf(cause) === 'EADDRINUSE';
      reject(
        taken
          ? new AdapterError(
              'ADAPTER_PORT_IN_USE',
              `port ${port} on ${host} is in use; choose another with --port`,
              {
                cause,
              },
            )
          : cause,
      );
    });
    server.listen(port, host, () => resolve());
  });
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await closed;
  clearTimeout(timer);
}
