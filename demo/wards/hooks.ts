/**
 * Hooks as a HAPI server sends them: late, in no kept order, some more than once; retried for about a minute while the
 * receiver fails, two at a time while the rest wait, and then lost for good.
 *
 * @see HL7 FHIR R4 Subscription, rest-hook channel; requests as captured from HAPI FHIR JPA server 8.8.0
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** What the receiver is told. */
export interface Hook {
  readonly method: 'PUT' | 'DELETE' | 'POST';
  /** `Type/id`; empty for a hook that says only that something changed. */
  readonly path: string;
  readonly versionId?: string;
  readonly body?: string;
}

export interface HookCounts {
  /** Delivered hooks, repeats and empty ones included. */
  hooksSent: number;
  /** Of them: sent again although the first was answered. */
  repeated: number;
  /** Of them: sent after a hook of a later write. */
  outOfOrder: number;
  /** Of them: without a body. */
  empty: number;
  /** Given up after a minute of retries, or dropped when the wards stopped. */
  lost: number;
  /** Answered 4xx: never retried. */
  refused: number;
}

export interface HookOptions {
  readonly url: string;
  readonly secret: string;
  readonly signal: AbortSignal;
  /** Waits between tries, ms; default HAPI's. */
  readonly retryMs?: readonly number[];
}

interface Waiting {
  readonly hook: Hook;
  readonly sequence: number;
  readonly dueMs: number;
  readonly repeat: boolean;
}

/** HAPI sends two at a time. */
const SENDERS = 2;
/** About a second between tries, slowly growing, for about a minute. */
const RETRY_MS: readonly number[] = Array.from({ length: 20 }, (_, attempt) =>
  Math.min(6000, 1000 * 1.1 ** attempt),
);
/** One try may take this long, ms. */
const TIMEOUT_MS = 30_000;
/** After a stop, what is due may still go out for this long, ms. */
const LAST_CALL_MS = 1000;

export class HookSender {
  readonly counts: HookCounts = { hooksSent: 0, repeated: 0, outOfOrder: 0, empty: 0, lost: 0, refused: 0 };
  readonly #options: HookOptions;
  readonly #waiting: Waiting[] = [];
  readonly #senders: Promise<void>[];
  #newestSent = -1;
  #ending = false;
  #stopAtMs = Number.POSITIVE_INFINITY;
  #wake: () => void = () => {};
  #woken: Promise<void>;

  constructor(options: HookOptions) {
    this.#options = options;
    this.#woken = this.#sleepers();
    options.signal.addEventListener('abort', () => this.#stop(), { once: true });
    if (options.signal.aborted) this.#stop();
    this.#senders = Array.from({ length: SENDERS }, () => this.#send());
  }

  /**
   * Hands a hook over.
   *
   * @param sequence - Number of the write.
   * @param delayMs - From now until it goes out.
   */
  push(hook: Hook, sequence: number, delayMs: number, repeat = false): void {
    const waiting = { hook, sequence, dueMs: performance.now() + delayMs, repeat };
    let at = this.#waiting.length;
    while (at > 0 && (this.#waiting[at - 1]?.dueMs ?? 0) > waiting.dueMs) at--;
    this.#waiting.splice(at, 0, waiting);
    this.#wakeAll();
  }

  /** Sends what is left, in the order in which it would have gone out, without waiting for its time. */
  async finish(): Promise<void> {
    this.#ending = true;
    this.#wakeAll();
    await Promise.all(this.#senders);
    this.counts.lost += this.#waiting.length;
    this.#waiting.length = 0;
  }

  async #send(): Promise<void> {
    for (;;) {
      const first = this.#waiting[0];
      const inMs = first === undefined ? Number.POSITIVE_INFINITY : first.dueMs - performance.now();
      if (performance.now() >= this.#stopAtMs) return;
      if (first === undefined && this.#ending) return;
      if (first !== undefined && (inMs <= 0 || this.#ending)) {
        this.#waiting.shift();
        await this.#deliver(first);
        continue;
      }
      const controller = new AbortController();
      const nap =
        inMs === Number.POSITIVE_INFINITY
          ? []
          : [sleep(inMs, undefined, { signal: controller.signal }).catch(() => {})];
      await Promise.race([this.#woken, ...nap]);
      controller.abort();
    }
  }

  async #deliver({ hook, sequence, repeat }: Waiting): Promise<void> {
    const retryMs = hook.method === 'POST' ? [] : (this.#options.retryMs ?? RETRY_MS);
    for (let attempt = 0; ; attempt++) {
      const status = await this.#request(hook);
      if (status !== undefined && status < 500) {
        this.#count(hook, sequence, repeat, status);
        return;
      }
      const waitMs = retryMs[attempt];
      if (waitMs === undefined || performance.now() + waitMs > this.#stopAtMs) {
        this.counts.lost++;
        return;
      }
      // The signal cuts a wait short once; after it, tries go on at their pace until the last call ends.
      const { signal } = this.#options;
      await (signal.aborted ? sleep(waitMs) : sleep(waitMs, undefined, { signal }).catch(() => {}));
    }
  }

  #count(hook: Hook, sequence: number, repeat: boolean, status: number): void {
    if (status >= 400) {
      this.counts.refused++;
      return;
    }
    this.counts.hooksSent++;
    if (repeat) this.counts.repeated++;
    if (hook.path === '') this.counts.empty++;
    if (sequence < this.#newestSent) this.counts.outOfOrder++;
    this.#newestSent = Math.max(this.#newestSent, sequence);
  }

  /** @returns The status, or `undefined` when there was no answer. */
  async #request(hook: Hook): Promise<number | undefined> {
    const leftMs = Math.max(1, Math.min(TIMEOUT_MS, this.#stopAtMs - performance.now()));
    try {
      const response = await fetch(
        hook.path === '' ? this.#options.url : `${this.#options.url}/${hook.path}`,
        {
          method: hook.method,
          headers: headersOf(hook, this.#options.secret),
          signal: AbortSignal.timeout(leftMs),
          ...(hook.method === 'DELETE' ? {} : { body: hook.body ?? '' }),
        },
      );
      await response.arrayBuffer();
      return response.status;
    } catch {
      // Whatever keeps an answer away is to a sender of hooks the same.
      return undefined;
    }
  }

  #stop(): void {
    this.#ending = true;
    this.#stopAtMs = performance.now() + LAST_CALL_MS;
    this.#wakeAll();
  }

  #wakeAll(): void {
    const wake = this.#wake;
    this.#woken = this.#sleepers();
    wake();
  }

  #sleepers(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function headersOf(hook: Hook, secret: string): Record<string, string> {
  return {
    'user-agent': 'HAPI-FHIR/8.8.0 (FHIR Client; FHIR 4.0.1/R4; apache)',
    accept: 'application/fhir+json;q=1.0, application/json+fhir;q=0.9',
    authorization: `Bearer ${secret}`,
    ...(hook.method === 'PUT' ? { 'content-type': 'application/fhir+json; charset=UTF-8' } : {}),
    ...(hook.method === 'POST' ? { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' } : {}),
    ...(hook.versionId === undefined ? {} : { 'if-match': `W/"${hook.versionId}"` }),
  };
}
