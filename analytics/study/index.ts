export { nearestName } from './nearest.js';
export { readStudy, studySchema } from './read-study.js';
export type { StudyFault } from './names.js';
