export { labelled, SENSITIVE_CATEGORIES, sensitivityOf } from './sensitivity.js';
export type { SensitiveCategory } from './sensitivity.js';
