import { resolve } from 'node:path';
import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import type { ImportProgress } from '../inbound/import.js';
import type { Instance } from '../instance/instance.js';
import { runImport } from '../services/importing.js';
import type { ImportResult } from '../services/importing.js';
import { configOf, onInstance } from './open.js';
import { bar, createTerminal } from './terminal.js';

interface ImportFlags {
  readonly demo?: boolean;
  readonly json?: boolean;
  readonly source: string;
}

export function addImport(program: Command): void {
  program
    .command('import')
    .description('take FHIR Bundles, resources and NDJSON from files or folders, plain or .gz')
    .argument('<path...>', 'files or folders')
    .option('--source <id>', 'name of the source they count as', 'import')
    .option(
      '--demo',
      'on a demo instance: give each imported patient a demo wallet that signs the usual consents',
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak import ./bundles ./more.ndjson.gz
  firebreak import --demo ./synthea
Without consents the records wait, sealed. A second import of the same files adds nothing.`,
    )
    .action(async (paths: string[], flags: ImportFlags, command: Command) => {
      const { config } = configOf(command);
      const terminal = createTerminal(flags.json === true);
      const show = (progress: unknown): void =>
        terminal.progress(line(progress as ImportProgress & { pending?: number }));
      const args = {
        paths: paths.map((path) => resolve(path)),
        source: flags.source,
        demo: flags.demo === true,
      };
      const result = await onInstance<ImportResult>(
        config,
        { command: 'import', args },
        show,
        (instance: Instance) => runImport(instance, args, show),
        flags.demo === true ? true : undefined,
      );
      if (result.failures.length === result.filesTotal && result.filesTotal > 0 && result.resources === 0) {
        for (const { file, line: at, code } of result.failures)
          terminal.say(`${file}${at === undefined ? '' : `:${at}`}  ${code}`);
        throw new AdapterError('ADAPTER_UNPROCESSABLE', 'none of the files could be read');
      }
      terminal.print(flags.json === true ? JSON.stringify(result) : render(result));
    });
}

function line(progress: ImportProgress & { pending?: number }): string {
  const { files, filesTotal, bytes, bytesTotal, resources, pending } = progress;
  const waiting = pending === undefined ? '' : `, ${pending} at work`;
  return `importing ${bar(bytes, bytesTotal)} ${files} of ${filesTotal} files, ${resources} resources${waiting}`;
}

function render(result: ImportResult): string {
  const { handled, waiting, deadLetters } = result;
  return [
    `${result.resources} resources in ${result.files} files`,
    `${handled['stored'] ?? 0} stored, ${handled['directory'] ?? 0} directory, ${handled['duplicate'] ?? 0} known already, ${handled['denied'] ?? 0} denied`,
    `${waiting.events} wait, sealed, for the consent of ${waiting.patients} patients`,
    `${deadLetters.count} dead letters${Object.entries(deadLetters.byCode)
      .map(([code, count]) => `, ${code} ${count}`)
      .join('')}`,
    ...(result.wallets === undefined
      ? []
      : [`${result.wallets.enrolled} patients enrolled, ${result.wallets.consents} consents signed`]),
    ...result.failures.map(
      ({ file, line: at, code }) => `not read: ${file}${at === undefined ? '' : `:${at}`}  ${code}`,
    ),
    `log size ${result.log.size}, root ${result.log.root}`,
  ].join('\n');
}
