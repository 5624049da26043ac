import { join } from 'node:path';
import { beginPeriod } from '../../../adapter/services/backup-periods.js';
import { backedUp, makeBackup, newIdentity } from '../../../adapter/services/backup/index.js';
import type { BackupReport, Identity, RestoreOptions } from '../../../adapter/services/backup/index.js';
import { exportPublished } from '../../../adapter/services/export-published.js';
import { removeFolder, temporaryFolder } from '../../support/instance.js';
import { openBench } from './bench.js';
import type { Bench } from './bench.js';

/** An instance whose backups are made for a key that is at hand, and a folder for all that comes of them. */
export interface BackupBench {
  readonly bench: Bench;
  readonly folder: string;
  readonly identity: Identity;
  /** A folder that does not exist. */
  readonly fresh: () => string;
  /** Makes a backup, in a file of this name. */
  readonly backUp: (name: string) => Promise<{ readonly file: string; readonly report: BackupReport }>;
  /** Publishes the log as it is. @returns The folder. */
  readonly publish: () => Promise<string>;
  readonly close: () => Promise<void>;
}

export async function openBackupBench(): Promise<BackupBench> {
  const folder = temporaryFolder();
  const bench = await openBench();
  const { instance } = bench;
  const identity = await newIdentity();
  await beginPeriod(instance.store, { recipient: identity.recipient }, Date.now());
  let number = 0;
  return {
    bench,
    folder,
    identity,
    fresh: () => join(folder, `restored-${number++}`),
    backUp: async (name) => {
      const file = join(folder, name);
      return { file, report: await makeBackup(backedUp(instance), { target: file }, () => undefined) };
    },
    publish: async () => {
      await instance.anchorState();
      const published = join(folder, 'published');
      await exportPublished(instance, published);
      return published;
    },
    close: async () => {
      await bench.close();
      removeFolder(folder);
    },
  };
}

/** How a backup is restored, by the clock and in silence; nothing was published, unless `more` says so. */
export function restoring(
  file: string,
  identity: Identity,
  dataDir: string,
  more: Partial<RestoreOptions> = {},
): RestoreOptions {
  return {
    file,
    identities: [identity],
    dataDir,
    catchUp: false,
    nothingPublished: true,
    nowMs: Date.now,
    onProgress: () => undefined,
    ...more,
  };
}
