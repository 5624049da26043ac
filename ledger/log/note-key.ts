/**
 * Keys of signed notes in their text forms.
 *
 * @see https://c2sp.org/signed-note
 */
import type { KeyObject } from 'node:crypto';
import { LedgerError } from '../errors.js';
import { isSafePublicKey, privateKeyObject, publicKey, publicKeyObject, sign, verify } from './ed25519.js';
import { sha256 } from './merkle.js';

/** Signature type of plain Ed25519, the only one a log key has. */
const TYPE_ED25519 = 0x01;

const KEY_ID_BYTES = 4;
const KEY_BYTES = 32;

/** Signs notes under a name. */
export type NoteSigner = {
  readonly name: string;
  /** 4 bytes. */
  readonly keyId: Buffer;
  /** 64 bytes over the note's text. */
  readonly sign: (text: Buffer) => Buffer;
};

/** Checks signatures of one key on notes. */
export type NoteVerifier = {
  readonly name: string;
  /** 4 bytes. */
  readonly keyId: Buffer;
  /** 32 bytes. */
  readonly publicKey: Buffer;
  readonly verify: (text: Buffer, signature: Buffer) => boolean;
};

/**
 * A signer from a seed.
 *
 * @param name - The log's origin: not empty, no white space, no plus sign.
 * @param seed - 32 bytes.
 * @throws LedgerError LEDGER_BAD_KEY
 */
export function noteSigner(name: string, seed: Uint8Array): NoteSigner {
  requireName(name);
  const key: KeyObject = privateKeyObject(seed);
  return { name, keyId: keyIdOf(name, publicKey(seed)), sign: (text) => sign(key, text) };
}

/**
 * A verifier from a public key.
 *
 * @throws LedgerError LEDGER_BAD_KEY for a bad name; LEDGER_UNSAFE_KEY for a small-order, torsioned or non-canonical key.
 */
export function noteVerifier(name: string, raw: Uint8Array): NoteVerifier {
  requireName(name);
  if (!isSafePublicKey(raw)) throw unsafeKey();
  const object = publicKeyObject(raw);
  return {
    name,
    keyId: keyIdOf(name, raw),
    publicKey: Buffer.from(raw),
    verify: (text, signature) => verify(object, text, signature),
  };
}

/** `name+hex8(keyID)+base64(type ‖ key)`: what is handed to those who check. */
export function encodeVkey(name: string, raw: Uint8Array): string {
  requireName(name);
  return `${name}+${keyIdOf(name, raw).toString('hex')}+${typed(raw).toString('base64')}`;
}

/**
 * Reads a vkey.
 *
 * @throws LedgerError LEDGER_BAD_KEY when it is malformed or its type is not Ed25519, LEDGER_BAD_KEY_ID when its id is
 * not its key's, LEDGER_UNSAFE_KEY as {@link noteVerifier} does.
 */
export function parseVkey(text: string): NoteVerifier {
  const { name, id, key } = splitKey(text);
  const verifier = noteVerifier(name, key);
  if (verifier.keyId.toString('hex') !== id) throw badKeyId();
  return verifier;
}

const SKEY_PREFIX = 'PRIVATE+KEY+';

/** `PRIVATE+KEY+name+hex8(keyID)+base64(type ‖ seed)`: the log's own key, as Go's note package writes it. */
export function encodeSkey(name: string, seed: Uint8Array): string {
  requireName(name);
  return `${SKEY_PREFIX}${name}+${keyIdOf(name, publicKey(seed)).toString('hex')}+${typed(seed).toString('base64')}`;
}

/**
 * Reads an skey.
 *
 * @returns The name and the 32-byte seed.
 * @throws LedgerError LEDGER_BAD_KEY
 */
export function parseSkey(text: string): { name: string; seed: Buffer } {
  if (!text.startsWith(SKEY_PREFIX)) throw badKey('not a private key');
  const { name, id, key } = splitKey(text.slice(SKEY_PREFIX.length));
  if (keyIdOf(name, publicKey(key)).toString('hex') !== id) throw badKeyId();
  return { name, seed: key };
}

/** First 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ key). */
function keyIdOf(name: string, raw: Uint8Array): Buffer {
  return sha256(Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), typed(raw)])).subarray(0, KEY_ID_BYTES);
}

function typed(key: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(TYPE_ED25519), key]);
}

function splitKey(text: string): { name: string; id: string; key: Buffer } {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text);
  const [, name = '', id = '', encoded = ''] = match ?? [];
  const bytes = decodeBase64(encoded);
  if (match === null || bytes === undefined) throw badKey('malformed');
  requireName(name);
  if (bytes.length !== 1 + KEY_BYTES || bytes[0] !== TYPE_ED25519) throw badKey('not of the Ed25519 type');
  return { name, id, key: bytes.subarray(1) };
}

/**
 * Whether a text can name a key: not empty, well-formed, and without white space, control characters and plus.
 *
 * @see https://c2sp.org/signed-note
 */
export function isKeyName(name: string): boolean {
  return /^[^\s+\p{Cc}\p{Cs}]+$/u.test(name);
}

function requireName(name: string): void {
  if (!isKeyName(name))
    throw badKey('a name is not empty and holds no white space, control character or plus');
}

/** Bytes of standard base64 with padding, or `undefined` unless it is the one encoding of those bytes. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** For keys on whose signatures verifiers may disagree. */
function unsafeKey(): LedgerError {
  return new LedgerError('LEDGER_UNSAFE_KEY', 'note key: an Ed25519 key on which verifiers may disagree');
}

/** For a key id that does not follow from name, type and key. */
export function badKeyId(): LedgerError {
  return new LedgerError('LEDGER_BAD_KEY_ID', 'note key: a key id that is not its key’s');
}

function badKey(what: string): LedgerError {
  return new LedgerError('LEDGER_BAD_KEY', `note key: ${what}`);
}
