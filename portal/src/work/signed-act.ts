/** What people sign at their work: a document that names the log, the signer and the time, sent with its signature. */
import { readFile } from '../ledger/log-files.js';
import { ask } from '../session/ask.js';
import { detachedJws, documentBytes } from '../wallet/detached-jws.js';
import { fingerprintOf } from '../wallet/wallet.js';
import type { Wallet } from '../wallet/wallet.js';

/** Signs a document of a kind. @param more - Its own members. */
export async function signedAct(
  wallet: Wallet,
  more: { readonly kind: string } & Readonly<Record<string, unknown>>,
): Promise<{ readonly document: object; readonly jws: string }> {
  const fingerprint = fingerprintOf(wallet);
  const signer = wallet.enrolled?.participant ?? wallet.certificate?.id;
  if (fingerprint === undefined || signer === undefined) throw new Error('the wallet has no certificate');
  const vkey = new TextDecoder().decode(await readFile('/log/vkey'));
  const document = { log: vkey.split('+')[0] ?? '', signer, at: new Date().toISOString(), ...more };
  return { document, jws: detachedJws(wallet.keys, fingerprint, documentBytes(document)) };
}

/** Signs and sends. @throws Refusal */
export async function sendSigned(
  wallet: Wallet,
  path: string,
  more: { readonly kind: string } & Readonly<Record<string, unknown>>,
): Promise<Response> {
  const response = await ask(path, { method: 'POST', body: JSON.stringify(await signedAct(wallet, more)) });
  // Read to its end: while an answer is not read, its connection serves no other.
  return new Response(await response.arrayBuffer(), { headers: response.headers });
}
