/**
 * Which resources name which patient: Medplum's own search by `patient` takes nearly a millisecond a resource, and
 * would stop the server for many seconds at each question.
 */
import type { Filter } from '@medplum/core';
import type { Resource } from '@medplum/fhirtypes';

const PARAMETERS: readonly string[] = ['patient', 'subject'];

/** Ids of one resource type by the patient whom `subject` or `patient` names. */
export class PatientIndex {
  readonly #idsOf = new Map<string, Set<string>>();
  readonly #patientOf = new Map<string, string>();

  /** Takes the newest version of a resource. */
  put(resource: Resource, id: string): void {
    this.delete(id);
    const { subject, patient } = resource as {
      subject?: { reference?: unknown };
      patient?: { reference?: unknown };
    };
    const reference = subject?.reference ?? patient?.reference;
    if (typeof reference !== 'string' || !reference.startsWith('Patient/')) return;
    let ids = this.#idsOf.get(reference);
    if (ids === undefined) this.#idsOf.set(reference, (ids = new Set()));
    ids.add(id);
    this.#patientOf.set(id, reference);
  }

  delete(id: string): void {
    const reference = this.#patientOf.get(id);
    if (reference === undefined) return;
    this.#idsOf.get(reference)?.delete(id);
    this.#patientOf.delete(id);
  }

  /** Ids that a filter admits; `undefined` when the filter is not "this patient". */
  admitted(filter: Filter): ReadonlySet<string> | undefined {
    if (!PARAMETERS.includes(filter.code) || filter.operator !== 'eq' || filter.value.includes(','))
      return undefined;
    const reference = filter.value.includes('/') ? filter.value : `Patient/${filter.value}`;
    return reference.startsWith('Patient/') ? (this.#idsOf.get(reference) ?? new Set()) : undefined;
  }
}
