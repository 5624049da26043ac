/** The session of the open wallet: opened by a signature, kept in this page's memory alone. */
import { SIGN_IN_KIND } from '../../../adapter/http/contract/index.js';
import type {
  PersonAnswer,
  SignedIn,
  SignInChallenge,
  SignInDocument,
} from '../../../adapter/http/contract/index.js';
import { detachedJws, documentBytes } from '../wallet/detached-jws.js';
import { fingerprintOf } from '../wallet/wallet.js';
import type { Wallet } from '../wallet/wallet.js';
import { ask, askJson, askToEnd, Refusal } from './ask.js';

export interface Session {
  readonly wallet: Wallet;
  readonly person: PersonAnswer;
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Signed anew when so much is left, ms: an answer must not come too late. */
const MARGIN_MS = 30_000;

/** By purpose of use: an emergency is another session than care. */
const present = new Map<string, Session>();
const opening = new Map<string, Promise<Session>>();

/** The wallet's session; signs in where there is none, or it ends. @throws Refusal */
export function sessionOf(wallet: Wallet, purpose = purposeOf(wallet)): Promise<Session> {
  const known = present.get(purpose);
  if (known?.wallet === wallet && known.expiresAt - Date.now() > MARGIN_MS) return Promise.resolve(known);
  const begun = opening.get(purpose);
  if (begun !== undefined) return begun;
  const opened = open(wallet, purpose).finally(() => opening.delete(purpose));
  opening.set(purpose, opened);
  return opened;
}

/** Ends the session here and at the server. */
export function endSession(): void {
  for (const { token } of present.values())
    // Whether it hears of it or not, the token is forgotten here.
    askToEnd('/auth/session', { method: 'DELETE', headers: bearer(token), keepalive: true }).catch(
      () => undefined,
    );
  present.clear();
}

/** Asks as the wallet's holder; signs in again, once, where the session has ended. @throws Refusal */
export async function askAs(
  wallet: Wallet,
  path: string,
  init: RequestInit = {},
  purpose = purposeOf(wallet),
): Promise<Response> {
  for (let isSecond = false; ; isSecond = true) {
    const session = await sessionOf(wallet, purpose);
    try {
      const headers = new Headers(init.headers);
      headers.set('Authorization', `Bearer ${session.token}`);
      return await ask(path, { ...init, headers });
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 401 || isSecond) throw error;
      if (present.get(purpose) === session) present.delete(purpose);
    }
  }
}

/** @throws Refusal */
export async function askJsonAs<T>(wallet: Wallet, path: string, purpose?: string): Promise<T> {
  return (await (await askAs(wallet, path, {}, purpose)).json()) as T;
}

async function open(wallet: Wallet, purpose: string): Promise<Session> {
  const fingerprint = fingerprintOf(wallet);
  if (fingerprint === undefined) throw new Error('the wallet has no certificate');
  const { challenge } = await askJson<SignInChallenge>('/auth/challenge', { method: 'POST' });
  const document: SignInDocument = {
    kind: SIGN_IN_KIND,
    server: location.origin,
    challenge,
    participant: wallet.enrolled?.participant ?? wallet.certificate?.id ?? '',
    purpose,
  };
  const jws = detachedJws(wallet.keys, fingerprint, documentBytes(document));
  const signed = await askJson<SignedIn>('/auth/session', {
    method: 'POST',
    body: JSON.stringify({ document, jws }),
  });
  const session: Session = {
    wallet,
    person: signed.person,
    token: signed.token,
    expiresAt: Date.now() + signed.expiresInS * 1000,
  };
  present.set(purpose, session);
  return session;
}

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

/** What a session is opened for: patients for themselves, others for the first purpose of their group. */
function purposeOf({ enrolled, certificate }: Wallet): string {
  if (enrolled !== undefined) return 'PATRQT';
  if (certificate?.role === 'staff' || certificate?.role === 'officer') return 'HOPERAT';
  const purposes = { provider: 'TREAT', authority: 'HRESCH', payer: 'CLMATTCH' } as const;
  return purposes[certificate?.group ?? 'provider'];
}
