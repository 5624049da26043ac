import type { EntryType } from '../log/index.js';
import type { StoreWrite } from '../store.js';
import type { StateView } from './view.js';

const KEY = 'totals/entries';

/** Leaves of the log by type. */
export type EntryTotals = Readonly<Partial<Record<EntryType, number>>>;

/** Leaves of the log by type, kept in the same batches as the leaves. */
export function entryTotals(view: Pick<StateView, 'get'>): EntryTotals {
  const row = view.get(KEY);
  return row === undefined ? {} : (JSON.parse(row.toString('utf8')) as EntryTotals);
}

/** The totals' row after a group of drafts and their submissions' leaves. */
export function countEntries(
  view: Pick<StateView, 'get'>,
  types: readonly EntryType[],
  submissions: number,
): StoreWrite {
  const totals: Partial<Record<EntryType, number>> = { ...entryTotals(view) };
  for (const type of types) totals[type] = (totals[type] ?? 0) + 1;
  totals.submission = (totals.submission ?? 0) + submissions;
  return totalsWrite(totals);
}

/** The totals' row. */
export function totalsWrite(totals: EntryTotals): StoreWrite {
  return { type: 'put', key: KEY, value: Buffer.from(JSON.stringify(totals), 'utf8') };
}
