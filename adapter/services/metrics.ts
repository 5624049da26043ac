/** Metrics for Prometheus: counts and depths, nothing of any patient. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Statistics } from './statistics.js';
import type { WitnessingReport, WitnessReport } from './witness/index.js';

export interface MetricsSources {
  readonly statistics: Statistics;
  readonly logSize: () => number;
  readonly pending: () => number;
  readonly queued: () => number;
  readonly redisUp: () => boolean;
  /** `undefined` without a witness policy. */
  readonly witnessing: () => WitnessingReport | undefined;
}

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
    read: () => Readonly<Record<string, number>>,
  ): void => {
    const made: Gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect: () => {
        for (const [value, count] of Object.entries(read())) made.set({ [label]: value }, count);
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
  return async () => ({ contentType: registry.contentType, body: await registry.metrics() });
}
