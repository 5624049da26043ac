/** `firebreak source reconcile` and `source certificate`. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { AdapterError } from '../errors.js';
import { prove } from '../services/proofs/index.js';
import type { Proved, ProveArgs } from '../services/proofs/index.js';
import { reconcileSource } from '../services/reconciliation/index.js';
import type { Reconciled, ReconcileProgress } from '../services/reconciliation/index.js';
import { renderFindings } from './check-output.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

export function addReconciling(group: Command): void {
  group
    .command('reconcile')
    .description('compare what a source shows with what is kept, heal what differs, and log what was found')
    .argument('<id>', 'the source')
    .option('--believe-loss', 'also where the source shows less than half of what is kept of it')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Example:
  firebreak source reconcile city
Cut off, it goes on where it was when it is started again within six hours. While an instance is up, it runs every
reconcileHours (default 24) by itself.
Exits 1 when something is still missing, or still kept although the source shows it no longer.`,
    )
    .action(async (id: string, flags: { believeLoss?: boolean; json?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const terminal = createTerminal(flags.json === true);
      const believesLoss = flags.believeLoss === true;
      const show = (progress: unknown): void =>
        terminal.progress(progressText(progress as ReconcileProgress));
      const result = await onInstance<Reconciled>(
        config,
        { command: 'source-reconcile', args: { id, believesLoss } },
        show,
        (instance) => reconcileSource(instance, id, show, undefined, believesLoss),
      );
      terminal.print(flags.json === true ? JSON.stringify(result) : renderFindings(result));
      if (!result.isNothingMissed) process.exitCode = EXIT.negative;
    });
  group
    .command('certificate')
    .description('the certificate of a reconciliation, as a proof file for “firebreak check”')
    .argument('<id>', 'the source')
    .option('--handle <handle>', 'of which reconciliation (default: the newest)')
    .option(
      '--without-leaves',
      'a smaller file, by which a listing that differs is told to differ, not where',
    )
    .option('--out <file>', 'where to put it (default: standard output)')
    .addHelpText(
      'after',
      `
Examples:
  firebreak source certificate city --out city.certificate.json
  firebreak check city.certificate.json --vkey … --ca root.der --listing city.ndjson`,
    )
    .action(
      async (
        id: string,
        flags: { handle?: string; withoutLeaves?: boolean; out?: string },
        command: Command,
      ) => {
        const { config } = configOf(command);
        const args: ProveArgs = {
          what: 'reconciliation',
          source: id,
          leaves: flags.withoutLeaves !== true,
          ...(flags.handle === undefined ? {} : { handle: flags.handle }),
        };
        const proved = await onInstance<Proved>(
          config,
          { command: 'prove', args: { ...args } },
          () => undefined,
          (instance) => prove(instance, args),
        );
        if (!proved.proved) throw new AdapterError('ADAPTER_CONFLICT', `no certificate: ${proved.code}`);
        const terminal = createTerminal(false);
        if (proved.uncosigned === true) terminal.say('not cosigned by the witnesses’ quorum yet');
        if (flags.out === undefined) terminal.print(proved.file.trimEnd());
        else write(flags.out, proved.file);
      },
    );
}

function progressText({ phase, types, typesTotal, lines, open }: ReconcileProgress): string {
  if (phase === 'reading') return `reading ${types} of ${typesTotal} types, ${lines} resources`;
  return `${phase} ${lines} resources, ${open} to look at again`;
}

function write(path: string, text: string): void {
  try {
    // It tells of single resources whether they are there, to whoever can name them.
    writeFileSync(resolve(path), text, { mode: 0o600 });
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be written`, { cause });
  }
}
