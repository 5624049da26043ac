/** What a backup is made of: an instance at work, or the folder of one that does not run. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Store } from '../../../ledger/store.js';
import { configPath } from '../../config.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import { openIdentity } from '../../instance/identity.js';
import type { ContentsOptions } from './contents.js';
import type { BackedUp } from './make-backup.js';

/** An instance at work. */
export function backedUp({ store, config, identity, nowMs }: Instance): BackedUp {
  const { origin, demo } = identity;
  return { store, dataDir: config.dataDir, origin, demo, nowMs, extra: configurationFile() };
}

/**
 * A folder whose store was opened by the caller.
 *
 * @throws AdapterError ADAPTER_USAGE when there is no instance in it.
 */
export function backedUpFolder(store: Store, dataDir: string): BackedUp {
  requireInstance(dataDir);
  const { origin, demo } = openIdentity(dataDir, { demo: undefined }, Date.now());
  return { store, dataDir, origin, demo, nowMs: Date.now, extra: configurationFile() };
}

/** @throws AdapterError ADAPTER_USAGE where there is no instance in a folder. */
export function requireInstance(dataDir: string): void {
  if (existsSync(join(dataDir, 'instance.json')) && existsSync(join(dataDir, 'store'))) return;
  throw new AdapterError('ADAPTER_USAGE', `${dataDir} holds no instance: name its folder by --data`);
}

/** The configuration that was in use, for whoever restores to see; it takes no effect by itself. */
function configurationFile(): ContentsOptions['extra'] {
  const path = configPath();
  return existsSync(path) ? [{ path: 'firebreak.yaml.backup', bytes: readFileSync(path) }] : [];
}
