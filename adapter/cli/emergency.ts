import type { Command } from 'commander';
import {
  EMERGENCY_KIND,
  listEmergencies,
  openEmergency,
  REVIEW_KIND,
  reviewEmergency,
} from '../services/exceptional/index.js';
import type { OpenedEmergency, ReviewedEmergency, ShownEmergency } from '../services/exceptional/index.js';
import { AdapterError } from '../errors.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { originOf } from './origin.js';
import { signingKey } from './signing-key.js';
import { createTerminal } from './terminal.js';

interface KeyFlags {
  readonly key: string;
  readonly certificate: string;
  readonly json?: boolean;
}

/** `emergency`: breaking the glass, and the review of it. */
export function addEmergency(program: Command): void {
  const group = program
    .command('emergency')
    .description('break-glass: short reading without the patient’s leave, told to the patient and reviewed')
    .addHelpText('after', '\nExample:\n  firebreak emergency list --overdue');
  group
    .command('open')
    .description('open one as a clinician; signed here with the clinician’s own key')
    .argument('<patient>', 'Patient/ID at the facade, or SOURCE/ID for the hospital’s own clinicians')
    .requiredOption('--reason <text>', 'why; the patient reads it')
    .requiredOption('--key <file>', 'the clinician’s private key (PKCS#8, PEM)')
    .requiredOption('--certificate <file>', 'and certificate (PEM)')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  firebreak emergency open ward/4711 --reason "unconscious, no history known" --key d.key --certificate d.pem',
    )
    .action(async (patient: string, flags: KeyFlags & { reason: string }, command: Command) => {
      const { config } = configOf(command);
      const { id, sign } = signingKey(flags.key, flags.certificate);
      const log = await originOf(config);
      const at = new Date().toISOString();
      const signed = sign({ kind: EMERGENCY_KIND, log, signer: id, at, patient, reason: flags.reason });
      const opened = await onInstance<OpenedEmergency>(
        config,
        { command: 'emergency-open', args: { signed } },
        () => undefined,
        (instance) => openEmergency(instance, { signed }),
      );
      print(flags, opened, `${opened.outcome} ${opened.id}  ${opened.patient}  until ${opened.until}`);
    });
  addReview(group);
  group
    .command('list')
    .description('all, newest first')
    .option('--overdue', 'only those that nobody has reviewed in time; exits 1 where there are any')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak emergency list --overdue --json')
    .action(async (flags: { overdue?: boolean; json?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const args = { overdue: flags.overdue === true };
      const found = await onInstance<ShownEmergency[]>(
        config,
        { command: 'emergency-list', args },
        () => undefined,
        (instance) => listEmergencies(instance, args),
      );
      print(flags, found, found.length === 0 ? 'none' : found.map(line).join('\n'));
      if (args.overdue && found.length > 0) process.exitCode = EXIT.negative;
    });
}

interface ReviewFlags extends KeyFlags {
  readonly outcome: string;
  readonly text: string;
}

function addReview(group: Command): void {
  group
    .command('review')
    .description('review one as another person of the hospital, which ends it')
    .argument('<id>', 'the emergency')
    .requiredOption('--outcome <outcome>', 'justified or unjustified')
    .requiredOption('--text <text>', 'what was found; the patient reads it')
    .requiredOption('--key <file>', 'the reviewer’s private key (PKCS#8, PEM)')
    .requiredOption('--certificate <file>', 'and certificate (PEM)')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  firebreak emergency review ID --outcome justified --text "in the emergency room that night" --key r.key --certificate r.pem',
    )
    .action(async (id: string, flags: ReviewFlags, command: Command) => {
      const { outcome, text } = flags;
      if (outcome !== 'justified' && outcome !== 'unjustified')
        throw new AdapterError('ADAPTER_USAGE', 'the outcome is justified or unjustified');
      const { config } = configOf(command);
      const { id: signer, sign } = signingKey(flags.key, flags.certificate);
      const log = await originOf(config);
      const at = new Date().toISOString();
      const signed = sign({ kind: REVIEW_KIND, log, signer, at, emergency: id, outcome, text });
      const reviewed = await onInstance<ReviewedEmergency>(
        config,
        { command: 'emergency-review', args: { signed } },
        () => undefined,
        (instance) => reviewEmergency(instance, { signed }),
      );
      print(flags, reviewed, `${reviewed.outcome} ${reviewed.id}`);
    });
}

function print({ json }: { readonly json?: boolean }, value: unknown, text: string): void {
  createTerminal(false).print(json === true ? JSON.stringify(value) : text);
}

function line({ id, patient, by, opened, state, isOverdue, reason }: ShownEmergency): string {
  const due = isOverdue ? ', not reviewed in time' : '';
  return `${id}  ${opened}  ${patient}  ${by.id} of ${by.organisation}  ${state}${due}: ${reason}`;
}
