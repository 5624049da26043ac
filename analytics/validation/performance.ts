import { brier, calibration, type Brier, type Calibration } from './calibration.js';
import type { OrdinalPerformance } from './ordinal.js';
import { auroc, type Auroc } from './roc.js';

/** How a model did on rows that it has not seen. Plain JSON. */
export interface Performance {
  readonly patients: number;
  readonly events: number;
  readonly discrimination: Auroc;
  readonly accuracy: Brier;
  readonly calibration: Calibration;
  /** How a model of stages orders them; absent for other models. */
  readonly ordinal?: OrdinalPerformance;
  /** How wide the AUROC's interval is, in one word. */
  readonly precision: 'narrow' | 'moderate' | 'wide' | 'unknown';
  /** The result in words, with what the number of patients allows to conclude. */
  readonly verdict: string;
}

/** Width of the AUROC's 95 % interval above which it is called wide. */
const WIDE = 0.15;
/** Width below which it is called narrow. */
const NARROW = 0.05;
/** Fewer events or non-events than this are too few to judge calibration (Collins et al., Stat Med 2016; 35: 214-226). */
const EVENTS_MIN = 100;
/** Discrimination at admission above this is more likely a leak than a good model. */
const IMPLAUSIBLE = 0.9;

/**
 * Measures held-out probabilities.
 *
 * @param p - Probabilities.
 * @param y - 0 or 1.
 * @throws AnalyticsError ANALYTICS_SHAPE, ANALYTICS_NOT_FINITE, ANALYTICS_ONE_CLASS.
 */
export function measure(p: Float64Array, y: Uint8Array): Performance {
  const discrimination = auroc(p, y);
  const events = y.reduce((total, value) => total + value, 0);
  const interval = discrimination.interval;
  const width = interval === null ? NaN : interval[1] - interval[0];
  const precision = Number.isNaN(width)
    ? 'unknown'
    : width > WIDE
      ? 'wide'
      : width < NARROW
        ? 'narrow'
        : 'moderate';
  return {
    patients: y.length,
    events,
    discrimination,
    accuracy: brier(p, y),
    calibration: calibration(p, y),
    precision,
    verdict: verdict(discrimination, precision, y.length, events),
  };
}

function verdict(
  discrimination: Auroc,
  precision: Performance['precision'],
  patients: number,
  events: number,
): string {
  const { auroc: area, interval } = discrimination;
  const parts = [
    interval === null
      ? `AUROC ${area.toFixed(2)} on ${patients} held-out patients with ${events} events; no interval can be given, since the outcomes are fully separated or a class has one patient`
      : `AUROC ${area.toFixed(2)} (95 % interval ${interval[0].toFixed(2)} to ${interval[1].toFixed(2)}) on ${patients} held-out patients with ${events} events`,
  ];
  if (precision === 'wide')
    parts.push('the interval is wide: with so few patients the true value may lie far from the estimate');
  if (precision === 'moderate') parts.push('the interval is of moderate width');
  if (precision === 'narrow') parts.push('the interval is narrow');
  if (interval !== null && interval[0] <= 0.5) parts.push('it does not exclude a model that tells nothing');
  if (Math.min(events, patients - events) < EVENTS_MIN) {
    parts.push(
      `calibration rests on fewer than ${EVENTS_MIN} patients in the smaller class and is uncertain`,
    );
  }
  if (area > IMPLAUSIBLE)
    parts.push('an AUROC above 0.9 at admission is implausible on real patients: look for a leak');
  return `${parts.join('; ')}.`;
}
