/**
 * How far the events of a topic Subscription have come, and which have not. A number that is not there yet may only be
 * late; so it is noted, and asked for after a while.
 */
import type { Notice } from './backport-notice.js';

export interface EventCounter {
  /** The highest number heard of. */
  readonly upTo: number;
  /** Numbers at or below it that have not come: from and to, both inclusive, ascending. */
  readonly missing: readonly (readonly [from: number, to: number])[];
  /** When the first of them was missed, ms. */
  readonly missedAt?: number;
}

export interface Heard {
  readonly counter: EventCounter;
  /** The numbers do not tell what was missed: the source has to be read. */
  readonly isUnsure: boolean;
}

/** More gaps than this are one, from the first to the last. */
const RANGES_MAX = 100;

/** What a notice makes of a counter; of none, for the first that is heard of a Subscription. */
export function hear(counter: EventCounter | undefined, notice: Notice, nowMs: number): Heard {
  const { type, eventsSinceStart: since } = notice;
  const numbers = notice.events.flatMap(({ number }) => (number === undefined ? [] : [number]));
  const tellsAll = notice.events.every(({ focus }) => focus !== undefined);
  if (counter === undefined) {
    const upTo = numbers.reduce((most, number) => Math.max(most, number), since ?? 0);
    // Of what was sent before a first handshake, nothing was meant for us.
    return { counter: { upTo, missing: [] }, isUnsure: type !== 'handshake' || !tellsAll };
  }
  // What a query answered in pieces says nothing of what comes.
  if (type !== 'event-notification' && type !== 'query-event') {
    if (since === undefined) return { counter, isUnsure: false };
    // It counts anew: made again, or restored from a backup.
    if (since < counter.upTo) return { counter: { upTo: since, missing: [] }, isUnsure: true };
    return { counter: reach(counter, since, nowMs), isUnsure: false };
  }
  let next = counter;
  for (const number of numbers) {
    next =
      number > next.upTo ? { ...reach(next, number - 1, nowMs), upTo: number } : filled(next, number, number);
  }
  if (since !== undefined && since > next.upTo) next = reach(next, since, nowMs);
  // No number above those known, and no count: a repeat, or numbers that begin anew with each notification.
  const isAmbiguous =
    type === 'event-notification' &&
    since === undefined &&
    (numbers.length === 0 || (next.upTo === counter.upTo && next.missing.length === counter.missing.length));
  return { counter: next, isUnsure: isAmbiguous || (type === 'event-notification' && !tellsAll) };
}

/** The counter once numbers have come, or been made up for. */
export function filled({ upTo, missing, missedAt }: EventCounter, from: number, to: number): EventCounter {
  const left = missing.flatMap(([a, b]): (readonly [number, number])[] => {
    const before: [number, number] = [a, Math.min(b, from - 1)];
    const after: [number, number] = [Math.max(a, to + 1), b];
    if (to < a || from > b) return [[a, b]];
    return [before, after].filter(([x, y]) => x <= y);
  });
  return { upTo, missing: left, ...(left.length === 0 || missedAt === undefined ? {} : { missedAt }) };
}

/** Numbers up to one exist; those that were not heard of are missing. */
function reach(counter: EventCounter, number: number, nowMs: number): EventCounter {
  if (number <= counter.upTo) return counter;
  const missing = [...counter.missing, [counter.upTo + 1, number] as const];
  const [first] = missing;
  const isMany = missing.length > RANGES_MAX && first !== undefined;
  return {
    upTo: number,
    missing: isMany ? [[first[0], number]] : missing,
    missedAt: counter.missedAt ?? nowMs,
  };
}
