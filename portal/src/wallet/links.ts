/** Several hospitals, one wallet: each record is an enrolment of its own, and nothing on the ledger joins them. */
import { sha256 } from '@noble/hashes/sha2.js';
import { LINK_KIND, UNLINK_KIND } from '../../../adapter/http/contract/index.js';
import type { Enrolled, LinkDocument } from '../../../adapter/http/contract/index.js';
import { toBase64url, utf8 } from '../../../ledger/proofs/index.js';
import { askJson, askToEnd, Refusal } from '../session/ask.js';
import { endSession } from '../session/session.js';
import { signedAct } from '../work/signed-act.js';
import { certificateRequest } from './certificate-request.js';
import { holder } from './holder.js';
import type { Wallet } from './wallet.js';

const CLIENT_ERRORS = 400;
const SERVER_ERRORS = 500;
const TOO_MANY = 429;

/** All hospitals of a wallet, the one whose record is looked at first. */
export function hospitalsOf({ enrolled, links = [] }: Wallet): readonly Enrolled[] {
  return enrolled === undefined ? [] : [enrolled, ...links];
}

/** Takes in another hospital's record. The invitation is kept before it is sent: after a lost answer it is used again. */
export async function linkHospital(wallet: Wallet, invitation: string): Promise<void> {
  const pending = { ...wallet, linking: invitation };
  await holder.keep(pending);
  await completeLink(pending);
}

/** @throws Refusal as the server says it; after a plain no the invitation is forgotten. */
export async function completeLink(wallet: Wallet): Promise<void> {
  const { linking: invitation, ...known } = wallet;
  if (invitation === undefined) return;
  const { x25519Oid } = await askJson<{ x25519Oid: string }>('/pki/profile');
  const csr = await certificateRequest(wallet.keys, x25519Oid);
  const said: Pick<LinkDocument, 'kind' | 'invitation' | 'csr'> = {
    kind: LINK_KIND,
    invitation: digestOf(invitation),
    csr: digestOf(csr),
  };
  let linked: Enrolled;
  try {
    linked = await askJson<Enrolled>('/pki/links', {
      method: 'POST',
      body: JSON.stringify({ ...(await signedAct(wallet, { ...said })), invitation, csr }),
    });
  } catch (error) {
    if (isFinal(error)) await holder.keep(known);
    throw error;
  }
  const others = (known.links ?? []).filter(({ participant }) => participant !== linked.participant);
  await holder.keep({ ...known, links: [...others, linked] });
}

/** Ends the enrolment at one hospital. Its consents permit nothing any more; what the law has it keep, it keeps. */
export async function unlinkHospital(wallet: Wallet, ended: Enrolled): Promise<void> {
  const signed = await signedAct({ ...wallet, enrolled: ended }, { kind: UNLINK_KIND });
  await askToEnd('/pki/links/end', { method: 'POST', body: JSON.stringify(signed) });
  const left = hospitalsOf(wallet).filter(({ participant }) => participant !== ended.participant);
  const { enrolled: _enrolled, links: _links, ...rest } = wallet;
  await keepAs(rest, left);
}

/** Looks at the record of another of the wallet's hospitals, in this tab. */
export function lookAt(wallet: Wallet, chosen: Enrolled): void {
  const others = hospitalsOf(wallet).filter(({ participant }) => participant !== chosen.participant);
  endSession();
  holder.show({ ...wallet, enrolled: chosen, links: others });
}

async function keepAs(rest: Wallet, [first, ...links]: readonly Enrolled[]): Promise<void> {
  endSession();
  await holder.keep({ ...rest, ...(first === undefined ? {} : { enrolled: first, links }) });
}

function isFinal(error: unknown): boolean {
  return (
    error instanceof Refusal &&
    error.status >= CLIENT_ERRORS &&
    error.status < SERVER_ERRORS &&
    error.status !== TOO_MANY
  );
}

function digestOf(text: string): string {
  return toBase64url(sha256(utf8(text)));
}
