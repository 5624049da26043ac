/** A step of the plan, made into what is written to the hospital. */
import type { Observation, Resource } from 'fhir/r4.js';
import { DemoError } from '../errors.js';
import { drawAdmission } from '../inpatients/admission.js';
import { BEDSIDE, FOLLOW_UP } from '../inpatients/measures.js';
import type { Laboratory } from '../inpatients/measures.js';
import { measuredObservation } from '../inpatients/observations.js';
import { admitPatient } from '../patients.js';
import { Random } from '../random.js';
import type { HospitalClient } from './hospital-client.js';
import { indexOf } from './plan.js';
import type { WardStep } from './plan.js';

/** What a step changed, as the server keeps it. */
export interface WardWrite {
  readonly method: 'PUT' | 'DELETE';
  readonly path: string;
  readonly versionId?: string;
  readonly body?: string;
}

/** Share of values that are entered long after they were taken, and by how much at most, ms. */
const LATE_ENTRY = { share: 0.1, maxMs: 3 * 3_600_000 };
/** From taking a bedside value to entering it at most, ms. */
const ENTRY_MS = 120_000;
/** Text of a correction's note, before the number of the step. */
const CORRECTION = 'Corrected by the ward, entry ';

/**
 * Carries a step out.
 *
 * @param check - Look first whether each write was already made: after a restart, the step may be half done.
 * @returns What was written now, in order; nothing for what was there already.
 * @throws DemoError DEMO_HOSPITAL_REFUSED
 */
export async function carryOut(
  step: WardStep,
  seed: number,
  hospital: HospitalClient,
  nowMs: number,
  check: boolean,
): Promise<WardWrite[]> {
  const written: WardWrite[] = [];
  const put = async (resource: Resource): Promise<void> => {
    if (check && (await hospital.get(`${resource.resourceType}/${resource.id ?? ''}`)) !== undefined) return;
    written.push({ method: 'PUT', ...(await hospital.put(resource)) });
  };
  switch (step.kind) {
    case 'observe':
      await put(newValue(step, seed, nowMs));
      break;
    case 'admit':
      for (const resource of admitPatient(seed, step.index, nowMs).resources) await put(resource);
      break;
    case 'amend': {
      const present = await hospital.get(`Observation/${step.id}`);
      if (present === undefined)
        throw new DemoError('DEMO_HOSPITAL_REFUSED', 'what the wards entered is not there');
      if (present === 'deleted') break;
      if (check && lastCorrection(present as Observation) >= step.number) break;
      written.push({ method: 'PUT', ...(await hospital.put(amend(present as Observation, step, seed))) });
      break;
    }
    case 'delete': {
      const path = `Observation/${step.id}`;
      if (check && (await hospital.get(path)) === 'deleted') break;
      await hospital.delete(path);
      written.push({ method: 'DELETE', path });
      break;
    }
  }
  return written;
}

/** A new vital sign or laboratory value, around what was true of the patient at admission. */
function newValue(step: Extract<WardStep, { kind: 'observe' }>, seed: number, nowMs: number): Observation {
  const { patientId, encounterId } = step.patient;
  const random = new Random(seed, step.number, 'ward value');
  const index = indexOf(patientId);
  const admission = drawAdmission(seed, index ?? new Random(seed, patientId).word());
  const laboratory: Laboratory = new Random(seed, patientId, 'laboratory').pick(['a', 'b', 'c']);
  const measures = random.chance(0.7) ? BEDSIDE : FOLLOW_UP;
  const measure = measures[random.integer(0, measures.length - 1)];
  if (measure === undefined) throw new DemoError('DEMO_BAD_OPTION', 'there is nothing to measure');
  const [low, high] = measure.limits;
  const value = Math.min(
    high,
    Math.max(low, admission[measure.name] * (1 + measure.noise * random.normal())),
  );
  const agoMs = random.integer(1000, random.chance(LATE_ENTRY.share) ? LATE_ENTRY.maxMs : ENTRY_MS);
  const nurse = random.pick(['demo-nurse-1', 'demo-nurse-2']);
  const observation = measuredObservation(
    {
      subject: { reference: `Patient/${patientId}` },
      encounter: { reference: `Encounter/${encounterId}` },
      performer: { reference: `Practitioner/${nurse}` },
      nextId: () => step.id,
      random,
    },
    measure,
    laboratory,
    value,
    { effectiveMs: nowMs - agoMs, issuedMs: nowMs },
  );
  return observation;
}

/** Number of the step that corrected an Observation last; -1 when none did. */
function lastCorrection(observation: Observation): number {
  const text = observation.note?.[0]?.text ?? '';
  return text.startsWith(CORRECTION) ? Number(text.slice(CORRECTION.length)) : -1;
}

/** The same Observation with another value; the note says which correction it is, so that it is made once. */
function amend(
  observation: Observation,
  step: Extract<WardStep, { kind: 'amend' }>,
  seed: number,
): Observation {
  const random = new Random(seed, step.number, 'ward correction');
  const quantity = observation.valueQuantity;
  return {
    ...observation,
    status: 'amended',
    ...(quantity?.value === undefined
      ? {}
      : {
          valueQuantity: {
            ...quantity,
            value: Math.max(0, Math.round(quantity.value * 10 + random.integer(1, 9)) / 10),
          },
        }),
    note: [{ text: `${CORRECTION}${step.number}` }],
  };
}
