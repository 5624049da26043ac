import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import { addSource as addSourceTo, listSources, syncSource } from '../services/source-admin.js';
import type { AddSourceArgs, ListedSource } from '../services/source-admin.js';
import type { HistoryProgress } from '../inbound/history.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

interface AddFlags {
  readonly id: string;
  readonly name?: string;
  readonly tokenFile?: string;
  readonly csr?: string;
  readonly allowResearch?: boolean;
  readonly json?: boolean;
}

export function addSource(program: Command): void {
  const group = program
    .command('source')
    .description('FHIR servers to listen to')
    .addHelpText('after', '\nExample:\n  firebreak source list');
  group
    .command('add')
    .description('register a FHIR R4 server; prints the hook’s address and its secret, once')
    .argument('<url>', 'FHIR base URL')
    .requiredOption('--id <id>', 'short name: small letters, digits, hyphens')
    .option('--name <name>', 'the hospital’s name')
    .option('--token-file <file>', 'file with the bearer token for reading it')
    .option(
      '--csr <file>',
      'PKCS#10 request of the hospital’s own keys (PEM); else this instance is custodian',
    )
    .option('--allow-research', 'the hospital permits training on records whose patients permit it')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  firebreak source add https://fhir.example/r4 --id city --token-file token.txt',
    )
    .action(async (url: string, flags: AddFlags, command: Command) => {
      const { config } = configOf(command);
      const args: AddSourceArgs = {
        id: flags.id,
        url,
        name: flags.name ?? flags.id,
        allowResearch: flags.allowResearch === true,
        ...(flags.tokenFile === undefined ? {} : { bearerToken: read(flags.tokenFile).trim() }),
        ...(flags.csr === undefined ? {} : { csr: read(flags.csr) }),
      };
      const added = await onInstance(
        config,
        { command: 'source-add', args: { ...args } },
        () => undefined,
        (instance) => addSourceTo(instance, args),
      );
      createTerminal(false).print(
        flags.json === true
          ? JSON.stringify(added)
          : [`source ${added.id} added`, `hook    ${added.hookPath}`, `secret  ${added.secret}`].join('\n'),
      );
    });
  group
    .command('list')
    .description('the sources and how far each has been read')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak source list --json')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const sources = await onInstance<ListedSource[]>(
        config,
        { command: 'source-list', args: {} },
        () => undefined,
        async (instance) => listSources(instance),
      );
      const rows = sources.map(
        ({ id, kind, name, baseUrl, types }) =>
          `${id}  ${kind}  ${name}  ${baseUrl ?? ''}  ${types} types read`,
      );
      createTerminal(false).print(
        flags.json === true ? JSON.stringify(sources) : rows.join('\n') || 'no sources',
      );
    });
  group
    .command('sync')
    .description('read what a source holds, or what is new since the last time')
    .argument('<id>', 'the source')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak source sync city')
    .action(async (id: string, flags: { json?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const terminal = createTerminal(flags.json === true);
      const show = (progress: unknown): void => {
        const { types, typesTotal, resources } = progress as HistoryProgress;
        terminal.progress(`reading ${types} of ${typesTotal} types, ${resources} resources`);
      };
      const result = await onInstance(config, { command: 'source-sync', args: { id } }, show, (instance) =>
        syncSource(instance, id, show),
      );
      terminal.print(
        flags.json === true
          ? JSON.stringify(result)
          : `${result.resources} resources read, ${result.accepted} new, ${result.duplicates} known`,
      );
    });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be read`, { cause });
  }
}
