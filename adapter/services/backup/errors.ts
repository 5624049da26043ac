/** Failures of reading a backup and of bringing a restored folder back to life. Codes are stable; messages may change. */
export type BackupErrorCode =
  /** The file ends before the backup does. */
  | 'BACKUP_CUT'
  /** Bytes of it were changed. */
  | 'BACKUP_DAMAGED'
  /** There is more in the file than the backup. */
  | 'BACKUP_TRAILING'
  /** No identity given opens it. */
  | 'BACKUP_OTHER_KEY'
  /** Not a backup of Firebreak's. */
  | 'BACKUP_FOREIGN'
  /** A backup in a format of another version. */
  | 'BACKUP_VERSION'
  /** A file that should hold age identities holds none. */
  | 'BACKUP_BAD_IDENTITY'
  /** A backup of another log than the one asked for. */
  | 'RESTORE_OTHER_LOG'
  /** What was restored does not verify. */
  | 'RESTORE_NOT_VERIFIED'
  /** The folder to restore to is not empty. */
  | 'RESTORE_NOT_EMPTY'
  /** The folder is no restored one that waits to be settled. */
  | 'RESTORE_NOTHING_TO_SETTLE'
  /** The published log cannot be read, or does not verify. */
  | 'RESTORE_PUBLISHED_LOG'
  /** What was published since shows that this instance was ended, or its key replaced: it must not come back. */
  | 'RESTORE_KEY_ENDED';

/** The one error class of `adapter/services/backup/`. */
export class BackupError extends Error {
  readonly code: BackupErrorCode;

  /**
   * @param code - What went wrong, for programs.
   * @param message - What went wrong and what to do about it, for people.
   * @param options - `cause`: the original error.
   */
  constructor(code: BackupErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BackupError';
    this.code = code;
  }
}
