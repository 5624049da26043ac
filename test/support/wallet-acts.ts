/** What wallets and a hospital's staff sign about enrolments, as it is sent. */
import { randomUUID } from 'node:crypto';
import {
  LINK_KIND,
  RE_ENROLMENT_KIND,
  RENEWAL_KIND,
  ROTATION_KIND,
  UNLINK_KIND,
} from '../../adapter/http/contract/index.js';
import type { Enrolled } from '../../adapter/http/contract/index.js';
import type { Instance } from '../../adapter/instance/instance.js';
import { hashOf } from '../../adapter/services/wallets/index.js';
import { signDocument } from '../../ledger/consent/index.js';
import { generateSeed } from '../../ledger/log/index.js';
import type { JsonObject } from '../../ledger/log/index.js';
import { makeCsr } from '../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../ledger/vault/index.js';
import type { Signer } from './session.js';
import type { Wallet } from './wallet.js';

/** `{document, jws}` by a wallet. */
export function byWallet({ seed, enrolled }: Wallet, document: JsonObject, beside: object = {}): Buffer {
  const jws = signDocument(document, seed, enrolled.fingerprint);
  return Buffer.from(JSON.stringify({ document, jws, ...beside }));
}

/** `{document, signatures}` by people of a hospital. */
export function byStaff(
  signers: readonly (Signer & { readonly id: string })[],
  document: JsonObject,
): Buffer {
  const signatures = signers.map(({ id, seed, fingerprint }) => ({
    signer: id,
    jws: signDocument(document, seed, fingerprint),
  }));
  return Buffer.from(JSON.stringify({ document, signatures }));
}

/** What all documents of a wallet say. */
export function common(instance: Instance, { enrolled }: Wallet, more: JsonObject = {}): JsonObject {
  return {
    log: instance.identity.origin,
    signer: enrolled.participant,
    at: new Date(instance.nowMs()).toISOString(),
    ...more,
  };
}

export async function requestOf(
  seed = generateSeed(),
): Promise<{ readonly seed: Buffer; readonly csr: string }> {
  const { pem } = await makeCsr({ seed, x25519Public: x25519PublicKey(generateX25519()) });
  return { seed, csr: pem };
}

export async function codeFor(instance: Instance, source: string, patient: string): Promise<string> {
  const { invitations } = await instance.enrolment.invite(source, [patient]);
  return invitations[0]?.code ?? '';
}

export function linkOf(
  instance: Instance,
  wallet: Wallet,
  { invitation, csr, ...more }: { readonly invitation: string; readonly csr: string } & JsonObject,
): Buffer {
  const said = { kind: LINK_KIND, invitation: hashOf(invitation), csr: hashOf(csr), ...more };
  return byWallet(wallet, common(instance, wallet, said), { invitation, csr });
}

export function unlinkOf(instance: Instance, wallet: Wallet, more: JsonObject = {}): Buffer {
  return byWallet(wallet, common(instance, wallet, { kind: UNLINK_KIND, ...more }));
}

export function renewalOf(instance: Instance, wallet: Wallet, more: JsonObject = {}): Buffer {
  return byWallet(wallet, common(instance, wallet, { kind: RENEWAL_KIND, ...more }));
}

export function rotationOf(instance: Instance, wallet: Wallet, csr: string, more: JsonObject = {}): Buffer {
  return byWallet(wallet, common(instance, wallet, { kind: ROTATION_KIND, csr: hashOf(csr), ...more }), {
    csr,
  });
}

export function lossOf(instance: Instance, patient: string, more: JsonObject = {}): JsonObject {
  return {
    kind: RE_ENROLMENT_KIND,
    log: instance.identity.origin,
    at: new Date(instance.nowMs()).toISOString(),
    source: 'ward',
    patient,
    reason: `the telephone was stolen, case ${randomUUID()}`,
    ...more,
  };
}

/** A wallet after its certificate was replaced. */
export function walletOf(seed: Buffer, enrolled: Enrolled): Wallet {
  return { seed, enrolled };
}
