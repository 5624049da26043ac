/** The recovery file: the wallet under its passphrase, in the age format, which other programs open too. */
import { textOf, utf8 } from '../../../ledger/proofs/index.js';
import { readWallet, walletBytes } from './wallet.js';
import type { Wallet } from './wallet.js';

/** A wallet has two keys and a certificate. */
export const RECOVERY_BYTES_MAX = 64 * 1024;
export const RECOVERY_FILE_NAME = 'firebreak-wallet.age';

/**
 * Seals a wallet, as ASCII armour.
 *
 * @see the age encryption format, version 1, section "The scrypt recipient type"
 */
export async function recoveryFile(wallet: Wallet, passphrase: string): Promise<string> {
  const { armor, Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase.normalize('NFKC'));
  return armor.encode(await encrypter.encrypt(walletBytes(wallet)));
}

/** The wallet in a recovery file; `undefined` for another passphrase, a damaged or a foreign file. */
export async function openRecovery(bytes: Uint8Array, passphrase: string): Promise<Wallet | undefined> {
  const { armor, Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase.normalize('NFKC'));
  try {
    const opened = await decrypter.decrypt(armor.decode(textOf(bytes) ?? ''));
    return readWallet(typeof opened === 'string' ? utf8(opened) : opened);
  } catch {
    return undefined;
  }
}
