/** An answer to a request: signed over the hash of the very Task that is shown. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { ShownAccess } from '../../../adapter/http/contract/index.js';
import { toBase64url } from '../../../ledger/proofs/index.js';
import { Refusal } from '../session/ask.js';
import { documentBytes } from '../wallet/detached-jws.js';
import { sendSigned } from '../work/signed-act.js';
import type { Wallet } from '../wallet/wallet.js';

/** Conditions of an approval. */
export interface Narrowing {
  readonly types?: readonly string[];
  /** ISO 8601. */
  readonly until?: string;
}

/** It was answered meanwhile: in another tab, or by somebody else who may. */
const CONFLICT = 409;

/**
 * Signs and sends.
 *
 * @returns Whether it was taken; if not, an answer came before it.
 * @throws Refusal; Error when what is shown is not what was signed.
 */
export async function decide(
  wallet: Wallet,
  { id, task }: ShownAccess,
  outcome: 'approved' | 'refused' | 'ended',
  narrowing: Narrowing,
): Promise<boolean> {
  const sent = sendSigned(wallet, '/requests/decisions', {
    kind: 'firebreak access decision',
    request: id,
    // Of the Task as it came with the words that were shown, and not of what the server says it is.
    task: toBase64url(sha256(documentBytes(task))),
    outcome,
    ...narrowing,
  });
  return sent.then(
    () => true,
    (error: unknown) => {
      if (error instanceof Refusal && error.status === CONFLICT) return false;
      throw error;
    },
  );
}
