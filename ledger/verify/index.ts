export { folderReader } from './folder-reader.js';
export type { LogReader } from './reader.js';
export { CHECK_NAMES } from './report.js';
export type { CheckName, CheckResult, Failure, VerifyReport } from './report.js';
export { storeReader } from './store-reader.js';
export { urlReader } from './url-reader.js';
export { verifyLog } from './verify-log.js';
export type { VerifyOptions } from './verify-log.js';
