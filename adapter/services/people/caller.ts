/** A person as a caller of the facade: everything may be read that the gate permits, and nothing written. */
import { relatedReference } from '../representatives/index.js';
import { personReference } from '../exceptional/index.js';
import { parseScope } from '../tokens/index.js';
import type { Caller } from '../tokens/index.js';
import type { Person } from './sessions.js';

const READING = [parseScope('system/*.rs')].filter((scope) => scope !== undefined);

export function callerOfPerson(person: Person): Caller {
  const {
    id,
    participant,
    organisation,
    group,
    role,
    fingerprint,
    purpose,
    x25519,
    patient,
    appointment,
    memberOf,
  } = person;
  return {
    clientId: id,
    participant,
    name: organisation ?? '',
    group,
    fingerprint,
    // Officers of the authority have no business with records.
    scopes: role === 'officer' ? [] : READING,
    purpose,
    x25519,
    ...(memberOf === undefined ? {} : { person: { reference: personReference(id), organisation: memberOf } }),
    ...(patient === undefined
      ? {}
      : {
          own: { subjectKey: patient.subjectKey, ...readerOf(participant, patient.reference, appointment) },
        }),
  };
}

/** As whom a record is read, and what that stands on: the patient's enrolment, or a representative's appointment. */
export function readerOf(
  participant: string,
  patient: string,
  appointment: string | undefined,
): { readonly handle: string; readonly reference: string } {
  return appointment === undefined
    ? { handle: participant, reference: patient }
    : { handle: appointment, reference: relatedReference(appointment) };
}
