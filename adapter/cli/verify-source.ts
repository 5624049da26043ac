/** Where `verify` reads a log from. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Blobs } from '../../ledger/vault/index.js';
import { cacheReader, folderReader, storeReader, urlReader } from '../../ledger/verify/index.js';
import type { LogReader, VaultView } from '../../ledger/verify/index.js';
import { AdapterError } from '../errors.js';
import { readRunning } from '../instance/running.js';
import { openStore } from '../instance/store.js';
import { vaultOfRunning, vaultOfStore } from '../services/vault-rows.js';

/** A log to be verified. */
export interface LogSource {
  readonly reader: LogReader;
  /** The vault beside it, where the log is that of a data folder; read on asking. */
  readonly vault?: () => Promise<VaultView>;
  readonly close: () => Promise<void>;
}

/** Some ten seconds in all: an address may be a busy server's. */
const ATTEMPTS_MAX = 8;

async function nothing(): Promise<void> {}

/**
 * Finds out what a log is given by: an address, an exported folder, or a data folder.
 *
 * @param cache - Folder in which what was fetched from an address is kept.
 * @throws AdapterError ADAPTER_USAGE for what is none of them.
 */
export async function openLogSource(log: string, cache: string | undefined): Promise<LogSource> {
  if (/^https?:\/\//.test(log)) {
    const base = log.replace(/\/+$/, '');
    const url = base.endsWith('/log') ? base : `${base}/log`;
    const reader = urlReader(url, { attemptsMax: ATTEMPTS_MAX });
    return {
      reader: cache === undefined ? reader : cacheReader(reader, resolve(cache), url),
      close: nothing,
    };
  }
  if (cache !== undefined)
    throw new AdapterError('ADAPTER_USAGE', '--cache is for a log that is read from an address');
  const dir = resolve(log);
  if (existsSync(join(dir, 'checkpoint'))) return { reader: folderReader(dir), close: nothing };
  if (!existsSync(join(dir, 'store'))) {
    throw new AdapterError(
      'ADAPTER_USAGE',
      `${log} is neither a data folder, nor an exported log, nor an address`,
    );
  }
  // A running instance has the store: what it publishes is read instead.
  const running = readRunning(dir);
  if (running?.address !== undefined) {
    const { address, adminSocket } = running;
    return { reader: urlReader(`${address}/log`), vault: () => vaultOfRunning(adminSocket), close: nothing };
  }
  const store = await openStore(dir);
  // Files are hashed here, and not opened: their instance's name is not needed.
  const blobs = new Blobs(join(dir, 'blobs'), '');
  return { reader: storeReader(store), vault: () => vaultOfStore(store, blobs), close: () => store.close() };
}
