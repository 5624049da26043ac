import { readClaimDocument } from '../../../ledger/proofs/index.js';
import type { Instance } from '../../instance/instance.js';
import { CLAIM, ClaimRows } from './rows.js';

/** An attestation as the operator is told of it: nothing of the patient. */
export interface ListedClaim {
  readonly handle: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly to: string;
  readonly lines: number;
}

/** All attestations, the newest first. */
export async function listClaims({ store, keys }: Instance): Promise<ListedClaim[]> {
  const rows = new ClaimRows(keys.storage.indexKey);
  const view = { get: (key: string) => store.getSync(key) };
  const found: ListedClaim[] = [];
  for await (const key of store.keys({ gte: CLAIM, lt: `${CLAIM}~` })) {
    const [subjectKey = '', handle = ''] = key.slice(CLAIM.length).split('/');
    const row = rows.claim(view, subjectKey, handle);
    if (row === undefined || readClaimDocument(Buffer.from(row.document, 'utf8')) === undefined) continue;
    found.push({ handle, at: row.at, to: `Organization/${row.insurer}`, lines: row.lines.length });
  }
  return found.toSorted((a, b) => b.at - a.at);
}
