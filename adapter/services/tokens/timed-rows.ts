/** Rows that hold for a time: what was used up, and what may be used. Each is found again when its time is over. */
import type { Store, StoreWrite } from '../../../ledger/store.js';

const EXPIRY = 'auth-expiry/';
const TIME_DIGITS = 15;
/** Rows whose time is over, removed with each that is added: more than are added. */
const PRUNED = 32;

/** A row, and one that finds it again when its time is over. */
export function timedRows(key: string, value: Buffer, untilMs: number): StoreWrite[] {
  return [
    { type: 'put', key, value },
    { type: 'put', key: `${EXPIRY}${timeText(untilMs)}/${key}`, value: Buffer.alloc(0) },
  ];
}

/** Deletes of some rows whose time is over. */
export async function prunedRows(store: Store, now: number): Promise<StoreWrite[]> {
  const range = { gte: EXPIRY, lt: `${EXPIRY}${timeText(now)}`, limit: PRUNED };
  const keys = await store.keys(range).all();
  return keys.flatMap((key): StoreWrite[] => [
    { type: 'del', key },
    { type: 'del', key: key.slice(EXPIRY.length + TIME_DIGITS + 1) },
  ]);
}

function timeText(ms: number): string {
  return String(Math.ceil(ms)).padStart(TIME_DIGITS, '0');
}
