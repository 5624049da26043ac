import { readFileSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import { eraseAsAsked, eraseDue } from '../services/erasure/index.js';
import type { EraseAnswer, EraseRequest } from '../services/erasure/index.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

interface EraseFlags {
  readonly source?: string;
  readonly ground?: string;
  readonly by?: string;
  readonly reason?: string;
  readonly request?: string;
  readonly due?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function addErase(program: Command): void {
  program
    .command('erase')
    .description(
      'destroy a patient’s records, one record or one version; the log goes on proving what it proved',
    )
    .argument('[name]', 'patient (id or Patient/id), record (Type/id, all versions), or a version’s handle')
    .option('--source <id>', 'source, where several have one of that name')
    .option('--request <file>', 'the patient’s signed request, JSON')
    .option(
      '--ground <duty>',
      'without a request: no-longer-necessary, consent-withdrawn, objection, unlawful-processing or legal-obligation',
    )
    .option('--by <name>', 'who decided it')
    .option('--reason <text>', 'why')
    .option('--due', 'destroy receipts and evidence whose retention has ended, instead')
    .option('--yes', 'erase; without it only what would be erased is shown')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak erase Observation/hr-1
      shows what would be erased
  firebreak erase Patient/7 --ground objection --by 'M. Keller' --reason 'letter of 3 May' --yes
  firebreak erase Patient/7 --request request.json --yes
  firebreak erase --due --yes
What was erased cannot be brought back. Exits 1 when nothing was erased, as under a legal hold.`,
    )
    .action(async (name: string | undefined, flags: EraseFlags, command: Command) => {
      if ((name === undefined) === (flags.due !== true))
        throw new AdapterError('ADAPTER_USAGE', 'name what is to be erased, or give --due alone');
      if (name === undefined) await due(flags, command);
      else await erase(name, flags, command);
    });
}

async function erase(name: string, flags: EraseFlags, command: Command): Promise<void> {
  const { config } = configOf(command);
  const { source, ground, by, reason, yes, request, json } = flags;
  const asked: EraseRequest = {
    name,
    ...(source === undefined ? {} : { source }),
    ...(ground === undefined ? {} : { ground }),
    ...(by === undefined ? {} : { by }),
    ...(reason === undefined ? {} : { reason }),
    ...(yes === undefined ? {} : { yes }),
    ...(request === undefined ? {} : { request: readRequest(request) }),
  };
  const terminal = createTerminal(json === true);
  try {
    terminal.progress('erasing …');
    const answer = await onInstance(
      config,
      { command: 'erase', args: { ...asked } },
      () => undefined,
      (instance) => eraseAsAsked(instance, asked),
    );
    terminal.print(json === true ? JSON.stringify(answer) : render(answer));
    process.exitCode = answer.outcome === 'erased' ? EXIT.success : EXIT.negative;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (json === true) terminal.print(JSON.stringify({ outcome: 'refused', code: error.code }));
    terminal.say(`firebreak: ${error.message}`);
    process.stderr.write(`  (${error.code})\n`);
    process.exitCode = EXIT.negative;
  }
}

/** A hold, or an order that is none: an answer, and not a failure. */
function isRefusal(error: unknown): error is AdapterError {
  return (
    error instanceof AdapterError && (error.code === 'ADAPTER_CONFLICT' || error.code === 'ADAPTER_FORBIDDEN')
  );
}

async function due({ yes, json }: EraseFlags, command: Command): Promise<void> {
  if (yes !== true)
    throw new AdapterError('ADAPTER_USAGE', 'what is due cannot be brought back: confirm by --yes');
  const { config } = configOf(command);
  const done = await onInstance(config, { command: 'erase-due', args: {} }, () => undefined, eraseDue);
  const { receipts, consents, erasures, holds, patients, compacted } = done;
  createTerminal(false).print(
    json === true
      ? JSON.stringify(done)
      : `due and destroyed: ${receipts} receipts, ${consents} consents, ${erasures} evidences of erasure, ${holds} past holds, the rest of ${patients} erased patients${compacted ? '' : STILL_THERE}`,
  );
}

/** A request is a few lines. */
const REQUEST_BYTES_MAX = 256 * 1024;

function readRequest(path: string): unknown {
  try {
    if (statSync(path).size > REQUEST_BYTES_MAX) throw new Error('it is too large');
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} is no signed request`, { cause });
  }
}

const STILL_THERE =
  '\nbytes of it are still on the disk, for a reader keeps them; tried again at the next start and every hour';

function render(answer: EraseAnswer): string {
  const { outcome, scope, erasedAt, versions, compacted, scores, models, backupsUntil, held } = answer;
  const what = `${scope === 'patient' ? 'all of the patient' : `the ${scope}`}, ${versions.length} version${versions.length === 1 ? '' : 's'}`;
  const head =
    outcome === 'erased'
      ? `erased on ${new Date(erasedAt ?? 0).toISOString()}: ${what}${compacted === false ? STILL_THERE : ''}`
      : `would erase ${what}; nothing was erased: add --yes`;
  return [
    head,
    ...versions.map((handle) => `  ${handle}`),
    ...(held ? ['a legal hold lies on this patient: it would be refused'] : []),
    ...(scores.length === 0
      ? []
      : ['scores of this patient, which stay:', ...scores.map((one) => `  ${one}`)]),
    ...(models.length === 0
      ? []
      : ['models that were trained with this patient:', ...models.map((one) => `  ${one}`)]),
    ...(backupsUntil === undefined
      ? []
      : [`backups made before can be opened until ${new Date(backupsUntil).toISOString()}`]),
  ].join('\n');
}
