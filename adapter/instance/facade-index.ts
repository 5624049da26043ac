/**
 * The rows by which the facade finds a resource under its own id. Each is written in the batch of the resource's first
 * version; a store that was begun before there were such rows gets them when it is opened.
 *
 * The rows say the same whenever they are written, and the mark that all are there is synced behind them: a crash on
 * the way leaves some, and the next opening begins anew.
 */
import type { Store, StoreWrite } from '../../ledger/store.js';
import type { Records } from './records.js';
import type { Subjects } from './subjects.js';

/** Says that every resource has its row. */
const COMPLETE = 'facade-records-complete';
const BATCH_ROWS = 1000;
/** Sources of our own have no state row, and what they made is not served. */
const OWN_SOURCE = 'firebreak';

/**
 * Writes what is missing.
 *
 * @returns How many rows were written; `undefined` when all were there.
 */
export async function completeFacadeIndex(
  store: Store,
  subjects: Subjects,
  records: Records,
): Promise<number | undefined> {
  if (store.getSync(COMPLETE) !== undefined) return undefined;
  let waiting: StoreWrite[] = [];
  let count = 0;
  const write = async (): Promise<void> => {
    await store.batch(waiting);
    count += waiting.length;
    waiting = [];
  };
  for await (const key of subjects.keys()) {
    const subject = await subjects.find(key);
    if (subject === undefined) continue;
    for await (const { card } of records.cards(store, subject)) {
      if (card.source === OWN_SOURCE) continue;
      waiting.push(records.facadeWrite(card));
      if (waiting.length >= BATCH_ROWS) await write();
    }
  }
  await write();
  await store.batch([{ type: 'put', key: COMPLETE, value: Buffer.alloc(0) }], { sync: true });
  return count;
}
