import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import { accessLog } from '../services/account/index.js';
import type { AccessLog, AccessLogArgs, LoggedAccess } from '../services/account/index.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';
import { writeWhole } from './write-whole.js';

interface LogFlags {
  readonly source?: string;
  readonly since?: string;
  readonly until?: string;
  readonly proofs?: string;
  readonly json?: boolean;
}

/** `access log`: the account of disclosures. */
export function addAccess(program: Command): void {
  program
    .command('access')
    .description('who was shown what of a record')
    .addHelpText('after', '\nExample:\n  firebreak access log Patient/7')
    .command('log')
    .description('the account of disclosures: who, for whom, why, what, when, under which consent')
    .argument('[patient]', 'id at the source or at the facade; without it, all patients of --source')
    .option('--source <id>', 'source, where several have such a patient; or the one whose patients are meant')
    .option('--since <time>', 'not before, such as 2026-11-01 or 2026-11-01T08:00:00Z')
    .option('--until <time>', 'before')
    .option('--proofs <dir>', 'write a proof file of each into this folder')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak access log Patient/7
  firebreak access log Patient/7 --since 2026-11-01 --proofs ./proofs
      each stands for itself: firebreak check ./proofs/HANDLE.json --vkey … --ca root.der
  firebreak access log --source city --json
Each line stood on the log before anything was shown. Prints nothing of the record itself.`,
    )
    .action(async (patient: string | undefined, flags: LogFlags, command: Command) => {
      const { source, since, until, proofs } = flags;
      if (patient === undefined && source === undefined)
        throw new AdapterError('ADAPTER_USAGE', 'name a patient, or --source');
      const args: AccessLogArgs = {
        ...(patient === undefined ? {} : { patient }),
        ...(source === undefined ? {} : { source }),
        ...(since === undefined ? {} : { since }),
        ...(until === undefined ? {} : { until }),
        ...(proofs === undefined ? {} : { proofs: true }),
      };
      const { accesses } = await onInstance<AccessLog>(
        configOf(command).config,
        { command: 'access-log', args: { ...args } },
        () => undefined,
        (instance) => accessLog(instance, args),
      );
      if (proofs !== undefined) await keepProofs(proofs, accesses);
      const shown = accesses.map(({ proof: _proof, ...one }) => one);
      createTerminal(false).print(
        flags.json === true ? JSON.stringify({ accesses: shown }) : textOf(accesses, proofs),
      );
    });
}

async function keepProofs(folder: string, accesses: readonly LoggedAccess[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const { handle, proof } of accesses)
    if (proof !== undefined) await writeWhole(join(folder, `${handle}.json`), proof);
}

function textOf(accesses: readonly LoggedAccess[], proofs: string | undefined): string {
  if (accesses.length === 0) return 'nobody was shown anything';
  const rows = accesses.map(({ at, patient, name, to, purpose, what, type, records, under }) => [
    at,
    patient,
    name === undefined || name === to ? to : `${name} (${to})`,
    purpose,
    [what, type].filter((one) => one !== undefined).join(' '),
    String(records),
    under.join(','),
  ]);
  const head = ['when', 'of', 'to', 'for', 'what', 'versions', 'under'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
  const lines = [head, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const written = accesses.filter(({ proof }) => proof !== undefined).length;
  if (proofs !== undefined) lines.push('', `${written} of ${accesses.length} proofs written to ${proofs}`);
  return lines.join('\n');
}
