/**
 * The mark of a folder that was restored and has not been compared with what the log published since: an instance that
 * went on from it could tell the world a second history.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AdapterError } from '../errors.js';

/** Name of the mark's file in the data folder. */
export const UNSETTLED_FILE = 'restore-unsettled.json';

/** A restored folder that waits. */
export interface Unsettled {
  readonly origin: string;
  /** The log's keys, as published. */
  readonly vkey: string;
  /** Entries of the log as it was backed up. */
  readonly size: number;
  /** Its signed checkpoint. */
  readonly checkpoint: string;
  /** When the backup was made, ms since the epoch. */
  readonly madeAt: number;
}

/** The mark of a folder, or `undefined` where there is none. @throws AdapterError when it is damaged. */
export function readUnsettled(dataDir: string): Unsettled | undefined {
  let text: string;
  try {
    text = readFileSync(join(dataDir, UNSETTLED_FILE), 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new AdapterError('ADAPTER_DATA_FOLDER_FOREIGN', `${UNSETTLED_FILE} cannot be read`, { cause });
  }
  try {
    return JSON.parse(text) as Unsettled;
  } catch (cause) {
    throw new AdapterError('ADAPTER_DATA_FOLDER_FOREIGN', `${UNSETTLED_FILE} is damaged: restore again`, {
      cause,
    });
  }
}

/**
 * Refuses to work on a folder that is not settled.
 *
 * @throws AdapterError ADAPTER_UNSETTLED saying what to do.
 */
export function requireSettled(dataDir: string): void {
  const unsettled = readUnsettled(dataDir);
  if (unsettled === undefined) return;
  throw new AdapterError(
    'ADAPTER_UNSETTLED',
    `${dataDir} was restored from a backup of ${unsettled.size} entries and was not yet compared with the published log: ` +
      `going on could fork it. Settle it: firebreak restore --data ${dataDir} --log URL|DIR --catch-up`,
  );
}
