/** Patients with wallets of their own at an instance that is known by its address alone. */
import assert from 'node:assert/strict';
import { consentFor, enrolWallet, signedBundle } from './wallet.js';
import type { ConsentChoices, Firebreak, Wallet } from './wallet.js';

/** An instance over HTTP. @param secret - Of the source that invites. */
export function firebreakAt(address: string, secret: string): Firebreak {
  const post = async <T>(
    path: string,
    body: Buffer | string,
    headers: Record<string, string> = {},
  ): Promise<T> => {
    const answer = await fetch(address + path, {
      method: 'POST',
      body: new Uint8Array(Buffer.from(body)),
      headers,
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  };
  return {
    invite: (source, patients) =>
      post(`/sources/${source}/invitations`, JSON.stringify({ patients }), {
        authorization: `Bearer ${secret}`,
      }),
    enrol: (body) => post('/pki/enrol', body),
    submit: (bundle) => post('/fhir', bundle, { 'content-type': 'application/fhir+json' }),
  };
}

/** Enrols a patient of a source, who signs each of these consents. */
export async function walletAt(
  firebreak: Firebreak,
  source: string,
  patient: string,
  consents: readonly ConsentChoices[],
): Promise<Wallet> {
  const wallet = await enrolWallet(firebreak, source, patient);
  for (const choices of consents) await firebreak.submit(signedBundle(wallet, consentFor(wallet, choices)));
  return wallet;
}
