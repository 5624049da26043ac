/** A policy file of the configuration. */
import { readFileSync } from 'node:fs';
import { parsePolicy, quorumIsMet } from '../../../ledger/witness/index.js';
import type { WitnessPolicy } from '../../../ledger/witness/index.js';
import { AdapterError } from '../../errors.js';

/**
 * Reads a C2SP policy file.
 *
 * @throws AdapterError ADAPTER_BAD_CONFIG naming the line and the reason.
 */
export function readPolicyFile(path: string): WitnessPolicy {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new AdapterError('ADAPTER_BAD_CONFIG', `the witness policy ${path} cannot be read`, { cause });
  }
  const parsed = parsePolicy(bytes);
  if (parsed.ok) return parsed.policy;
  const where = parsed.line === 0 ? '' : `, line ${parsed.line}`;
  throw new AdapterError(
    'ADAPTER_BAD_CONFIG',
    `the witness policy ${path}${where} is refused: ${parsed.code}`,
  );
}

/**
 * Addresses of witnesses, as configured: `name=url` pairs, separated by commas or white space.
 *
 * @returns By the witness's name in the policy.
 * @throws AdapterError ADAPTER_BAD_CONFIG for a pair that is none, a name that the policy lacks, or when the
 * witnesses with an address could never be the policy's quorum.
 */
export function witnessUrls(policy: WitnessPolicy, text: string | undefined): ReadonlyMap<string, string> {
  const urls = new Map<string, string>();
  for (const { name, url } of policy.witnesses) if (url !== undefined) urls.set(name, checkedUrl(url));
  for (const pair of (text ?? '').split(/[\s,]+/).filter((part) => part !== '')) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, Math.max(at, 0));
    if (!policy.witnesses.some((witness) => witness.name === name)) {
      throw new AdapterError('ADAPTER_BAD_CONFIG', `${pair}: give name=url, with a witness of the policy`);
    }
    urls.set(name, checkedUrl(pair.slice(at + 1)));
  }
  if (!quorumIsMet(policy, new Set(urls.keys()))) {
    throw new AdapterError(
      'ADAPTER_BAD_CONFIG',
      'the witnesses whose address is known can never be the quorum of the policy',
    );
  }
  return urls;
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new AdapterError('ADAPTER_BAD_CONFIG', `${text} is not an http or https address of a witness`);
  }
  return text;
}
