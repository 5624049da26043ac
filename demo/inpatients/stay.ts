/** All that is measured during a stay: at admission, again within the first day, then day by day. */
import type { Observation } from 'fhir/r4.js';
import type { Random } from '../random.js';
import type { Admission } from './admission.js';
import type { Course } from './course.js';
import { BEDSIDE, FOLLOW_UP, MEASURES } from './measures.js';
import type { Laboratory, Measure } from './measures.js';
import { bloodPressure, measuredObservation, progressionScore } from './observations.js';
import type { ObservationContext, ObservationTimes } from './observations.js';
import { LABORATORY_ID } from './person.js';

export interface StayOptions {
  readonly patientId: string;
  readonly encounterId: string;
  readonly nextId: () => string;
  /** Draws values and what is left out. */
  readonly values: Random;
  /** Draws delays and version ids. */
  readonly stamps: Random;
  readonly admission: Admission;
  readonly course: Course;
  readonly anchorMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Which laboratory a patient's samples go to. */
const LABORATORY_SHARE: Readonly<Record<Laboratory, number>> = { a: 0.4, b: 0.35, c: 0.25 };
/** Share of laboratory values whose sample could not be used: an Observation that says so, without a value. */
const SPOILT_SHARE = 0.01;
/** Share of laboratory values that were entered twice, the first time wrongly (`entered-in-error`). */
const ENTERED_IN_ERROR_SHARE = 0.004;
/** Share of values corrected before the anchor. */
const AMENDED_SHARE = 0.012;
/** Daily rounds after the first day, at most: a demo needs to see that values are repeated, not every round. */
const ROUNDS_MAX = 3;
/** Illness fades by this time constant, and grows to this multiple at the moment of getting worse. */
const RECOVERY_DAYS = 4;
const PEAK_ILLNESS = 1.6;

/** A stay's Observations in the order of their effective times, those after the anchor included. */
export function stayObservations(options: StayOptions): Observation[] {
  const { values, admission, course } = options;
  const laboratory = values.weighted(LABORATORY_SHARE);
  const subject = { reference: `Patient/${options.patientId}` };
  const encounter = { reference: `Encounter/${options.encounterId}` };
  const shared = { subject, encounter, nextId: options.nextId, random: options.stamps };
  const ward: ObservationContext = {
    ...shared,
    performer: { reference: `Practitioner/${values.pick(['demo-nurse-1', 'demo-nurse-2'])}` },
  };
  const lab: ObservationContext = { ...shared, performer: { reference: `Organization/${LABORATORY_ID}` } };
  const made: Observation[] = [];

  const measure = (what: Measure, value: number, effectiveMs: number): void => {
    const context = what.category === 'laboratory' ? lab : ward;
    const times = issuedAfter(what, effectiveMs, options.stamps);
    const usable = what.category !== 'laboratory' || !values.chance(SPOILT_SHARE);
    if (what.category === 'laboratory' && values.chance(ENTERED_IN_ERROR_SHARE)) {
      const wrong = Math.min(what.limits[1], value * 10);
      made.push({
        ...measuredObservation(context, what, laboratory, wrong, times),
        status: 'entered-in-error',
      });
    }
    const observation = measuredObservation(context, what, laboratory, usable ? value : undefined, times);
    made.push(values.chance(AMENDED_SHARE) ? { ...observation, status: 'amended' } : observation);
  };

  const vitalsMs = course.admittedMs + options.stamps.integer(5, 45) * MINUTE_MS;
  const bloodMs = course.admittedMs + options.stamps.integer(20, 180) * MINUTE_MS;
  for (const what of MEASURES) {
    const { base, severity } = what.measured;
    if (!values.chance(1 / (1 + Math.exp(-(base + severity * admission.severity))))) continue;
    measure(what, admission[what.name], what.category === 'laboratory' ? bloodMs : vitalsMs);
  }
  const pressureTimes = { effectiveMs: vitalsMs, issuedMs: vitalsMs + MINUTE_MS };
  made.push(bloodPressure(ward, admission.systolicMmHg, admission.diastolicMmHg, pressureTimes));

  // Within the first day only chance moves the values, so that they tell no more of the outcome than admission does.
  const lastMs = Math.min(course.end?.atMs ?? Number.POSITIVE_INFINITY, options.anchorMs);
  const againMs = course.admittedMs + options.stamps.integer(6 * 60, 11 * 60) * MINUTE_MS;
  if (againMs < lastMs)
    for (const what of BEDSIDE) measure(what, repeated(what, admission, 1, values), againMs);

  for (let round = 1; round <= ROUNDS_MAX; round++) {
    const roundMs = course.admittedMs + round * DAY_MS + options.stamps.integer(60, 600) * MINUTE_MS;
    if (roundMs >= lastMs) break;
    const illness = illnessAt(course, roundMs);
    for (const what of BEDSIDE) {
      if (round === 1 || values.chance(0.6))
        measure(what, repeated(what, admission, illness, values), roundMs);
    }
    for (const what of FOLLOW_UP) {
      if (values.chance(0.35)) measure(what, repeated(what, admission, illness, values), roundMs + HOUR_MS);
    }
  }
  for (const { score, atMs } of course.steps) made.push(progressionScore(ward, score, atMs));
  return made;
}

/** A later value: the distance from health, as far as illness has grown or faded, and some chance. */
function repeated(what: Measure, admission: Admission, illness: number, values: Random): number {
  const value = what.healthy + (admission[what.name] - what.healthy) * illness;
  const noisy = value * (1 + what.noise * values.normal());
  return Math.min(what.limits[1], Math.max(what.limits[0], noisy));
}

function illnessAt(course: Course, ms: number): number {
  const days = (ms - course.admittedMs) / DAY_MS;
  if (course.worseMs === undefined) return Math.exp(-days / RECOVERY_DAYS);
  const worseDays = (course.worseMs - course.admittedMs) / DAY_MS;
  if (days <= worseDays) return 1 + ((PEAK_ILLNESS - 1) * days) / worseDays;
  return PEAK_ILLNESS * Math.exp(-(days - worseDays) / (2 * RECOVERY_DAYS));
}

/** Vital signs are known at once, a laboratory's values after an hour or more. */
function issuedAfter(what: Measure, effectiveMs: number, stamps: Random): ObservationTimes {
  const delayMinutes = what.category === 'laboratory' ? stamps.integer(35, 170) : stamps.integer(0, 6);
  return { effectiveMs, issuedMs: effectiveMs + delayMinutes * MINUTE_MS + stamps.integer(1, 59_999) };
}
