/** Opening the one store of a data folder. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Level } from 'level';
import type { Store } from '../../ledger/store.js';
import { AdapterError, codeOf, messageOf } from '../errors.js';
import { readRunning } from './running.js';

/**
 * Opens the LevelDB under a data folder; it belongs to one process at a time.
 *
 * @throws AdapterError ADAPTER_DATA_FOLDER_IN_USE naming the process that has it; ADAPTER_DATA_FOLDER_FOREIGN when it
 * cannot be opened for another reason.
 */
export async function openStore(dataDir: string): Promise<Store> {
  const path = join(dataDir, 'store');
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new AdapterError('ADAPTER_DATA_FOLDER_FOREIGN', `${dataDir} cannot be used: ${messageOf(cause)}`, {
      cause,
    });
  }
  const store: Store = new Level<string, Buffer>(path, { keyEncoding: 'utf8', valueEncoding: 'buffer' });
  try {
    await store.open();
    return store;
  } catch (cause) {
    const inner = cause instanceof Error ? cause.cause : undefined;
    if (codeOf(inner) === 'LEVEL_LOCKED' || codeOf(cause) === 'LEVEL_LOCKED') {
      const running = readRunning(dataDir);
      const who = running === undefined ? 'another process' : `process ${running.pid} (${running.command})`;
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
