/**
 * The port through which entries enter the log, and its published bytes leave it.
 */
import type { Submission } from '../log/index.js';
import type { StoreWrite } from '../store.js';

/** What stands or falls together. */
export interface EngineBatch {
  /** In order; each becomes its leaf and those of its drafts. May be empty: then only the writes go down. */
  readonly submissions: readonly Submission[];
  /** Rows of other parts that ride in the same synced batch. */
  readonly writes: readonly StoreWrite[];
}

/** Where a batch went. */
export interface Committed {
  /** Index of its first leaf; submissions follow one another without gaps. */
  readonly first: number;
  /** The time its entries got, ms since the epoch. */
  readonly at: number;
  /** Size of the tree with it. */
  readonly size: number;
  /** Root of that tree: 32 bytes. */
  readonly root: Buffer;
}

/** The tree as last committed. */
export interface TreeHead {
  /** Count of entries. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Buffer;
  /** Time of the last entry, ms since the epoch; 0 in an empty log. */
  readonly at: number;
}

/** What serving and exporting a log need: its published files. */
export interface PublishedLog {
  /** The signed note of the last published tree. */
  checkpoint(): Buffer;
  /**
   * Bytes of a published file: `checkpoint`, `vkey`, `tile/…`, `schemas/…`. Partial tiles of earlier sizes stay
   * readable. `undefined` for anything else, empty tiles included.
   */
  read(path: string): Promise<Buffer | undefined>;
}

/**
 * A log that takes batches.
 *
 * Contract: `commit` resolves once the batch is durable and its checkpoint published. Batches are sequenced in
 * the order of the calls; any number may be in flight up to a bound. A submission's root is accepted once, over
 * the log's life. An entry's `at` is never less than the one before.
 *
 * Errors: LEDGER_BUSY and LEDGER_CLOSED, LEDGER_BAD_SUBMISSION, LEDGER_BAD_ENTRY and LEDGER_DUPLICATE_SUBMISSION
 * mean that nothing of the batch was or will be written. After LEDGER_WRITE_FAILED it is unknown to the caller
 * whether the batch took effect; the caller retries with the same submissions, and then hears
 * LEDGER_DUPLICATE_SUBMISSION if it did. The engine itself finds out before its next commit.
 */
export interface Engine extends PublishedLog {
  commit(batch: EngineBatch): Promise<Committed>;
  head(): TreeHead;
  /** Finishes what waits, refuses what comes later, and leaves the store open. */
  close(): Promise<void>;
}
