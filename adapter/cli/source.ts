import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import type { Instance } from '../instance/instance.js';
import {
  addSource as addSourceTo,
  exploreSource,
  listSources,
  pauseSource,
  removeSource,
  resumeSource,
} from '../services/source-admin.js';
import type { AddSourceArgs, GivenCredential } from '../services/source-admin.js';
import { showReconciled } from '../services/reconciliation/index.js';
import { testSource } from '../services/source-check.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { readText } from './read-text.js';
import { addReconciling } from './source-reconcile.js';
import { addedText, checksText, foundText, listText, shownText } from './source-output.js';
import { addSync } from './source-sync.js';
import { createTerminal } from './terminal.js';

interface AddFlags {
  readonly id: string;
  readonly name?: string;
  readonly tokenFile?: string;
  readonly basicFile?: string;
  readonly clientId?: string;
  readonly tokenUrl?: string;
  readonly scope?: string;
  readonly algorithm?: string;
  readonly with?: string;
  readonly without?: string;
  readonly allowPrivate?: true | readonly string[];
  readonly rate?: string;
  readonly csr?: string;
  readonly allowResearch?: boolean;
  readonly allowWrites?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function addSource(program: Command): void {
  const group = program
    .command('source')
    .description('FHIR servers to listen to')
    .addHelpText('after', '\nExample:\n  firebreak source list');
  addAdd(group);
  addAsking(group);
  addChanging(group);
  addReconciling(group);
  addSync(group);
}

function addAdd(group: Command): void {
  group
    .command('add')
    .description(
      'register a FHIR R4 server: says what it found and prints the hook’s address and secret, once',
    )
    .argument('<url>', 'FHIR base URL')
    .requiredOption('--id <id>', 'short name: small letters, digits, hyphens')
    .option('--name <name>', 'the hospital’s name')
    .option('--token-file <file>', 'file with the bearer token for reading it')
    .option('--basic-file <file>', 'file with name:password for reading it')
    .option('--client-id <id>', 'our client id there, for SMART Backend Services; see source keys')
    .option('--token-url <url>', 'where it gives tokens, if not on the server itself')
    .option('--scope <scopes>', 'what to ask for (default system/*.rs)')
    .option('--algorithm <name>', 'ES384 or RS384 (default: what the server takes)')
    .option('--with <channels>', 'take these too, such as bulk,rest-hook')
    .option('--without <channels>', 'leave these out, such as history')
    .option(
      '--allow-private [ranges...]',
      'the server is in your own network: all private addresses, or ranges such as 10.1.0.0/16',
    )
    .option('--rate <number>', 'requests a second at most (default: sourceRequestsPerSecond)')
    .option(
      '--csr <file>',
      'PKCS#10 request of the hospital’s own keys (PEM); else this instance is custodian',
    )
    .option('--allow-research', 'the hospital permits training on records whose patients permit it')
    .option(
      '--allow-writes',
      'the hospital’s clinicians may write to its server from the portal, with this credential',
    )
    .option('--dry-run', 'only say what is found')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak source add https://fhir.example/r4 --id city --token-file token.txt
  firebreak source add https://ehr.hospital.internal/fhir --id city --client-id firebreak --allow-private 10.1.0.0/16
  firebreak source add https://fhir.example/r4 --id city --without history --rate 20 --dry-run`,
    )
    .action(async (url: string, flags: AddFlags, command: Command) => {
      const { config } = configOf(command);
      const args = argsOf(url, flags);
      const print = (result: unknown, text: string): void => {
        createTerminal(false).print(flags.json === true ? JSON.stringify(result) : text);
      };
      if (flags.dryRun === true) {
        const request = { command: 'source-explore', args: { ...args } };
        const explored = await onInstance(config, request, nothing, (instance) =>
          exploreSource(instance, args),
        );
        print(explored, foundText(explored.found, explored.channels));
        return;
      }
      const request = { command: 'source-add', args: { ...args } };
      const added = await onInstance(config, request, nothing, (instance) => addSourceTo(instance, args));
      print(added, addedText(added));
    });
}

function addAsking(group: Command): void {
  asking(group, 'list', undefined, {
    description: 'the sources, how they are heard and how far each has been read',
    run: async (instance) => listSources(instance),
    text: listText,
  });
  asking(group, 'show', 'the source', {
    description: 'all that is known of a source, save its secrets',
    run: showReconciled,
    text: shownText,
  });
  asking(group, 'test', 'the source', {
    description: 'whether a source can be read now; exit status 1 when not',
    run: testSource,
    text: checksText,
    isNegative: ({ ok }) => !ok,
  });
  asking(group, 'keys', undefined, {
    description:
      'our public keys (JWK set) for hospitals that give us a client id; also at /.well-known/jwks.json',
    run: (instance) => instance.sourceKeys.make(),
    text: (keys) => JSON.stringify(keys, undefined, 2),
  });
}

function addChanging(group: Command): void {
  asking(group, 'pause', 'the source', {
    description: 'hear nothing of a source until it goes on',
    run: pauseSource,
    text: ({ id }) => `source ${id} is paused`,
  });
  asking(group, 'resume', 'the source', {
    description: 'hear a paused source again',
    run: resumeSource,
    text: ({ id }) => `source ${id} is active; to read what came meanwhile: firebreak source sync ${id}`,
  });
  group
    .command('remove')
    .description('part from a server: its records are kept, what we read it with is destroyed')
    .argument('<id>', 'the source')
    .option('--yes', 'really')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak source remove city --yes')
    .action(async (id: string, flags: { yes?: boolean; json?: boolean }, command: Command) => {
      if (flags.yes !== true) {
        throw new AdapterError(
          'ADAPTER_USAGE',
          `this destroys the credentials of ${id}; its records are kept. Say so with --yes`,
        );
      }
      const { config } = configOf(command);
      const removed = await onInstance(
        config,
        { command: 'source-remove', args: { id } },
        nothing,
        (instance) => removeSource(instance, id),
      );
      const text = removed.areBytesGone
        ? `source ${id} is removed; its records are kept, its credentials are destroyed`
        : `source ${id} is removed; the store still holds old bytes of its row, sealed, until it is compacted`;
      createTerminal(false).print(flags.json === true ? JSON.stringify(removed) : text);
    });
}

interface Asking<T> {
  readonly description: string;
  readonly run: (instance: Instance, id: string) => Promise<T>;
  readonly text: (result: T) => string;
  readonly isNegative?: (result: T) => boolean;
}

/** A command of one question: of a source, where it has an argument. */
function asking<T>(group: Command, name: string, argument: string | undefined, what: Asking<T>): void {
  const command = group.command(name).description(what.description).option('--json', 'print as JSON');
  if (argument !== undefined) command.argument('<id>', argument);
  command.addHelpText(
    'after',
    `\nExample:\n  firebreak source ${name}${argument === undefined ? '' : ' city'}`,
  );
  command.action(async () => {
    const { config } = configOf(command);
    const flags = command.opts<{ json?: boolean }>();
    const id = command.args[0] ?? '';
    const result = await onInstance<T>(
      config,
      { command: `source-${name}`, args: { id } },
      nothing,
      (instance) => what.run(instance, id),
    );
    createTerminal(false).print(flags.json === true ? JSON.stringify(result) : what.text(result));
    if (what.isNegative?.(result) === true) process.exitCode = EXIT.negative;
  });
}

function nothing(): void {
  // Nothing to say on the way.
}

function argsOf(url: string, flags: AddFlags): AddSourceArgs {
  const credential = credentialOf(flags);
  const rate = flags.rate === undefined ? undefined : Number(flags.rate);
  if (rate !== undefined && Number.isNaN(rate))
    throw new AdapterError('ADAPTER_USAGE', '--rate takes a number of requests a second');
  return {
    id: flags.id,
    url,
    name: flags.name ?? flags.id,
    allowResearch: flags.allowResearch === true,
    allowWrites: flags.allowWrites === true,
    ...(credential === undefined ? {} : { credential }),
    ...(flags.with === undefined ? {} : { with: names(flags.with) }),
    ...(flags.without === undefined ? {} : { without: names(flags.without) }),
    ...(flags.allowPrivate === undefined
      ? {}
      : { allowPrivate: flags.allowPrivate === true ? [] : flags.allowPrivate }),
    ...(rate === undefined ? {} : { requestsPerSecond: rate }),
    ...(flags.csr === undefined ? {} : { csr: readText(flags.csr) }),
  };
}

function credentialOf(flags: AddFlags): GivenCredential | undefined {
  const { tokenFile, basicFile, clientId, tokenUrl, scope, algorithm } = flags;
  if ([tokenFile, basicFile, clientId].filter((one) => one !== undefined).length > 1)
    throw new AdapterError('ADAPTER_USAGE', 'one of --token-file, --basic-file and --client-id');
  if (clientId === undefined && [tokenUrl, scope, algorithm].some((one) => one !== undefined))
    throw new AdapterError('ADAPTER_USAGE', '--token-url, --scope and --algorithm go with --client-id');
  if (tokenFile !== undefined) return { kind: 'bearer', token: readText(tokenFile).trim() };
  if (basicFile !== undefined) {
    const text = readText(basicFile).replace(/\r?\n$/, '');
    const colon = text.indexOf(':');
    if (colon < 1) throw new AdapterError('ADAPTER_USAGE', `${basicFile} does not hold name:password`);
    return { kind: 'basic', username: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  if (clientId === undefined) return undefined;
  return {
    kind: 'smart',
    clientId,
    ...(tokenUrl === undefined ? {} : { tokenUrl }),
    ...(scope === undefined ? {} : { scope }),
    ...(algorithm === undefined ? {} : { algorithm }),
  };
}

function names(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
