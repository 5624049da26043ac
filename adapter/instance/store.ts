/** Opening the one store of a data folder. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Level } from 'level';
import type { Store } from '../../ledger/store.js';
import { AdapterError, codeOf, messageOf } from '../errors.js';
import { guardWrites } from './guarded-writes.js';
import { noteHolder, readHolder, readRunning } from './running.js';

/**
 * Rows gathered in memory before they become a table; a start after a crash reads as many again. Most events come and
 * go within so much: their rows then never reach a table, which saves an eighth of all processor time.
 */
const WRITE_BUFFER_BYTES = 32 * 1024 * 1024;

/**
 * Opens the LevelDB under a data folder; it belongs to one process at a time.
 *
 * @param onFailure - Told once when a write has failed: from then on the store refuses all writes, and only opening it
 * again helps.
 * @throws AdapterError ADAPTER_DATA_FOLDER_IN_USE naming the process that has it; ADAPTER_DATA_FOLDER_FOREIGN when it
 * cannot be opened for another reason.
 */
export async function openStore(
  dataDir: string,
  onFailure: (error: AdapterError) => void = () => undefined,
): Promise<Store> {
  const path = join(dataDir, 'store');
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new AdapterError('ADAPTER_DATA_FOLDER_FOREIGN', `${dataDir} cannot be used: ${messageOf(cause)}`, {
      cause,
    });
  }
  const store: Store = new Level<string, Buffer>(path, {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
    writeBufferSize: WRITE_BUFFER_BYTES,
  });
  try {
    await store.open();
    noteHolder(dataDir, 'firebreak');
    guardWrites(store, onFailure);
    return store;
  } catch (cause) {
    const inner = cause instanceof Error ? cause.cause : undefined;
    if (codeOf(inner) === 'LEVEL_LOCKED' || codeOf(cause) === 'LEVEL_LOCKED') {
      const holder = readRunning(dataDir) ?? readHolder(dataDir);
      const who = holder === undefined ? 'another process' : `process ${holder.pid} (${holder.command})`;
      throw new AdapterError('ADAPTER_DATA_FOLDER_IN_USE', `${dataDir} is in use by ${who}`, { cause });
    }
    throw new AdapterError(
      'ADAPTER_DATA_FOLDER_FOREIGN',
      `${path} cannot be opened: ${messageOf(inner ?? cause)}`,
      {
        cause,
      },
    );
  }
}
