/** How long and how often a source is asked: a rate, waits between tries, and a rest when it does not answer. */
import { setTimeout as sleep } from 'node:timers/promises';

/** The first wait between two tries, ms; it doubles. */
const FIRST_MS = 500;
/** No wait that nobody asked for is longer, ms. */
const WAIT_MS_MAX = 30_000;

/**
 * What `Retry-After` asks for, in seconds or as a date of HTTP.
 *
 * @returns Ms from now, at least 0; `undefined` where there is none or it cannot be read.
 * @see RFC 9110, section 10.2.3
 */
export function retryAfterMs(value: string | null, nowMs: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // A date of HTTP begins with a weekday; `Date.parse` takes much that is none.
  const at = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** Exponential with full jitter. @param attempt - From 1. */
export function backOffMs(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(WAIT_MS_MAX, FIRST_MS * 2 ** (attempt - 1));
}

/** Tokens that come back at a rate; who takes one too many waits, in order. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #size: number;
  readonly #nowMs: () => number;
  #tokens: number;
  #countedAt: number;

  /** @param nowMs - A clock that does not go backwards. */
  constructor(perSecond: number, nowMs: () => number = () => performance.now()) {
    this.#perMs = perSecond / 1000;
    this.#size = Math.max(1, perSecond);
    this.#nowMs = nowMs;
    this.#tokens = this.#size;
    this.#countedAt = nowMs();
  }

  /** How long whoever takes a token now has to wait, ms. */
  get waitMs(): number {
    this.#count();
    return this.#tokens >= 1 ? 0 : (1 - this.#tokens) / this.#perMs;
  }

  /** Takes a token, and waits until it is there. */
  async take(signal?: AbortSignal): Promise<void> {
    const waitMs = this.waitMs;
    this.#tokens -= 1;
    if (waitMs > 0) await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
  }

  #count(): void {
    const now = this.#nowMs();
    this.#tokens = Math.min(this.#size, this.#tokens + (now - this.#countedAt) * this.#perMs);
    this.#countedAt = now;
  }
}

/** Silences in a row after which a source is left alone. */
const SILENCES_MAX = 3;
const REST_MS = 5_000;
const REST_MS_MAX = 300_000;

/**
 * When a source may be asked again. One that lets us wait until our time is up, again and again, is left alone for a
 * while: else it would hold up work that has to read it back, and with that the work of others.
 */
export class Rest {
  readonly #nowMs: () => number;
  #silences = 0;
  #untilMs = 0;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Ms until it may be asked. */
  get leftMs(): number {
    return Math.max(0, this.#untilMs - this.#nowMs());
  }

  /** It asked for a pause. */
  until(waitMs: number): void {
    this.#untilMs = Math.max(this.#untilMs, this.#nowMs() + waitMs);
  }

  answered(): void {
    this.#silences = 0;
  }

  silent(): void {
    this.#silences += 1;
    if (this.#silences < SILENCES_MAX) return;
    this.until(Math.min(REST_MS_MAX, REST_MS * 2 ** (this.#silences - SILENCES_MAX)));
  }
}
