/** A wallet's keys: made here, by this browser's own randomness. Only public keys leave it. */
import { ed25519, x25519 } from '@noble/curves/ed25519.js';

/** Secret parts, 32 raw bytes each. */
export interface WalletKeys {
  /** Ed25519: signs. */
  readonly signing: Uint8Array;
  /** X25519: opens what is sealed for the holder. */
  readonly opening: Uint8Array;
}

export function makeKeys(): WalletKeys {
  return { signing: ed25519.utils.randomSecretKey(), opening: x25519.utils.randomSecretKey() };
}

/** Ed25519 signature, 64 bytes. @see RFC 8032 */
export function signWith({ signing }: WalletKeys, message: Uint8Array): Uint8Array {
  return ed25519.sign(message, signing);
}

export function signingPublicKey({ signing }: WalletKeys): Uint8Array {
  return ed25519.getPublicKey(signing);
}

export function openingPublicKey({ opening }: WalletKeys): Uint8Array {
  return x25519.getPublicKey(opening);
}
