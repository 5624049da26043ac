import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import type { ExportResult } from '../inbound/bulk/index.js';
import { syncSource } from '../services/source-admin.js';
import { syncAsAsked } from '../services/source-sync.js';
import type { SyncArgs, SyncProgress, SyncResult } from '../services/source-sync.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

interface SyncFlags {
  readonly bulk?: boolean;
  readonly types?: string;
  readonly since?: string;
  readonly group?: string;
  readonly full?: boolean;
  readonly cancel?: boolean;
  readonly json?: boolean;
}

/** `source sync`. */
export function addSync(group: Command): void {
  group
    .command('sync')
    .description('read what a source holds, or what is new since the last time')
    .argument('<id>', 'the source')
    .option('--bulk', 'by its bulk export; one that was broken off is gone on with')
    .option('--types <types>', 'with --bulk: these types, such as Patient,Observation (default: all)')
    .option('--since <time>', 'with --bulk: what changed since then (default: since the last export)')
    .option('--full', 'with --bulk: all that there is, whatever was exported before')
    .option('--group <id>', 'with --bulk: the patients of one Group')
    .option('--cancel', 'end the export under way, at the server too')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Exit status 1: the export was read, and the server says that it is not whole, or a file of it could not be read.

Examples:
  firebreak source sync city
  firebreak source sync city --bulk
  firebreak source sync city --bulk --types Patient,Observation --since 2026-11-01
  firebreak source sync city --cancel`,
    )
    .action(async (id: string, flags: SyncFlags, command: Command) => {
      const { config } = configOf(command);
      const args = argsOf(id, flags);
      const terminal = createTerminal(flags.json === true);
      const show = (progress: unknown): void => terminal.progress(progressText(progress as SyncProgress));
      const result = await onInstance(
        config,
        { command: 'source-sync', args: { ...args } },
        show,
        (instance) =>
          syncAsAsked(instance, args, show, (source, onProgress) => syncSource(instance, source, onProgress)),
      );
      terminal.print(flags.json === true ? JSON.stringify(result) : resultText(result));
      if ('transactionTime' in result && !result.isComplete) process.exitCode = EXIT.negative;
    });
}

function argsOf(id: string, { types, bulk, cancel, json: _json, ...how }: SyncFlags): SyncArgs {
  if (bulk !== true && (types !== undefined || Object.keys(how).length > 0))
    throw new AdapterError('ADAPTER_USAGE', '--types, --since, --full and --group go with --bulk');
  if (cancel === true && (types !== undefined || Object.keys(how).length > 0))
    throw new AdapterError('ADAPTER_USAGE', '--cancel ends whatever export is under way');
  return {
    id,
    ...how,
    ...(bulk === true ? { bulk } : {}),
    ...(cancel === true ? { cancel } : {}),
    ...(types === undefined
      ? {}
      : {
          types: types
            .split(',')
            .map((type) => type.trim())
            .filter((type) => type !== ''),
        }),
  };
}

function progressText(progress: SyncProgress): string {
  if (!('phase' in progress))
    return `reading ${progress.types} of ${progress.typesTotal} types, ${progress.resources} resources`;
  const { phase, said, files, filesTotal, resources } = progress;
  if (phase === 'waiting') return `the server is exporting${said === undefined ? '' : `: ${said}`}`;
  return `reading ${files} of ${filesTotal} files, ${resources} resources`;
}

function resultText(result: SyncResult): string {
  if ('wasUnderWay' in result)
    return result.wasUnderWay
      ? `the export of ${result.id} is ended`
      : `no export of ${result.id} was under way`;
  const counts = `${result.resources} resources read, ${result.accepted} new, ${result.duplicates} known`;
  return 'transactionTime' in result ? `${counts}\n${exportText(result)}` : counts;
}

function exportText({
  transactionTime,
  since,
  files,
  deletions,
  isComplete,
  problems,
}: ExportResult): string {
  const span = since === undefined ? `all up to ${transactionTime}` : `${since} to ${transactionTime}`;
  return [
    `export of ${span}: ${files} files, ${deletions} deletions, ${isComplete ? 'complete' : 'NOT complete'}`,
    ...problems.map(({ file, type, code, count }) => `  file ${file} (${type}): ${code} (${count})`),
    ...(isComplete ? [] : ['the next export begins where the last complete one ended']),
  ].join('\n');
}
