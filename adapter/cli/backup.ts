import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config.js';
import { codeOf } from '../errors.js';
import { openInstance } from '../instance/instance.js';
import { readRunning } from '../instance/running.js';
import { openStore } from '../instance/store.js';
import { requireSettled } from '../instance/unsettled.js';
import { stderrLogger } from '../logger.js';
import type { Store } from '../../ledger/store.js';
import { askAdmin } from '../services/admin.js';
import { overdueOf } from '../services/backup-periods.js';
import { backedUp, backedUpFolder, makeBackup, requireInstance } from '../services/backup/index.js';
import type { BackupArgs, BackupProgress, BackupReport } from '../services/backup/index.js';
import { backupPeriods } from '../services/backup-periods.js';
import { addBackupKeys } from './backup-keys.js';
import { configOf } from './open.js';
import { passphraseOf } from './passphrase.js';
import { createTerminal } from './terminal.js';
import type { Terminal } from './terminal.js';

export function addBackup(program: Command): void {
  const backup = program
    .command('backup')
    .description(
      'write an encrypted backup of an instance, running or not: store, keys, identity, large binaries',
    )
    .argument('[target]', 'file that does not exist yet, or a folder')
    .option('--recipient <age1…>', 'age recipient; default: the key of the current period (see backup keys)')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak backup keys new --out /media/usb/backup-keys/
  firebreak backup /mnt/backups/
  firebreak backup ./before-update.age --json
The file is in age format; “age -d -i KEYFILE FILE” opens it too. It holds the instance's private keys, so keep the
identity (KEYFILE) apart from it. What was erased stays readable in older backups until the key of their period is
destroyed: firebreak backup keys destroy --due.`,
    )
    .action(
      async (target: string | undefined, flags: { recipient?: string; json?: boolean }, command: Command) => {
        if (target === undefined) command.help({ error: true });
        const { config } = configOf(command);
        const terminal = createTerminal(flags.json === true);
        const args: BackupArgs = {
          target: resolve(target),
          ...(flags.recipient === undefined ? {} : { recipient: flags.recipient }),
        };
        const report = await backUp(config, args, ({ rows, files, bytes }) =>
          terminal.progress(`${rows} rows, ${files} files, ${megabytes(bytes)}`),
        );
        terminal.print(flags.json === true ? JSON.stringify(report) : render(report));
        await sayOverdue(config, terminal);
      },
    );
  addBackupKeys(backup);
}

/** By the process that has the folder; without one, from the folder itself. */
async function backUp(
  config: Config,
  args: BackupArgs,
  onProgress: (progress: BackupProgress) => void,
): Promise<BackupReport> {
  requireInstance(config.dataDir);
  requireSettled(config.dataDir);
  const running = readRunning(config.dataDir);
  if (running !== undefined) {
    const request = { command: 'backup', args: { ...args } };
    return (await askAdmin(running.adminSocket, request, (one) =>
      onProgress(one as BackupProgress),
    )) as BackupReport;
  }
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Error('stopped: no backup was written'));
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    const fromStore = await withStore(config, (store) =>
      makeBackup(backedUpFolder(store, config.dataDir), args, onProgress, stop.signal).catch(
        (error: unknown) => {
          if (codeOf(error) === 'ADAPTER_CONFLICT') return undefined;
          throw error;
        },
      ),
    );
    if (fromStore !== undefined) return fromStore;
    // A crash may have left the checkpoint behind the log; opening the instance signs it.
    const instance = await openInstance({
      config,
      demo: undefined,
      logger: stderrLogger('warn'),
      passphrase: passphraseOf(config),
    });
    try {
      return await makeBackup(backedUp(instance), args, onProgress, stop.signal);
    } finally {
      await instance.close();
    }
  } finally {
    process.removeListener('SIGINT', onSignal);
    process.removeListener('SIGTERM', onSignal);
  }
}

async function withStore<T>(config: Config, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(config.dataDir);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function sayOverdue(config: Config, terminal: Terminal): Promise<void> {
  const running = readRunning(config.dataDir);
  const periods =
    running === undefined
      ? await withStore(config, async (store) => backupPeriods(store))
      : ((await askAdmin(running.adminSocket, { command: 'backup-keys', args: {} })) as ReturnType<
          typeof backupPeriods
        >);
  const overdue = overdueOf(periods, Date.now());
  if (overdue.length > 0)
    terminal.say(
      `${overdue.length} backup key${overdue.length === 1 ? ' is' : 's are'} due for destruction: firebreak backup keys destroy --due --keys PATH`,
    );
}

function render({ file, bytes, size, root, rows, files, origin, period }: BackupReport): string {
  return [
    `${file}: ${megabytes(bytes)}, ${rows} rows, ${files} files`,
    `origin ${origin}`,
    `size   ${size}`,
    `root   ${root}`,
    `period ${period.id}, opened by the identity of ${period.recipient} until ${day(period.destroyAt)}`,
  ].join('\n');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A day in UTC. */
function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
