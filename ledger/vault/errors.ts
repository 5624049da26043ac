/**
 * Failures of the vault: its key files, its seals, its wraps and its facts. Codes are stable; messages may change.
 */
export type VaultErrorCode =
  /** A key file that others than its owner can read or write. */
  | 'VAULT_KEY_PERMISSIONS'
  /** A key file that is truncated, damaged, or another key's under this name. */
  | 'VAULT_KEY_MALFORMED'
  /** The folder of keys exists without one of its files: a new key would make what the old one sealed unreadable. */
  | 'VAULT_KEY_MISSING'
  /** The folder of keys cannot be read or written. */
  | 'VAULT_KEY_IO'
  /** The keys lie under a passphrase, and none was given. */
  | 'VAULT_PASSPHRASE_NEEDED'
  /** The passphrase is not the keys'. */
  | 'VAULT_PASSPHRASE_WRONG'
  /** A key, name or number that no seal can take: a wrong length, a line feed in a name. */
  | 'VAULT_BAD_INPUT'
  /** Bytes that are no sealed row: too short, of an unknown version. */
  | 'VAULT_BAD_ROW'
  /** A row that was altered, or sealed under another key, name or version. */
  | 'VAULT_UNSEAL_FAILED'
  /** A sealed stream that belongs to another record. */
  | 'VAULT_STREAM_OTHER'
  /** A sealed stream whose chunks were moved, left out or doubled. */
  | 'VAULT_STREAM_ORDER'
  /** A sealed stream that ends before its end. */
  | 'VAULT_STREAM_TRUNCATED'
  /** A sealed stream with bytes behind its end. */
  | 'VAULT_STREAM_TRAILING'
  /** A record whose body lies in a file, where one with its body in the row is needed. */
  | 'VAULT_BODY_APART'
  /** The file of a record's body is not there. */
  | 'VAULT_BLOB_MISSING'
  /** The folder of sealed files cannot be read or written. */
  | 'VAULT_BLOB_IO'
  /** More than a sealed file may hold. */
  | 'VAULT_BLOB_TOO_LARGE'
  /** A wrap that was altered, is not of our algorithms, or is for another recipient. */
  | 'VAULT_UNWRAP_FAILED'
  /** More than 16 facts, two of one name, or a name that is not there. */
  | 'VAULT_BAD_FACTS';

/** The one error class of the vault. Messages never hold keys or content. */
export class VaultError extends Error {
  readonly code: VaultErrorCode;

  /**
   * @param code - What went wrong, for programs.
   * @param message - What went wrong, for people.
   * @param options - `cause`: the original error.
   */
  constructor(code: VaultErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'VaultError';
    this.code = code;
  }
}
