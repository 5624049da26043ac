/**
 * `/fhir/AuditEvent` of disclosures: the account of whom a record was shown to, for the patient and for the custodian.
 * Searches name these by `type=110106`; AuditEvents that a hospital itself recorded are records like others.
 *
 * @see IHE BALP; HL7 FHIR R4 AuditEvent
 */
import type { AuditEvent, Bundle } from 'fhir/r4.js';
import type { Express, Request, Response } from 'express';
import { DISCLOSURE_TYPE, receiptHandle } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Account, Disclosed } from '../../services/account/index.js';
import type { Caller } from '../../services/tokens/index.js';
import type { Subject } from '../../instance/subjects.js';
import { callerOf, requireCaller, requireScope } from '../auth/index.js';
import { readQueryText } from './headers.js';

/** What the routes need. */
export interface AuditEventsService {
  readonly account: Account;
  readonly callerOf: (token: string) => Caller | undefined;
  readonly limit: { take(client: string, nowMs: number): number };
  readonly baseUrl: () => string;
  readonly nowMs: () => number;
}

const FHIR_JSON = 'application/fhir+json; charset=utf-8';
const PAGE = 50;
const PAGE_MAX = 500;
const PARAMETERS: ReadonlySet<string> = new Set(['type', 'patient', 'date', '_count', '_cursor', '_format']);
const TYPES: ReadonlySet<string> = new Set([
  DISCLOSURE_TYPE.code ?? '',
  `${DISCLOSURE_TYPE.system ?? ''}|${DISCLOSURE_TYPE.code ?? ''}`,
]);

export function mountAuditEvents(app: Express, service: AuditEventsService): void {
  const { account, limit, nowMs } = service;
  const guard = requireCaller(service.callerOf);
  const admit = (request: Request, response: Response, right: 'r' | 's'): Caller => {
    void guard(request, response, () => undefined);
    const caller = callerOf(request);
    const waitS = limit.take(caller.clientId, nowMs());
    if (waitS > 0) {
      response.set('Retry-After', String(waitS));
      throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'this client asks too often');
    }
    requireScope(caller, 'AuditEvent', right);
    response.set('Cache-Control', 'no-store').set('Vary', 'Accept, Authorization');
    return caller;
  };
  /** Patients whose account a caller may see, of those that are asked for. */
  async function* seen(caller: Caller, patient: string | undefined): AsyncGenerator<Subject> {
    if (caller.own !== undefined) {
      const isOwn = patient === undefined || caller.own.reference === `Patient/${patient}`;
      const subject = isOwn ? await account.subject(caller.own.subjectKey) : undefined;
      if (subject !== undefined) yield subject;
      return;
    }
    const custody = account.custodyOf(caller);
    if (patient === undefined) yield* account.subjects(custody);
    else {
      const subject = await account.patient(patient);
      if (subject !== undefined && custody.has(subject.source)) yield subject;
    }
  }

  app.get('/fhir/AuditEvent', async (request, response, next) => {
    const pairs = readQueryText(request.originalUrl);
    if (!pairs.some(([name, value]) => name === 'type' && TYPES.has(value))) {
      next();
      return;
    }
    const caller = admit(request, response, 's');
    const asked = readAsked(pairs);
    const found: { readonly subject: Subject; readonly disclosed: Disclosed }[] = [];
    for await (const subject of seen(caller, asked.patient))
      for (const disclosed of await account.of(subject.key, asked)) found.push({ subject, disclosed });
    found.sort(
      (a, b) => b.disclosed.at - a.disclosed.at || (placeOf(a.disclosed) < placeOf(b.disclosed) ? 1 : -1),
    );
    const { cursor } = asked;
    const from = cursor === undefined ? found : found.filter(({ disclosed }) => placeOf(disclosed) < cursor);
    const shown = from.slice(0, asked.count);
    const names = await account.names();
    const base = service.baseUrl();
    const last = shown.at(-1);
    const query = (more?: string): string => {
      const kept = pairs.filter(([name]) => name !== '_cursor');
      const all = more === undefined ? kept : [...kept, ['_cursor', more] as const];
      return `${base}/AuditEvent?${new URLSearchParams(all.map(([name, value]): [string, string] => [name, value])).toString()}`;
    };
    const bundle: Bundle<AuditEvent> = {
      resourceType: 'Bundle',
      type: 'searchset',
      total: found.length,
      link: [
        { relation: 'self', url: query() },
        ...(last !== undefined && shown.length < from.length
          ? [{ relation: 'next', url: query(placeOf(last.disclosed)) }]
          : []),
      ],
      entry: shown.map(({ subject, disclosed }) => {
        const resource = account.audit(subject, disclosed, names);
        return { fullUrl: `${base}/AuditEvent/${resource.id ?? ''}`, resource, search: { mode: 'match' } };
      }),
    };
    send(response, bundle);
  });

  app.get('/fhir/AuditEvent/:id', async (request: Request<{ id: string }>, response, next) => {
    const handle = receiptHandle(request.params.id);
    if (handle === undefined) {
      next();
      return;
    }
    const caller = admit(request, response, 'r');
    for await (const subject of seen(caller, undefined)) {
      const disclosed = account.one(subject.key, handle);
      if (disclosed === undefined) continue;
      send(response, account.audit(subject, disclosed, await account.names()));
      return;
    }
    throw new AdapterError('ADAPTER_NOT_FOUND', 'nothing of that name is to be had');
  });
}

/** Where a disclosure stands in the order of all: its time, then its handle. */
function placeOf({ at, handle }: Disclosed): string {
  return `${String(at).padStart(16, '0')}.${handle}`;
}

interface Asked {
  readonly patient: string | undefined;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly count: number;
  readonly cursor: string | undefined;
}

function readAsked(pairs: readonly (readonly [string, string])[]): Asked {
  const unknown = pairs.find(([name]) => !PARAMETERS.has(name));
  if (unknown !== undefined)
    throw bad(
      `a search of disclosures takes ${[...PARAMETERS].filter((name) => !name.startsWith('_')).join(', ')}`,
    );
  const all = (name: string): string[] => pairs.filter(([one]) => one === name).map(([, value]) => value);
  const [patient, ...others] = all('patient');
  if (others.length > 0) throw bad('one patient at a time');
  let [fromMs, untilMs] = [0, Infinity];
  for (const text of all('date')) {
    const [, prefix = 'eq', day = ''] =
      /^(ge|gt|le|lt|eq)?(\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?)$/.exec(text) ?? [];
    const start = Date.parse(day);
    if (Number.isNaN(start)) throw bad('a date is such as ge2026-11-01');
    const end = day.length === 10 ? start + 86_400_000 : start + 1;
    if (prefix === 'ge' || prefix === 'eq') fromMs = Math.max(fromMs, start);
    if (prefix === 'gt') fromMs = Math.max(fromMs, end);
    if (prefix === 'le' || prefix === 'eq') untilMs = Math.min(untilMs, end);
    if (prefix === 'lt') untilMs = Math.min(untilMs, start);
  }
  const [count = String(PAGE)] = all('_count');
  if (!/^\d{1,6}$/.test(count)) throw bad('_count is a number');
  const [cursor] = all('_cursor');
  if (cursor !== undefined && !/^\d{16}\.[A-Za-z0-9_-]{43}$/.test(cursor)) throw bad('that is no page');
  return {
    patient: patient?.replace(/^.*Patient\//, ''),
    fromMs,
    untilMs,
    count: Math.min(PAGE_MAX, Math.max(1, Number(count))),
    cursor,
  };
}

function bad(text: string): AdapterError {
  return new AdapterError('ADAPTER_BAD_REQUEST', text);
}

function send(response: Response, body: object): void {
  response
    .status(200)
    .set('Content-Type', FHIR_JSON)
    .send(Buffer.from(JSON.stringify(body), 'utf8'));
}
