import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import {
  discardDeadLetters,
  listDeadLetters,
  replayDeadLetters,
  showDeadLetter,
} from '../services/dead-letters.js';
import type {
  DeadLetterFilter,
  ListedDeadLetter,
  Replayed,
  ShownDeadLetter,
} from '../services/dead-letters.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

interface Flags extends DeadLetterFilter {
  readonly limit?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** What a person reads at once. */
const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000_000;

export function addDeadLetters(program: Command): void {
  const group = program
    .command('dead-letters')
    .description('events that were set aside, each with the reason')
    .addHelpText('after', '\nExample:\n  firebreak dead-letters list');
  addList(group);
  addShow(group);
  addReplay(group);
  addDiscard(group);
}

function addList(group: Command): void {
  filtered(group.command('list'))
    .description('number, reason and FHIRPath of each, oldest first; never its content')
    .option('--limit <n>', `so many at most (default ${LIMIT_DEFAULT}; all of them with --json)`)
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  firebreak dead-letters list\n  firebreak dead-letters list --source city --code MAPPING_NO_PATIENT --json',
    )
    .action(async (flags: Flags, command: Command) => {
      const { config } = configOf(command);
      const filter = filterOf(flags);
      const limit = limitOf(flags);
      // One more tells whether there are more.
      const asked = limit === undefined ? {} : { limit: limit + 1 };
      const letters = await onInstance<ListedDeadLetter[]>(
        config,
        { command: 'dead-letters', args: { filter, ...asked } },
        () => undefined,
        (instance) => listDeadLetters(instance, filter, asked),
      );
      const shown = limit === undefined ? letters : letters.slice(0, limit);
      const rows = shown.map(
        ({ seq, code, expression, type, source }) =>
          `${seq}  ${source}  ${type}  ${code}  ${expression ?? ''}`,
      );
      if (shown.length < letters.length) rows.push(`and more: --limit ${LIMIT_MAX} shows them`);
      createTerminal(false).print(
        flags.json === true ? JSON.stringify(shown) : rows.length === 0 ? 'no dead letters' : rows.join('\n'),
      );
    });
}

function addShow(group: Command): void {
  group
    .command('show')
    .description('all that may be told of one, and what can be done; never its content')
    .argument('<number>', 'as listed')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak dead-letters show 1000042')
    .action(async (seq: string, flags: Flags, command: Command) => {
      const { config } = configOf(command);
      const letter = await onInstance<ShownDeadLetter>(
        config,
        { command: 'dead-letters-show', args: { seq } },
        () => undefined,
        (instance) => showDeadLetter(instance, seq),
      );
      createTerminal(false).print(flags.json === true ? JSON.stringify(letter) : shownText(letter));
    });
}

function addReplay(group: Command): void {
  filtered(group.command('replay'))
    .description('judge dead letters again, all or those named; exit 1 when some are set aside once more')
    .argument('[number...]', 'numbers as listed')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  firebreak dead-letters replay 1000042\n  firebreak dead-letters replay --code ADAPTER_OWNER_UNKNOWN',
    )
    .action(async (seqs: string[], flags: Flags, command: Command) => {
      const { config } = configOf(command);
      const filter = filterOf(flags);
      const result = await onInstance<Replayed>(
        config,
        { command: 'dead-letters-replay', args: { seqs, filter } },
        () => undefined,
        (instance) => replayDeadLetters(instance, seqs, filter),
      );
      const again = result.deadAgain === 0 ? '' : `, ${result.deadAgain} set aside once more`;
      createTerminal(false).print(
        flags.json === true ? JSON.stringify(result) : `${result.replayed} replayed${again}`,
      );
      if (result.deadAgain > 0) process.exitCode = EXIT.negative;
    });
}

function addDiscard(group: Command): void {
  filtered(group.command('discard'))
    .description('destroy dead letters, with what they hold; what is sent again is heard again')
    .argument('[number...]', 'numbers as listed')
    .option('--yes', 'do it; without it, only say how many would go')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  firebreak dead-letters discard 1000042 --yes\n  firebreak dead-letters discard --source old --code MAPPING_UNSUPPORTED',
    )
    .action(async (seqs: string[], flags: Flags, command: Command) => {
      const { config } = configOf(command);
      const filter = filterOf(flags);
      const print = (result: object, text: string): void => {
        createTerminal(false).print(flags.json === true ? JSON.stringify(result) : text);
      };
      if (seqs.length === 0 && Object.keys(filter).length === 0)
        throw new AdapterError(
          'ADAPTER_USAGE',
          'name dead letters by number, or by --source, --code or --type',
        );
      if (flags.yes !== true) {
        const fitting = await onInstance<ListedDeadLetter[]>(
          config,
          { command: 'dead-letters', args: { filter } },
          () => undefined,
          (instance) => listDeadLetters(instance, filter),
        );
        const count = seqs.length === 0 ? fitting.length : seqs.length;
        print({ discarded: 0, would: count }, `${count} would be discarded; add --yes to do it`);
        process.exitCode = EXIT.negative;
        return;
      }
      const result = await onInstance<{ discarded: number }>(
        config,
        { command: 'dead-letters-discard', args: { seqs, filter } },
        () => undefined,
        (instance) => discardDeadLetters(instance, seqs, filter),
      );
      print(result, `${result.discarded} discarded`);
    });
}

function filtered(command: Command): Command {
  return command
    .option('--source <id>', 'of this source')
    .option('--code <code>', 'set aside for this reason')
    .option('--type <type>', 'of this resource type');
}

function filterOf({ source, code, type }: Flags): DeadLetterFilter {
  return {
    ...(source === undefined ? {} : { source }),
    ...(code === undefined ? {} : { code }),
    ...(type === undefined ? {} : { type }),
  };
}

function limitOf({ limit, json }: Flags): number | undefined {
  if (limit === undefined) return json === true ? undefined : LIMIT_DEFAULT;
  const value = Number(limit);
  if (Number.isInteger(value) && value >= 1 && value <= LIMIT_MAX) return value;
  throw new AdapterError('ADAPTER_USAGE', `--limit takes a whole number from 1 to ${LIMIT_MAX}`);
}

function shownText(letter: ShownDeadLetter): string {
  const {
    seq,
    source,
    channel,
    type,
    kind,
    code,
    expression,
    at,
    receivedAt,
    bytes,
    isNumbered,
    ticket,
    advice,
  } = letter;
  const rows: [string, string][] = [
    ['number', seq],
    ['source', `${source}, by ${channel}`],
    [
      'what',
      `${kind} of ${type}, ${bytes} bytes, ${isNumbered ? 'a numbered version' : 'without a version'}`,
    ],
    ['received', new Date(receivedAt).toISOString()],
    ['set aside', new Date(at).toISOString()],
    ['reason', expression === undefined ? code : `${code} at ${expression}`],
    ...(ticket === undefined ? [] : [['push', ticket] satisfies [string, string]]),
    ['to do', advice],
  ];
  return rows.map(([name, value]) => `${name.padEnd(10)} ${value}`).join('\n');
}
