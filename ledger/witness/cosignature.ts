/**
 * Cosignatures of version 1: a witness's timed statement that a checkpoint is consistent with all it saw before.
 *
 * @see https://c2sp.org/tlog-cosignature
 */
import { LedgerError } from '../errors.js';
import {
  decodeBase64,
  isKeyName,
  isSafePublicKey,
  privateKeyObject,
  publicKey,
  publicKeyObject,
  sha256,
  sign,
  splitNote,
  verify,
} from '../log/index.js';
import type { NoteVerifier } from '../log/index.js';

/** Signature type of an Ed25519 cosignature: other than that of a log's own signature. */
const TYPE_COSIGNATURE = 0x04;

const KEY_ID_BYTES = 4;
const KEY_BYTES = 32;
const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;
const SKEY_PREFIX = 'PRIVATE+KEY+';

/** Signs checkpoints as a witness. */
export interface Cosigner {
  readonly name: string;
  /** `name+hex8(keyID)+base64(0x04 ‖ key)`. */
  readonly vkey: string;
  readonly verifier: NoteVerifier;
  /**
   * One signature line, without its line feed.
   *
   * @param text - The checkpoint's text, extension lines included, with its last line feed.
   * @param timeS - Seconds since the epoch.
   */
  readonly cosign: (text: string, timeS: number) => string;
}

/**
 * A cosigner from a seed. The signed bytes do not name the cosigner, so no two may share a seed.
 *
 * @param name - Not empty, no white space, no plus sign: a schema-less URL.
 * @param seed - 32 bytes.
 * @throws LedgerError LEDGER_BAD_KEY
 */
export function cosigner(name: string, seed: Uint8Array): Cosigner {
  const raw = publicKey(seed);
  const verifier = cosignerVerifier(name, raw);
  const key = privateKeyObject(seed);
  return {
    name,
    vkey: vkeyText(name, verifier.keyId, raw),
    verifier,
    cosign: (text, timeS) => {
      if (!Number.isSafeInteger(timeS) || timeS < 0) {
        throw new LedgerError('LEDGER_BAD_NOTE', 'a cosignature’s time is whole seconds since the epoch');
      }
      const time = Buffer.alloc(TIME_BYTES);
      time.writeBigUInt64BE(BigInt(timeS));
      const signature = sign(key, message(text, String(timeS)));
      return `\u2014 ${name} ${Buffer.concat([verifier.keyId, time, signature]).toString('base64')}`;
    },
  };
}

/**
 * A verifier of cosignatures, which notes can be opened with.
 *
 * @param raw - 32 bytes.
 * @throws LedgerError LEDGER_BAD_KEY also for a key on which verifiers may disagree.
 */
export function cosignerVerifier(name: string, raw: Uint8Array): NoteVerifier {
  if (!isKeyName(name))
    throw badKey('a name is not empty and holds no white space, control character or plus');
  if (!isSafePublicKey(raw)) throw badKey('an Ed25519 key on which verifiers may disagree');
  const object = publicKeyObject(raw);
  return {
    name,
    keyId: keyIdOf(name, raw),
    publicKey: Buffer.from(raw),
    verify: (text, timed) => {
      if (timed.length !== TIME_BYTES + SIGNATURE_BYTES) return false;
      const time = timed.readBigUInt64BE(0);
      // The specification's bound of the time.
      if (time >= 1n << 63n) return false;
      return verify(object, message(text.toString('utf8'), String(time)), timed.subarray(TIME_BYTES));
    },
  };
}

/**
 * Reads a witness's vkey.
 *
 * @throws LedgerError LEDGER_BAD_KEY when it is malformed, its id is not its key's, its type is not that of an
 * Ed25519 cosignature, or the key is unsafe.
 */
export function parseCosignerVkey(text: string): NoteVerifier {
  const { name, id, key } = splitKey(text);
  const verifier = cosignerVerifier(name, key);
  if (verifier.keyId.toString('hex') !== id) throw badKey('a key id that is not its key’s');
  return verifier;
}

/** `PRIVATE+KEY+name+hex8(keyID)+base64(0x04 ‖ seed)`: how a witness keeps its key. */
export function encodeCosignerSkey(name: string, seed: Uint8Array): string {
  return SKEY_PREFIX + vkeyText(name, cosigner(name, seed).verifier.keyId, seed);
}

/** Reads what {@link encodeCosignerSkey} wrote. @throws LedgerError LEDGER_BAD_KEY */
export function parseCosignerSkey(text: string): Cosigner {
  if (!text.startsWith(SKEY_PREFIX)) throw badKey('not a private key');
  const { name, id, key } = splitKey(text.slice(SKEY_PREFIX.length));
  const made = cosigner(name, key);
  if (made.verifier.keyId.toString('hex') !== id) throw badKey('a key id that is not its key’s');
  return made;
}

/** A cosignature found on a note, and checked. */
export interface Cosignature {
  /** The line, without its line feed. */
  readonly line: string;
  /** Seconds since the epoch. */
  readonly timeS: number;
}

/**
 * The newest good cosignature by one key on a note; `undefined` when there is none, or one by that key is bad.
 */
export function findCosignature(note: Buffer, verifier: NoteVerifier): Cosignature | undefined {
  const parts = splitNote(note);
  if (parts === undefined) return undefined;
  const text = Buffer.from(parts.text, 'utf8');
  let found: Cosignature | undefined;
  for (const { name, bytes } of parts.signatures) {
    if (name !== verifier.name || !bytes.subarray(0, KEY_ID_BYTES).equals(verifier.keyId)) continue;
    if (!verifier.verify(text, bytes.subarray(KEY_ID_BYTES))) return undefined;
    const timeS = Number(bytes.readBigUInt64BE(KEY_ID_BYTES));
    if (found === undefined || timeS > found.timeS)
      found = { line: `\u2014 ${name} ${bytes.toString('base64')}`, timeS };
  }
  return found;
}

/** What is signed. @see https://c2sp.org/tlog-cosignature, "Ed25519 signed message" */
function message(text: string, time: string): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${time}\n${text}`, 'utf8');
}

function keyIdOf(name: string, raw: Uint8Array): Buffer {
  return sha256(Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), typed(raw)])).subarray(0, KEY_ID_BYTES);
}

function vkeyText(name: string, keyId: Buffer, key: Uint8Array): string {
  return `${name}+${keyId.toString('hex')}+${typed(key).toString('base64')}`;
}

function typed(key: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(TYPE_COSIGNATURE), key]);
}

function splitKey(text: string): { name: string; id: string; key: Buffer } {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text);
  const [, name = '', id = '', encoded = ''] = match ?? [];
  const bytes = decodeBase64(encoded);
  if (match === null || bytes === undefined) throw badKey('malformed');
  if (bytes.length !== 1 + KEY_BYTES || bytes[0] !== TYPE_COSIGNATURE)
    throw badKey('not of the Ed25519 cosignature type');
  return { name, id, key: bytes.subarray(1) };
}

function badKey(what: string): LedgerError {
  return new LedgerError('LEDGER_BAD_KEY', `witness key: ${what}`);
}
