/**
 * A wallet as a file: the form that the portal keeps in the browser and puts into recovery files. A recovery file is that
 * form under a passphrase in the age format, which other programs open too.
 *
 * @see the age encryption format, version 1, section "The scrypt recipient type"
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { armor, Decrypter, Encrypter } from 'age-encryption';
import { signDocument } from '../../ledger/consent/index.js';
import { generateSeed } from '../../ledger/log/index.js';
import type { JsonObject } from '../../ledger/log/index.js';
import { makeCsr } from '../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../ledger/vault/index.js';
import { AdapterError } from '../errors.js';
import type { Enrolled } from '../http/contract/index.js';
import { readText } from './read-text.js';
import { writeWhole } from './write-whole.js';

const FORMAT = 'firebreak-wallet/1';
const KEY_BYTES = 32;
const OWNER_ONLY = 0o600;

/** Keys, and what the authority answered. */
export interface WalletFile {
  /** Ed25519 seed and X25519 secret, base64url of 32 bytes. */
  readonly signing: string;
  readonly opening: string;
  readonly enrolled?: Enrolled;
  /** Of a rotation that was begun: kept before it is sent, so that a lost answer is asked for again. */
  readonly next?: { readonly signing: string; readonly opening: string };
}

/** A wallet that is enrolled. */
export type EnrolledWallet = WalletFile & { readonly enrolled: Enrolled };

export function newWalletKeys(): { readonly signing: string; readonly opening: string } {
  return {
    signing: generateSeed().toString('base64url'),
    opening: generateX25519().toString('base64url'),
  };
}

/** @throws AdapterError ADAPTER_USAGE for what is no wallet. */
export function readWalletFile(path: string): WalletFile {
  return walletIn(readText(path), path);
}

/** @throws AdapterError ADAPTER_USAGE for one that is not enrolled. */
export function readEnrolled(path: string): EnrolledWallet {
  const wallet = readWalletFile(path);
  if (wallet.enrolled === undefined)
    throw new AdapterError('ADAPTER_USAGE', `the wallet ${path} is not enrolled: firebreak patient enrol`);
  return { ...wallet, enrolled: wallet.enrolled };
}

/** Writes it whole, for its owner alone. */
export async function writeWalletFile(path: string, wallet: WalletFile): Promise<void> {
  await writeWhole(path, textOf(wallet), OWNER_ONLY);
}

/** @throws AdapterError ADAPTER_CONFLICT */
export function requireNew(path: string): void {
  if (existsSync(path)) throw new AdapterError('ADAPTER_CONFLICT', `${path} is there already`);
}

/** PKCS#10 of the keys, PEM. Deterministic, so that the same is asked for again. */
export async function requestOf({
  signing,
  opening,
}: Pick<WalletFile, 'signing' | 'opening'>): Promise<string> {
  const x25519Public = x25519PublicKey(Buffer.from(opening, 'base64url'));
  return (await makeCsr({ seed: Buffer.from(signing, 'base64url'), x25519Public })).pem;
}

/** JSON `{document, jws, …beside}`. */
export function signedByWallet(
  { signing, enrolled }: EnrolledWallet,
  document: JsonObject,
  beside: object = {},
): string {
  const jws = signDocument(document, Buffer.from(signing, 'base64url'), enrolled.fingerprint);
  return JSON.stringify({ document, jws, ...beside });
}

/** base64url SHA-256 of a text. */
export function digestOf(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** A recovery file, as ASCII armour. */
export async function sealedWallet(wallet: WalletFile, passphrase: string): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase.normalize('NFKC'));
  return armor.encode(await encrypter.encrypt(textOf(wallet)));
}

/** @throws AdapterError ADAPTER_FORBIDDEN for another passphrase, or a damaged or foreign file. */
export async function openedWallet(text: string, passphrase: string): Promise<WalletFile> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase.normalize('NFKC'));
  let opened: string;
  try {
    opened = await decrypter.decrypt(armor.decode(text), 'text');
  } catch (cause) {
    throw new AdapterError('ADAPTER_FORBIDDEN', 'another passphrase, or no recovery file', { cause });
  }
  return walletIn(opened, 'what the recovery file holds');
}

function walletIn(text: string, name: string): WalletFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${name} is no wallet`, { cause });
  }
  const { format, ...wallet } = (value ?? {}) as Record<string, unknown> & Partial<WalletFile>;
  const areKeys = [wallet.signing, wallet.opening].every(
    (key) => typeof key === 'string' && Buffer.from(key, 'base64url').length === KEY_BYTES,
  );
  if (format !== FORMAT || !areKeys) throw new AdapterError('ADAPTER_USAGE', `${name} is no wallet`);
  return wallet as WalletFile;
}

function textOf(wallet: WalletFile): string {
  return JSON.stringify({ format: FORMAT, ...wallet });
}
