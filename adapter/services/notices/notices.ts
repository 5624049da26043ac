/**
 * What participants are told: that something happened, never what. A notice is a kind and an opaque id, by which its
 * reader asks for more with the rights it has; so it can go to whoever listens without health data.
 *
 * Each participant has a feed of rows, which outlives a crash, and listeners, which hear of what is committed.
 */
import { EventEmitter } from 'node:events';
import type { Appender, StateView } from '../../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { mark, openRow, sealRow } from '../../../ledger/vault/index.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import type { NoticeKind } from '../../http/contract/index.js';

/** What happened, without saying to whom or with what. */
export interface Notice {
  readonly kind: NoticeKind;
  /** Opaque: names a request, an emergency or a duty, and nothing of a patient. */
  readonly id: string;
}

/** A notice in its feed. */
export interface FeedItem extends Notice {
  /** Handle of the enrolment of whom it is for. */
  readonly participant: string;
  /** Its number in the feed, from 1, without gaps. */
  readonly seq: number;
  /** Ms since the epoch. */
  readonly at: number;
}

export interface NoticesOptions {
  readonly store: Store;
  readonly keys: Pick<InstanceKeys, 'storage'>;
  /** Asked for when it is needed. */
  readonly appender: () => Pick<Appender, 'writeRows'>;
  readonly nowMs: () => number;
}

type View = Pick<StateView, 'get'>;
type Listener = (item: FeedItem) => void;

const PREFIX = 'notice/';
const LAST = 'notice-last/';
const SEQ_DIGITS = 12;
/** Notices of one participant that are kept: who was away for longer asks for the things themselves. */
export const FEED_MAX = 1000;
/** Notices of one answer. */
export const FEED_PAGE_MAX = 100;

export class Notices {
  readonly #options: NoticesOptions;
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  /** Tells a participant, durably. */
  async notify(participant: string, notice: Notice): Promise<FeedItem> {
    const item = await this.#options.appender().writeRows((view) => {
      const { writes, items } = this.prepare(view, [{ participant, ...notice }]);
      return { writes, value: items[0] };
    });
    if (item === undefined) throw new Error('a notice for nobody');
    this.told([item]);
    return item;
  }

  /**
   * Rows of notices, for the batch of what they tell of: a crash leaves both or neither. Once the batch is committed,
   * {@link told} tells those who listen.
   */
  prepare(
    view: View,
    notices: readonly (Notice & { readonly participant: string })[],
  ): { readonly writes: StoreWrite[]; readonly items: FeedItem[] } {
    const at = this.#options.nowMs();
    const writes: StoreWrite[] = [];
    const lasts = new Map<string, number>();
    const items = notices.map(({ participant, kind, id }): FeedItem => {
      const name = this.#nameOf(participant);
      const seq = (lasts.get(name) ?? lastOf(view, name)) + 1;
      lasts.set(name, seq);
      const key = keyOf(name, seq);
      const plain = Buffer.from(JSON.stringify({ kind, id, at }), 'utf8');
      writes.push({ type: 'put', key, value: sealRow(this.#options.keys.storage.indexKey, key, plain) });
      if (seq > FEED_MAX) writes.push({ type: 'del', key: keyOf(name, seq - FEED_MAX) });
      return { participant, seq, at, kind, id };
    });
    for (const [name, seq] of lasts) writes.push({ type: 'put', key: LAST + name, value: u48(seq) });
    return { writes, items };
  }

  /** Tells listeners of what was committed. */
  told(items: readonly FeedItem[]): void {
    for (const item of items) this.#emitter.emit(item.participant, item);
  }

  /**
   * A participant's notices, oldest first.
   *
   * @param after - The last number that was read; 0 for all that are kept.
   * @param limit - At most {@link FEED_PAGE_MAX}.
   */
  async list(participant: string, after = 0, limit = FEED_PAGE_MAX): Promise<FeedItem[]> {
    const name = this.#nameOf(participant);
    const range = {
      gt: keyOf(name, Math.max(0, after)),
      lt: `${PREFIX}${name}/~`,
      limit: Math.min(Math.max(1, limit), FEED_PAGE_MAX),
    };
    const rows = await this.#options.store.iterator(range).all();
    return rows.map(([key, row]) => {
      const plain = openRow(this.#options.keys.storage.indexKey, key, row).toString('utf8');
      const notice = JSON.parse(plain) as Notice & { readonly at: number };
      return { participant, seq: Number(key.slice(-SEQ_DIGITS)), ...notice };
    });
  }

  /** Number of a participant's newest notice; 0 where there is none. */
  last(participant: string): number {
    return lastOf({ get: (key) => this.#options.store.getSync(key) }, this.#nameOf(participant));
  }

  /**
   * Hears of one participant's notices as they are committed. What came before is in {@link list}.
   *
   * @param listener - Must return at once and not throw.
   * @returns Ends it.
   */
  listen(participant: string, listener: Listener): () => void {
    this.#emitter.on(participant, listener);
    return () => this.#emitter.off(participant, listener);
  }

  /** A keyed name: the rows of a store do not say whose feed they are. */
  #nameOf(participant: string): string {
    return mark(this.#options.keys.storage.markKey, 'notices of', participant);
  }
}

function keyOf(name: string, seq: number): string {
  return `${PREFIX}${name}/${String(seq).padStart(SEQ_DIGITS, '0')}`;
}

function lastOf(view: View, name: string): number {
  return view.get(LAST + name)?.readUIntBE(0, 6) ?? 0;
}

function u48(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(6);
  bytes.writeUIntBE(value, 0, 6);
  return bytes;
}
