import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import { listHolds, releaseHold, setHold } from '../services/erasure/index.js';
import type { Hold, HoldRequest } from '../services/erasure/index.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

interface HoldFlags extends Omit<HoldRequest, 'patient'> {
  readonly json?: boolean;
}

export function addHold(program: Command): void {
  const hold = program
    .command('hold')
    .description('legal holds: while one lies on a patient, nothing of that patient is erased')
    .addHelpText('after', '\nExample:\n  firebreak hold list');
  act(hold, 'set', 'hold a patient', setHold, 'held');
  act(hold, 'release', 'end a hold', releaseHold, 'released');
  hold
    .command('list')
    .description('all holds that lie, oldest first')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak hold list --json')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const holds = await onInstance(config, { command: 'hold-list', args: {} }, () => undefined, listHolds);
      const text = holds.length === 0 ? 'no holds' : holds.map(line).join('\n');
      createTerminal(false).print(json === true ? JSON.stringify(holds) : text);
    });
}

function act(
  group: Command,
  name: 'set' | 'release',
  description: string,
  local: typeof setHold,
  done: string,
): void {
  group
    .command(name)
    .description(description)
    .argument('<patient>', 'id at the source or at the facade')
    .requiredOption('--by <name>', 'who does it')
    .requiredOption('--reason <text>', 'why')
    .option('--source <id>', 'source, where several have such a patient')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `\nExample:\n  firebreak hold ${name} Patient/7 --by 'M. Keller' --reason 'court file 12 O 345/26'\nExits 1 where it does not apply.`,
    )
    .action(async (patient: string, { json, ...flags }: HoldFlags, command: Command) => {
      const { config } = configOf(command);
      const asked: HoldRequest = { patient, ...flags };
      try {
        const held = await onInstance(
          config,
          { command: `hold-${name}`, args: { ...asked } },
          () => undefined,
          (instance) => local(instance, asked),
        );
        createTerminal(false).print(json === true ? JSON.stringify(held) : `${done}: ${line(held)}`);
      } catch (error) {
        if (!(error instanceof AdapterError) || error.code !== 'ADAPTER_CONFLICT') throw error;
        process.stderr.write(`firebreak: ${error.message}\n  (${error.code})\n`);
        process.exitCode = EXIT.negative;
      }
    });
}

function line({ reference, source, patient, by, reason, at }: Hold): string {
  return `${source} Patient/${patient}  ${reference}  since ${new Date(at).toISOString()}  by ${by}: ${reason}`;
}
