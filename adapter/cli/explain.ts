import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import { explainAccess } from '../services/explain/index.js';
import type { ExplainArgs, ExplainedAccess, ExplainedRecord } from '../services/explain/index.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

interface ExplainFlags {
  readonly requester: string;
  readonly purpose: string;
  readonly action: string;
  readonly record?: string;
  readonly ifSigned?: string;
  readonly source?: string;
  readonly json?: boolean;
}

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description(
      'why a requester sees a patient’s records or not, and what a consent not yet signed would change',
    )
    .argument('<patient>', 'id at the source or at the facade')
    .requiredOption('--requester <who>', 'a client’s id, a reference such as Organization/x, or patient')
    .requiredOption('--purpose <code>', 'one purpose of use, such as TREAT, HRESCH, CLMATTCH')
    .option('--action <action>', 'collect, access, use, disclose or correct', 'access')
    .option('--record <reference>', 'one record, Type/id (default: all current ones)')
    .option('--if-signed <file>', 'a Consent as JSON that the patient might sign: says what would change')
    .option('--source <id>', 'source, where several have such a patient')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak explain Patient/7 --requester p-insurer --purpose CLMATTCH
  firebreak explain Patient/7 --requester p-insurer --purpose CLMATTCH --if-signed form.json
Exits 1 when the requester sees nothing now. Nothing is opened or shown: types, ids and reasons alone.`,
    )
    .action(async (patient: string, flags: ExplainFlags, command: Command) => {
      const args: ExplainArgs = {
        patient,
        requester: flags.requester,
        purpose: flags.purpose,
        action: flags.action,
        ...(flags.record === undefined ? {} : { record: flags.record }),
        ...(flags.source === undefined ? {} : { source: flags.source }),
        ...(flags.ifSigned === undefined ? {} : { unsigned: readJson(flags.ifSigned) }),
      };
      const explained = await onInstance<ExplainedAccess>(
        configOf(command).config,
        { command: 'explain', args: { ...args } },
        () => undefined,
        (instance) => explainAccess(instance, args),
      );
      createTerminal(false).print(flags.json === true ? JSON.stringify(explained) : textOf(explained));
      if (explained.visible === 0) process.exitCode = EXIT.negative;
    });
}

function textOf({ requester, purpose, visible, records, ifSigned }: ExplainedAccess): string {
  const lines = [
    `${requester} for ${purpose}: sees ${visible} of ${records.length} records`,
    ...sentences(records),
  ];
  if (ifSigned !== undefined) {
    const { gained, lost, changed } = ifSigned;
    lines.push(
      '',
      `if this were signed: would see ${ifSigned.visible} of ${records.length}; ` +
        `${gained.length} more, ${lost.length} no more, ${changed.length} with other parts taken out`,
      ...sentences(ifSigned.records),
    );
  }
  return lines.join('\n');
}

/** Each sentence once, with how many records it is about. */
function sentences(records: readonly ExplainedRecord[]): string[] {
  const counts = new Map<string, number>();
  for (const { sentence } of records) counts.set(sentence, (counts.get(sentence) ?? 0) + 1);
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([sentence, count]) => `  ${String(count).padStart(5)}  ${sentence}`);
}

function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be read`, { cause });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} is not JSON`, { cause });
  }
}
