/**
 * What the events of topic Subscriptions need beside being taken: those that did not come are asked for, a Subscription
 * that says nothing for too long is asked how it is, and one that is in error is reset.
 */
import { parseJson } from '../../../mappings/index.js';
import type { JsonValue } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import { filled, hear } from '../../inbound/backport-counter.js';
import type { EventCounter } from '../../inbound/backport-counter.js';
import { noticesOf } from '../../inbound/backport-notice.js';
import type { Notice } from '../../inbound/backport-notice.js';
import type { FhirEvent } from '../../inbound/event.js';
import { readBody } from '../../inbound/intake.js';
import type { SourceClient } from '../../inbound/source-client.js';
import type { ChannelStates } from './states.js';

export interface TopicTimes {
  /** How long a missing number may be merely late, ms. */
  readonly graceMs: number;
  /** How long a Subscription may be silent, ms. */
  readonly silenceMs: number;
}

export interface TopicCare {
  readonly source: string;
  readonly client: SourceClient;
  readonly states: ChannelStates;
  readonly times: TopicTimes;
  readonly accept: (events: readonly FhirEvent[]) => Promise<void>;
  /** Reads the source from the last known time; what is new is durable when it resolves. */
  readonly read: () => Promise<void>;
  readonly nowMs: () => number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What came of looking after one. `reset`: it is in error, and has to be asked for anew; `unknown`: the source does not
 * tell, so that the Subscription itself has to be looked at.
 */
export type Care = 'well' | 'reset' | 'unknown';

/** Missing numbers of one request; more are searched for. */
const EVENTS_ASKED_MAX = 10_000;

/**
 * Takes what a topic Subscription says of itself.
 *
 * @returns Whether the source has to be read, or its Subscription to be looked after.
 */
export async function takeNotice(
  states: ChannelStates,
  source: string,
  notice: Notice,
  nowMs: number,
): Promise<{
  readonly isOurs: boolean;
  readonly isUnsure: boolean;
  readonly isMissing: boolean;
  readonly isFailing: boolean;
}> {
  const name = nameOf(states, source, notice.subscription);
  const isFailing = notice.hasError || notice.status === 'error' || notice.status === 'off';
  // One that somebody else made: its events are taken, and its numbers are not ours to keep.
  if (name === undefined) {
    const isUnsure = notice.events.some(({ focus }) => focus === undefined);
    return { isOurs: false, isUnsure, isMissing: false, isFailing: false };
  }
  let isUnsure = false;
  let isMissing = false;
  await states.subscription(source, name, (held) => {
    if (held === undefined) return held;
    const heard = hear(held.counter, notice, nowMs);
    isUnsure = heard.isUnsure;
    isMissing = heard.counter.missing.length > 0;
    return { ...held, counter: heard.counter, heardAt: nowMs };
  });
  return { isOurs: true, isUnsure, isMissing, isFailing };
}

/** When a topic Subscription has to be looked after next, ms; `undefined` when it is not known yet. */
export function dueAt(
  { counter, heardAt }: { readonly counter?: EventCounter; readonly heardAt?: number },
  times: TopicTimes,
): number | undefined {
  const missed = counter?.missedAt;
  const silent = heardAt === undefined ? undefined : heardAt + times.silenceMs;
  if (missed === undefined) return silent;
  return Math.min(missed + times.graceMs, silent ?? Infinity);
}

/**
 * Looks after one.
 *
 * @throws AdapterError when the source does not answer; what was missing then still is.
 */
export async function careFor(care: TopicCare, name: string): Promise<Care> {
  const { states, source, times, nowMs } = care;
  const before = states.of(source).subscriptions[name];
  if (before === undefined) return 'well';
  const isSilent = nowMs() - (before.heardAt ?? 0) >= times.silenceMs;
  const status = isSilent ? await askStatus(care, name, before.id) : 'well';
  if (status !== 'well') return status;
  const { counter } = states.of(source).subscriptions[name] ?? {};
  const isMissed = counter?.missedAt !== undefined && nowMs() - counter.missedAt >= times.graceMs;
  if (isMissed || (isSilent && (counter?.missing.length ?? 0) > 0)) await fetchMissing(care, name, before.id);
  return 'well';
}

/** `Subscription/{id}/$status`; a source without it is asked for the Subscription itself when it is kept. */
async function askStatus(care: TopicCare, name: string, id: string): Promise<Care> {
  const { client, states, source, nowMs, signal } = care;
  const { status, bytes } = await client.request({
    url: `Subscription/${id}/$status`,
    headers: { 'cache-control': 'no-cache' },
    signal,
  });
  refuseFailing(status);
  const notice = status === 200 ? noticesOf(tried(bytes)).find((one) => one.subscription === id) : undefined;
  if (notice === undefined) {
    // Nothing is known: what changed is read, and the Subscription looked at.
    await care.read();
    await states.subscription(source, name, (held) =>
      held === undefined ? held : { ...held, heardAt: nowMs() },
    );
    return 'unknown';
  }
  const { isUnsure, isFailing } = await takeNotice(states, source, notice, nowMs());
  if (isUnsure || isFailing) await care.read();
  return isFailing ? 'reset' : 'well';
}

/** `$events` for each gap; what the source does not give is found by reading it. */
async function fetchMissing(care: TopicCare, name: string, id: string): Promise<void> {
  const { states, source } = care;
  const missing = states.of(source).subscriptions[name]?.counter?.missing ?? [];
  for (const [from, to] of missing) {
    care.signal?.throwIfAborted();
    if (to - from >= EVENTS_ASKED_MAX || !(await fetchEvents(care, name, id, from, to))) break;
  }
  const left = states.of(source).subscriptions[name]?.counter?.missing ?? [];
  const last = missing.at(-1)?.[1];
  if (left.length === 0 || last === undefined || (left[0]?.[0] ?? Infinity) > last) return;
  await care.read();
  // What became known to be missing while it was read, stays.
  await made(care, name, 0, last);
}

/** False where the source does not give them all. */
async function fetchEvents(
  care: TopicCare,
  name: string,
  id: string,
  from: number,
  to: number,
): Promise<boolean> {
  const { client, source, nowMs, signal } = care;
  const { status, bytes } = await client.request({
    url: `Subscription/${id}/$events?eventsSinceNumber=${from}&eventsUntilNumber=${to}`,
    headers: { 'cache-control': 'no-cache' },
    signal,
  });
  refuseFailing(status);
  if (status !== 200) return false;
  let read: ReturnType<typeof readBody>;
  try {
    read = readBody(bytes, { source, channel: 'hook', receivedAt: nowMs() });
  } catch {
    return false;
  }
  const { events, notice } = read;
  await care.accept(events);
  const numbers = new Set<number>();
  for (const { number, focus } of notice?.events ?? [])
    if (number !== undefined && focus !== undefined) numbers.add(number);
  let isWhole = true;
  for (let number = from; number <= to; number++) {
    if (numbers.has(number)) continue;
    isWhole = false;
    break;
  }
  if (isWhole) await made(care, name, from, to);
  else for (const number of numbers) await made(care, name, number, number);
  return isWhole;
}

async function made({ states, source }: TopicCare, name: string, from: number, to: number): Promise<void> {
  await states.subscription(source, name, (held) =>
    held?.counter === undefined ? held : { ...held, counter: filled(held.counter, from, to) },
  );
}

function nameOf(states: ChannelStates, source: string, id: string): string | undefined {
  const found = Object.entries(states.of(source).subscriptions).find(
    ([name, held]) => held.id === id && name.startsWith('topic '),
  );
  return found?.[0];
}

function refuseFailing(status: number): void {
  if (status === 401 || status === 403 || status === 429 || status >= 500) {
    if (status === 501) return;
    const code = status === 401 || status === 403 ? 'ADAPTER_SOURCE_REFUSED' : 'ADAPTER_SOURCE_UNREACHABLE';
    throw new AdapterError(code, `the source answered ${status} (topic Subscription)`);
  }
}

function tried(bytes: Buffer): JsonValue {
  try {
    return parseJson(bytes);
  } catch {
    return null;
  }
}
