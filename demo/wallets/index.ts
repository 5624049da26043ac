/** Patients' wallets: they enrol with Firebreak, sign consents and refusals, and withdraw. */
export { CONSENT_MIX } from './mix.js';
export type { ConsentMix } from './mix.js';
export { enrolAndConsent, runConsents } from './run-consents.js';
export { readWallets } from './wallet-file.js';
export type { Wallet } from './wallet-file.js';
export type {
  ConsentPhase,
  ConsentsReport,
  EnrolAndConsentOptions,
  RunConsentsOptions,
} from './run-consents.js';
