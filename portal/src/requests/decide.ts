/** The patient's answer to a request: signed over the hash of the very Task that is shown. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { ShownAccess } from '../../../adapter/http/contract/index.js';
import { toBase64url } from '../../../ledger/proofs/index.js';
import { readFile } from '../ledger/log-files.js';
import { ask } from '../session/ask.js';
import { detachedJws, documentBytes } from '../wallet/detached-jws.js';
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
    task: toBase64url(sha256(documentBytes(task))),
    outcome,
    ...narrowing,
  };
  const jws = detachedJws(keys, enrolled.fingerprint, documentBytes(document));
  await ask('/requests/decisions', {
    method: 'POST',
    body: JSON.stringify({ document, jws }),
  });
}
