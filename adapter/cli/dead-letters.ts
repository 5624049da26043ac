import type { Command } from 'commander';
import { listDeadLetters, replayDeadLetters } from '../services/dead-letters.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

export function addDeadLetters(program: Command): void {
  const group = program
    .command('dead-letters')
    .description('events that were set aside, each with the reason')
    .addHelpText('after', '\nExample:\n  firebreak dead-letters list');
  group
    .command('list')
    .description('number, reason and FHIRPath of each; never its content')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak dead-letters list --json')
    .action(async (options: { json?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const letters = await onInstance(
        config,
        { command: 'dead-letters', args: {} },
        () => undefined,
        listDeadLetters,
      );
      const rows = letters.map(
        ({ seq, code, expression, type, source }) =>
          `${seq}  ${source}  ${type}  ${code}  ${expression ?? ''}`,
      );
      createTerminal(false).print(
        options.json === true
          ? JSON.stringify(letters)
          : rows.length === 0
            ? 'no dead letters'
            : rows.join('\n'),
      );
    });
  group
    .command('replay')
    .description('judge dead letters again, all or those named')
    .argument('[number...]', 'numbers as listed')
    .addHelpText('after', '\nExample:\n  firebreak dead-letters replay 000000001000042')
    .action(async (seqs: string[], _options: object, command: Command) => {
      const { config } = configOf(command);
      const { replayed } = await onInstance(
        config,
        { command: 'dead-letters-replay', args: { seqs } },
        () => undefined,
        (instance) => replayDeadLetters(instance, seqs),
      );
      createTerminal(false).print(`${replayed} replayed`);
    });
}
