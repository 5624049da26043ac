export { ClinicalWriting } from './writing.js';
