/**
 * How the sources of a running instance are heard: their Subscriptions are kept, they are polled, and what was missed is
 * asked for. One thing at a time a source; a source that fails costs its own turn.
 *
 * By timers of this process, and not by jobs in Redis: when Redis is down is when hooks back up and reading matters, and
 * what is due follows from rows that survive both.
 */
import { codeOf } from '../../errors.js';
import type { Notice } from '../../inbound/backport-notice.js';
import type { FhirEvent } from '../../inbound/event.js';
import type { SourceClient } from '../../inbound/source-client.js';
import type { WantedSubscription } from '../../inbound/subscription-resource.js';
import type { Instance } from '../../instance/instance.js';
import type { Source, SourceChannel } from '../../instance/sources.js';
import { discover } from '../source-discovery.js';
import type { Discovery } from '../source-discovery.js';
import type { SourceReadings } from '../source-readings.js';
import { readHistories, sweepDeleted } from './deletions.js';
import type { Looking } from './deletions.js';
import { channelStates } from './states.js';
import type { ChannelStates } from './states.js';
import { keepSubscriptions, resetSubscription } from './subscriptions.js';
import type { Keeping } from './subscriptions.js';
import { careFor, dueAt, takeNotice } from './topics.js';
import type { TopicTimes } from './topics.js';
import { mayHaveSubscriptions, reasonOf, recordTypes, wantedSubscriptions } from './wanted.js';

export interface ChannelTimes extends TopicTimes {
  /** How often a source is asked what was updated, ms. */
  readonly pollMs: number;
  /** How often its Subscriptions are looked at, ms. */
  readonly keepMs: number;
  /** How often ids are swept where there are no histories, ms. */
  readonly sweepMs: number;
  /** How often a topic Subscription is to be heard of, s. */
  readonly heartbeatSeconds: number;
  /** How long after news that do not say what changed the histories are read, ms. */
  readonly hintMs: number;
  /** Longest wait after failures, ms. */
  readonly backOffMsMax: number;
}

export interface SourceChannelsOptions {
  readonly instance: Instance;
  readonly readings: SourceReadings;
  /** Where sources reach us, such as `https://firebreak.example`. */
  readonly address: () => string;
  readonly signal: AbortSignal;
  /** Default: by the configuration. */
  readonly times?: Partial<ChannelTimes>;
  readonly random?: () => number;
}

const HEARTBEAT_SECONDS = 60;
const TIMES: Omit<ChannelTimes, 'pollMs'> = {
  keepMs: 5 * 60_000,
  sweepMs: 60 * 60_000,
  heartbeatSeconds: HEARTBEAT_SECONDS,
  graceMs: 10_000,
  silenceMs: 2.5 * HEARTBEAT_SECONDS * 1000,
  hintMs: 1000,
  backOffMsMax: 60 * 60_000,
};
/** Part of a period by which a turn may come sooner, so that sources do not all come at once. */
const JITTER = 0.2;
/** A timer waits no longer: clocks are set, and machines sleep, ms. */
const WAIT_MS_MAX = 60_000;
/** What a source says of itself is asked for again after this, ms. */
const DISCOVERY_MS = 24 * 60 * 60_000;
/** Acknowledged events that may wait before polling pauses. */
const PENDING_MAX = 20_000;
const PAUSE_MS = 20;

type Step = 'keep' | 'topics' | 'poll' | 'histories' | 'sweep';
const STEPS: readonly Step[] = ['keep', 'topics', 'poll', 'histories', 'sweep'];

/** What this process knows of a source. */
interface Watched {
  readonly dueAt: Record<Step, number>;
  readonly failures: Record<Step, number>;
  timer: NodeJS.Timeout | undefined;
  running: Promise<void> | undefined;
  /** Whether it was read in this run. */
  hasRead: boolean;
  found: { readonly at: number; readonly discovery: Discovery } | undefined;
  /** Histories that it was found not to have. */
  readonly without: Set<string>;
}

export class SourceChannels {
  readonly #options: SourceChannelsOptions;
  readonly #times: ChannelTimes;
  readonly #states: ChannelStates;
  readonly #signal: AbortSignal;
  readonly #closing = new AbortController();
  readonly #watched = new Map<string, Watched>();
  #started = false;

  constructor(options: SourceChannelsOptions) {
    this.#options = options;
    this.#times = { pollMs: options.instance.config.pollSeconds * 1000, ...TIMES, ...options.times };
    this.#states = channelStates(options.instance);
    this.#signal = AbortSignal.any([options.signal, this.#closing.signal]);
  }

  /** Begins with all sources at once: what changed while we were down is read first. */
  start(): void {
    const { sources } = this.#options.instance;
    this.#started = true;
    sources.onChange((source) => this.#changed(source));
    for (const source of sources.list()) this.#changed(source);
  }

  /** Something changed at a source that it does not name: what was updated is read, and what was deleted. */
  hint(source: string): void {
    this.#options.readings.hint(source);
    const watched = this.#watched.get(source);
    if (watched === undefined) return;
    // Once for all that come together: each look reads its overlap again.
    const soon = this.#options.instance.nowMs() + this.#times.hintMs;
    if (watched.failures.histories > 0 || watched.dueAt.histories <= soon) return;
    watched.dueAt.histories = soon;
    this.#arrange(source);
  }

  /** Takes what a topic Subscription says of itself; durable when it resolves. */
  async noticed(source: string, notice: Notice): Promise<void> {
    const news = await takeNotice(this.#states, source, notice, this.#options.instance.nowMs());
    if (news.isUnsure) this.hint(source);
    if (news.isFailing) this.#soon(source, 'keep');
    if (news.isMissing) this.#arrange(source);
  }

  /** Ends what is under way, which goes on where it was when it is started again. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const { timer } of this.#watched.values()) clearTimeout(timer);
    await Promise.allSettled([...this.#watched.values()].map(({ running }) => running ?? Promise.resolve()));
  }

  #changed({ id, kind, state }: Source): void {
    if (kind !== 'fhir' || this.#signal.aborted || !this.#started) return;
    const watched = this.#watched.get(id);
    if (state === 'removed') {
      clearTimeout(watched?.timer);
      return;
    }
    const fresh: Watched = {
      dueAt: { keep: 0, topics: 0, poll: 0, histories: 0, sweep: 0 },
      failures: { keep: 0, topics: 0, poll: 0, histories: 0, sweep: 0 },
      timer: undefined,
      running: undefined,
      hasRead: false,
      found: undefined,
      without: new Set(),
    };
    if (watched === undefined) this.#watched.set(id, fresh);
    else {
      watched.found = undefined;
      watched.without.clear();
      Object.assign(watched.dueAt, fresh.dueAt);
    }
    this.#arrange(id);
  }

  #soon(id: string, step: Step): void {
    const watched = this.#watched.get(id);
    if (watched === undefined) return;
    watched.dueAt[step] = 0;
    this.#arrange(id);
  }

  /** Sets the timer of a source for what is due next. */
  #arrange(id: string): void {
    const watched = this.#watched.get(id);
    if (watched === undefined || this.#signal.aborted) return;
    clearTimeout(watched.timer);
    if (watched.running !== undefined) return;
    const now = this.#options.instance.nowMs();
    const next = Math.min(...this.#stepsOf(id).map((step) => this.#dueAt(id, watched, step)));
    const waitMs = Math.min(Math.max(0, next - now), WAIT_MS_MAX);
    watched.timer = setTimeout(() => this.#turn(id, watched), waitMs);
    watched.timer.unref();
  }

  #turn(id: string, watched: Watched): void {
    if (watched.running !== undefined || this.#signal.aborted) return;
    watched.running = this.#runDue(id, watched).finally(() => {
      watched.running = undefined;
      this.#arrange(id);
    });
  }

  async #runDue(id: string, watched: Watched): Promise<void> {
    const { instance } = this.#options;
    for (const step of this.#stepsOf(id)) {
      if (this.#signal.aborted) return;
      if (this.#dueAt(id, watched, step) > instance.nowMs()) continue;
      try {
        await this.#run(id, watched, step);
        watched.failures[step] = 0;
        watched.dueAt[step] = instance.nowMs() + this.#spread(this.#periodOf(id, step));
      } catch (error) {
        if (this.#signal.aborted) return;
        const failures = (watched.failures[step] += 1);
        const backOff = Math.min(
          this.#times.backOffMsMax,
          this.#periodOf(id, step) * 2 ** Math.min(failures, 16),
        );
        watched.dueAt[step] = instance.nowMs() + this.#spread(backOff);
        instance.logger.warn('channel of a source failed', {
          source: id,
          step,
          code: codeOf(error),
          failures,
        });
      }
    }
  }

  #stepsOf(id: string): readonly Step[] {
    const source = this.#options.instance.sources.get(id);
    if (source === undefined || source.state === 'removed') return [];
    const holds = Object.keys(this.#states.of(id).subscriptions).length > 0;
    if (source.state === 'paused') return holds ? ['keep'] : [];
    const has = (channel: SourceChannel): boolean => source.channels.includes(channel);
    const isWanted: Record<Step, boolean> = {
      keep: has('rest-hook') || has('topic') || holds,
      topics: holds,
      // The first time whatever its channels are: something may have happened while we were down.
      poll: has('poll') || this.#watched.get(id)?.hasRead === false,
      histories: has('history'),
      sweep: has('poll') || has('history'),
    };
    return STEPS.filter((step) => isWanted[step]);
  }

  #dueAt(id: string, { dueAt: due, failures }: Watched, step: Step): number {
    if (step === 'sweep') {
      // The first sweep waits its time: what is kept was just read, or will be.
      const sweptAt = this.#states.of(id).sweptAt ?? this.#options.instance.sources.get(id)?.addedAt ?? 0;
      return Math.max(due.sweep, sweptAt + this.#times.sweepMs);
    }
    if (step !== 'topics') return due[step];
    if (failures.topics > 0) return due.topics;
    const times = Object.entries(this.#states.of(id).subscriptions)
      .filter(([name]) => name.startsWith('topic '))
      .map(([, held]) => dueAt(held, this.#times) ?? Infinity);
    return Math.min(Infinity, ...times);
  }

  #periodOf(id: string, step: Step): number {
    const { pollMs, keepMs, sweepMs, graceMs } = this.#times;
    if (step === 'keep') return keepMs;
    if (step === 'sweep') return sweepMs;
    if (step === 'topics') return Math.max(graceMs, 1000);
    // Where Subscriptions tell most of it, asking is for what they lose.
    return Object.keys(this.#states.of(id).subscriptions).length > 0 ? pollMs * 5 : pollMs;
  }

  #spread(ms: number): number {
    return ms * (1 - JITTER * (this.#options.random ?? Math.random)());
  }

  async #run(id: string, watched: Watched, step: Step): Promise<void> {
    const { instance, readings } = this.#options;
    const client = instance.client(id);
    const source = instance.sources.get(id);
    if (client === undefined || source === undefined) return;
    if (step === 'keep') return this.#keep(source, client, watched);
    if (step === 'topics') return this.#careForTopics(source, client, watched);
    if (step === 'poll') {
      await readings.read(id);
      watched.hasRead = true;
      return;
    }
    const looking: Looking = {
      instance,
      states: this.#states,
      source: id,
      client,
      accept: (events) => this.#accept(events),
      signal: this.#signal,
    };
    if (step === 'histories') await this.#readHistories(looking, watched);
    else await this.#sweep(looking, watched);
  }

  async #keep(source: Source, client: SourceClient, watched: Watched): Promise<void> {
    const before = this.#states.of(source.id).subscriptions;
    await this.#states.alone(source.id, async () => {
      // It may have been paused or removed while this waited.
      const present = this.#options.instance.sources.get(source.id);
      if (present === undefined || present.state === 'removed') return;
      const wanted = present.state === 'active' ? await this.#wanted(present, client, watched) : [];
      await keepSubscriptions(this.#keeping(present, client, wanted));
    });
    const isChanged = before !== this.#states.of(source.id).subscriptions;
    // What changed before a Subscription was there, it does not tell.
    if (isChanged && this.#options.instance.sources.get(source.id)?.state === 'active')
      watched.dueAt.poll = 0;
  }

  async #careForTopics(source: Source, client: SourceClient, watched: Watched): Promise<void> {
    const { instance, readings } = this.#options;
    const care = {
      source: source.id,
      client,
      states: this.#states,
      times: this.#times,
      accept: (events: readonly FhirEvent[]) => this.#accept(events),
      read: async () => void (await readings.read(source.id)),
      nowMs: instance.nowMs,
      signal: this.#signal,
    };
    for (const [name, held] of Object.entries(this.#states.of(source.id).subscriptions)) {
      if (!name.startsWith('topic ') || (dueAt(held, this.#times) ?? Infinity) > instance.nowMs()) continue;
      const well = await careFor(care, name);
      if (well === 'well') continue;
      watched.dueAt.keep = 0;
      if (well === 'reset') {
        await this.#states.alone(source.id, async () => {
          if (instance.sources.get(source.id)?.state !== 'active') return;
          const wanted = await this.#wanted(source, client, watched);
          const one = wanted.find(({ key }) => key === name);
          if (one !== undefined) await resetSubscription(this.#keeping(source, client, wanted), one);
        });
      }
    }
  }

  async #readHistories(looking: Looking, watched: Watched): Promise<void> {
    const found = await this.#discovery(looking.source, looking.client, watched);
    const offers = (scope: string): boolean => !watched.without.has(scope);
    const system = found.history.system && offers('') ? [''] : [];
    const scopes = system.length > 0 ? system : recordTypes(found).filter(offers);
    const read = new Set(await readHistories(looking, scopes));
    for (const scope of scopes) if (!read.has(scope)) watched.without.add(scope);
    // One that does not do what it says: its types are asked for instead.
    if (system.length > 0 && read.size === 0) await this.#readHistories(looking, watched);
  }

  async #sweep(looking: Looking, watched: Watched): Promise<void> {
    const found = await this.#discovery(looking.source, looking.client, watched);
    const { histories } = this.#states.of(looking.source);
    const isTold = (type: string): boolean =>
      this.#options.instance.sources.get(looking.source)?.channels.includes('history') === true &&
      ((histories[''] !== undefined && !watched.without.has('')) ||
        (histories[type] !== undefined && !watched.without.has(type)));
    await sweepDeleted(
      looking,
      recordTypes(found).filter((type) => !isTold(type)),
    );
  }

  async #accept(events: readonly FhirEvent[]): Promise<void> {
    const { inbox, statistics } = this.#options.instance;
    const { duplicates } = await inbox.accept(events);
    for (const event of events) statistics.received(event.channel, event.type);
    statistics.count('duplicate', duplicates);
    while (inbox.pendingCount > PENDING_MAX) {
      this.#signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #keeping(source: Source, client: SourceClient, wanted: readonly WantedSubscription[]): Keeping {
    const { instance } = this.#options;
    return {
      source: source.id,
      client,
      states: this.#states,
      wanted,
      reason: reasonOf(instance, source.id),
      nowMs: instance.nowMs,
      logger: instance.logger,
      signal: this.#signal,
    };
  }

  async #wanted(source: Source, client: SourceClient, watched: Watched): Promise<WantedSubscription[]> {
    if (!mayHaveSubscriptions(source)) return [];
    const { instance, address } = this.#options;
    return wantedSubscriptions(instance, source, {
      found: await this.#discovery(source.id, client, watched),
      address: address(),
      heartbeatSeconds: this.#times.heartbeatSeconds,
    });
  }

  async #discovery(id: string, client: SourceClient, watched: Watched): Promise<Discovery> {
    const now = this.#options.instance.nowMs();
    if (watched.found === undefined || now - watched.found.at >= DISCOVERY_MS)
      watched.found = { at: now, discovery: await discover(client) };
    return watched.found.discovery;
  }
}
