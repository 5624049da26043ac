/** `webhook`: servers of participants that are told of what happens, without a word about whom. */
import type { Command } from 'commander';
import type { AddedWebhook } from '../http/contract/index.js';
import { addWebhook, listWebhooks, removeWebhook, testWebhook } from '../services/webhooks/index.js';
import type { OperatorsWebhook } from '../services/webhooks/index.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

interface Json {
  readonly json?: boolean;
}

interface AddFlags extends Json {
  readonly participant: string;
  readonly allowPrivate?: readonly string[];
}

export function addWebhooks(program: Command): void {
  const group = program
    .command('webhook')
    .description('servers of participants that are told that something happened, never what')
    .addHelpText('after', '\nExample:\n  firebreak webhook list');
  group
    .command('add')
    .description('tell a participant’s server; prints the secret of the signatures, once')
    .argument('<url>', 'https address')
    .requiredOption('--participant <id>', 'whose notices: its id, as ca list shows it')
    .option('--allow-private <ranges...>', 'the server is in your own network: ranges such as 10.1.0.0/16')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  firebreak webhook add https://insurer.example/hook --participant p-abcdefghijklmnopqrstuvwxyz',
    )
    .action(async (url: string, flags: AddFlags, command: Command) => {
      const args = { url, participant: flags.participant, allowPrivate: flags.allowPrivate ?? [] };
      const added = await onInstance<OperatorsWebhook<AddedWebhook>>(
        configOf(command).config,
        { command: 'webhook-add', args },
        () => undefined,
        (instance) => addWebhook(instance, args),
      );
      print(flags, added, `${added.id}\nsecret  ${added.secret}\nIt is not shown again.`);
    });
  group
    .command('list')
    .description('all, with what waits for each')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak webhook list --json')
    .action(async (flags: Json, command: Command) => {
      const found = await onInstance<OperatorsWebhook[]>(
        configOf(command).config,
        { command: 'webhook-list', args: {} },
        () => undefined,
        async (instance) => listWebhooks(instance),
      );
      print(flags, found, found.length === 0 ? 'none' : found.map(line).join('\n'));
    });
  group
    .command('remove')
    .description('tell it nothing more')
    .argument('<id>', 'the webhook')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak webhook remove ID')
    .action(async (id: string, flags: Json, command: Command) => {
      const removed = await onInstance<{ id: string }>(
        configOf(command).config,
        { command: 'webhook-remove', args: { id } },
        () => undefined,
        (instance) => removeWebhook(instance, { id }),
      );
      print(flags, removed, `removed ${removed.id}`);
    });
  group
    .command('test')
    .description('send a message that tells of nothing; exit 1 when it is not taken')
    .argument('<id>', 'the webhook')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak webhook test ID')
    .action(async (id: string, flags: Json, command: Command) => {
      const tried = await onInstance<{ id: string; failure?: string }>(
        configOf(command).config,
        { command: 'webhook-test', args: { id } },
        () => undefined,
        (instance) => testWebhook(instance, { id }),
      );
      const { failure } = tried;
      print(flags, tried, failure === undefined ? `taken  ${id}` : `not taken: ${failure}`);
      if (failure !== undefined) process.exitCode = EXIT.negative;
    });
}

function line({ id, participant, url, state, pending, failure }: OperatorsWebhook): string {
  const why = failure === undefined ? '' : `, last answer ${failure}`;
  return `${id}  ${state}  ${participant}  ${url}  ${pending} waiting${why}`;
}

function print({ json }: Json, value: unknown, text: string): void {
  createTerminal(false).print(json === true ? JSON.stringify(value) : text);
}
