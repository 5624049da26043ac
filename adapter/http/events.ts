/**
 * `/events`: who is signed in hears of what happens, as server-sent events. Each says a kind and an opaque id, nothing of
 * a patient; what was missed comes first, after the number that `Last-Event-ID` names. Hints, which are kept nowhere, have
 * neither number nor id.
 *
 * @see WHATWG HTML, Server-sent events
 */
import type { Express, Request, Response } from 'express';
import { AdapterError } from '../errors.js';
import { FEED_PAGE_MAX } from '../services/notices/index.js';
import type { FeedItem, Hint, Hints, Notices } from '../services/notices/index.js';

export interface EventsService {
  /** Handle of whom a session's or system's token belongs to; `undefined` for one that is not good, or no more. */
  readonly participantOf: (token: string) => string | undefined;
  readonly notices: Pick<Notices, 'list' | 'listen' | 'last'>;
  readonly hints: Pick<Hints, 'listen'>;
  /** The server stops: all streams end. */
  readonly stopping: AbortSignal;
  /** Between two comments that keep the connection, ms. */
  readonly beatMs?: number;
}

/** Addresses and what they take. */
export const EVENTS_ALLOWED: readonly (readonly [path: string, allow: string])[] = [['/events', 'GET']];

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;
const SEQ = /^\d{1,12}$/;
const BEAT_MS = 15_000;
/** Each is a socket and a listener; a person has a few devices. */
const STREAMS_OF_ONE_MAX = 8;
const STREAMS_MAX = 2000;
/** What a reader that does not read may leave in memory, bytes. */
const BACKLOG_BYTES_MAX = 64 * 1024;

export function mountEvents(app: Express, service: EventsService): void {
  const open = new Map<string, number>();
  app.get('/events', (request, response) => stream(service, open, request, response));
}

async function stream(
  service: EventsService,
  open: Map<string, number>,
  request: Request,
  response: Response,
): Promise<void> {
  const { notices } = service;
  const token = BEARER.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const participant = service.participantOf(token);
  if (participant === undefined) throw new AdapterError('ADAPTER_UNAUTHORIZED', 'sign in first');
  const of = open.get(participant) ?? 0;
  const all = [...open.values()].reduce((sum, count) => sum + count, 0);
  if (of >= STREAMS_OF_ONE_MAX || all >= STREAMS_MAX)
    throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'too many streams');
  const from = request.get('last-event-id') ?? String(notices.last(participant));
  if (!SEQ.test(from)) throw new AdapterError('ADAPTER_BAD_REQUEST', 'Last-Event-ID is a number');
  open.set(participant, of + 1);

  let last = Math.min(Number(from), notices.last(participant));
  let isEnded = false;
  const end = (): void => {
    if (isEnded) return;
    isEnded = true;
    unlisten();
    unhint();
    clearInterval(beat);
    service.stopping.removeEventListener('abort', end);
    const left = (open.get(participant) ?? 1) - 1;
    if (left === 0) open.delete(participant);
    else open.set(participant, left);
    response.end();
  };
  // Judged anew before each word: a session that was ended, or a certificate revoked, hears nothing more.
  const say = (text: string): void => {
    if (isEnded) return;
    if (service.participantOf(token) !== participant || response.writableLength > BACKLOG_BYTES_MAX) end();
    else response.write(text);
  };
  const tell = (item: FeedItem): void => {
    if (item.seq <= last) return;
    last = item.seq;
    say(eventOf(item));
  };
  const ahead: FeedItem[] = [];
  let isCaughtUp = false;
  const unlisten = notices.listen(participant, (item) => (isCaughtUp ? tell(item) : void ahead.push(item)));
  const unhint = service.hints.listen(participant, (hint) => say(eventOf(hint)));
  const beat = setInterval(() => say(': beat\n\n'), service.beatMs ?? BEAT_MS);
  beat.unref();
  response.on('close', end);
  service.stopping.addEventListener('abort', end);

  response
    .status(200)
    .set({ 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store' });
  response.flushHeaders();
  // Who hears nothing before the connection is lost goes on from here, too.
  say(`: open\nid: ${last}\n\n`);
  for (;;) {
    const page = await notices.list(participant, last);
    for (const item of page) tell(item);
    if (page.length < FEED_PAGE_MAX || isEnded) break;
  }
  isCaughtUp = true;
  for (const item of ahead) tell(item);
}

function eventOf(item: FeedItem | Hint): string {
  const [number, id] = 'seq' in item ? [`id: ${item.seq}\n`, { id: item.id }] : ['', {}];
  return `${number}event: ${item.kind}\ndata: ${JSON.stringify({ ...id, at: new Date(item.at).toISOString() })}\n\n`;
}
