import { codingKeys, lastUpdatedMs, object, objects, text, time, timeOf, type Json } from './fhir-access.js';
import type { CompiledStudy } from './compile.js';
import type { PermittedPatient } from './patient.js';

/** A patient's resources, sorted by what they are for. Each resource stands in its newest version only. */
export interface Chart {
  readonly patient: Json | undefined;
  readonly encounters: readonly Json[];
  readonly conditions: readonly Json[];
  readonly observations: readonly Json[];
  readonly procedures: readonly Json[];
  /** All of them, for views. */
  readonly all: readonly Json[];
}

/** Statuses of Observations that count: done, and not taken back. */
const OBSERVATION_STATUSES: ReadonlySet<unknown> = new Set(['final', 'amended', 'corrected']);
const PROCEDURE_STATUSES: ReadonlySet<unknown> = new Set(['in-progress', 'completed']);
const ENCOUNTER_STATUSES: ReadonlySet<unknown> = new Set(['arrived', 'in-progress', 'onleave', 'finished']);
/** Verification statuses that deny or leave open that the patient has the Condition. */
const DOUBTFUL: ReadonlySet<string> = new Set(['refuted', 'entered-in-error', 'differential', 'unconfirmed']);

/**
 * Sorts a patient's resources and leaves out those whose status says that they do not count.
 *
 * Of several versions of a resource the one last updated is taken; of equal ones the later in the list.
 */
export function chartOf(patient: PermittedPatient): Chart {
  const newest = new Map<string, Json>();
  for (const value of patient.resources) {
    const resource = object(value);
    const type = text(resource?.['resourceType']);
    if (resource === undefined || type === undefined) continue;
    // Resources without an id cannot be told apart, so each counts.
    const name = `${type}/${text(resource['id']) ?? `#${newest.size}`}`;
    const before = newest.get(name);
    if (before === undefined || lastUpdatedMs(resource) >= lastUpdatedMs(before)) newest.set(name, resource);
  }
  const chart = {
    patient: undefined as Json | undefined,
    encounters: [] as Json[],
    conditions: [] as Json[],
    observations: [] as Json[],
    procedures: [] as Json[],
    all: [...newest.values()],
  };
  for (const resource of newest.values()) {
    switch (resource['resourceType']) {
      case 'Patient':
        chart.patient ??= resource;
        break;
      case 'Encounter':
        if (ENCOUNTER_STATUSES.has(resource['status'])) chart.encounters.push(resource);
        break;
      case 'Condition':
        if (isConfirmed(resource)) chart.conditions.push(resource);
        break;
      case 'Observation':
        if (OBSERVATION_STATUSES.has(resource['status'])) chart.observations.push(resource);
        break;
      case 'Procedure':
        if (PROCEDURE_STATUSES.has(resource['status'])) chart.procedures.push(resource);
        break;
      default:
    }
  }
  return chart;
}

function isConfirmed(condition: Json): boolean {
  return !objects(object(condition['verificationStatus'])?.['coding']).some((c) =>
    DOUBTFUL.has(text(c['code']) ?? ''),
  );
}

/** A stay in hospital. */
export interface Admission {
  /** Logical id of the Encounter; empty where it has none. */
  readonly encounterId: string;
  /** Encounter.period.start. */
  readonly t0Ms: number;
  /** Encounter.period.end, when the stay is over. */
  readonly endMs: number | undefined;
  readonly finished: boolean;
  /** Whether the discharge disposition says that the patient died. */
  readonly died: boolean;
  /** The hospital, as Encounter.serviceProvider names it; empty where it does not. */
  readonly hospital: string;
}

/**
 * The stays that a study looks at, in order of admission.
 *
 * @returns Those whose start is known to the minute or better, and whether there were others.
 */
export function admissionsOf(
  chart: Chart,
  study: CompiledStudy,
): { admissions: Admission[]; imprecise: boolean } {
  const admissions: Admission[] = [];
  let imprecise = false;
  for (const encounter of chart.encounters) {
    if (!study.classes.has(text(object(encounter['class'])?.['code']) ?? '')) continue;
    const period = object(encounter['period']);
    const start = time(period?.['start']);
    if (start === undefined || start.endMs - start.startMs > 60_000) {
      imprecise = true;
      continue;
    }
    const disposition = codingKeys(object(encounter['hospitalization'])?.['dischargeDisposition']);
    admissions.push({
      encounterId: text(encounter['id']) ?? '',
      t0Ms: start.startMs,
      endMs: time(period?.['end'])?.endMs,
      finished: encounter['status'] === 'finished',
      died: disposition.includes('http://terminology.hl7.org/CodeSystem/discharge-disposition|exp'),
      hospital: hospitalOf(encounter),
    });
  }
  admissions.sort((a, b) => a.t0Ms - b.t0Ms || (a.encounterId < b.encounterId ? -1 : 1));
  return { admissions, imprecise };
}

function hospitalOf(encounter: Json): string {
  const provider = object(encounter['serviceProvider']);
  return (
    text(provider?.['display']) ??
    text(provider?.['reference']) ??
    text(object(provider?.['identifier'])?.['value']) ??
    ''
  );
}

/**
 * Whether a Condition was known by the scoring time and not over before admission.
 *
 * Onset and recording both count: what was written down later was not known, whenever it began. Without either the
 * Condition is taken as known.
 */
export function isPresent(condition: Json, t0Ms: number, sMs: number): boolean {
  const recorded = time(condition['recordedDate']);
  return (recorded === undefined || recorded.startMs < sMs) && hadBegun(condition, t0Ms, sMs);
}

/**
 * Whether a Condition had begun by the scoring time and was not over before admission, whenever it was written down: what
 * makes a patient one of the cohort, though not what may predict.
 */
export function hadBegun(condition: Json, t0Ms: number, sMs: number): boolean {
  const onset = timeOf(condition, 'onset') ?? time(condition['recordedDate']);
  const abatement = timeOf(condition, 'abatement');
  return (onset === undefined || onset.startMs < sMs) && (abatement === undefined || abatement.endMs >= t0Ms);
}
