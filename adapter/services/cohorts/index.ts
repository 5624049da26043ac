export { Aggregates } from './aggregates.js';
export { Cohorts, organisationOf } from './cohorts.js';
export type { CohortParts } from './cohorts.js';
export { cohortSchema, definitionHash, readCohort } from './definition.js';
export type { CohortDefinition } from './definition.js';
export { DurableBudget } from './privacy.js';
export { COHORT_DECISION_KIND, COHORT_REQUEST_KIND } from './signed.js';
export type { CohortDocument } from './signed.js';
