/** `claim`: an insurer's questions, their proofs checked offline, and what was asked here. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { ClaimResponse, Provenance } from 'fhir/r4.js';
import { AdapterError } from '../errors.js';
import { EXPENSES_KIND } from '../http/contract/index.js';
import type { ExpensesAnswer, ExpensesQuestion } from '../http/contract/index.js';
import type { JsonObject } from '../../ledger/log/index.js';
import { expensesFault } from '../../mappings/index.js';
import { listClaims, OPEN_MS_MAX } from '../services/claims/index.js';
import type { ListedClaim } from '../services/claims/index.js';
import { addCheck } from './check.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { readEnrolled, signedByWallet } from './wallet-file.js';

interface SubmitFlags {
  readonly token: string;
  readonly out?: string;
  readonly json?: boolean;
}

interface QuestionFlags {
  readonly wallet: string;
  readonly log: string;
  readonly bank: string;
  readonly atLeast: string;
  readonly currency: string;
  readonly start: string;
  readonly end: string;
  readonly purpose: string;
  readonly days: string;
}

export function addClaim(program: Command): void {
  const group = program
    .command('claim')
    .description('claims: an insurer gets a proof instead of the record')
    .addHelpText(
      'after',
      '\nExample:\n  firebreak claim submit https://h.example claim.json --token token.txt',
    );
  group
    .command('submit')
    .description('ask an instance whether a claim’s lines are borne out; exit 1 unless all are')
    .argument('<url>', 'address of the instance')
    .argument('<file>', 'a FHIR Claim, ExplanationOfBenefit, or a Bundle with one')
    .requiredOption('--token <file>', 'file with an access token of the payer')
    .option('--out <file>', 'writes the proof file')
    .option('--json', 'print the ClaimResponse')
    .addHelpText(
      'after',
      '\nExample:\n  firebreak claim submit https://h.example claim.json --token token.txt --out claim.proof.json\n' +
        '  firebreak check claim.proof.json --vkey VKEY --ca root.der',
    )
    .action(async (url: string, file: string, flags: SubmitFlags) => {
      const text = await posted(`${url}/fhir/Claim/$submit`, 'application/fhir+json', file, flags.token);
      const response = JSON.parse(text) as ClaimResponse;
      const signature = (response.contained?.[0] as Provenance | undefined)?.signature?.[0];
      if (flags.out !== undefined) writeFileSync(flags.out, Buffer.from(signature?.data ?? '', 'base64'));
      const lines = (response.item ?? []).map(({ itemSequence, adjudication, noteNumber }) => ({
        sequence: itemSequence,
        says: adjudication[0]?.category.coding?.[0]?.code ?? '',
        before: noteNumber !== undefined,
      }));
      process.stdout.write(
        flags.json === true
          ? `${JSON.stringify(response)}\n`
          : `${lines.map((line) => `line ${line.sequence}  ${line.says}${line.before ? ', claimed before' : ''}`).join('\n')}\n`,
      );
      if (lines.some(({ says }) => says !== 'supported')) process.exitCode = EXIT.negative;
    });
  addExpenses(group);
  // The same check as of any other proof file.
  addCheck(group);
  group
    .command('list')
    .description('what insurers asked here; without names, codes or findings of lines')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak claim list --json')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const found = await onInstance<ListedClaim[]>(
        configOf(command).config,
        { command: 'claim-list', args: {} },
        () => undefined,
        (instance) => listClaims(instance),
      );
      const text = found
        .map(
          ({ at, to, handle, of, lines }) =>
            `${new Date(at).toISOString()}  ${to}  ${of === 'claim' ? `${lines} lines` : of}  ${handle}`,
        )
        .join('\n');
      process.stdout.write(`${flags.json === true ? JSON.stringify(found) : text || 'none'}\n`);
    });
}

/** Expenses: the patient signs the question, the bank puts it. */
function addExpenses(group: Command): void {
  group
    .command('question')
    .description('sign, as the patient, what a bank may ask: were expenses at least so much in a time')
    .argument('<patient>', 'Patient/…, as the instance calls the record')
    .requiredOption('--wallet <file>', 'the wallet')
    .requiredOption('--log <origin>', 'the name of the instance’s log')
    .requiredOption('--bank <id>', 'who may ask: id of the organisation')
    .requiredOption('--at-least <amount>', 'in figures, such as 1500 or 99.90')
    .requiredOption('--currency <code>', 'ISO 4217, such as EUR')
    .requiredOption('--start <day>', 'first day')
    .requiredOption('--end <day>', 'last day')
    .option('--purpose <code>', 'purpose of use', 'HPAYMT')
    .option('--days <n>', 'how long it may be asked', '30')
    .addHelpText(
      'after',
      `
Example:
  firebreak claim question Patient/7 --wallet wallet.json --log city.example/log --bank o-1 \\
    --at-least 1500 --currency EUR --start 2026-01-01 --end 2026-12-31 > question.json
The bank is told yes or no, once. The consent to this bank and the hospital’s permission are needed beside it.`,
    )
    .action((patient: string, flags: QuestionFlags) => {
      process.stdout.write(`${signedQuestion(patient, flags)}\n`);
    });
  group
    .command('expenses')
    .description('ask, as a bank, what a patient has signed; exit 1 for no')
    .argument('<url>', 'address of the instance')
    .argument('<file>', 'the patient’s signed question')
    .requiredOption('--token <file>', 'file with an access token of the bank')
    .option('--out <file>', 'writes the proof file')
    .option('--json', 'print the answer as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  firebreak claim expenses https://h.example question.json --token token.txt --out expenses.proof.json\n' +
        '  firebreak claim check expenses.proof.json --vkey VKEY --ca root.der',
    )
    .action(async (url: string, file: string, flags: SubmitFlags) => {
      const text = await posted(`${url}/claims/expenses`, 'application/json', file, flags.token);
      const { proof, ...answer } = JSON.parse(text) as ExpensesAnswer;
      if (flags.out !== undefined) writeFileSync(flags.out, Buffer.from(proof, 'base64'));
      process.stdout.write(flags.json === true ? `${JSON.stringify(answer)}\n` : `${answer.says}\n`);
      if (answer.says !== 'yes') process.exitCode = EXIT.negative;
    });
}

/** @throws AdapterError ADAPTER_USAGE for what cannot be meant. */
function signedQuestion(patient: string, flags: QuestionFlags): string {
  const { wallet, log, bank, atLeast, currency, start, end, purpose, days } = flags;
  const enrolled = readEnrolled(wallet);
  const asked = {
    atLeast: /^\d+(\.\d+)?$/.test(atLeast) ? Number(atLeast) : Number.NaN,
    currency,
    start,
    end,
  };
  const fault = expensesFault(asked);
  if (fault !== undefined) throw new AdapterError('ADAPTER_USAGE', `--${OPTIONS[fault[1]]}: ${fault[0]}`);
  const openMs = Number(days) * 86_400_000;
  if (!(openMs > 0 && openMs <= OPEN_MS_MAX))
    throw new AdapterError('ADAPTER_USAGE', '--days is a number up to 90');
  const now = Date.now();
  const question: ExpensesQuestion = {
    kind: EXPENSES_KIND,
    log,
    signer: enrolled.enrolled.participant,
    at: new Date(now).toISOString(),
    until: new Date(now + openMs).toISOString(),
    patient,
    to: `Organization/${bank}`,
    purpose,
    ...asked,
  };
  return signedByWallet(enrolled, question as unknown as JsonObject);
}

const OPTIONS = { atLeast: 'at-least', currency: 'currency', start: 'start', end: 'end' } as const;

/** Sends a file. @throws AdapterError ADAPTER_SOURCE_UNREACHABLE, ADAPTER_SOURCE_REFUSED */
async function posted(address: string, type: string, file: string, token: string): Promise<string> {
  const url = address.replace(/([^:])\/\/+/g, '$1/');
  const body = new Uint8Array(readFileOf(file));
  const authorization = `Bearer ${readFileOf(token).toString('utf8').trim()}`;
  let answer: Response;
  try {
    answer = await fetch(url, { method: 'POST', headers: { authorization, 'content-type': type }, body });
  } catch (cause) {
    throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `${url} does not answer`, { cause });
  }
  const text = await answer.text();
  if (answer.ok) return text;
  throw new AdapterError('ADAPTER_SOURCE_REFUSED', `${answer.status}: ${reasonIn(text)}`);
}

function reasonIn(text: string): string {
  try {
    const outcome = JSON.parse(text) as { issue?: { diagnostics?: string }[] };
    return outcome.issue?.[0]?.diagnostics ?? 'no reason given';
  } catch {
    return 'no reason given';
  }
}

function readFileOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be read`, { cause });
  }
}
