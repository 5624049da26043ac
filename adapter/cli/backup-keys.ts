/** `firebreak backup keys`: the keys of backup periods. Identities are files of the operator's; they stay in this process. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config.js';
import { AdapterError } from '../errors.js';
import { readRunning } from '../instance/running.js';
import { openStore } from '../instance/store.js';
import type { Store } from '../../ledger/store.js';
import { askAdmin } from '../services/admin.js';
import {
  backupPeriods,
  beginPeriod,
  KEPT_DAYS_DEFAULT,
  newPeriodId,
  noteDestroyed,
  overdueOf,
  PERIOD_DAYS_DEFAULT,
} from '../services/backup-periods.js';
import type { BackupPeriod, NewPeriod } from '../services/backup-periods.js';
import {
  destroyIdentityFile,
  identityFilesOf,
  newIdentity,
  requireInstance,
  writeIdentity,
} from '../services/backup/index.js';
import { EXIT } from './exit.js';
import { configOf } from './open.js';
import { createTerminal } from './terminal.js';

const DAY_MS = 86_400_000;

export function addBackupKeys(backup: Command): void {
  const keys = backup
    .command('keys')
    .description('keys of backups: one a period; destroying it ends all backups of the period at once')
    .addHelpText(
      'after',
      `
Examples:
  firebreak backup keys new --out /media/usb/backup-keys/
  firebreak backup keys list
  firebreak backup keys destroy --due --keys /media/usb/backup-keys/`,
    );
  keys
    .command('new')
    .description('make the key of a new period, which begins now; the period before it ends')
    .requiredOption('--out <path>', 'file for the identity, or a folder; outside of the data folder')
    .option('--days <n>', `how long backups are made with it (default ${PERIOD_DAYS_DEFAULT})`)
    .option('--kept-days <n>', `how long it is kept after that (default ${KEPT_DAYS_DEFAULT})`)
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Example:
  firebreak backup keys new --out /media/usb/backup-keys/
With the defaults a backup is unreadable at most ${PERIOD_DAYS_DEFAULT + KEPT_DAYS_DEFAULT} days after it was made, provided that the key is destroyed when due.`,
    )
    .action(async (flags: { out: string; days?: string; keptDays?: string }, command: Command) => {
      const { config } = configOf(command);
      requireInstance(config.dataDir);
      const days = daysOf(flags.days, '--days') ?? PERIOD_DAYS_DEFAULT;
      const keptDays = daysOf(flags.keptDays, '--kept-days') ?? KEPT_DAYS_DEFAULT;
      const id = newPeriodId();
      const file = fileAt(flags.out, config.dataDir, id);
      const identity = await newIdentity();
      const now = Date.now();
      // The key first: a period whose key nobody has would make backups that nobody can open.
      await writeIdentity(file, identity, {
        'firebreak backup period': id,
        created: instant(now),
        'backups until': instant(now + days * DAY_MS),
        'to be destroyed': instant(now + (days + keptDays) * DAY_MS),
      });
      const { recipient } = identity;
      const period = await onPeriods(
        config,
        { command: 'backup-keys-new', args: { id, recipient, days, keptDays } satisfies NewPeriod },
        (store) => beginPeriod(store, { id, recipient, days, keptDays }, now),
      ).catch((error: unknown) => {
        rmSync(file, { force: true });
        throw error;
      });
      const text = `${file}\n${render(period, now)}\nKeep this file apart from the data and from the backups, and do not lose it: nothing else opens them.`;
      createTerminal(false).print(asJson(command) ? JSON.stringify({ file, ...period }) : text);
    });
  keys
    .command('list')
    .description('periods with their recipients and dates')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak backup keys list')
    .action(async (_flags: object, command: Command) => {
      const { config } = configOf(command);
      requireInstance(config.dataDir);
      const periods = await periodsOf(config);
      const lines = periods.map((period) => render(period, Date.now()));
      createTerminal(false).print(
        asJson(command) ? JSON.stringify(periods) : lines.length === 0 ? 'no backup keys' : lines.join('\n'),
      );
    });
  keys
    .command('destroy')
    .description('destroy the keys of periods: their backups can never be opened again')
    .argument('[period...]', 'ids, as listed')
    .option('--due', 'all whose date has come')
    .option('--keys <path...>', 'identity files, or folders of them')
    .option('--gone', 'for keys kept elsewhere: you have destroyed them, and it is only noted')
    .option('--yes', 'also before the date')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak backup keys destroy --due --keys /media/usb/backup-keys/
  firebreak backup keys destroy 9f3a6c1d2e4b5a70 --gone --yes
Files are overwritten and removed; copies of them elsewhere are yours to destroy, and only disk encryption helps against
what a medium keeps of overwritten bytes. Exits 1 when a key was not found.`,
    )
    .action(destroy);
}

interface DestroyFlags {
  readonly due?: boolean;
  readonly keys?: readonly string[];
  readonly gone?: boolean;
  readonly yes?: boolean;
}

async function destroy(ids: readonly string[], flags: DestroyFlags, command: Command): Promise<void> {
  if (ids.length > 0 === (flags.due === true))
    throw new AdapterError('ADAPTER_USAGE', 'name periods, or give --due');
  if ((flags.keys !== undefined) === (flags.gone === true))
    throw new AdapterError(
      'ADAPTER_USAGE',
      'say where the identity files are (--keys), or that they are gone (--gone)',
    );
  const { config } = configOf(command);
  requireInstance(config.dataDir);
  const now = Date.now();
  const periods = await periodsOf(config);
  const meant = flags.due === true ? overdueOf(periods, now) : ids.map((id) => named(periods, id));
  const early = meant.filter(({ destroyAt, destroyedAt }) => destroyAt > now && destroyedAt === undefined);
  if (early.length > 0 && flags.yes !== true)
    throw new AdapterError(
      'ADAPTER_USAGE',
      `before its date nothing of ${early[0]?.id ?? ''} is destroyed without --yes`,
    );
  const results: { id: string; destroyed: boolean; files: string[] }[] = [];
  for (const period of meant) {
    const files = flags.keys === undefined ? [] : await identityFilesOf(period, flags.keys);
    const destroyed = flags.gone === true || files.length > 0;
    for (const file of files) await destroyIdentityFile(file);
    // After the files: what is noted as destroyed is.
    if (destroyed)
      await onPeriods(config, { command: 'backup-keys-destroyed', args: { id: period.id } }, (store) =>
        noteDestroyed(store, period.id, now),
      );
    results.push({ id: period.id, destroyed, files });
  }
  const lines = results.map(({ id, destroyed, files }) =>
    destroyed
      ? `${id} destroyed${files.map((file) => `, ${file}`).join('')}`
      : `${id}: its identity is in none of these files`,
  );
  const text = lines.length === 0 ? 'no key is due' : lines.join('\n');
  createTerminal(false).print(asJson(command) ? JSON.stringify(results) : text);
  if (results.some(({ destroyed }) => !destroyed)) process.exitCode = EXIT.negative;
}

/** `backup` has the option too, and takes it wherever it stands. */
function asJson(command: Command): boolean {
  return command.optsWithGlobals<{ json?: boolean }>().json === true;
}

function named(periods: readonly BackupPeriod[], id: string): BackupPeriod {
  const found = periods.find((one) => one.id === id);
  if (found === undefined) throw new AdapterError('ADAPTER_USAGE', `no backup period ${id}`);
  return found;
}

async function periodsOf(config: Config): Promise<readonly BackupPeriod[]> {
  return onPeriods(config, { command: 'backup-keys', args: {} }, async (store) => backupPeriods(store));
}

async function onPeriods<T>(
  config: Config,
  request: { readonly command: string; readonly args: object },
  local: (store: Store) => Promise<T>,
): Promise<T> {
  const running = readRunning(config.dataDir);
  if (running !== undefined)
    return (await askAdmin(running.adminSocket, {
      command: request.command,
      args: { ...request.args },
    })) as T;
  const store = await openStore(config.dataDir);
  try {
    return await local(store);
  } finally {
    await store.close();
  }
}

function fileAt(out: string, dataDir: string, id: string): string {
  const path = resolve(out);
  const below = relative(dataDir, path);
  if (below === '' || (!below.startsWith('..') && !below.startsWith('/')))
    throw new AdapterError(
      'ADAPTER_USAGE',
      'a backup key belongs outside of the data folder: a stick, another machine',
    );
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder) readdirSync(path);
  return isFolder ? join(path, `firebreak-backup-${id}.agekey`) : path;
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}

function day(ms: number): string {
  return instant(ms).slice(0, 10);
}

function daysOf(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,4}$/.test(text))
    throw new AdapterError('ADAPTER_USAGE', `${name} takes a whole number of days`);
  return Number(text);
}

function render(
  { id, recipient, from, until, destroyAt, destroyedAt, lastBackupAt }: BackupPeriod,
  now: number,
): string {
  const state =
    destroyedAt !== undefined
      ? `destroyed ${day(destroyedAt)}`
      : destroyAt <= now
        ? `DUE for destruction since ${day(destroyAt)}`
        : `to be destroyed ${day(destroyAt)}`;
  const last = lastBackupAt === undefined ? 'no backup' : `last backup ${day(lastBackupAt)}`;
  return `${id}  ${day(from)} to ${day(until)}  ${state}  ${last}  ${recipient}`;
}
