/**
 * What is known of each source's channels, sealed in a row of its own: the Subscriptions that we made there, how far
 * their events have come, up to when histories were read. It survives a crash; it moves only after what it counts is
 * durable.
 */
import type { Appender } from '../../../ledger/custody/index.js';
import type { Store } from '../../../ledger/store.js';
import type { Instance } from '../../instance/instance.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import type { EventCounter } from '../../inbound/backport-counter.js';

/** A Subscription that we made at a source. */
export interface HeldSubscription {
  /** Its id there. */
  readonly id: string;
  /** What was asked for, as `specificationOf` tells it. */
  readonly specification: string;
  /** Of a topic's events. */
  readonly counter?: EventCounter;
  /** When a topic was heard of last, ms; a heartbeat counts. */
  readonly heardAt?: number;
}

export interface ChannelState {
  readonly subscriptions: Readonly<Record<string, HeldSubscription>>;
  /** What the source would not make, and when we asked, ms. */
  readonly refused: Readonly<Record<string, number>>;
  /** Up to when the histories were read, by the source's clock, ms; under `''` the server's own. */
  readonly histories: Readonly<Record<string, number>>;
  /** When its ids were last swept, ms. */
  readonly sweptAt?: number;
}

const NOTHING: ChannelState = { subscriptions: {}, refused: {}, histories: {} };
const PREFIX = 'channel/';

export class ChannelStates {
  readonly #store: Store;
  readonly #key: Buffer;
  readonly #appender: Appender;
  readonly #states = new Map<string, ChannelState>();
  readonly #alone = new Map<string, Promise<unknown>>();
  /** Changes wait for each other: each is made to what the one before left. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(store: Store, indexKey: Buffer, appender: Appender) {
    this.#store = store;
    this.#key = indexKey;
    this.#appender = appender;
  }

  of(source: string): ChannelState {
    const known = this.#states.get(source);
    if (known !== undefined) return known;
    const row = this.#store.getSync(PREFIX + source);
    const state =
      row === undefined
        ? NOTHING
        : (JSON.parse(openRow(this.#key, PREFIX + source, row).toString('utf8')) as ChannelState);
    this.#states.set(source, state);
    return state;
  }

  /** Runs one thing at a time that changes the Subscriptions at a source. */
  alone<T>(source: string, run: () => Promise<T>): Promise<T> {
    const before = this.#alone.get(source) ?? Promise.resolve();
    const turn = before.then(run);
    const ended = turn.catch(() => undefined);
    this.#alone.set(source, ended);
    return turn;
  }

  /** Changes what is known of a source; durable when it resolves. */
  change(source: string, change: (state: ChannelState) => ChannelState): Promise<ChannelState> {
    const turn = this.#turn.then(() => this.#write(source, change));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Changes one Subscription; `undefined` takes it out. */
  async subscription(
    source: string,
    name: string,
    change: (held: HeldSubscription | undefined) => HeldSubscription | undefined,
  ): Promise<void> {
    await this.change(source, (state) => {
      const before = state.subscriptions[name];
      const next = change(before);
      if (next === before) return state;
      const { [name]: _before, ...others } = state.subscriptions;
      return { ...state, subscriptions: next === undefined ? others : { ...others, [name]: next } };
    });
  }

  async #write(source: string, change: (state: ChannelState) => ChannelState): Promise<ChannelState> {
    const before = this.of(source);
    const next = change(before);
    if (next === before) return before;
    const key = PREFIX + source;
    const value = sealRow(this.#key, key, Buffer.from(JSON.stringify(next), 'utf8'));
    await this.#appender.writeRows(() => ({ writes: [{ type: 'put', key, value }], value: undefined }));
    this.#states.set(source, next);
    return next;
  }
}

const opened = new WeakMap<Store, ChannelStates>();

/** The states of an instance: one for all that work with them. */
export function channelStates({
  store,
  keys,
  appender,
}: Pick<Instance, 'store' | 'keys' | 'appender'>): ChannelStates {
  const known = opened.get(store);
  if (known !== undefined) return known;
  const states = new ChannelStates(store, keys.storage.indexKey, appender);
  opened.set(store, states);
  return states;
}
