/** `request rule|rules|end-rule`: what a patient says in advance to requests. */
import type { Command } from 'commander';
import type { JsonObject } from '../../ledger/log/index.js';
import { AdapterError } from '../errors.js';
import { ACCESS_RULE_END_KIND, ACCESS_RULE_KIND } from '../http/contract/index.js';
import type { ShownRule } from '../http/contract/index.js';
import { listRules, takeRule } from '../services/access/index.js';
import type { RuleOutcome } from '../services/access/index.js';
import { configOf, onInstance } from './open.js';
import { originOf } from './origin.js';
import { createTerminal } from './terminal.js';
import { readEnrolled, signedByWallet } from './wallet-file.js';

interface WalletFlags {
  readonly wallet: string;
  readonly patient?: string;
  readonly json?: boolean;
}

interface RuleFlags extends WalletFlags {
  readonly refuse?: true;
  readonly allow?: true;
  readonly group?: string;
  readonly requester?: string;
  readonly purpose?: string;
  readonly types?: string;
  readonly until?: string;
}

const WALLET = [
  '--wallet <file>',
  'the wallet’s file of the patient, or of who decides for the patient',
] as const;
const PATIENT = ['--patient <name>', 'Patient/ID at the facade (default: the wallet’s own)'] as const;

export function addRules(group: Command): void {
  group
    .command('rule')
    .description('say in advance what is answered to requests; signed here with the wallet')
    .option('--refuse', 'refuse a group or one requester')
    .option('--allow', 'let one requester read, for one purpose, some types, up to an end')
    .option('--group <group>', 'provider, authority or payer')
    .option('--requester <id>', 'one organisation')
    .option('--purpose <code>', 'one purpose of use, such as TREAT; a refusal without it is for all')
    .option('--types <types>', 'with --allow: resource types, separated by commas')
    .option('--until <time>', 'last instant, ISO 8601; with --allow at most a year ahead')
    .requiredOption(...WALLET)
    .option(...PATIENT)
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  firebreak request rule --refuse --group payer --wallet ann.wallet\n' +
        '  firebreak request rule --allow --requester p-x --purpose TREAT --types Observation,Condition \\\n' +
        '    --until 2027-06-30T00:00:00Z --wallet ann.wallet',
    )
    .action(async (flags: RuleFlags, command: Command) => {
      const { refuse, allow, group: of, requester, purpose, types, until } = flags;
      if (refuse === allow) throw new AdapterError('ADAPTER_USAGE', 'say --refuse or --allow');
      await send(flags, command, {
        kind: ACCESS_RULE_KIND,
        answer: refuse === true ? 'refuse' : 'allow',
        ...(of === undefined ? {} : { group: of }),
        ...(requester === undefined ? {} : { requester }),
        ...(purpose === undefined ? {} : { purpose }),
        ...(types === undefined ? {} : { types: types.split(',').map((one) => one.trim()) }),
        ...(until === undefined ? {} : { until }),
      });
    });
  group
    .command('rules')
    .description('a patient’s rules, newest first')
    .requiredOption(...WALLET)
    .option(...PATIENT)
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak request rules --wallet ann.wallet')
    .action(async (flags: WalletFlags, command: Command) => {
      const args = { patient: patientOf(flags) };
      const rules = await onInstance<ShownRule[]>(
        configOf(command).config,
        { command: 'request-rules', args },
        () => undefined,
        (instance) => listRules(instance, args),
      );
      print(flags, rules, rules.length === 0 ? 'none' : rules.map(line).join('\n'));
    });
  group
    .command('end-rule')
    .description('take a rule back; what it has let in is withdrawn by itself')
    .argument('<id>', 'the rule')
    .requiredOption(...WALLET)
    .option(...PATIENT)
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak request end-rule ID --wallet ann.wallet')
    .action(async (id: string, flags: WalletFlags, command: Command) => {
      await send(flags, command, { kind: ACCESS_RULE_END_KIND, rule: id });
    });
}

async function send(flags: WalletFlags, command: Command, more: JsonObject): Promise<void> {
  const wallet = readEnrolled(flags.wallet);
  const document = {
    log: await originOf(configOf(command).config),
    signer: wallet.enrolled.participant,
    at: new Date().toISOString(),
    patient: patientOf(flags),
    ...more,
  };
  const args = { signed: signedByWallet(wallet, document) };
  const taken = await onInstance<RuleOutcome>(
    configOf(command).config,
    { command: 'request-rule', args },
    () => undefined,
    (instance) => takeRule(instance, args),
  );
  print(flags, taken, `${taken.outcome} ${taken.id}  ${taken.state}`);
}

function patientOf({ wallet, patient }: WalletFlags): string {
  return patient ?? readEnrolled(wallet).enrolled.patient.reference;
}

function line({ id, state, answer, group, requester, purpose, types, until }: ShownRule): string {
  const whom = group === undefined ? (requester ?? '') : `every ${group}`;
  const what = types === undefined ? '' : `: ${types.join(', ')}`;
  return `${id}  ${state}  ${answer} ${whom} for ${purpose ?? 'any purpose'}${what}${until === undefined ? '' : ` until ${until}`}`;
}

function print({ json }: WalletFlags, value: unknown, text: string): void {
  createTerminal(false).print(json === true ? JSON.stringify(value) : text);
}
