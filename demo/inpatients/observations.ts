/** Observations as FHIR R4. */
import type { Observation, ObservationComponent, Reference } from 'fhir/r4.js';
import type { Random } from '../random.js';
import { LOINC, SYNTHETIC_TAG, SYSTEMS, UCUM, WHO_CPS_CODE, WHO_CPS_SYSTEM } from './codes.js';
import type { Laboratory, Measure } from './measures.js';
import { instant, localDateTime } from './times.js';

/** What all Observations of one stay have in common. */
export interface ObservationContext {
  readonly subject: Reference;
  readonly encounter: Reference;
  readonly performer: Reference;
  /** Makes the next id, such as `p000017-o12`. */
  readonly nextId: () => string;
  /** Draws version ids and delays; apart from the values' draws. */
  readonly random: Random;
}

/** When something was observed and when it became known. */
export interface ObservationTimes {
  readonly effectiveMs: number;
  readonly issuedMs: number;
}

const CATEGORY_DISPLAY = {
  'vital-signs': 'Vital Signs',
  laboratory: 'Laboratory',
  survey: 'Survey',
} as const;

/** The server stamps a resource this long after it was issued, at most, in seconds. */
const STAMP_DELAY_S = 240;

/**
 * One measured value.
 *
 * @param value - In the unit of `Admission`; `undefined` when the sample could not be used.
 */
export function measuredObservation(
  context: ObservationContext,
  measure: Measure,
  laboratory: Laboratory,
  value: number | undefined,
  times: ObservationTimes,
): Observation {
  const report = measure.reports[laboratory];
  const observation = base(context, measure.category, times, {
    coding: [{ system: report.system, code: report.code, display: report.display }],
    text: report.display,
  });
  if (value === undefined) {
    return {
      ...observation,
      dataAbsentReason: {
        coding: [
          {
            system: 'http://terminology.hl7.org/CodeSystem/data-absent-reason',
            code: 'error',
            display: 'Error',
          },
        ],
        text: 'Sample could not be used',
      },
    };
  }
  const scale = 10 ** report.decimals;
  const reported = Math.round((value * (report.scale ?? 1) + (report.offset ?? 0)) * scale) / scale;
  return {
    ...observation,
    valueQuantity: {
      value: reported,
      ...(measure.detection !== undefined && value <= measure.detection ? { comparator: '<' as const } : {}),
      unit: report.unitText ?? report.unit,
      system: UCUM,
      code: report.unit,
    },
  };
}

/** Blood pressure: a panel with systolic and diastolic components, in mm[Hg]. */
export function bloodPressure(
  context: ObservationContext,
  systolicMmHg: number,
  diastolicMmHg: number,
  times: ObservationTimes,
): Observation {
  return {
    ...base(context, 'vital-signs', times, {
      coding: [
        { system: LOINC, code: '85354-9', display: 'Blood pressure panel with all children optional' },
      ],
      text: 'Blood pressure',
    }),
    component: [
      pressure('8480-6', 'Systolic blood pressure', systolicMmHg),
      pressure('8462-4', 'Diastolic blood pressure', diastolicMmHg),
    ],
  };
}

function pressure(code: string, display: string, value: number): ObservationComponent {
  return {
    code: { coding: [{ system: LOINC, code, display }] },
    valueQuantity: { value, unit: 'mmHg', system: UCUM, code: 'mm[Hg]' },
  };
}

/** A score of the WHO Clinical Progression Scale, effective at the moment it was reached. */
export function progressionScore(context: ObservationContext, score: number, atMs: number): Observation {
  return {
    ...base(
      context,
      'survey',
      { effectiveMs: atMs, issuedMs: atMs + context.random.integer(60, 900) * 1000 },
      {
        coding: [
          { system: WHO_CPS_SYSTEM, code: WHO_CPS_CODE, display: 'WHO Clinical Progression Scale score' },
        ],
        text: 'WHO Clinical Progression Scale',
      },
    ),
    valueInteger: score,
  };
}

/** `meta` of a resource that the hospital's server stamped at `ms`. */
export function stampedMeta(random: Random, ms: number): NonNullable<Observation['meta']> {
  return { versionId: random.uuid(), lastUpdated: instant(ms), tag: [{ ...SYNTHETIC_TAG }] };
}

function base(
  context: ObservationContext,
  category: keyof typeof CATEGORY_DISPLAY,
  times: ObservationTimes,
  code: Observation['code'],
): Observation {
  const stampMs = times.issuedMs + context.random.integer(1, STAMP_DELAY_S * 1000);
  return {
    resourceType: 'Observation',
    id: context.nextId(),
    meta: stampedMeta(context.random, stampMs),
    status: 'final',
    category: [
      {
        coding: [
          { system: SYSTEMS.observationCategory, code: category, display: CATEGORY_DISPLAY[category] },
        ],
      },
    ],
    code,
    subject: context.subject,
    encounter: context.encounter,
    effectiveDateTime: localDateTime(times.effectiveMs),
    issued: instant(times.issuedMs),
    performer: [context.performer],
  };
}
