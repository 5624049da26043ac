/** Keys, an authority and requests for the tests of this folder. */
// oxlint-disable-next-line import/no-unassigned-import -- the library below does not load without it
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  createAuthority,
  makeCsr,
  ParticipantError,
  PATIENT_VALIDITY_MS,
} from '../../../ledger/participants/index.js';
import type {
  Authority,
  IssuedCertificate,
  ParticipantErrorCode,
} from '../../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../../ledger/vault/index.js';

/** The library that makes and reads what is not of our making. */
export * as x509 from '@peculiar/x509';

/** A fixed time, in whole seconds. */
export const NOW_MS = Date.UTC(2026, 10, 22, 12);

export const DAY_MS = 86_400_000;

/** For `assert.throws` and `assert.rejects`. */
export function refusedWith(...codes: ParticipantErrorCode[]): (error: unknown) => boolean {
  return (error) => error instanceof ParticipantError && codes.includes(error.code);
}

export function newAuthority(name = 'Test CA'): Promise<Authority> {
  return createAuthority({ name, rootSeed: randomBytes(32), issuingSeed: randomBytes(32), nowMs: NOW_MS });
}

/** A request with keys of its own, and those keys. */
export async function newRequest(): Promise<{ seed: Buffer; x25519Public: Buffer; pem: string }> {
  const seed = randomBytes(32);
  const x25519Public = x25519PublicKey(generateX25519());
  return { seed, x25519Public, ...(await makeCsr({ seed, x25519Public })) };
}

/** A patient's certificate of that authority. @param csr - A request with keys of its own without it. */
export async function newPatient(authority: Authority, csr?: string): Promise<IssuedCertificate> {
  return authority.issue({
    csr: csr ?? (await newRequest()).pem,
    id: 'p-test',
    group: 'patient',
    notBefore: NOW_MS,
    notAfter: NOW_MS + PATIENT_VALIDITY_MS,
  });
}

/** The DER in a PEM block. */
export function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
}

export function pemOf(der: Uint8Array): string {
  const label = 'CERTIFICATE REQUEST';
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`;
}

/** An Ed25519 key pair in the terms of the library that makes requests for these tests. */
export async function newKeyPair(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey({ name: 'Ed25519' }, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
}
