/** Becoming a participant with an invitation: keys, request, certificate. */
import type { Enrolled } from '../../../adapter/http/contract/index.js';
import { askJson } from '../session/ask.js';
import { certificateRequest } from './certificate-request.js';
import { holder } from './holder.js';
import { makeKeys } from './keys.js';
import type { Wallet } from './wallet.js';

/** What a hospital gives its patient, typed or pasted: 128 bits as base64url. */
export const INVITATION = /^[A-Za-z0-9_-]{22}$/;

/**
 * Makes a wallet for an invitation. It is kept before anything is sent: after a lost answer, or a crash, the same request
 * is made again.
 */
export function makeInvited(invitation: string, passphrase: string): Promise<void> {
  return holder.create({ keys: makeKeys(), invitation }, passphrase);
}

/** Enrols a wallet that holds an invitation. @throws Refusal as the server says it */
export async function completeEnrolment(wallet: Wallet): Promise<void> {
  const profile = await askJson<{ x25519Oid: string }>('/pki/profile');
  const csr = await certificateRequest(wallet.keys, profile.x25519Oid);
  const enrolled = await askJson<Enrolled>('/pki/enrol', {
    method: 'POST',
    body: JSON.stringify({ invitation: wallet.invitation, csr }),
  });
  await holder.keep({ keys: wallet.keys, enrolled });
}
