import { isPermitted } from '../consent/index.js';
import type { Obligation, Permitted } from '../consent/index.js';
import { LedgerError } from '../errors.js';
import { openLargeHead, openRecord } from '../vault/index.js';
import type { Blobs, OpenedRecord, RecordCard, RecordName } from '../vault/index.js';

/** Carries a permit's obligations out on a record's bytes. */
export type CarryOut = (bytes: Buffer, obligations: readonly Obligation[]) => Buffer;

/**
 * Opens a record for whom the gate has permitted it. There is no other way from a sealed record to its bytes, save
 * {@link openLargePermitted}.
 *
 * @param permit - For this patient; made by `decide()` for this record.
 * @param carryOut - Done with the bytes where the permit is bound by obligations.
 * @throws LedgerError LEDGER_GUARD_REFUSED for a permit of another patient, something that is no permit, and a permit
 * bound by obligations that nobody would carry out; VaultError as `openRecord` does.
 */
export function openPermitted(
  permit: Permitted,
  subjectKey: string,
  record: RecordName & { readonly row: Buffer },
  carryOut?: CarryOut,
): OpenedRecord {
  requirePermit(permit, subjectKey);
  if (permit.obligations.length === 0) return openRecord(record);
  if (carryOut === undefined) throw bound();
  const opened = openRecord(record);
  return { ...opened, plaintext: carryOut(opened.plaintext, permit.obligations) };
}

/** A record whose body is read from its file. */
export interface OpenedLargeRecord extends RecordCard {
  readonly plainBytes: number;
  /** The bytes, each given out once it was found good; they are all only when it has ended without throwing. */
  readonly body: AsyncGenerator<Buffer>;
}

/**
 * Opens a record whose body lies in a file, for whom the gate has permitted it.
 *
 * @param range - Bytes from the first to the second, excluded; all without it.
 * @throws LedgerError LEDGER_GUARD_REFUSED as {@link openPermitted} does; VaultError as `openLargeHead` does, and while
 * the body is read as `Blobs.read` does.
 */
export function openLargePermitted(
  permit: Permitted,
  subjectKey: string,
  record: RecordName & { readonly row: Buffer },
  blobs: Blobs,
  range?: readonly [from: number, to: number],
): OpenedLargeRecord {
  requirePermit(permit, subjectKey);
  // What is read as a stream cannot be rewritten.
  if (permit.obligations.length > 0) throw bound();
  const { card, salt, key } = openLargeHead(record);
  const body = range === undefined ? blobs.read(key) : blobs.readRange(key, ...range);
  return { card, salt, plainBytes: key.plainBytes, body };
}

function bound(): LedgerError {
  return new LedgerError('LEDGER_GUARD_REFUSED', 'the permit is bound by obligations');
}

function requirePermit(permit: Permitted, subjectKey: string): void {
  if (!isPermitted(permit) || permit.subject !== subjectKey) {
    throw new LedgerError('LEDGER_GUARD_REFUSED', 'no permit for this patient');
  }
}
