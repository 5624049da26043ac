/**
 * What the wards will do, step by step: a function of the seed and of who was in the wards at first. A second run
 * makes the same plan, so it can find its place in it and go on.
 */
import { Random } from '../random.js';

/** One step; `id` names the Observation that it makes or changes. */
export type WardStep =
  | { readonly kind: 'observe'; readonly number: number; readonly id: string; readonly patient: WardPatient }
  | { readonly kind: 'amend'; readonly number: number; readonly id: string; readonly patient: WardPatient }
  | { readonly kind: 'delete'; readonly number: number; readonly id: string }
  | { readonly kind: 'admit'; readonly number: number; readonly index: number };

/** A patient in the wards. */
export interface WardPatient {
  readonly patientId: string;
  readonly encounterId: string;
}

/** Of all steps: new values, corrections, admissions, deletions of what was entered for the wrong patient. */
const SHARES = { observe: 0.83, amend: 0.11, admit: 0.025, delete: 0.035 } as const;
/** Half of the corrections hit the value entered just before, the others one of the last so many. */
const RECENT_MAX = 40;
/** Indices of those admitted by the wards: beyond any history. */
const ADMITTED_INDEX = 5_000_000;

/** The steps, without end. The first is always a new value, so that there is something to correct. */
export function* wardPlan(
  seed: number,
  inpatients: readonly WardPatient[],
): Generator<WardStep, void, undefined> {
  const random = new Random(seed, 'wards');
  const present = [...inpatients];
  const recent: { id: string; patient: WardPatient }[] = [];
  let admitted = 0;
  for (let number = 0; ; number++) {
    const kind = recent.length === 0 ? 'observe' : random.weighted(SHARES);
    const patient = present[random.integer(0, Math.max(0, present.length - 1))];
    if (kind === 'admit' || patient === undefined) {
      const index = ADMITTED_INDEX + admitted++;
      present.push(admittedPatient(index));
      yield { kind: 'admit', number, index };
    } else if (kind === 'observe') {
      const id = `w${String(number).padStart(7, '0')}`;
      recent.push({ id, patient });
      if (recent.length > RECENT_MAX) recent.shift();
      yield { kind, number, id, patient };
    } else {
      const at =
        kind === 'amend' && random.chance(0.5) ? recent.length - 1 : random.integer(0, recent.length - 1);
      const target = kind === 'delete' ? recent.splice(at, 1)[0] : recent[at];
      if (target === undefined) continue;
      yield kind === 'delete' ? { kind, number, id: target.id } : { kind, number, ...target };
    }
  }
}

/** Ids of a patient admitted by the wards. */
function admittedPatient(index: number): WardPatient {
  return { patientId: `p${index}`, encounterId: `p${index}-e1` };
}

/** The index behind a patient's id; `undefined` when the id is not one of this demo's. */
export function indexOf(patientId: string): number | undefined {
  return /^p\d{6,}$/.test(patientId) ? Number(patientId.slice(1)) : undefined;
}
