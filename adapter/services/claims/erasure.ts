/** What is kept of claims goes with the records: attestations hold codes, dates and opened facts. */
import type { Store } from '../../../ledger/store.js';
import { CLAIM_PREFIXES, ClaimRows } from './rows.js';

/**
 * Rows to destroy, by key.
 *
 * @param handles - Of the versions that are erased; `all` for a patient.
 */
export async function claimRowsOf(
  store: Store,
  indexKey: Buffer,
  subjectKey: string,
  handles: 'all' | ReadonlySet<string>,
): Promise<ReadonlyMap<string, Buffer>> {
  const rows = new ClaimRows(indexKey);
  const view = { get: (key: string) => store.getSync(key) };
  const found = new Map<string, Buffer>();
  for (const prefix of claimPrefixes(subjectKey))
    for await (const [key, value] of store.iterator({ gte: prefix, lt: `${prefix}~` })) {
      if (handles !== 'all') {
        // Only an attestation that opens something of a version says what the version said.
        if (prefix !== claimPrefixes(subjectKey)[0]) continue;
        const row = rows.claim(view, subjectKey, key.slice(prefix.length));
        if (row?.opened.every(({ record }) => !handles.has(record)) !== false) continue;
      }
      found.set(key, value);
    }
  return found;
}

/** Where they lie. */
export function claimPrefixes(subjectKey: string): string[] {
  return CLAIM_PREFIXES.map((prefix) => `${prefix}${subjectKey}/`);
}
