import { readLogFile } from '../engines/index.js';
import type { Store } from '../store.js';
import type { LogReader } from './reader.js';

/** Reads a log where it grows: the store of an instance, opened by this process. */
export function storeReader(store: Store): LogReader {
  return { read: async (path) => readLogFile(store, path) };
}
