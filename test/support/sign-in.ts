/** Signing in of people over HTTP, as a wallet does it. */
import type { KeyObject } from 'node:crypto';
import { SIGN_IN_KIND } from '../../adapter/http/contract/index.js';
import type { SignedIn, SignInChallenge, SignInDocument } from '../../adapter/http/contract/index.js';
import { signDocument } from '../../ledger/consent/index.js';
import type { JsonObject } from '../../ledger/log/index.js';

/** Whose key signs. */
export interface SigningIn {
  readonly participant: string;
  readonly fingerprint: string;
  readonly key: Uint8Array | KeyObject;
  readonly purpose: string;
}

/** A sign-in as it is sent. */
export interface SentSignIn {
  readonly document: SignInDocument;
  readonly jws: string;
}

export async function challengeFrom(url: string): Promise<string> {
  const response = await fetch(`${url}/auth/challenge`, { method: 'POST' });
  return ((await response.json()) as SignInChallenge).challenge;
}

/** A sign-in under a fresh challenge; what is given takes the place of what would be there. */
export async function signInFor(
  url: string,
  { participant, fingerprint, key, purpose }: SigningIn,
  more: Partial<SignInDocument> = {},
): Promise<SentSignIn> {
  const document: SignInDocument = {
    kind: SIGN_IN_KIND,
    server: new URL(url).origin,
    challenge: more.challenge ?? (await challengeFrom(url)),
    participant,
    purpose,
    ...more,
  };
  return { document, jws: signDocument(document as unknown as JsonObject, key, fingerprint) };
}

export function sendSignIn(url: string, body: object): Promise<Response> {
  return fetch(`${url}/auth/session`, { method: 'POST', body: JSON.stringify(body) });
}

/** The session of somebody who signs in as is right. */
export async function signIn(url: string, who: SigningIn): Promise<SignedIn> {
  const response = await sendSignIn(url, await signInFor(url, who));
  if (response.status !== 201) throw new Error(`the sign-in was answered ${response.status}`);
  return (await response.json()) as SignedIn;
}
