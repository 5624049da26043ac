/** What became of a push, as the Bundle that answers it. */
import type { Bundle, BundleEntry, OperationOutcome, OperationOutcomeIssue } from 'fhir/r4.js';
import type { PushOutcome } from '../../inbound/push-outcome.js';
import type { Ticket, TicketEntry } from './tickets.js';

/** What a report says beside HTTP's words: state, leaf and handle. */
export const REPORT_URL = 'urn:firebreak:push';

export interface PushReport {
  /** Entries that are at work still. */
  readonly atWork: number;
  readonly total: number;
  readonly bundle: Bundle;
}

/** How a code that set an event aside is said over HTTP. */
export type StatusOfCode = (code: string) => {
  readonly status: number;
  readonly issue: OperationOutcomeIssue['code'];
};

/** @param base - Address of the FHIR endpoint. */
export function reportOf(
  ticket: Ticket,
  outcomes: ReadonlyMap<number, PushOutcome>,
  base: string,
  statusOf: StatusOfCode,
): PushReport {
  let atWork = 0;
  const entry = ticket.entries.map((one, i): BundleEntry => {
    const outcome = outcomes.get(i);
    if (one.fate.is === 'accepted' && outcome === undefined) atWork += 1;
    return entryOf(one, outcome, base, statusOf);
  });
  const type = ticket.kind === 'transaction' ? 'transaction-response' : 'batch-response';
  return { atWork, total: entry.length, bundle: { resourceType: 'Bundle', type, entry } };
}

interface Told {
  readonly status: string;
  readonly state: string;
  readonly severity: OperationOutcomeIssue['severity'];
  readonly issue: OperationOutcomeIssue['code'];
  readonly text: string;
}

function entryOf(
  one: TicketEntry,
  outcome: PushOutcome | undefined,
  base: string,
  statusOf: StatusOfCode,
): BundleEntry {
  const { fate, name, given } = one;
  const fullUrl = name === undefined ? {} : { fullUrl: `${base}/${name}` };
  if (fate.is === 'refused') {
    const extension = [{ url: `${REPORT_URL}:state`, valueCode: 'refused-at-once' }];
    return { ...fullUrl, response: { extension, status: statusText(fate.status), outcome: fate.outcome } };
  }
  const { status, state, severity, issue, text } = told(one, outcome, statusOf);
  const expression = outcome?.state === 'dead' ? outcome.expression : undefined;
  const written: OperationOutcome = {
    resourceType: 'OperationOutcome',
    issue: [
      {
        severity,
        code: issue,
        diagnostics: given === undefined ? text : `${text}; written as ${given}`,
        ...(expression === undefined ? {} : { expression: [expression] }),
      },
    ],
  };
  const extension: NonNullable<NonNullable<BundleEntry['response']>['extension']> = [
    { url: `${REPORT_URL}:state`, valueCode: state },
  ];
  const isStored = outcome?.state === 'stored';
  if (isStored) {
    if (outcome.leaf !== undefined)
      extension.push({ url: `${REPORT_URL}:leaf`, valueUnsignedInt: outcome.leaf });
    extension.push({ url: `${REPORT_URL}:handle`, valueString: outcome.handle });
  }
  const version = isStored ? outcome.version : undefined;
  const location = name === undefined ? undefined : `${base}/${name}`;
  return {
    ...fullUrl,
    response: {
      extension,
      status,
      ...(location === undefined || (!isStored && fate.is !== 'exists')
        ? {}
        : { location: version === undefined ? location : `${location}/_history/${version}` }),
      ...(version === undefined ? {} : { etag: `W/"${version}"` }),
      outcome: written,
    },
  };
}

function told({ method, fate }: TicketEntry, outcome: PushOutcome | undefined, statusOf: StatusOfCode): Told {
  if (fate.is === 'known')
    return fine('200 OK', 'known', 'this version was received before: nothing new was kept');
  if (fate.is === 'exists') return fine('200 OK', 'exists', 'one that matches exists: nothing new was kept');
  if (fate.is === 'signature')
    return fine(
      '200 OK',
      'signature',
      'the signature is good, and is kept with each resource that it covers',
    );
  if (outcome === undefined) return fine('202 Accepted', 'at-work', 'accepted, and at work');
  if (outcome.state === 'stored') {
    const where = outcome.leaf === undefined ? '' : `: leaf ${outcome.leaf} of the log`;
    return fine(madeBy(method), 'stored', `stored${where}`);
  }
  if (outcome.state === 'directory')
    return fine(madeBy(method), 'directory', 'kept in the directory of its custodian: it is of no patient');
  if (outcome.state === 'dead') {
    const { status, issue } = statusOf(outcome.code);
    return failed(status, 'dead', issue, `${outcome.code}: set aside until somebody has dealt with it`);
  }
  return TOLD[outcome.state];
}

function madeBy(method: string): string {
  return method === 'POST' ? '201 Created' : '200 OK';
}

function fine(status: string, state: string, text: string): Told {
  return { status, state, severity: 'information', issue: 'informational', text };
}

function failed(status: number, state: string, issue: OperationOutcomeIssue['code'], text: string): Told {
  return { status: statusText(status), state, severity: 'error', issue, text };
}

const TEXTS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

function statusText(status: number): string {
  const text = TEXTS[status];
  return text === undefined ? String(status) : `${status} ${text}`;
}

const TOLD: Readonly<Record<Exclude<PushOutcome['state'], 'stored' | 'directory' | 'dead'>, Told>> = {
  deleted: fine('204 No Content', 'deleted', 'deleted'),
  same: fine('200 OK', 'same', 'it says nothing that is not known'),
  waiting: fine('202 Accepted', 'waiting', 'waits, sealed, until the patient has answered'),
  refused: failed(
    403,
    'refused',
    'suppressed',
    'the patient or the custodian does not permit it: nothing was kept',
  ),
  'precondition-failed': failed(
    412,
    'precondition-failed',
    'conflict',
    'the current version is not the one of If-Match',
  ),
  discarded: failed(422, 'discarded', 'processing', 'set aside, and discarded by the operator'),
  erased: failed(404, 'erased', 'not-found', 'nothing of it is kept'),
};
