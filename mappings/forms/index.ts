export { OBLIGATION, OBLIGATION_CODES, obligationExtension } from './obligation-extension.js';
export { CONSENT_TEMPLATES, consentFromTemplate, SENSITIVE_CODES } from './templates.js';
export type { ConsentTemplate, TemplateFields } from './templates.js';
