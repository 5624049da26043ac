/** Whom what a patient has signed concerns: among those who might read the record, not who may. */
import type { Instance } from '../../instance/instance.js';
import type { CertifiedRows } from '../ca/index.js';
import { personReference } from '../exceptional/index.js';
import { mayPermit, referencesAt } from './patient-gate.js';

/** What it is read from. */
export interface ConcernedParts extends Pick<Instance, 'subjects' | 'consents' | 'sources'> {
  readonly certified: CertifiedRows;
}

/**
 * Clinicians of a list whom any version of a patient's consents permits any reading, withdrawn ones included: theirs are the
 * lists of patients that a consent or its end may change.
 */
export async function concernedClinicians(
  parts: ConcernedParts,
  subjectKey: string,
  participants: readonly string[],
): Promise<string[]> {
  const subject = await parts.subjects.find(subjectKey);
  if (subject === undefined) return [];
  const { policies } = await parts.consents.policies(subject);
  return participants.filter((participant) => {
    const certified = parts.certified.get(participant);
    if (certified?.role !== 'clinician' || certified.memberOf === undefined) return false;
    const { id, memberOf } = certified;
    const person = { reference: personReference(id), organisation: memberOf };
    const names = referencesAt(parts, subject.source, { clientId: id, person });
    return policies.some(
      ({ layer, root }) =>
        layer === 'patient' && root.actions?.includes('access') !== false && mayPermit(root, names),
    );
  });
}
