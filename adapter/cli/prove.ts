import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { proveRecord } from '../services/proving.js';
import type { ProveArgs } from '../services/proving.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

interface ProveFlags extends Omit<ProveArgs, 'record'> {
  readonly out?: string;
}

export function addProve(program: Command): void {
  program
    .command('prove')
    .description('make a proof file: this record version is on the log, unaltered')
    .argument('<record>', 'handle of a record version, or Type/id of a resource')
    .option('--source <id>', 'source of the resource, where several have one of that name')
    .option('--open', 'show the exact bytes of the record, if consents permit it')
    .option('--fact <name>', 'show one fact of the record, if consents permit it')
    .option('--purpose <code>', 'purpose of use to ask for (default TREAT)')
    .option('--out <file>', 'write to a file instead of stdout')
    .addHelpText(
      'after',
      `
Examples:
  firebreak prove Observation/hr-1 --out hr-1.proof.json
  firebreak prove Observation/hr-1 --fact code > code.proof.json
Without --open and --fact the file shows nothing of the record’s content.`,
    )
    .action(async (record: string, { out, ...flags }: ProveFlags, command: Command) => {
      const { config } = configOf(command);
      const args: ProveArgs = { record, ...flags };
      const file = await onInstance(
        config,
        { command: 'prove', args: { ...args } },
        () => undefined,
        (instance) => proveRecord(instance, args),
      );
      const terminal = createTerminal(false);
      if (out === undefined) {
        terminal.print(file);
        return;
      }
      // It may show a patient's data: for this user's eyes, like the data folder.
      writeFileSync(resolve(out), file, { mode: 0o600 });
      terminal.say(`proof written to ${out}`);
    });
}
