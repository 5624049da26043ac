/** What the hospital keeps secret: the token of its own readers, and the keys it enrols with. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DemoError } from './errors.js';
import { certificationRequest, makeKeys } from './wallets/keys.js';
import type { WalletKeys } from './wallets/keys.js';

export interface HospitalIdentity {
  readonly token: string;
  readonly keys: WalletKeys;
}

/**
 * Opens a hospital's secrets, or makes them: a file that only this user reads.
 *
 * @throws DemoError DEMO_WALLETS_DAMAGED for a file that is not one of ours.
 */
export function openHospitalIdentity(dataDir: string): HospitalIdentity {
  const path = join(dataDir, 'hospital-secrets.json');
  if (existsSync(path)) {
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as HospitalIdentity;
    } catch (cause) {
      throw new DemoError('DEMO_WALLETS_DAMAGED', `${path} is damaged`, { cause });
    }
  }
  const identity: HospitalIdentity = { token: randomBytes(24).toString('base64url'), keys: makeKeys() };
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify(identity), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return identity;
}

/** The hospital's own PKCS#10 request, as PEM. */
export function hospitalRequest(
  identity: HospitalIdentity,
  name: string,
  x25519Oid: string,
): Promise<string> {
  return certificationRequest(identity.keys, name, x25519Oid);
}
