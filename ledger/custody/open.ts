import { isPermitted } from '../consent/index.js';
import type { Permitted } from '../consent/index.js';
import { LedgerError } from '../errors.js';
import { openRecord } from '../vault/index.js';
import type { OpenedRecord, RecordName } from '../vault/index.js';

/**
 * Opens a record for whom the gate has permitted it. There is no other way from a sealed record to its bytes.
 *
 * @param permit - For this patient; made by `decide()` for this record.
 * @throws LedgerError LEDGER_GUARD_REFUSED for a permit of another patient, or something that is no permit; VaultError
 * as `openRecord` does.
 */
export function openPermitted(
  permit: Permitted,
  subjectKey: string,
  record: RecordName & { readonly row: Buffer },
): OpenedRecord {
  if (!isPermitted(permit) || permit.subject !== subjectKey) {
    throw new LedgerError('LEDGER_GUARD_REFUSED', 'no permit for this patient');
  }
  return openRecord(record);
}
