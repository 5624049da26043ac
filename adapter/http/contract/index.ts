/** Shapes and words that the portal shares with the server: one of the two doors through which it enters this project. */
export {
  CONSENT_TEMPLATES,
  consentFromTemplate,
  SENSITIVE_CODES,
} from '../../../mappings/consent/index.js';
export type { ConsentTemplate, TemplateFields } from '../../../mappings/consent/index.js';
export type { Enrolled } from './enrolment.js';
