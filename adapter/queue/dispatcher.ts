/**
 * From durable events to BullMQ jobs. A job carries numbers of inbox rows, never resources, and many of them, for
 * a job costs far more than a resource. Redis may vanish at any moment: what it held is in the inbox, and is
 * queued again from there.
 */
import { Queue, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import { Redis } from 'ioredis';
import type { Logger } from '../logger.js';
import { codeOf } from '../errors.js';

export interface BatchJob {
  readonly ids: readonly string[];
}

/** URL of a Redis, or path of its unix socket. */
export type RedisAddress = { readonly url: string } | { readonly path: string };

export interface DispatcherOptions {
  readonly redis: RedisAddress;
  /** Names this instance's keys in a Redis that others may share. */
  readonly prefix: string;
  readonly partitions: number;
  /** Does a job; resolves with the ids that must be tried again, and why. */
  readonly work: (
    ids: readonly string[],
  ) => Promise<readonly { readonly id: string; readonly code: string }[]>;
  /** Takes ids that failed too often. */
  readonly giveUp: (ids: readonly string[], code: string) => Promise<void>;
  /** All pending events of the inbox. */
  readonly pending: () => AsyncIterable<{ seq: string; partition: number }>;
  /** How many they are. */
  readonly pendingCount: () => number;
  readonly logger: Logger;
}

/** Ids a job: shares the job's cost, and fills the ledger's groups. */
const JOB_IDS_MAX = 128;
/** How long an id waits for company before its job is made, ms. */
const GATHER_MS = 5;
/** Jobs in Redis for each partition; what is beyond stays in the inbox and is queued as these end. */
const JOBS_AHEAD_MAX = 64;
/** Tries of a job before its remaining events become dead letters. */
const ATTEMPTS_MAX = 6;
/** First pause of the exponential back-off, ms. */
const BACKOFF_MS = 500;
/** How often the queue is compared with what should be in it, ms. */
const WATCH_MS = 1000;

/** A try has failed for some ids; BullMQ tries the job again with them. */
class RetryLater extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.name = 'RetryLater';
    this.code = code;
  }
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #client: Redis;
  readonly #queues: BatchQueue[] = [];
  readonly #workers: Worker<BatchJob>[] = [];
  /** Ids not yet in Redis, by partition. */
  readonly #ready: string[][];
  /** Ids that are in Redis or being worked on. */
  readonly #queued = new Set<string>();
  /** Ids of those that were queued once more while they were. */
  readonly #again = new Set<string>();
  readonly #jobsAhead: number[];
  /** In braces, so that a cluster keeps a queue's keys together. */
  readonly #prefix: string;
  readonly #epochKey: string;
  #timer: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #watching = false;
  #epoch: string;
  #idleTurns = 0;
  #down = false;
  #closing = false;

  private constructor(options: DispatcherOptions, epoch: string) {
    this.#options = options;
    this.#epoch = epoch;
    this.#ready = Array.from({ length: options.partitions }, () => []);
    this.#jobsAhead = Array.from({ length: options.partitions }, () => 0);
    this.#prefix = `{${options.prefix}}`;
    this.#epochKey = `${this.#prefix}:epoch`;
    this.#client = new Redis(redisOptions(options.redis, false));
    this.#client.on('error', (error) => this.#noteDown(error));
  }

  /**
   * Opens queues and workers; whatever an earlier run left in Redis under these names is dropped, since the inbox
   * knows better.
   *
   * @param epoch - Random name of this run: its absence from Redis tells that Redis was wiped.
   */
  static async open(options: DispatcherOptions, epoch: string): Promise<Dispatcher> {
    const dispatcher = new Dispatcher(options, epoch);
    await settled(dispatcher.#client);
    for (let partition = 0; partition < options.partitions; partition++) {
      const name = `firebreak-${partition}`;
      const queue = openQueue(name, options.redis, dispatcher.#prefix);
      queue.on('error', (error) => dispatcher.#noteDown(error));
      // BullMQ waits for a connection as long as it takes. Without one nothing is dropped: what is left there names
      // events that are done, which is soon seen.
      if (dispatcher.#client.status === 'ready')
        await queue.obliterate({ force: true }).catch((error: unknown) => dispatcher.#noteDown(error));
      dispatcher.#queues.push(queue);
    }
    if (dispatcher.#client.status === 'ready')
      await dispatcher.#client
        .set(dispatcher.#epochKey, epoch)
        .catch((error: unknown) => dispatcher.#noteDown(error));
    else dispatcher.#down = true;
    for (let partition = 0; partition < options.partitions; partition++) dispatcher.#startWorker(partition);
    await dispatcher.refill();
    dispatcher.#watch = setInterval(() => void dispatcher.#look(), WATCH_MS);
    return dispatcher;
  }

  /** Queues a durable event. Never throws; without Redis it waits. */
  enqueue(seq: string, partition: number): void {
    if (this.#queued.has(seq)) {
      // At work already, and given back meanwhile (a consent has released it): its turn comes again after this one.
      this.#again.add(seq);
      return;
    }
    this.#queued.add(seq);
    const ready = this.#ready[partition];
    if (ready === undefined) return;
    ready.push(seq);
    if (ready.length >= JOB_IDS_MAX) this.#flush(partition);
    else this.#timer ??= setTimeout(() => this.#flushAll(), GATHER_MS);
  }

  /** Queues every pending event of the inbox that is not on its way already. */
  async refill(): Promise<void> {
    for await (const { seq, partition } of this.#options.pending()) this.enqueue(seq, partition);
  }

  /** Whether Redis could not be reached when it was last tried. */
  get isDown(): boolean {
    return this.#down;
  }

  /** Events that are queued, in Redis or before it. */
  get depth(): number {
    return this.#queued.size;
  }

  /** Stops taking jobs, lets those at work end, closes the connections. */
  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#watch);
    clearTimeout(this.#timer);
    await Promise.all(this.#workers.map((worker) => worker.close(this.#down).catch(() => undefined)));
    await Promise.all(this.#queues.map((queue) => queue.close().catch(() => undefined)));
    this.#client.disconnect();
  }

  #startWorker(partition: number): void {
    const worker = new Worker<BatchJob>(
      `firebreak-${partition}`,
      async (job) => {
        await this.#work(partition, job);
      },
      {
        connection: redisOptions(this.#options.redis, true),
        prefix: this.#prefix,
        concurrency: 1,
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 0 },
        settings: {
          // Exponential with full jitter: retries of many patients must not come back as one wave.
          backoffStrategy: (attempts) => BACKOFF_MS * 2 ** (attempts - 1) * (0.5 + Math.random()),
        },
      },
    );
    worker.on('error', (error) => this.#noteDown(error));
    worker.on('completed', (job) => this.#ended(partition, job.data.ids));
    worker.on('failed', (job, error) => {
      if (job === undefined || job.attemptsMade < ATTEMPTS_MAX) return;
      void this.#options
        .giveUp(job.data.ids, codeOf(error))
        .catch((failure: unknown) => {
          this.#options.logger.error('dead letters not written', { code: codeOf(failure) });
        })
        .finally(() => this.#ended(partition, job.data.ids));
    });
    this.#workers.push(worker);
  }

  async #work(partition: number, job: Job<BatchJob>): Promise<void> {
    const retry = await this.#options.work(job.data.ids);
    const first = retry[0];
    if (first === undefined) return;
    if (retry.length < job.data.ids.length) {
      const again = new Set(retry.map(({ id }) => id));
      this.#done(
        partition,
        job.data.ids.filter((id) => !again.has(id)),
      );
      await job.updateData({ ids: [...again] });
    }
    throw new RetryLater(first.code);
  }

  /** These ids are no longer queued, save those that were given back while they were. */
  #done(partition: number, ids: readonly string[]): void {
    for (const id of ids) {
      this.#queued.delete(id);
      if (this.#again.delete(id)) this.enqueue(id, partition);
    }
  }

  #ended(partition: number, ids: readonly string[]): void {
    this.#done(partition, ids);
    this.#jobsAhead[partition] = Math.max(0, (this.#jobsAhead[partition] ?? 1) - 1);
    this.#flush(partition);
  }

  #flushAll(): void {
    this.#timer = undefined;
    for (let partition = 0; partition < this.#options.partitions; partition++) this.#flush(partition);
  }

  #flush(partition: number): void {
    const ready = this.#ready[partition];
    const queue = this.#queues[partition];
    if (ready === undefined || queue === undefined || this.#closing) return;
    while (ready.length > 0 && (this.#jobsAhead[partition] ?? 0) < JOBS_AHEAD_MAX) {
      const ids = ready.splice(0, JOB_IDS_MAX);
      this.#jobsAhead[partition] = (this.#jobsAhead[partition] ?? 0) + 1;
      queue
        .add('batch', { ids }, { attempts: ATTEMPTS_MAX, backoff: { type: 'custom' } })
        .catch((error: unknown) => {
          this.#noteDown(error);
          // Not queued after all; the watch brings them again when Redis is back.
          for (const id of ids) this.#queued.delete(id);
          this.#jobsAhead[partition] = Math.max(0, (this.#jobsAhead[partition] ?? 1) - 1);
        });
    }
  }

  /** Compares Redis with what should be in it: after a wipe, a restart or lost jobs the inbox refills it. */
  async #look(): Promise<void> {
    if (this.#watching || this.#closing) return;
    this.#watching = true;
    try {
      const epoch = await this.#client.get(this.#epochKey);
      if (epoch !== this.#epoch) {
        this.#options.logger.warn('redis lost its queue; refilling from the inbox', {
          queued: this.#queued.size,
        });
        await this.#client.set(this.#epochKey, this.#epoch);
        await this.#restart();
      } else if (this.#down) {
        await this.#restart();
      } else if ((this.#queued.size > 0 || this.#options.pendingCount() > 0) && (await this.#isEmpty())) {
        // Twice in a row: between an `add` and its job's end there are moments when both look empty.
        if (++this.#idleTurns >= 2) await this.#restart();
      } else {
        this.#idleTurns = 0;
      }
      if (this.#down) this.#options.logger.info('redis is back');
      this.#down = false;
    } catch (error) {
      this.#noteDown(error);
    } finally {
      this.#watching = false;
    }
  }

  async #isEmpty(): Promise<boolean> {
    if (this.#ready.some((ready) => ready.length > 0)) {
      this.#flushAll();
      return false;
    }
    for (const queue of this.#queues) {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized');
      if (Object.values(counts).some((count) => count > 0)) return false;
    }
    return true;
  }

  /** Forgets what was queued and queues all that is pending; doing an event twice is harmless. */
  async #restart(): Promise<void> {
    this.#idleTurns = 0;
    this.#queued.clear();
    this.#again.clear();
    this.#jobsAhead.fill(0);
    for (const ready of this.#ready) ready.length = 0;
    await this.refill();
  }

  #noteDown(error: unknown): void {
    if (this.#closing) return;
    if (!isConnectionError(error)) {
      this.#options.logger.debug('queue error', { code: codeOf(error) });
      return;
    }
    if (!this.#down)
      this.#options.logger.warn('redis is not reachable; events wait in the inbox', { code: codeOf(error) });
    this.#down = true;
  }
}

function isConnectionError(error: unknown): boolean {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  return (
    ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'MaxRetriesPerRequestError'].includes(
      code,
    ) || /Connection is closed|Stream isn't writeable|LOADING|max retries/i.test(message)
  );
}

function openQueue(name: string, redis: RedisAddress, prefix: string) {
  return new Queue<BatchJob>(name, { connection: redisOptions(redis, false), prefix });
}
type BatchQueue = ReturnType<typeof openQueue>;

/** A worker's blocking connection waits for ever; all else fails at once, for the inbox has it. */
function redisOptions(redis: RedisAddress, blocking: boolean) {
  const common = {
    maxRetriesPerRequest: blocking ? null : 1,
    enableOfflineQueue: blocking,
    retryStrategy: (times: number) => Math.min(100 * times, 1000),
  };
  if ('path' in redis) return { ...common, path: redis.path };
  const url = new URL(redis.url);
  return {
    ...common,
    host: url.hostname,
    port: url.port === '' ? 6379 : Number(url.port),
    db: Number(url.pathname.slice(1) || '0'),
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

/** Waits until the first connection stands or has failed. */
async function settled(client: Redis): Promise<void> {
  if (client.status === 'ready') return;
  await new Promise<void>((resolve) => {
    client.once('ready', () => resolve());
    client.once('error', () => resolve());
  });
}
