/** A hospital's FHIR R4 server: Medplum's router over its in-memory repository, filled with synthetic inpatients. */
export { startHospital } from './start-hospital.js';
export type { Hospital, StartHospitalOptions } from './start-hospital.js';
