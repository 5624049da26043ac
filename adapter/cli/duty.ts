import type { Command } from 'commander';
import { addDuty, DUTY_END_KIND, DUTY_KIND, endDuty, listDuties } from '../services/exceptional/index.js';
import type { EndedDuty, OpenedDuty, ShownDuty } from '../services/exceptional/index.js';
import { configOf, onInstance } from './open.js';
import { originOf } from './origin.js';
import { signingKey } from './signing-key.js';
import { createTerminal } from './terminal.js';

interface AddFlags {
  readonly source: string;
  readonly basis: string;
  readonly to: string;
  readonly purpose: string;
  readonly type: readonly string[];
  readonly code: readonly string[];
  readonly from?: string;
  readonly until: string;
  readonly key: string;
  readonly certificate: string;
  readonly json?: boolean;
}

/** `duty`: what the law commands to tell an authority. */
export function addDuties(program: Command): void {
  const group = program
    .command('duty')
    .description('duties by law, such as notifiable diseases: signed by the custodian, told to the patient')
    .addHelpText('after', '\nExample:\n  firebreak duty list');
  group
    .command('add')
    .description('permit an authority what a law names, and no more')
    .requiredOption('--source <id>', 'the source whose patients it is about')
    .requiredOption('--basis <coding>', 'the law, as system|code')
    .requiredOption('--to <id>', 'the authority, as it is certified')
    .requiredOption('--type <type...>', 'resource types')
    .requiredOption('--code <coding...>', 'what it is about, as system|code')
    .option('--purpose <code>', 'v3-ActReason code', 'PUBHLTH')
    .option('--from <time>', 'ISO 8601 (default: now)')
    .requiredOption('--until <time>', 'ISO 8601, at most a year later')
    .requiredOption('--key <file>', 'private key of the custodian, or of a person of it (PKCS#8, PEM)')
    .requiredOption('--certificate <file>', 'and certificate (PEM)')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Example:
  firebreak duty add --source ward --basis 'https://law.example|IfSG-6' --to p-abcdefghijklmnopqrstuvwxyz --type Condition \\
    --code 'http://snomed.info/sct|840539006' --until 2027-06-30T00:00:00Z --key staff.key --certificate staff.pem`,
    )
    .action(async (flags: AddFlags, command: Command) => {
      const { config } = configOf(command);
      const { id: signer, sign } = signingKey(flags.key, flags.certificate);
      const log = await originOf(config);
      const at = new Date().toISOString();
      const { source, basis, to: recipient, purpose, type: types, code: codes, from, until } = flags;
      const span = { start: from ?? at, end: until };
      const what = { source, basis, recipient, purpose, types, codes, ...span };
      const signed = sign({ kind: DUTY_KIND, log, signer, at, ...what });
      const added = await onInstance<OpenedDuty>(
        config,
        { command: 'duty-add', args: { signed } },
        () => undefined,
        (instance) => addDuty(instance, { signed }),
      );
      print(flags, added, `${added.outcome} ${added.id}`);
    });
  group
    .command('end')
    .description('end a duty before its time')
    .argument('<id>', 'the duty')
    .requiredOption('--key <file>', 'private key of the custodian, or of a person of it (PKCS#8, PEM)')
    .requiredOption('--certificate <file>', 'and certificate (PEM)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak duty end ID --key staff.key --certificate staff.pem')
    .action(async (duty: string, flags: Pick<AddFlags, 'key' | 'certificate' | 'json'>, command: Command) => {
      const { config } = configOf(command);
      const { id: signer, sign } = signingKey(flags.key, flags.certificate);
      const log = await originOf(config);
      const signed = sign({ kind: DUTY_END_KIND, log, signer, at: new Date().toISOString(), duty });
      const ended = await onInstance<EndedDuty>(
        config,
        { command: 'duty-end', args: { signed } },
        () => undefined,
        (instance) => endDuty(instance, { signed }),
      );
      print(flags, ended, `${ended.outcome} ${ended.id}`);
    });
  group
    .command('list')
    .description('all duties, oldest first')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak duty list --json')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const request = { command: 'duty-list', args: {} };
      const found = await onInstance<ShownDuty[]>(config, request, () => undefined, listDuties);
      print(flags, found, found.length === 0 ? 'none' : found.map(line).join('\n'));
    });
}

function print({ json }: { readonly json?: boolean }, value: unknown, text: string): void {
  createTerminal(false).print(json === true ? JSON.stringify(value) : text);
}

function line({ id, source, basis, recipient, state, end, types, codes }: ShownDuty): string {
  return `${id}  ${source}  ${basis}  to ${recipient}  ${state}, until ${end}: ${types.join(', ')}; ${codes.join(', ')}`;
}
