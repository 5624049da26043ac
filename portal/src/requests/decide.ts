/** The patient's answer to a request: signed over the hash of the very Task that is shown. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { ShownAccess } from '../../../adapter/http/contract/index.js';
import { canonicalText, toBase64url, utf8 } from '../../../ledger/proofs/index.js';
import { readFile } from '../ledger/log-files.js';
import { ask } from '../session/ask.js';
import { signWith } from '../wallet/keys.js';
import type { Wallet } from '../wallet/wallet.js';

/** Conditions of an approval. */
export interface Narrowing {
  readonly types?: readonly string[];
  /** ISO 8601. */
  readonly until?: string;
}

/** Signs and sends. @throws Refusal; Error when what is shown is not what was signed. */
export async function decide(
  { keys, enrolled }: Wallet,
  { id, task }: ShownAccess,
  outcome: 'approved' | 'refused' | 'ended',
  narrowing: Narrowing,
): Promise<void> {
  if (enrolled === undefined) throw new Error('only a patient decides');
  const vkey = new TextDecoder().decode(await readFile('/log/vkey'));
  const document = {
    kind: 'firebreak access decision',
    log: vkey.split('+')[0] ?? '',
    signer: enrolled.participant,
    at: new Date().toISOString(),
    request: id,
    // Of the Task as it came with the words that were shown, and not of what the server says it is.
    task: toBase64url(sha256(utf8(canonicalText(task) ?? ''))),
    outcome,
    ...narrowing,
  };
  const header = toBase64url(utf8(JSON.stringify({ alg: 'EdDSA', kid: enrolled.fingerprint })));
  const payload = toBase64url(utf8(canonicalText(document) ?? ''));
  const signature = toBase64url(signWith(keys, utf8(`${header}.${payload}`)));
  await ask('/requests/decisions', {
    method: 'POST',
    body: JSON.stringify({ document, jws: `${header}..${signature}` }),
  });
}
