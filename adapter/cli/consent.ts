import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { CONSENT_TEMPLATES, consentFromTemplate } from '../../mappings/index.js';
import type { ConsentTemplate } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import { listConsents, showConsent } from '../services/explain/index.js';
import type { ListedConsent, ShownConsent } from '../services/explain/index.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

interface TemplateFlags {
  readonly patient: string;
  readonly hospital: string;
  readonly hospitalName?: string;
  readonly recipient?: string;
  readonly recipientName?: string;
  readonly claim?: string;
  readonly contact: string;
  readonly replaces?: string;
  readonly days: string;
  readonly sensitive?: boolean;
  readonly abroad?: boolean;
}

const DAY_MS = 86_400_000;
const DAYS_MAX = 36_500;
const REFERENCE = /^[A-Z][A-Za-z]{1,63}\/[A-Za-z0-9.-]{1,64}$/;

export function addConsent(program: Command): void {
  const group = program
    .command('consent')
    .description('patients’ consents: forms to sign, and what is signed')
    .addHelpText('after', '\nExample:\n  firebreak consent list Patient/7');
  addTemplate(group);
  group
    .command('list')
    .description('a patient’s consents, the latest first; exits 1 when there are none')
    .argument('<patient>', 'id at the source or at the facade')
    .option('--source <id>', 'source, where several have such a patient')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  firebreak consent list Patient/7\n  firebreak consent list 7 --source ward --json',
    )
    .action(async (patient: string, flags: { source?: string; json?: boolean }, command: Command) => {
      const args = { patient, ...(flags.source === undefined ? {} : { source: flags.source }) };
      const consents = await onInstance<ListedConsent[]>(
        configOf(command).config,
        { command: 'consent-list', args },
        () => undefined,
        (instance) => listConsents(instance, args),
      );
      const text = consents.map(line).join('\n') || 'no consents';
      createTerminal(false).print(flags.json === true ? JSON.stringify(consents) : text);
      if (consents.length === 0) process.exitCode = EXIT.negative;
    });
  group
    .command('show')
    .description('one consent: what it permits, and the document as it was signed')
    .argument('<handle>', 'as `consent list` prints it')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak consent show 4vX0…43-characters --json')
    .action(async (handle: string, flags: { json?: boolean }, command: Command) => {
      const shown = await onInstance<ShownConsent>(
        configOf(command).config,
        { command: 'consent-show', args: { handle } },
        () => undefined,
        (instance) => showConsent(instance, handle),
      );
      createTerminal(false).print(
        flags.json === true
          ? JSON.stringify(shown)
          : `${line(shown)}\n\n${JSON.stringify(shown.document, undefined, 2)}`,
      );
    });
}

function addTemplate(group: Command): void {
  group
    .command('template')
    .description('a ready-made form as FHIR Consent JSON, for a wallet to show and sign')
    .argument('<name>', CONSENT_TEMPLATES.join(', '))
    .requiredOption('--patient <reference>', 'Patient/id at the facade')
    .requiredOption('--hospital <reference>', 'Organization/id of the hospital that keeps the record')
    .option('--hospital-name <name>', 'as people know it')
    .option('--recipient <reference>', 'Organization/id of who gets the data (research, claim)')
    .option('--recipient-name <name>', 'as people know it')
    .option('--claim <reference>', 'Claim/id at the facade (claim)')
    .option(
      '--contact <text>',
      'where questions and withdrawals go',
      'the hospital’s data protection officer',
    )
    .option('--replaces <uuid>', 'identifier of the consent that this is a later version of')
    .option('--days <n>', 'how long it holds', '365')
    .option('--sensitive', 'the tick that includes sensitive data (treatment and emergency need it)')
    .option('--abroad', 'the tick that allows transfer abroad')
    .addHelpText(
      'after',
      `
Examples:
  firebreak consent template treatment --patient Patient/abc --hospital Organization/p-city --sensitive
  firebreak consent template claim --patient Patient/abc --hospital Organization/p-city \\
    --recipient Organization/p-insurer --recipient-name 'City Insurance' --claim Claim/def --days 30`,
    )
    .action((name: string, flags: TemplateFlags) => {
      createTerminal(false).print(JSON.stringify(fill(name, flags), undefined, 2));
    });
}

function fill(name: string, flags: TemplateFlags): object {
  const template = CONSENT_TEMPLATES.find((one): one is ConsentTemplate => one === name);
  if (template === undefined) throw usage(`no form ${name}; there are ${CONSENT_TEMPLATES.join(', ')}`);
  const days = /^[1-9]\d{0,4}$/.test(flags.days) ? Number(flags.days) : 0;
  if (days < 1 || days > DAYS_MAX) throw usage(`--days is a number from 1 to ${DAYS_MAX}`);
  for (const reference of [flags.patient, flags.hospital, flags.recipient, flags.claim])
    if (reference !== undefined && !REFERENCE.test(reference)) throw usage(`${reference} is not Type/id`);
  if (!flags.patient.startsWith('Patient/')) throw usage('--patient is Patient/id');
  if (flags.claim !== undefined && !flags.claim.startsWith('Claim/')) throw usage('--claim is Claim/id');
  if (flags.replaces !== undefined && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(flags.replaces))
    throw usage('--replaces is a UUID');
  const needsRecipient = template === 'research' || template === 'claim';
  if (needsRecipient && flags.recipient === undefined) throw usage(`${template} needs --recipient`);
  if (template === 'claim' && flags.claim === undefined) throw usage('claim needs --claim');
  const { recipient } = flags;
  const now = Date.now();
  return consentFromTemplate(template, {
    patient: flags.patient,
    hospital: { reference: flags.hospital, name: flags.hospitalName ?? flags.hospital },
    ...(recipient === undefined
      ? {}
      : { recipient: { reference: recipient, name: flags.recipientName ?? recipient } }),
    ...(flags.claim === undefined ? {} : { claim: flags.claim }),
    contact: flags.contact,
    identifier: flags.replaces ?? randomUUID(),
    dateTime: new Date(now).toISOString(),
    until: new Date(now + days * DAY_MS).toISOString(),
    isSensitiveIncluded: flags.sensitive === true,
    isAbroadAllowed: flags.abroad === true,
  });
}

function line(consent: ListedConsent): string {
  const { handle, state, signedAt, type, recipients, purposes, actions, obligations, exceptions, endsAt } =
    consent;
  const who = recipients.length === 0 ? 'anybody' : recipients.join(', ');
  const what = [
    `${type === 'permit' ? 'permits' : 'denies'} ${who}`,
    ...(actions.length === 0 ? [] : [actions.join(', ')]),
    ...(purposes.length === 0 ? [] : [`for ${purposes.join(', ')}`]),
    ...obligations,
    ...(exceptions === 0 ? [] : [`${exceptions} exceptions`]),
    ...(endsAt === undefined ? [] : [`until ${endsAt.slice(0, 10)}`]),
  ];
  return `${handle}  ${state}  ${signedAt.slice(0, 10)}  ${what.join('; ')}`;
}

function usage(message: string): AdapterError {
  return new AdapterError('ADAPTER_USAGE', message);
}
