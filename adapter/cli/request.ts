/** `request`: access requests, for the hospital's operator and for scripts of requesters and patients. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { Task } from 'fhir/r4.js';
import type { JsonObject } from '../../ledger/log/index.js';
import { ACCESS_CODES, ACCESS_TASK } from '../http/contract/index.js';
import type { ShownAccess } from '../http/contract/index.js';
import {
  decideForCustodian,
  DECISION_KIND,
  listAccess,
  showOneAccess,
  takeSigned,
} from '../services/access/index.js';
import type { AccessOutcome } from '../services/access/index.js';
import { configOf, onInstance } from './open.js';
import { originOf } from './origin.js';
import { signingKey } from './signing-key.js';
import type { SigningKey } from './signing-key.js';
import { readEnrolled, signedByWallet } from './wallet-file.js';
import { createTerminal } from './terminal.js';
import { addRules } from './request-rules.js';

interface Json {
  readonly json?: boolean;
}

interface KeyFlags extends Json {
  readonly key: string;
  readonly certificate: string;
}

interface NewFlags extends KeyFlags {
  readonly custodian: string;
  readonly purpose: string;
  readonly types: string;
  readonly until: string;
  readonly from?: string;
  readonly reason: string;
}

interface DecideFlags extends Json {
  readonly by?: string;
  readonly key?: string;
  readonly certificate?: string;
  readonly wallet?: string;
  readonly types?: string;
  readonly until?: string;
}

export function addRequest(program: Command): void {
  const group = program
    .command('request')
    .description('access requests: the hospital decides first, then the patient')
    .addHelpText('after', '\nExample:\n  firebreak request list --open');
  addNew(group);
  group
    .command('list')
    .description('all, newest first')
    .option('--open', 'only those that wait for an answer')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak request list --open --json')
    .action(async (flags: Json & { open?: boolean }, command: Command) => {
      const args = { open: flags.open === true };
      const found = await onInstance<ShownAccess[]>(
        configOf(command).config,
        { command: 'request-list', args },
        () => undefined,
        (instance) => listAccess(instance, args),
      );
      print(flags, found, found.length === 0 ? 'none' : found.map(line).join('\n'));
    });
  group
    .command('show')
    .description('one request: what is asked for, and who has decided what')
    .argument('<id>', 'the request')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak request show ID --json')
    .action(async (id: string, flags: Json, command: Command) => {
      const shown = await oneOf(command, id);
      print(flags, shown, details(shown));
    });
  for (const [name, outcome, what] of [
    ['approve', 'approved', 'approve as the hospital or, with the patient’s key, as the patient'],
    ['refuse', 'refused', 'refuse as the hospital or as the patient'],
    ['end', 'ended', 'take an approval back, or give up as the requester'],
  ] as const)
    addDecision(group, name, outcome, what);
  addRules(group);
}

function addNew(group: Command): void {
  group
    .command('new')
    .description('ask for a permission; signed here with the requester’s own key')
    .argument('<patient>', 'Patient/ID at the facade')
    .requiredOption('--custodian <id>', 'the hospital that keeps the record')
    .requiredOption('--purpose <code>', 'one purpose of use, such as HRESCH, PUBHLTH, CLMATTCH')
    .requiredOption('--types <types>', 'resource types, separated by commas')
    .requiredOption('--until <time>', 'last instant, ISO 8601; at most a year ahead')
    .option('--from <time>', 'first instant (default: now)')
    .requiredOption('--reason <text>', 'why; hospital and patient read it')
    .requiredOption('--key <file>', 'the requester’s private key (PKCS#8, PEM)')
    .requiredOption('--certificate <file>', 'and certificate (PEM)')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  firebreak request new Patient/7 --custodian p-h --purpose HRESCH --types Observation,Condition \\\n' +
        '    --until 2027-06-30T00:00:00Z --reason "study 7" --key m.key --certificate m.pem',
    )
    .action(async (patient: string, flags: NewFlags, command: Command) => {
      const { id, sign } = signingKey(flags.key, flags.certificate);
      const signed = sign(taskOf(id, patient, flags));
      print(...(await taken(flags, command, { what: 'request', signed })));
    });
}

/** Who signs a decision, by what was given; `undefined` where the operator decides for the hospital. */
function signerOf({ key, certificate, wallet }: DecideFlags): SigningKey | undefined {
  if (wallet !== undefined) {
    const enrolled = readEnrolled(wallet);
    const sign = (document: object): string => signedByWallet(enrolled, document as JsonObject);
    return { id: enrolled.enrolled.participant, sign };
  }
  return key === undefined || certificate === undefined ? undefined : signingKey(key, certificate);
}

function addDecision(group: Command, name: string, outcome: AccessDecision, what: string): void {
  group
    .command(name)
    .description(what)
    .argument('<id>', 'the request')
    .option('--by <name>', 'decide for the hospital: the person who does')
    .option('--key <file>', 'or sign: private key (PKCS#8, PEM) of the hospital, its staff or the requester')
    .option('--certificate <file>', 'and certificate (PEM)')
    .option('--wallet <file>', 'or sign as the patient, or who acts for the patient: the wallet’s file')
    .option('--types <types>', 'only these resource types')
    .option('--until <time>', 'ends sooner than asked for')
    .option('--json', 'print as JSON')
    .addHelpText('after', `\nExample:\n  firebreak request ${name} ID --by "Ann Lee"`)
    .action(async (id: string, flags: DecideFlags, command: Command) => {
      const narrowing = {
        ...(flags.types === undefined ? {} : { types: listOf(flags.types) }),
        ...(flags.until === undefined ? {} : { until: flags.until }),
      };
      const signing = signerOf(flags);
      if (signing === undefined) {
        const args = { id, outcome, by: flags.by, ...narrowing };
        const decided = await onInstance<AccessOutcome>(
          configOf(command).config,
          { command: 'request-decide', args },
          () => undefined,
          (instance) => decideForCustodian(instance, args),
        );
        print(flags, decided, said(decided));
        return;
      }
      const { id: signer, sign } = signing;
      const [{ taskHash: task }, log] = [await oneOf(command, id), await originOf(configOf(command).config)];
      const at = new Date().toISOString();
      const signed = sign({ kind: DECISION_KIND, log, signer, at, request: id, task, outcome, ...narrowing });
      print(...(await taken(flags, command, { what: 'decision', signed })));
    });
}

type AccessDecision = 'approved' | 'refused' | 'ended';

async function taken(
  flags: Json,
  command: Command,
  args: { readonly what: 'request' | 'decision'; readonly signed: string },
): Promise<[Json, AccessOutcome, string]> {
  const outcome = await onInstance<AccessOutcome>(
    configOf(command).config,
    { command: 'request-signed', args },
    () => undefined,
    (instance) => takeSigned(instance, args),
  );
  return [flags, outcome, said(outcome)];
}

function oneOf(command: Command, id: string): Promise<ShownAccess> {
  return onInstance<ShownAccess>(
    configOf(command).config,
    { command: 'request-show', args: { id } },
    () => undefined,
    async (instance) => showOneAccess(instance, { id }),
  );
}

function input(code: string): { type: { coding: { system: string; code: string }[] } } {
  return { type: { coding: [{ system: ACCESS_CODES, code }] } };
}

function taskOf(requester: string, patient: string, flags: NewFlags): Task {
  const now = new Date().toISOString();
  return {
    resourceType: 'Task',
    identifier: [{ system: 'urn:ietf:rfc:3986', value: `urn:uuid:${randomUUID()}` }],
    status: 'requested',
    intent: 'proposal',
    code: { coding: [{ system: ACCESS_CODES, code: ACCESS_TASK }] },
    for: { reference: patient },
    authoredOn: now,
    requester: { reference: `Organization/${requester}` },
    owner: { reference: `Organization/${flags.custodian}` },
    input: [
      {
        ...input('purpose'),
        valueCoding: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: flags.purpose },
      },
      ...listOf(flags.types).map((valueCode) => ({ ...input('type'), valueCode })),
      { ...input('period'), valuePeriod: { start: flags.from ?? now, end: flags.until } },
      { ...input('reason'), valueString: flags.reason },
    ],
  };
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function print({ json }: Json, value: unknown, text: string): void {
  createTerminal(false).print(json === true ? JSON.stringify(value) : text);
}

function said({ id, state, outcome }: AccessOutcome): string {
  return `${outcome} ${id}  ${state}`;
}

function line({ id, state, requester, purpose, types, end }: ShownAccess): string {
  return `${id}  ${state}  ${requester.name} (${requester.id}) for ${purpose}: ${types.join(', ')} until ${end}`;
}

function details(shown: ShownAccess): string {
  const { task, requester, purpose, reason, types, start, end, answerBy, decisions } = shown;
  return [
    `${shown.id}  ${shown.state}`,
    `asks:     ${requester.name} (${requester.id}, ${requester.group})`,
    `patient:  ${task.for?.reference ?? ''}`,
    `for:      ${purpose}: ${reason}`,
    `types:    ${types.join(', ')}`,
    `time:     ${start} to ${end}`,
    `answer by ${answerBy}`,
    ...decisions.map(
      ({ by, outcome, at, rule }) => `${at}  ${by} ${outcome}${rule === undefined ? '' : ` by rule ${rule}`}`,
    ),
  ].join('\n');
}
