/**
 * The port through which a verifier reads a published log.
 */

/** Reads published files by their path below the log's root, such as `tile/0/000.p/7`. */
export interface LogReader {
  /**
   * Bytes of a file, or `undefined` where there is none. A file longer than `bytesMax` may be cut at any length
   * beyond it: the caller refuses it by its length.
   *
   * May be called several times at once.
   *
   * @throws LedgerError LEDGER_UNREADABLE when it cannot be told whether the file exists, or what is in it.
   */
  read(path: string, bytesMax: number): Promise<Buffer | undefined>;
}
