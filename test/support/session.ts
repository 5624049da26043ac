/** Signing in as a wallet does: a challenge, its signature by the certified key, a session. */
import { signDocument } from '../../ledger/consent/index.js';
import { SIGN_IN_KIND } from '../../adapter/http/contract/index.js';
import type { SignedIn, SignInChallenge, SignInDocument } from '../../adapter/http/contract/index.js';

/** Who signs in: with a key, and the certificate it is certified by. */
export interface Signer {
  readonly seed: Buffer;
  readonly participant: string;
  readonly fingerprint: string;
}

/** A wallet as a signer. */
export function signerOf(wallet: {
  readonly seed: Buffer;
  readonly enrolled: { readonly participant: string; readonly fingerprint: string };
}): Signer {
  const { seed, enrolled } = wallet;
  return { seed, participant: enrolled.participant, fingerprint: enrolled.fingerprint };
}

export async function challengeFrom(address: string): Promise<string> {
  const answer = await fetch(`${address}/auth/challenge`, { method: 'POST' });
  return ((await answer.json()) as SignInChallenge).challenge;
}

/** The body of a sign-in, signed; members that are given take the place of the good ones. */
export function signInBody(
  address: string,
  signer: Signer,
  challenge: string,
  more: Partial<Record<keyof SignInDocument, string>> = {},
): string {
  const document = {
    kind: SIGN_IN_KIND,
    server: address,
    challenge,
    participant: signer.participant,
    purpose: 'PATRQT',
    ...more,
  };
  const jws = signDocument(document, signer.seed, signer.fingerprint);
  return JSON.stringify({ document, jws });
}

export function postSignIn(address: string, body: string): Promise<Response> {
  return fetch(`${address}/auth/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
}

/** Signs in, and gives the session's token. */
export async function signIn(
  address: string,
  signer: Signer,
  more: Partial<Record<keyof SignInDocument, string>> = {},
): Promise<string> {
  const answer = await postSignIn(address, signInBody(address, signer, await challengeFrom(address), more));
  if (answer.status !== 201) throw new Error(`no session: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as SignedIn).token;
}

export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}
