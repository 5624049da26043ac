/** Emergencies and duties as they are shown: to the patient all of the own, to others what concerns them. */
import { PERSON_ROLES } from '../../../ledger/participants/index.js';
import type { ShownDuty, ShownEmergency } from '../../http/contract/index.js';
import type { Person } from '../people/index.js';
import type { ExceptionalOptions } from './context.js';
import type { DutyRow, EmergencyRow } from './rows.js';

/** Whether an emergency concerns somebody: the own record, the own act, or the own hospital's patient. */
export function concerns(
  { subjectKey, clinician, source }: EmergencyRow,
  { patient, participant, memberOf, id, role }: Person,
  { sources }: Pick<ExceptionalOptions, 'sources'>,
): boolean {
  if (patient !== undefined) return patient.subjectKey === subjectKey;
  if (participant === clinician.participant) return true;
  // An officer's work is no hospital's.
  const isPerson = PERSON_ROLES.some((one) => one === role);
  const organisation = !isPerson ? id : role === 'officer' ? undefined : memberOf;
  return organisation !== undefined && sources().get(source)?.custodian.id === organisation;
}

export function showEmergency(row: EmergencyRow, nowMs: number): ShownEmergency {
  const { handle, patient, clinician, reason, startMs, endMs, reviewMs, review } = row;
  const { id, name } = clinician;
  return {
    id: handle,
    patient,
    by: { id, organisation: name },
    reason,
    opened: iso(startMs),
    until: iso(endMs),
    state: review === undefined ? (endMs < nowMs ? 'over' : 'open') : 'reviewed',
    reviewBy: iso(reviewMs),
    isOverdue: review === undefined && reviewMs < nowMs,
    ...(review === undefined
      ? {}
      : { review: { outcome: review.outcome, text: review.text, at: iso(review.at) } }),
  };
}

export function showDuty(row: DutyRow, nowMs: number): ShownDuty {
  const { handle, source, basis, recipient, purpose, types, codes, startMs, endMs, ended } = row;
  return {
    id: handle,
    source,
    basis,
    recipient,
    purpose,
    types,
    codes,
    start: iso(startMs),
    end: iso(endMs),
    state: ended === undefined ? spanState(startMs, endMs, nowMs) : 'ended',
  };
}

function spanState(startMs: number, endMs: number, nowMs: number): 'in-force' | 'not-yet' | 'over' {
  if (nowMs < startMs) return 'not-yet';
  return nowMs > endMs ? 'over' : 'in-force';
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
