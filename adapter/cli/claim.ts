/** `claim`: an insurer's questions, their proofs checked offline, and what was asked here. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { ClaimResponse, Provenance } from 'fhir/r4.js';
import { AdapterError } from '../errors.js';
import { listClaims } from '../services/claims/index.js';
import type { ListedClaim } from '../services/claims/index.js';
import { addCheck } from './check.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';

interface SubmitFlags {
  readonly token: string;
  readonly out?: string;
  readonly json?: boolean;
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
      const response = await asked(url, readFileOf(file), readFileOf(flags.token).toString('utf8').trim());
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
        .map(({ at, to, handle, lines }) => `${new Date(at).toISOString()}  ${to}  ${lines} lines  ${handle}`)
        .join('\n');
      process.stdout.write(`${flags.json === true ? JSON.stringify(found) : text || 'none'}\n`);
    });
}

async function asked(url: string, body: Buffer, token: string): Promise<ClaimResponse> {
  let answer: Response;
  try {
    answer = await fetch(`${url.replace(/\/$/, '')}/fhir/Claim/$submit`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' },
      body: new Uint8Array(body),
    });
  } catch (cause) {
    throw new AdapterError('ADAPTER_SOURCE_UNREACHABLE', `${url} does not answer`, { cause });
  }
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text) as ClaimResponse;
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
