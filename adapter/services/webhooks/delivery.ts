/**
 * Telling webhooks: each feed in order, one message at a time, again until it is taken. At least once: a crash between a
 * message that was taken and its note sends it again, under the same id.
 */
import type { WebhookMessage } from '../../http/contract/index.js';
import { AdapterError, codeOf } from '../../errors.js';
import { Connections } from '../../inbound/connections.js';
import type { ResolveName } from '../../inbound/connections.js';
import type { Logger } from '../../logger.js';
import type { FeedItem, Notices } from '../notices/index.js';
import { SEND_TIMEOUT_MS, sendMessage } from './send.js';
import type { WebhookRow, Webhooks } from './webhooks.js';

export interface DeliveryOptions {
  readonly webhooks: Webhooks;
  readonly notices: Notices;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

export interface DeliveryPatience {
  /** Waits after the first, second, … failure, ms; the last one goes on. */
  readonly waitsMs?: readonly number[];
  /** After failing for so long it is given up, ms. */
  readonly giveUpMs?: number;
  readonly timeoutMs?: number;
  readonly lookMs?: number;
  /** Default: the system's resolver. */
  readonly resolveName?: ResolveName;
}

const [SECOND, MINUTE, HOUR] = [1000, 60_000, 3_600_000] as const;
/** @see Standard Webhooks 1.0, "Deliverability and reliability" */
const WAITS_MS = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR];
const GIVE_UP_MS = 3 * 24 * HOUR;
const LOOK_MS = 5 * SECOND;
/** A wait is shortened or lengthened by up to this part of itself, so that many do not come back at once. */
const JITTER = 0.2;
const GONE = 410;

export class WebhookDelivery {
  readonly #options: DeliveryOptions;
  readonly #patience: Required<Omit<DeliveryPatience, 'resolveName'>> & Pick<DeliveryPatience, 'resolveName'>;
  readonly #closing = new AbortController();
  readonly #timer: NodeJS.Timeout;
  /** By webhook: what is being sent. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #unlisten = new Map<string, () => void>();
  readonly #unheard: () => void;

  constructor(options: DeliveryOptions, patience: DeliveryPatience = {}) {
    this.#options = options;
    this.#patience = {
      waitsMs: WAITS_MS,
      giveUpMs: GIVE_UP_MS,
      timeoutMs: SEND_TIMEOUT_MS,
      lookMs: LOOK_MS,
      ...patience,
    };
    this.#unheard = options.webhooks.onChange(() => this.#listen());
    this.#timer = setInterval(() => this.look(), this.#patience.lookMs);
    this.#timer.unref();
    this.#listen();
    this.look();
  }

  /** Begins what is due. */
  look(): void {
    if (this.#closing.signal.aborted) return;
    const { webhooks, notices, nowMs } = this.#options;
    for (const row of webhooks.all()) {
      if (this.#running.has(row.id) || row.closed !== undefined || row.nextAt > nowMs()) continue;
      if (notices.last(row.participant) > row.lastSeq) this.#start(row.id);
    }
  }

  /** Ends it; what is on its way is given up, and sent again after the next start. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#unheard();
    for (const end of this.#unlisten.values()) end();
    this.#closing.abort(new AdapterError('ADAPTER_STOPPING', 'stopping'));
    await Promise.allSettled(this.#running.values());
  }

  #listen(): void {
    const { webhooks, notices } = this.#options;
    const wanted = new Set(webhooks.all().map(({ participant }) => participant));
    for (const [participant, end] of this.#unlisten)
      if (!wanted.has(participant)) {
        end();
        this.#unlisten.delete(participant);
      }
    for (const participant of wanted)
      if (!this.#unlisten.has(participant))
        this.#unlisten.set(
          participant,
          notices.listen(participant, () => setImmediate(() => this.look())),
        );
  }

  #start(id: string): void {
    const { logger } = this.#options;
    const running = this.#run(id)
      .catch((error: unknown) => logger.warn('webhook not told', { id, code: codeOf(error) }))
      .finally(() => this.#running.delete(id));
    this.#running.set(id, running);
  }

  async #run(id: string): Promise<void> {
    const { webhooks, notices, logger } = this.#options;
    const first = webhooks.get(id);
    if (first === undefined) return;
    const connections = this.#connectionsOf(first);
    try {
      for (let row: WebhookRow | undefined = first; row !== undefined && !this.#closing.signal.aborted;) {
        const [item] = await notices.list(row.participant, row.lastSeq, 1);
        if (item === undefined) return;
        // Judged before each message.
        const standing = webhooks.standing(row.participant);
        if (standing === 'later') return;
        if (standing === 'no') {
          await webhooks.note(id, { closed: 'ended', secret: '' });
          logger.info('webhook ended', { id });
          return;
        }
        const failure = await sendMessage({
          connections,
          row,
          message: messageOf(item),
          id: `${id}.${item.seq}`,
          atMs: this.#options.nowMs(),
          timeoutMs: this.#patience.timeoutMs,
          signal: this.#closing.signal,
        });
        if (this.#closing.signal.aborted) return;
        row = await this.#noted(row, item.seq, failure);
        if (failure !== undefined) return;
      }
    } finally {
      connections.close();
    }
  }

  /** @returns The row when there may be more to tell. */
  async #noted(row: WebhookRow, seq: number, failure: string | undefined): Promise<WebhookRow | undefined> {
    const { webhooks, nowMs, logger } = this.#options;
    const { id } = row;
    const now = nowMs();
    if (failure === undefined) {
      const taken = { lastSeq: seq, deliveredAt: now, failures: 0, nextAt: 0 };
      return webhooks.note(id, { ...taken, failure: undefined, failingSince: undefined });
    }
    const { waitsMs, giveUpMs } = this.#patience;
    const failingSince = row.failingSince ?? now;
    const wait = waitsMs[Math.min(row.failures, waitsMs.length - 1)] ?? 0;
    const isDead = failure === String(GONE) || now - failingSince >= giveUpMs;
    logger.warn('webhook not taken', { id, failure, dead: isDead });
    await webhooks.note(id, {
      failures: row.failures + 1,
      failingSince,
      failure,
      nextAt: now + wait * (1 - JITTER + 2 * JITTER * Math.random()),
      ...(isDead ? { closed: 'dead' } : {}),
    });
    return undefined;
  }

  #connectionsOf({ url, allowPrivate }: WebhookRow): Connections {
    const { resolveName } = this.#patience;
    return new Connections({
      baseUrl: url,
      allowPrivate,
      ...(resolveName === undefined ? {} : { resolveName }),
    });
  }
}

function messageOf({ kind, id, seq, at }: FeedItem): WebhookMessage {
  return { type: kind, timestamp: new Date(at).toISOString(), data: { id, seq } };
}
