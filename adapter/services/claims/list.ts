import { readClaimDocument } from '../../../ledger/proofs/index.js';
import type { Instance } from '../../instance/instance.js';
import { CLAIM, ClaimRows, EXPENSES } from './rows.js';

/** An attestation as the operator is told of it: nothing of the patient. */
export interface ListedClaim {
  readonly handle: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly to: string;
  /** A claim with its lines, or a bank's question about expenses, which has none. */
  readonly of: 'claim' | 'expenses';
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
    found.push({
      handle,
      at: row.at,
      to: `Organization/${row.insurer}`,
      of: 'claim',
      lines: row.lines.length,
    });
  }
  for await (const key of store.keys({ gte: EXPENSES, lt: `${EXPENSES}~` })) {
    const [subjectKey = '', question = ''] = key.slice(EXPENSES.length).split('/');
    const row = rows.expenses(view, subjectKey, question);
    if (row === undefined) continue;
    const { handle, at, bank } = row;
    found.push({ handle, at, to: `Organization/${bank}`, of: 'expenses', lines: 0 });
  }
  return found.toSorted((a, b) => b.at - a.at);
}
