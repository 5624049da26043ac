import { readFileSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { checkProof, PROOF_BYTES_MAX, ProofError, proofTrust } from '../../ledger/proofs/index.js';
import type { ProofTrust, ProofVerdict } from '../../ledger/proofs/index.js';
import { parsePolicy } from '../../ledger/witness/index.js';
import { AdapterError } from '../errors.js';
import { nodeProofCrypto } from '../services/proof-crypto.js';
import { EXIT } from './exit.js';
import { createTerminal } from './terminal.js';

interface CheckFlags {
  readonly vkey?: readonly string[];
  readonly policy?: string;
  readonly ca: string;
  readonly json?: boolean;
}

export function addCheck(program: Command): void {
  program
    .command('check')
    .description('judge a proof file offline, by keys that you trust')
    .argument('<file>', 'the proof file')
    .option('--vkey <key...>', 'verifier key of the log')
    .option('--policy <file>', 'C2SP witness policy: logs, witnesses and their quorum')
    .requiredOption('--ca <file>', 'root certificate of the authority, DER or PEM')
    .option('--json', 'print the verdict as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak check hr-1.proof.json --vkey demo.firebreak.example/…+… --ca root.der
  firebreak check hr-1.proof.json --policy witnesses.policy --ca root.pem --json
Exits 1 and names the first thing that fails when the proof does not hold.`,
    )
    .action((file: string, flags: CheckFlags) => {
      const verdict = checkProof(read(file, PROOF_BYTES_MAX + 1), trustOf(flags));
      createTerminal(false).print(flags.json === true ? JSON.stringify(toJson(verdict)) : render(verdict));
      process.exitCode = verdict.ok ? EXIT.success : EXIT.negative;
    });
}

/** Certificates and policies are small. */
const TRUST_BYTES_MAX = 1024 * 1024;

function trustOf({ vkey = [], policy, ca }: CheckFlags): ProofTrust {
  if (vkey.length === 0 && policy === undefined)
    throw new AdapterError('ADAPTER_USAGE', 'name the log’s key by --vkey or --policy');
  const parsed = policy === undefined ? undefined : parsePolicy(read(policy, TRUST_BYTES_MAX));
  if (parsed?.ok === false)
    throw new AdapterError('ADAPTER_USAGE', `the policy is refused: ${parsed.code} in line ${parsed.line}`);
  try {
    const caRoot = derOf(read(ca, TRUST_BYTES_MAX));
    const trusted = parsed === undefined ? {} : { policy: parsed.policy };
    return proofTrust({ vkeys: vkey, ...trusted, caRoot }, nodeProofCrypto);
  } catch (error) {
    if (error instanceof ProofError) throw new AdapterError('ADAPTER_USAGE', error.message, { cause: error });
    throw error;
  }
}

function read(path: string, max: number): Buffer {
  try {
    // What is too large is not read further than to see that.
    return statSync(path).size > max ? Buffer.alloc(max) : readFileSync(path);
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be read`, { cause });
  }
}

function derOf(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  const pem = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(text)?.[1];
  return pem === undefined ? bytes : Buffer.from(pem, 'base64');
}

/** The verdict with bytes as base64url, as proof files have them. */
function toJson(verdict: ProofVerdict): object {
  if (!verdict.ok || verdict.content.kind !== 'whole') return verdict;
  const plaintext = Buffer.from(verdict.content.plaintext).toString('base64url');
  return { ...verdict, content: { kind: 'whole', plaintext } };
}

function render(verdict: ProofVerdict): string {
  if (!verdict.ok) return `NOT proved: ${verdict.code}`;
  const { statement, log, entry, receivedFrom, witnesses, content } = verdict;
  const who = receivedFrom.organisation ?? receivedFrom.id;
  return [
    `record        ${statement.handle}`,
    `on the log    ${log.origin}, leaf ${entry.index} of ${log.size}, ${new Date(entry.at).toISOString()}`,
    `received from ${who} (${receivedFrom.role ?? receivedFrom.group})`,
    ...(witnesses.length === 0 ? [] : [`witnessed by  ${witnesses.join(', ')}`]),
    ...shown(content),
    'proved',
  ].join('\n');
}

function shown(content: Extract<ProofVerdict, { ok: true }>['content']): string[] {
  if (content.kind === 'fact') return [`fact          ${content.name} = ${JSON.stringify(content.value)}`];
  if (content.kind === 'whole')
    return [`opened        ${content.plaintext.length} bytes, whole (--json prints them)`];
  return [];
}
