/**
 * Signed notes: a text with lines of signatures under it.
 *
 * @see https://c2sp.org/signed-note
 */
import { isUtf8 } from 'node:buffer';
import { LedgerError } from '../errors.js';
import { decodeBase64, isKeyName } from './note-key.js';
import type { NoteSigner, NoteVerifier } from './note-key.js';

/** Larger notes are refused unread; a checkpoint has some hundred bytes. */
export const NOTE_BYTES_MAX = 1_000_000;

/** More lines are refused: each may cost a verification. */
const SIGNATURES_MAX = 100;

const KEY_ID_BYTES = 4;

/** Why a note is refused. */
export type NoteRefusal = 'malformed' | 'bad-signature' | 'no-known-signature';

/** A note as read. */
export type OpenedNote =
  | {
      readonly ok: true;
      /** Text with its last line feed, without the signatures. */
      readonly text: string;
      /** The verifiers whose signature is on it and good; at least one. */
      readonly signedBy: readonly NoteVerifier[];
    }
  | { readonly ok: false; readonly code: NoteRefusal };

/**
 * Signs a text.
 *
 * @param text - Ends in a line feed; no other control characters.
 * @param signers - One line each, in this order.
 * @param existing - Signature lines to keep before the new ones.
 * @throws LedgerError LEDGER_BAD_NOTE for a text that no note can hold.
 */
export function signNote(
  text: string,
  signers: readonly NoteSigner[],
  existing: readonly string[] = [],
): Buffer {
  if (!text.endsWith('\n') || !isNoteText(text))
    throw new LedgerError('LEDGER_BAD_NOTE', 'no text for a note');
  const bytes = Buffer.from(text, 'utf8');
  const lines = signers.map((signer) => {
    const signature = Buffer.concat([signer.keyId, signer.sign(bytes)]);
    return `\u2014 ${signer.name} ${signature.toString('base64')}`;
  });
  return Buffer.from(`${text}\n${[...existing, ...lines].join('\n')}\n`, 'utf8');
}

/**
 * Reads a note and checks it with the keys known. Signatures of unknown keys are ignored; a known key whose
 * signature fails rejects the note, and so does a note that no known key signed.
 *
 * @param verifiers - The known keys.
 */
export function openNote(bytes: Buffer, verifiers: readonly NoteVerifier[]): OpenedNote {
  const parts = splitNote(bytes);
  if (parts === undefined) return { ok: false, code: 'malformed' };
  const text = Buffer.from(parts.text, 'utf8');
  const signedBy: NoteVerifier[] = [];
  for (const line of parts.signatures) {
    const id = line.bytes.subarray(0, KEY_ID_BYTES);
    const verifier = verifiers.find((known) => known.name === line.name && known.keyId.equals(id));
    if (verifier === undefined) continue;
    if (!verifier.verify(text, line.bytes.subarray(KEY_ID_BYTES)))
      return { ok: false, code: 'bad-signature' };
    if (!signedBy.includes(verifier)) signedBy.push(verifier);
  }
  if (signedBy.length === 0) return { ok: false, code: 'no-known-signature' };
  return { ok: true, text: parts.text, signedBy };
}

/** A signature line: the name, and key id and signature together. */
export type SignatureLine = { readonly name: string; readonly bytes: Buffer };

/**
 * A note's text and signature lines, unverified; `undefined` when it is malformed.
 */
export function splitNote(bytes: Buffer): { text: string; signatures: SignatureLine[] } | undefined {
  if (bytes.length > NOTE_BYTES_MAX || !isUtf8(bytes)) return undefined;
  const whole = bytes.toString('utf8');
  if (!isNoteText(whole) || !whole.endsWith('\n')) return undefined;
  // The text may hold blank lines itself, so the last one parts it from the signatures.
  const split = whole.lastIndexOf('\n\n');
  if (split < 0) return undefined;
  const lines = whole.slice(split + 2, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) return undefined;
  const signatures: SignatureLine[] = [];
  for (const line of lines) {
    const [dash, name = '', encoded = '', ...more] = line.split(' ');
    const decoded = decodeBase64(encoded);
    if (dash !== '\u2014' || more.length > 0 || !isKeyName(name)) return undefined;
    if (decoded === undefined || decoded.length <= KEY_ID_BYTES) return undefined;
    signatures.push({ name, bytes: decoded });
  }
  return { text: whole.slice(0, split + 1), signatures };
}

/** No control characters but the line feed, and nothing that UTF-8 cannot hold. */
function isNoteText(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return !/[\u0000-\u0009\u000b-\u001f\ud800-\udfff]/u.test(text);
}
