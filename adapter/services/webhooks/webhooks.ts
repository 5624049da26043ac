/** Webhooks as they are kept: whose, where to, how far the feed was told. */
import type { AddedWebhook, ShownWebhook } from '../../http/contract/index.js';
import type { Appender, StateView } from '../../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import { newHandle } from '../../handle.js';
import { AddressGate, checkedRange, classOf } from '../../inbound/addresses.js';
import { isLoopbackHost } from '../../inbound/connections.js';
import { presentOf } from '../ca/index.js';
import type { CertifiedRows } from '../ca/index.js';
import type { Notices } from '../notices/index.js';
import { newSecret } from './message.js';

export interface WebhooksOptions {
  readonly store: Store;
  readonly indexKey: Buffer;
  readonly appender: () => Pick<Appender, 'writeRows'>;
  readonly certified: CertifiedRows;
  readonly notices: Notices;
  readonly nowMs: () => number;
}

/** A webhook in its row, which is sealed: the secret is in it. */
export interface WebhookRow {
  readonly id: string;
  /** Handle of the enrolment of whose feed is told. */
  readonly participant: string;
  readonly url: string;
  readonly secret: string;
  /** Ranges of private addresses that it may be at; an operator's word. */
  readonly allowPrivate: readonly string[];
  readonly createdAt: number;
  /** Number of the last notice that was taken. */
  readonly lastSeq: number;
  readonly deliveredAt?: number;
  /** Since the last one that was taken. */
  readonly failures: number;
  readonly failingSince?: number;
  readonly failure?: string;
  /** When the next try is due, ms. */
  readonly nextAt: number;
  readonly closed?: 'dead' | 'ended';
}

export interface NewHook {
  readonly participant: string;
  readonly url: string;
  /** Given by an operator alone: lets it be in the own network, and without TLS there or on this machine. */
  readonly operator?: { readonly allowPrivate: readonly string[] };
}

/** What of a row is another now; `undefined`: no more. */
export type RowChange = { readonly [K in keyof WebhookRow]?: WebhookRow[K] | undefined };

const WEBHOOKS = 'webhook/';
const ID = /^[A-Za-z0-9_-]{43}$/;
const URL_CHARS_MAX = 2000;
const OF_ONE_MAX = 10;

export class Webhooks {
  readonly #options: WebhooksOptions;
  /** All rows, as they are in the store. */
  readonly #rows = new Map<string, WebhookRow>();
  readonly #adding = new Map<string, number>();
  readonly #listeners = new Set<() => void>();

  private constructor(options: WebhooksOptions) {
    this.#options = options;
  }

  static async open(options: WebhooksOptions): Promise<Webhooks> {
    const webhooks = new Webhooks(options);
    for await (const [key, row] of options.store.iterator({ gte: WEBHOOKS, lt: `${WEBHOOKS}~` })) {
      const plain = JSON.parse(openRow(options.indexKey, key, row).toString('utf8')) as WebhookRow;
      webhooks.#rows.set(plain.id, plain);
    }
    return webhooks;
  }

  /**
   * Adds one; what happened before is not told.
   *
   * @throws AdapterError ADAPTER_UNPROCESSABLE for an address that nothing is sent to; ADAPTER_CONFLICT when there are too
   * many.
   */
  async add({ participant, url, operator }: NewHook): Promise<AddedWebhook> {
    requireAddress(url, operator);
    const { appender, nowMs, notices } = this.#options;
    const row: WebhookRow = {
      id: newHandle(),
      participant,
      url,
      secret: newSecret(),
      allowPrivate: operator?.allowPrivate ?? [],
      createdAt: nowMs(),
      lastSeq: notices.last(participant),
      failures: 0,
      nextAt: 0,
    };
    // Counted before it is written, so that of two at once both count; not told before it is.
    const mine = this.of(participant).length + (this.#adding.get(participant) ?? 0);
    if (mine >= OF_ONE_MAX)
      throw new AdapterError('ADAPTER_CONFLICT', `a participant has at most ${OF_ONE_MAX} webhooks`);
    this.#adding.set(participant, (this.#adding.get(participant) ?? 0) + 1);
    try {
      await appender().writeRows(() => ({ writes: [this.#write(row)], value: undefined }));
      this.#rows.set(row.id, row);
    } finally {
      this.#adding.set(participant, (this.#adding.get(participant) ?? 1) - 1);
    }
    this.#changed();
    return { ...this.show(row), secret: row.secret };
  }

  /** @returns False where this participant has none of that name. */
  async remove(participant: string | undefined, id: string): Promise<boolean> {
    const row = this.#rows.get(id);
    if (row === undefined || (participant !== undefined && row.participant !== participant)) return false;
    // Nothing is sent from now on; were the row not removed, the next start would say so.
    this.#rows.delete(id);
    const gone = { type: 'del' as const, key: WEBHOOKS + id };
    await this.#options.appender().writeRows(() => ({ writes: [gone], value: undefined }));
    this.#changed();
    return true;
  }

  get(id: string): WebhookRow | undefined {
    return ID.test(id) ? this.#rows.get(id) : undefined;
  }

  all(): WebhookRow[] {
    return [...this.#rows.values()].toSorted((a, b) => a.createdAt - b.createdAt);
  }

  of(participant: string): WebhookRow[] {
    return this.all().filter((row) => row.participant === participant);
  }

  show({
    id,
    url,
    createdAt,
    deliveredAt,
    failure,
    failures,
    lastSeq,
    closed,
    participant,
  }: WebhookRow): ShownWebhook {
    return {
      id,
      url,
      state: closed ?? (failures > 0 ? 'waiting' : 'active'),
      createdAt: new Date(createdAt).toISOString(),
      ...(deliveredAt === undefined ? {} : { deliveredAt: new Date(deliveredAt).toISOString() }),
      pending: closed === undefined ? Math.max(0, this.#options.notices.last(participant) - lastSeq) : 0,
      ...(failure === undefined ? {} : { failure }),
    };
  }

  /** Notes what became of a try. A row that was removed meanwhile stays removed. */
  async note(id: string, change: RowChange): Promise<WebhookRow | undefined> {
    const next = await this.#options
      .appender()
      .writeRows((): { writes: StoreWrite[]; value: WebhookRow | undefined } => {
        const present = this.#rows.get(id);
        if (present === undefined) return { writes: [], value: undefined };
        const changed = { ...present, ...change } as WebhookRow;
        return { writes: [this.#write(changed)], value: changed };
      });
    if (next !== undefined && this.#rows.has(id)) this.#rows.set(id, next);
    return next;
  }

  /** Whether a participant may be told anything now: `no` for good, `later` while its certificate is not in force. */
  standing(participant: string, view?: Pick<StateView, 'get'>): 'yes' | 'later' | 'no' {
    const { certified, nowMs } = this.#options;
    const found = certified.get(participant, view);
    if (found === undefined || found.revoked !== undefined) return 'no';
    const { fingerprint } = presentOf(found);
    return certified.certificateNow(participant, fingerprint, nowMs(), view).ok ? 'yes' : 'later';
  }

  /** Told of each webhook that comes or goes. @returns Ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #write(row: WebhookRow): StoreWrite {
    const key = WEBHOOKS + row.id;
    const plain = Buffer.from(JSON.stringify(row), 'utf8');
    return { type: 'put', key, value: sealRow(this.#options.indexKey, key, plain) };
  }
}

/** What can be said before anything is connected to; names are judged at each connection. */
function requireAddress(text: string, operator: NewHook['operator']): void {
  const url = URL.canParse(text) && text.length <= URL_CHARS_MAX ? new URL(text) : undefined;
  if (url === undefined || !['https:', 'http:'].includes(url.protocol))
    throw unfit('an address such as https://example.org/hook');
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw unfit('an address without a name, a password or a fragment');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isLiteral = classOf(host) !== 'forbidden' || /^[\d.]+$|:/.test(host);
  const isLoopback = isLoopbackHost(url.hostname);
  if (operator === undefined) {
    if (url.protocol !== 'https:') throw unfit('https only');
    if (isLoopback || (isLiteral && classOf(host) !== 'public')) throw unfit('a public address');
    return;
  }
  const gate = new AddressGate({
    loopback: isLoopback,
    allowPrivate: operator.allowPrivate.map(checkedRange),
  });
  if (isLiteral && !gate.permits(host))
    throw unfit('a public address; one in your own network needs --allow-private');
  const isNear = isLoopback || operator.allowPrivate.length > 0;
  if (url.protocol !== 'https:' && !isNear) throw unfit('https, or an address in your own network');
}

function unfit(message: string): AdapterError {
  return new AdapterError('ADAPTER_UNPROCESSABLE', `a webhook is sent to ${message}`, { expression: 'url' });
}
