export { canBeCode } from './code-check.js';
export { didYouMean, nearestName } from './nearest.js';
export { readDocument } from './read-document.js';
export type { DocumentFault, DocumentForm, ReadDocument } from './read-document.js';
export { readStudy, studySchema } from './read-study.js';
export type { StudyFault } from './names.js';
