/** Synthetic COVID-19 inpatients as FHIR R4: each a function of seed, index and anchor. */
import type { Location, Observation, Organization, Practitioner, Resource } from 'fhir/r4.js';
import { DemoError } from './errors.js';
import { drawAdmission } from './inpatients/admission.js';
import type { Admission } from './inpatients/admission.js';
import { conditionResources } from './inpatients/conditions.js';
import { drawCourse } from './inpatients/course.js';
import type { Course } from './inpatients/course.js';
import { stayObservations } from './inpatients/stay.js';
import { directory, encounterResource, patientResource } from './inpatients/person.js';
import { Random } from './random.js';

/** The seed when none is given. */
export const DEMO_SEED = 19;
/** The population's present when none is given: 1 June 2021, 00:00 UTC. Nothing is dated after it. */
export const DEMO_ANCHOR_MS = Date.UTC(2021, 5, 1);
/** The directory was entered this long before the anchor: before the first admission. */
const DIRECTORY_AGE_MS = 500 * 86_400_000;
/** After this time all values of an admission have been reported. */
const ADMITTED_AGO_MS = 6.5 * 3_600_000;

export interface GeneratePatientsOptions {
  /** How many; 60 and 60,000 both work, for nothing is kept. */
  readonly count: number;
  /** Default `DEMO_SEED`. */
  readonly seed?: number;
  /** Index of the first, default 0: patients 5 to 9 are the same whether or not 0 to 4 were made. */
  readonly firstIndex?: number;
  /** Default `DEMO_ANCHOR_MS`. Moving it by whole days moves every date by as many and changes nothing else. */
  readonly anchorMs?: number;
}

/** One patient's resources, and what is true of them (never to be shown to what is to be tested). */
export interface PatientHistory {
  readonly id: string;
  readonly admission: Admission;
  readonly course: Course;
  /** Patient and Encounter first; each with `meta.versionId`, `meta.lastUpdated` and the tag HTEST. */
  readonly resources: readonly Resource[];
}

/**
 * Makes patients one after the other.
 *
 * @throws DemoError DEMO_BAD_OPTION when count or first index is not a natural number.
 */
export function* generatePatients(
  options: GeneratePatientsOptions,
): Generator<PatientHistory, void, undefined> {
  const { count, seed = DEMO_SEED, firstIndex = 0, anchorMs = DEMO_ANCHOR_MS } = options;
  if (!Number.isSafeInteger(count) || count < 0 || !Number.isSafeInteger(firstIndex) || firstIndex < 0) {
    throw new DemoError('DEMO_BAD_OPTION', 'count and firstIndex are natural numbers');
  }
  for (let index = firstIndex; index < firstIndex + count; index++)
    yield generatePatient(seed, index, anchorMs);
}

/** What belongs to no patient: 2 Organizations, 4 Practitioners, 3 Locations. */
export function hospitalDirectory(
  seed: number = DEMO_SEED,
  anchorMs: number = DEMO_ANCHOR_MS,
): (Organization | Practitioner | Location)[] {
  return directory(seed, anchorMs - DIRECTORY_AGE_MS);
}

/**
 * A patient who came in some hours ago: the same person as `generatePatients` would make of this index, at the start
 * of the stay.
 *
 * @param nowMs - The present: the admission's values are known by then.
 */
export function admitPatient(seed: number, index: number, nowMs: number): PatientHistory {
  const admission = drawAdmission(seed, index);
  const admittedMs = Math.floor((nowMs - ADMITTED_AGO_MS) / 60_000) * 60_000;
  const steps = [{ score: admission.oxygen ? 5 : 4, atMs: admittedMs + 30 * 60_000 }];
  return assemble(seed, admission, { admittedMs, steps, worseMs: undefined, end: undefined }, nowMs);
}

function generatePatient(seed: number, index: number, anchorMs: number): PatientHistory {
  const admission = drawAdmission(seed, index);
  return assemble(seed, admission, drawCourse(seed, admission, anchorMs), anchorMs);
}

function assemble(seed: number, admission: Admission, course: Course, anchorMs: number): PatientHistory {
  const { index } = admission;
  const id = `p${String(index).padStart(6, '0')}`;
  const encounterId = `${id}-e1`;
  const random = new Random(seed, index, 'resources');
  const counter = (prefix: string): (() => string) => {
    let last = 0;
    return () => `${id}-${prefix}${String(++last)}`;
  };
  const { diagnoses, comorbidities } = conditionResources(
    id,
    encounterId,
    counter('c'),
    random,
    admission,
    course,
  );
  const observations = stayObservations({
    patientId: id,
    encounterId,
    nextId: counter('o'),
    values: new Random(seed, index, 'values'),
    stamps: random,
    admission,
    course,
    anchorMs,
  });
  const changedMs = course.end?.atMs ?? course.admittedMs;
  const stampMs = Math.min(anchorMs - 1, changedMs + random.integer(5, 90) * 60_000);
  const diagnosisIds = diagnoses.map(({ id: diagnosisId }) => diagnosisId ?? '');
  const patient = patientResource(id, random, admission, course, stampMs);
  const encounter = encounterResource(encounterId, id, random, admission, course, diagnosisIds, stampMs);
  return {
    id,
    admission,
    course,
    resources: [patient, encounter, ...diagnoses, ...comorbidities, ...known(observations, anchorMs)],
  };
}

/** What was stamped before the anchor: the rest has not been entered yet. */
function known(observations: readonly Observation[], anchorMs: number): Observation[] {
  return observations.filter(({ meta }) => Date.parse(meta?.lastUpdated ?? '') < anchorMs);
}
