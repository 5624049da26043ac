/** A person as a caller of the facade: everything may be read that the gate permits, and nothing written. */
import { personReference } from '../exceptional/index.js';
import { parseScope } from '../tokens/index.js';
import type { Caller } from '../tokens/index.js';
import type { Person } from './sessions.js';

const READING = [parseScope('system/*.rs')].filter((scope) => scope !== undefined);

export function callerOfPerson(person: Person): Caller {
  const { id, participant, organisation, group, fingerprint, purpose, x25519, patient, memberOf } = person;
  return {
    clientId: id,
    participant,
    name: organisation ?? '',
    group,
    fingerprint,
    scopes: READING,
    purpose,
    x25519,
    ...(memberOf === undefined ? {} : { person: { reference: personReference(id), organisation: memberOf } }),
    ...(patient === undefined
      ? {}
      : { own: { subjectKey: patient.subjectKey, reference: patient.reference } }),
  };
}
