export { ExportJobs } from './job.js';
export type { FileProblemCode, LastExport } from './job.js';
export { cancelExport, readExport } from './read-export.js';
export type { ExportOptions, ExportProgress, ExportResult } from './read-export.js';
export { EXPORT_PATIENCE } from './request.js';
export type { ExportPatience } from './request.js';
export type { ExportWanted } from './plan.js';
