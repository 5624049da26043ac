export { reportHtml } from './html.js';
export { flowReport, studyReport } from './study-report.js';
export type { FlowReport, FlowStep, StudyReport } from './study-report.js';
export type { Association, Collinearity } from './associations.js';
export { flowText } from './svg.js';
export { RESAMPLES } from './validation.js';
export type { StudyValidation } from './validation.js';
