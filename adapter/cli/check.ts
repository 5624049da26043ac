import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import {
  checkListing,
  checkProof,
  PROOF_BYTES_MAX,
  ProofError,
  proofTrust,
} from '../../ledger/proofs/index.js';
import type { ProofTrustInput, ProofVerdict, ReconciliationFound } from '../../ledger/proofs/index.js';
import { checkEvidence, EVIDENCE_FORMAT, parsePolicy } from '../../ledger/witness/index.js';
import type { WitnessPolicy } from '../../ledger/witness/index.js';
import { readConsentDocument } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import { nodeProofCrypto } from '../services/proof-crypto.js';
import { evidenceJson, renderListing, renderProof, renderEvidence, verdictJson } from './check-output.js';
import { EXIT } from './exit.js';
import { listingIn } from './listing-file.js';
import { createTerminal } from './terminal.js';
import { checkedVkey } from './witness-evidence.js';

const READ_BYTES = 1024 * 1024;

interface CheckFlags {
  readonly vkey?: readonly string[];
  readonly policy?: string;
  readonly ca?: string;
  readonly listing?: string;
  readonly exported?: readonly string[];
  readonly json?: boolean;
}

export function addCheck(program: Command): void {
  program
    .command('check')
    .description('judge a proof file, or evidence against a log, offline, by keys that you trust')
    .argument('<file>', 'the proof file, or evidence as a witness keeps it')
    .option('--vkey <key...>', 'verifier key of the log')
    .option('--policy <file>', 'C2SP witness policy: logs, witnesses and their quorum')
    .option('--ca <file>', 'root certificate of the authority, DER or PEM (proof files need it)')
    .option(
      '--listing <file>',
      'compare a reconciliation certificate with this listing of the source (NDJSON)',
    )
    .option('--exported <file...>', 'whether these files are those of the export that is proved')
    .option('--json', 'print the verdict as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak check hr-1.proof.json --vkey demo.firebreak.example/…+… --ca root.der
  firebreak check consent.proof.json --policy witnesses.policy --ca root.pem --json
  firebreak check city.certificate.json --vkey … --ca root.der --listing city.ndjson
  firebreak check export.proof.json --vkey … --ca root.der --exported Patient.1.ndjson table.csv
  firebreak check fork.evidence.json --policy witnesses.policy
A proof on the state (consents, participants, complete lists) shows what the log's operator anchored. That it
follows from the entries is what an auditor (“firebreak witness --replay”) cosigns: name auditors in the policy.
A listing has one line a resource, {"type":"Observation","id":"hr-1","version":"3"}, or the resources themselves.
Exits 1 and names the first thing that fails when the proof does not hold, or the listing differs.`,
    )
    .action((file: string, flags: CheckFlags) => {
      const bytes = read(file, PROOF_BYTES_MAX + 1);
      const isEvidence = bytes.subarray(0, 64).includes(`"${EVIDENCE_FORMAT}"`);
      const { text, ok } = isEvidence ? judgeEvidence(bytes, flags) : judgeProof(bytes, flags);
      createTerminal(false).print(text);
      process.exitCode = ok ? EXIT.success : EXIT.negative;
    });
}

/** Whether files are, byte by byte, those that the proved manifest names. */
function judgeExported(verdict: ProofVerdict, files: readonly string[], isJson: boolean): Judged {
  if (verdict.ok && verdict.kind !== 'export')
    throw new AdapterError('ADAPTER_USAGE', '--exported goes with the proof of an export');
  if (!verdict.ok) return { ok: false, text: isJson ? JSON.stringify(verdict) : renderProof(verdict) };
  const known = new Map(verdict.files.map(({ name, sha256 }) => [sha256, name]));
  const compared = files.map((file) => {
    const name = known.get(sha256Of(file));
    return { file, exported: name !== undefined, ...(name === undefined ? {} : { name }) };
  });
  const ok = compared.every(({ exported }) => exported);
  if (isJson) return { ok, text: JSON.stringify({ ...(verdictJson(verdict) as object), compared }) };
  const lines = compared.map(({ file, name }) =>
    name === undefined
      ? `${file}: is none of the files that were exported`
      : `${file}: is ${name}, as exported`,
  );
  return { ok, text: [renderProof(verdict), ...lines].join('\n') };
}

/** Read piece by piece: a file of an export may be larger than memory. */
function sha256Of(file: string): string {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let from: number;
  try {
    from = openSync(file, 'r');
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `cannot read ${file}`, { cause });
  }
  try {
    for (;;) {
      const bytes = readSync(from, buffer);
      if (bytes === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytes));
    }
  } finally {
    closeSync(from);
  }
}

interface Judged {
  readonly ok: boolean;
  readonly text: string;
}

function judgeProof(bytes: Buffer, flags: CheckFlags): Judged {
  const { vkey = [], ca } = flags;
  const policy = policyOf(flags);
  if (vkey.length === 0 && policy === undefined)
    throw new AdapterError('ADAPTER_USAGE', 'name the log’s key by --vkey or --policy');
  if (ca === undefined)
    throw new AdapterError('ADAPTER_USAGE', 'name the authority’s root certificate by --ca');
  const verdict = checkProof(
    bytes,
    trustOf({
      vkeys: vkey,
      ...(policy === undefined ? {} : { policy }),
      caRoot: derOf(read(ca, TRUST_BYTES_MAX)),
      readConsent: readConsentDocument,
    }),
  );
  if (flags.exported !== undefined) return judgeExported(verdict, flags.exported, flags.json === true);
  const { listing, json } = flags;
  if (listing === undefined)
    return {
      ok: verdict.ok,
      text: json === true ? JSON.stringify(verdictJson(verdict)) : renderProof(verdict),
    };
  if (verdict.ok && verdict.kind !== 'reconciliation')
    throw new AdapterError('ADAPTER_USAGE', '--listing goes with the certificate of a reconciliation');
  if (!verdict.ok)
    return {
      ok: false,
      text: json === true ? JSON.stringify({ ...verdict, listing: null }) : renderProof(verdict),
    };
  const compared = checkListing(verdict.listing, listingIn(listing), nodeProofCrypto);
  const text =
    json === true
      ? JSON.stringify({ ...(verdictJson(withoutLeaves(verdict)) as object), compared })
      : `${renderProof(verdict)}\n${renderListing(compared)}`;
  return { ok: compared.ok, text };
}

/** A verdict without the leaves that were compared: they say nothing more. */
function withoutLeaves({ listing, ...verdict }: ReconciliationFound): ReconciliationFound {
  const { leaves: _leaves, ...rest } = listing;
  return { ...verdict, listing: rest };
}

function judgeEvidence(bytes: Buffer, flags: CheckFlags): Judged {
  const policy = policyOf(flags);
  const vkeys = [...(flags.vkey ?? []), ...(policy?.logs ?? []).map(({ vkey }) => vkey)].map(checkedVkey);
  const verdict = checkEvidence(bytes, vkeys.length === 0 ? undefined : vkeys);
  if (flags.listing !== undefined)
    throw new AdapterError('ADAPTER_USAGE', '--listing goes with the certificate of a reconciliation');
  return {
    ok: verdict.ok,
    text: flags.json === true ? JSON.stringify(evidenceJson(verdict)) : renderEvidence(verdict),
  };
}

/** Certificates and policies are small. */
const TRUST_BYTES_MAX = 1024 * 1024;

function policyOf({ policy }: CheckFlags): WitnessPolicy | undefined {
  const parsed = policy === undefined ? undefined : parsePolicy(read(policy, TRUST_BYTES_MAX));
  if (parsed?.ok === false)
    throw new AdapterError('ADAPTER_USAGE', `the policy is refused: ${parsed.code} in line ${parsed.line}`);
  return parsed?.policy;
}

function trustOf(input: ProofTrustInput): ReturnType<typeof proofTrust> {
  try {
    return proofTrust(input, nodeProofCrypto);
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
