/** Metrics for Prometheus: counts and depths, nothing of any patient. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { SourceTraffic } from '../inbound/traffic.js';
import type { Statistics } from './statistics.js';
import type { WitnessingReport, WitnessReport } from './witness/index.js';

export interface MetricsSources {
  readonly statistics: Statistics;
  readonly logSize: () => number;
  readonly pending: () => number;
  readonly queued: () => number;
  readonly redisUp: () => boolean;
  /** Ids of the sources that are not removed. */
  readonly sources: () => readonly string[];
  readonly traffic: (source: string) => SourceTraffic;
  /** Counts by looking at every row: not asked more often than every some seconds. */
  readonly rows: () => Promise<RowCounts>;
  readonly nowMs: () => number;
  /** `undefined` without a witness policy. */
  readonly witnessing: () => WitnessingReport | undefined;
}

/** What lies in the inbox and is not at work. */
export interface RowCounts {
  readonly deadLetters: Readonly<Record<string, number>>;
  readonly waitingEvents: number;
  readonly waitingPatients: number;
}

/** How long a count of rows is taken as it was, ms. */
const ROWS_MS = 10_000;

/** A registry of its own, so that two instances in one process do not share counts. */
export function createMetrics(from: MetricsSources): () => Promise<{ contentType: string; body: string }> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'firebreak_' });
  const gauge = (name: string, help: string, read: () => number): void => {
    const made: Gauge = new Gauge({ name, help, registers: [registry], collect: () => made.set(read()) });
  };
  const labelled = (
    name: string,
    help: string,
    label: string,
    read: () => Readonly<Record<string, number>> | Promise<Readonly<Record<string, number>>>,
  ): void => {
    const made: Gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect: async () => {
        const values = await read();
        // What is there no more, such as a removed source, is not told as it last was.
        made.reset();
        for (const [value, count] of Object.entries(values)) made.set({ [label]: value }, count);
      },
    });
  };
  gauge('firebreak_log_size', 'Entries of the log', from.logSize);
  gauge('firebreak_inbox_pending', 'Acknowledged events not yet dealt with', from.pending);
  gauge('firebreak_queue_depth', 'Events queued or at work', from.queued);
  gauge('firebreak_redis_up', '1 when Redis answers', () => (from.redisUp() ? 1 : 0));
  const { statistics } = from;
  labelled(
    'firebreak_events_received',
    'Events since the start',
    'channel',
    () => statistics.receivedByChannel,
  );
  labelled(
    'firebreak_events_handled',
    'Events dealt with since the start',
    'outcome',
    () => statistics.pipeline,
  );
  labelled('firebreak_dead_letters', 'Events set aside since the start', 'code', () => statistics.deadByCode);
  gauge(
    'firebreak_log_published_size',
    'Entries of the checkpoint that is served',
    () => from.witnessing()?.published ?? from.logSize(),
  );
  const ofWitnesses = (read: (one: WitnessReport) => number) => (): Record<string, number> =>
    Object.fromEntries((from.witnessing()?.witnesses ?? []).map((one) => [one.name, read(one)]));
  labelled(
    'firebreak_witness_up',
    '1 when the last answer was a cosignature',
    'witness',
    ofWitnesses(({ outcome }) => (outcome === 'cosigned' ? 1 : 0)),
  );
  labelled(
    'firebreak_witness_cosigned_size',
    'Entries of the tree that it cosigned last',
    'witness',
    ofWitnesses(({ size }) => size),
  );
  labelled(
    'firebreak_witness_lag',
    'Entries behind that, of the log now',
    'witness',
    ofWitnesses(({ lag }) => lag),
  );
  const ofSources = (read: (id: string) => number | undefined) => (): Record<string, number> =>
    Object.fromEntries(
      from.sources().flatMap((id) => {
        const value = read(id);
        return value === undefined ? [] : [[id, value]];
      }),
    );
  const ofTraffic = (read: (traffic: SourceTraffic) => number | undefined) =>
    ofSources((id) => read(from.traffic(id)));
  labelled(
    'firebreak_source_events_received',
    'New events since the start',
    'source',
    ofTraffic(({ received }) => received),
  );
  labelled(
    'firebreak_source_events_handled',
    'Of these, dealt with, waiting for a patient, or set aside',
    'source',
    ofTraffic(({ handled }) => handled),
  );
  labelled(
    'firebreak_source_queue_depth',
    'Of these, still to be dealt with',
    'source',
    ofTraffic(({ pending }) => pending),
  );
  labelled(
    'firebreak_source_events_per_second',
    'New events a second, over the last minute',
    'source',
    ofTraffic(({ perSecond }) => perSecond),
  );
  labelled(
    'firebreak_source_lag_seconds',
    'How long ago that was received whose turn it is',
    'source',
    ofTraffic(({ lagMs }) => lagMs / 1000),
  );
  labelled(
    'firebreak_source_silent_seconds',
    'Since the last new event of this run',
    'source',
    ofTraffic(({ lastAt }) => (lastAt === undefined ? undefined : (from.nowMs() - lastAt) / 1000)),
  );
  labelled(
    'firebreak_source_read_age_seconds',
    'Since it was last read well',
    'source',
    ofSources((id) => {
      const okAt = statistics.readings.get(id)?.okAt;
      return okAt === undefined ? undefined : (from.nowMs() - okAt) / 1000;
    }),
  );
  labelled(
    'firebreak_source_read_failures',
    'Readings that failed since it was last read well',
    'source',
    ofSources((id) => statistics.readings.get(id)?.failures),
  );
  let counted: Promise<RowCounts> | undefined;
  let countedAt = -Infinity;
  const rows = (): Promise<RowCounts> => {
    if (counted === undefined || from.nowMs() - countedAt >= ROWS_MS) {
      counted = from.rows();
      countedAt = from.nowMs();
    }
    return counted;
  };
  labelled(
    'firebreak_dead_letters_present',
    'Events that are set aside now',
    'source',
    async () => (await rows()).deadLetters,
  );
  labelled('firebreak_waiting', 'What waits for answers of patients', 'what', async () => {
    const { waitingEvents, waitingPatients } = await rows();
    return { events: waitingEvents, patients: waitingPatients };
  });
  return async () => ({ contentType: registry.contentType, body: await registry.metrics() });
}
