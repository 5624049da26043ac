export { Certificates } from './certificates.js';
export { bytesVersion } from './present.js';
export { reconciliationProof } from './prove.js';
export type { CertificateArgs } from './prove.js';
export { reconcileSource } from './reconcile.js';
export type { Reconciled, ReconcileProgress } from './reconcile.js';
export { Reconciliations } from './schedule.js';
export { showReconciled } from './show.js';
export type { LastReconciled } from './show.js';
