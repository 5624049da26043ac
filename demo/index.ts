/** A synthetic hospital, its patients and their wallets. Acts on Firebreak through its public HTTP API alone. */
export { DemoError } from './errors.js';
export type { DemoErrorCode } from './errors.js';
export { deteriorationProbability } from './four-c.js';
export type { FourCInput } from './four-c.js';
export { drawAdmission } from './inpatients/admission.js';
export type { Admission } from './inpatients/admission.js';
export { Random } from './random.js';
export { DEMO_ANCHOR_MS, DEMO_SEED, generatePatients, hospitalDirectory } from './patients.js';
export type { GeneratePatientsOptions, PatientHistory } from './patients.js';
export { startHospital } from './hospital/index.js';
export type { Hospital, StartHospitalOptions } from './hospital/index.js';
export { runWards } from './wards.js';
export type { RunWardsOptions, WardsReport } from './wards.js';
export { CONSENT_MIX, enrolAndConsent, readWallets, runConsents } from './wallets/index.js';
export type {
  ConsentMix,
  ConsentPhase,
  ConsentsReport,
  EnrolAndConsentOptions,
  RunConsentsOptions,
  Wallet as DemoWallet,
} from './wallets/index.js';
