export { decideForCustodian, listAccess, showOneAccess, takeSigned } from './admin.js';
export { DECISION_KIND } from './decision.js';
export type { DecisionDocument } from './decision.js';
export { AccessRequests, taskHashOf } from './requests.js';
export type { AccessOptions, AccessOutcome } from './requests.js';
export { wouldPermit } from './rows.js';
export type { AccessRow } from './rows.js';
export { showAccess } from './views.js';
