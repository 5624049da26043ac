import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import { REVOCATION_REASONS } from '../instance/clients.js';
import { addClient, listClients, revokeClient } from '../services/client-admin.js';
import type { AddClientArgs, AddedClient, ListedClient } from '../services/client-admin.js';
import { configOf, onInstance } from './open.js';
import { readText } from './read-text.js';
import { createTerminal } from './terminal.js';

interface AddFlags {
  readonly name: string;
  readonly group: string;
  readonly csr: string;
  readonly scope: readonly string[];
  readonly purpose?: readonly string[];
  readonly jwks?: string;
  readonly jwksUrl?: string;
  readonly source?: string;
  readonly push?: string;
  readonly allowResearch?: boolean;
  readonly json?: boolean;
}

export function addClientCommands(program: Command): void {
  const group = program
    .command('client')
    .description('systems that ask for tokens: of providers, authorities and payers')
    .addHelpText('after', '\nExample:\n  firebreak client list');
  group
    .command('add')
    .description('enrol an organisation and register its system; prints the certificate')
    .requiredOption('--name <name>', 'the organisation’s name')
    .requiredOption('--group <group>', 'provider, authority or payer')
    .requiredOption('--csr <file>', 'PKCS#10 request of the organisation’s own keys (PEM)')
    .requiredOption('--scope <scope...>', 'what it may do, such as system/Observation.rs')
    .option('--purpose <code...>', 'purposes of use it may name (default: all of its group)')
    .option('--jwks <file>', 'further public keys, a JWK set: P-384, RSA of 2048 bits and more, Ed25519')
    .option('--jwks-url <url>', 'where it publishes its keys')
    .option('--source <id>', 'the source that is there, whose records it pushes too')
    .option('--push <id>', 'a new source: what this system writes, with its organisation as custodian')
    .option('--allow-research', 'with --push: the custodian permits training, where patients permit it')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak client add --name "City Insurance" --group payer --csr insurer.csr --scope system/Claim.rs
  firebreak client add --name "City Hospital" --group provider --csr city.csr --scope 'system/*.cruds' --push city`,
    )
    .action(async (flags: AddFlags, command: Command) => {
      const { config } = configOf(command);
      const args: AddClientArgs = {
        name: flags.name,
        group: flags.group,
        csr: readText(flags.csr),
        scopes: flags.scope,
        ...(flags.purpose === undefined ? {} : { purposes: flags.purpose }),
        ...(flags.jwks === undefined ? {} : { jwks: readJson(flags.jwks) }),
        ...(flags.jwksUrl === undefined ? {} : { jwksUrl: flags.jwksUrl }),
        ...(flags.source === undefined ? {} : { source: flags.source }),
        ...(flags.push === undefined ? {} : { push: flags.push }),
        ...(flags.allowResearch === undefined ? {} : { allowResearch: flags.allowResearch }),
      };
      const added = await onInstance<AddedClient>(
        config,
        { command: 'client-add', args: { ...args } },
        () => undefined,
        (instance) => addClient(instance, args),
      );
      createTerminal(false).print(
        flags.json === true
          ? JSON.stringify(added)
          : [`client ${added.id}`, `kid    ${added.kid}`, added.certificate.trim()].join('\n'),
      );
    });
  group
    .command('list')
    .description('the clients and what they may do')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak client list --json')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const clients = await onInstance<ListedClient[]>(
        config,
        { command: 'client-list', args: {} },
        () => undefined,
        async (instance) => listClients(instance),
      );
      createTerminal(false).print(
        flags.json === true ? JSON.stringify(clients) : clients.map(line).join('\n') || 'no clients',
      );
    });
  group
    .command('revoke')
    .description('end a client: it gets no more tokens, and those it has are void at once')
    .argument('<id>', 'the client')
    .option('--reason <reason>', `on the log: ${REVOCATION_REASONS.join(', ')}`, 'cessationOfOperation')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak client revoke p-abcdefghijklmnopqrstuvwxyz
  firebreak client revoke p-abcdefghijklmnopqrstuvwxyz --reason keyCompromise`,
    )
    .action(async (id: string, flags: { reason: string; json?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const client = await onInstance<ListedClient>(
        config,
        { command: 'client-revoke', args: { id, reason: flags.reason } },
        () => undefined,
        (instance) => revokeClient(instance, id, flags.reason),
      );
      createTerminal(false).print(flags.json === true ? JSON.stringify(client) : line(client));
    });
}

function line({ id, name, group, state, scopes, purposes }: ListedClient): string {
  return `${id}  ${group}  ${state}  ${name}  ${scopes.join(' ')}  ${purposes.join(' ')}`;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readText(path)) as unknown;
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} is not JSON`, { cause });
  }
}
