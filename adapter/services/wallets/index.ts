export { Attestations, readAttested } from './attested.js';
export type { Attestation, AttestedDocument, Attesting } from './attested.js';
export { hashOf, WalletSigners } from './documents.js';
export type { WalletSigner } from './documents.js';
export { ReEnrolment } from './re-enrolment.js';
export { Unlinking } from './unlinking.js';
export { WalletKeys } from './wallet-keys.js';
export { invitePatients, takeWalletAct } from './admin.js';
export type { WalletAct } from './admin.js';
