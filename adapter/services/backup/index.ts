export { BackupError } from './errors.js';
export type { BackupErrorCode } from './errors.js';
export type { Consequences } from './consequences.js';
export { LOST } from './consequences.js';
export type { BackupProgress } from './contents.js';
export { backedUp, backedUpFolder, requireInstance } from './backed-up.js';
export { makeBackup } from './make-backup.js';
export type { BackedUp, BackupArgs, BackupReport } from './make-backup.js';
export {
  destroyIdentityFile,
  identityFilesOf,
  newIdentity,
  readIdentities,
  writeIdentity,
} from './period-keys.js';
export type { Identity } from './period-keys.js';
export { restore, settle } from './restore.js';
export type { RestoreOptions, RestoreReport, SettleOptions, WaitsFor } from './restore.js';
