/**
 * One write at a time into LevelDB, and none after one has failed.
 *
 * A write that fails may leave half a record in LevelDB's log. What is written behind it is acknowledged, and lost at
 * the next start, for reading stops at the torn record. A compaction that found no space makes every later write
 * fail until the store is opened anew. So the first failure ends writing: the store must be opened again, which
 * cuts off what is torn.
 */
import type { Store, StoreWrite } from '../../ledger/store.js';
import { AdapterError } from '../errors.js';

interface Waiting {
  readonly rows: readonly StoreWrite[];
  readonly sync: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface WriteOptions {
  readonly sync?: boolean | undefined;
}

/**
 * Puts the rule around a store's `batch`, `put` and `del`. Writes that wait together become one batch, as LevelDB
 * itself would make them; an unsynced one is not made to wait for a synced one behind it.
 *
 * @param onFailure - Told once, of the first write that failed.
 */
export function guardWrites(store: Store, onFailure: (error: AdapterError) => void): void {
  const batch: Store['batch'] = store.batch.bind(store);
  let waiting: Waiting[] = [];
  let isWriting = false;
  let failure: AdapterError | undefined;

  const take = (): Waiting[] => {
    const sync = waiting[0]?.sync ?? false;
    // One behind an unsynced one that asks for more waits for the next turn.
    const end = sync ? waiting.length : waiting.findIndex((one) => one.sync);
    const group = end < 0 ? waiting : waiting.slice(0, end);
    waiting = end < 0 ? [] : waiting.slice(end);
    return group;
  };

  const run = async (): Promise<void> => {
    isWriting = true;
    while (waiting.length > 0) {
      const group = take();
      const [first] = group;
      const rows = group.length === 1 && first !== undefined ? first.rows : group.flatMap((one) => one.rows);
      try {
        await batch([...rows], { sync: group.some(({ sync }) => sync) });
        for (const { resolve } of group) resolve();
      } catch (cause) {
        // A store that is closed or was handed nonsense has written nothing, and goes on as it is.
        if (isRefusal(cause)) {
          for (const { reject } of group) reject(cause);
          continue;
        }
        failure = failed(cause);
        for (const { reject } of [...group, ...waiting]) reject(failure);
        waiting = [];
        onFailure(failure);
      }
    }
    isWriting = false;
  };

  const write = (rows: readonly StoreWrite[], options: WriteOptions = {}): Promise<void> => {
    if (failure !== undefined) return Promise.reject(failure);
    return new Promise<void>((resolve, reject) => {
      waiting.push({ rows, sync: options.sync === true, resolve, reject });
      if (!isWriting) void run();
    });
  };

  store.batch = write as unknown as Store['batch'];
  store.put = (key: string, value: Buffer, options?: WriteOptions) =>
    write([{ type: 'put', key, value }], options);
  store.del = (key: string, options?: WriteOptions) => write([{ type: 'del', key }], options);
}

function isRefusal(cause: unknown): boolean {
  const code = cause instanceof Error ? (cause as { code?: unknown }).code : undefined;
  return typeof code === 'string' && /^LEVEL_(?:DATABASE_NOT_OPEN|INVALID_|NOT_SUPPORTED)/.test(code);
}

function failed(cause: unknown): AdapterError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return /no space left|quota exceeded|file too large/i.test(message)
    ? new AdapterError('ADAPTER_DISK_FULL', 'the disk is full; nothing was acknowledged', { cause })
    : new AdapterError('ADAPTER_STORE_FAILED', 'the store took no write; nothing was acknowledged', {
        cause,
      });
}
