/** A patient as the analytics see one: only what the patient's consent lets through. */
export interface PermittedPatient {
  /** Opaque; the same patient has the same key, different patients have different ones. */
  readonly key: string;
  /** Parsed FHIR R4 resources of this patient, and of nobody else. */
  readonly resources: readonly unknown[];
}

/** Names one resource of a patient. */
export interface ResourceId {
  readonly type: string;
  readonly id: string;
}

/** Patients, at hand or as they are read. */
export type PermittedPatients = Iterable<PermittedPatient> | AsyncIterable<PermittedPatient>;
