/**
 * Signed checkpoints under known keys.
 *
 * @see https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint, https://c2sp.org/tlog-cosignature
 */
import { concat, equal, fromBase64, toHex, utf8 } from './bytes.js';
import type { ProofCrypto } from './crypto.js';
import { isSafeKey } from './crypto.js';
import { HASH_BYTES } from './tree.js';

/** A key that signs checkpoints: a log's (type 1) or a witness's (type 4). */
export interface NoteKey {
  readonly name: string;
  /** 4 bytes. */
  readonly id: Uint8Array;
  readonly type: 1 | 4;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** What a checkpoint states. */
export interface Head {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** A checkpoint with the known keys that signed it. */
export type OpenedHead =
  | { readonly ok: true; readonly head: Head; readonly signedBy: ReadonlySet<NoteKey> }
  | { readonly ok: false; readonly code: 'checkpoint-malformed' | 'checkpoint-signature' };

/** Larger notes are refused unread. */
export const NOTE_CHARS_MAX = 65_536;
/** More lines are refused: each may cost a signature check. */
const LINES_MAX = 100;
const ID_BYTES = 4;
const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;
/** What no note holds: all control characters but the line feed. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

/** Reads a vkey of a log or a witness; `undefined` for one that is malformed, misnamed or unsafe. */
export function readVkey(text: string, crypto: ProofCrypto): NoteKey | undefined {
  const [, name = '', hex = '', encoded = ''] = /^([^+\s\p{Cc}]+)\+([0-9a-f]{8})\+(.+)$/u.exec(text) ?? [];
  const typed = fromBase64(encoded);
  const type = typed?.[0];
  if (name === '' || typed === undefined || (type !== 1 && type !== 4)) return undefined;
  const key = typed.slice(1);
  const id = crypto.sha256(concat(utf8(`${name}\n`), typed)).slice(0, ID_BYTES);
  return toHex(id) === hex && isSafeKey(key) ? { name, id, type, key } : undefined;
}

/** Reads a checkpoint. Lines of unknown keys are skipped; a known key whose signature fails refuses it. */
export function openHead(note: string, keys: readonly NoteKey[], crypto: ProofCrypto): OpenedHead {
  const malformed = { ok: false, code: 'checkpoint-malformed' } as const;
  const end = note.lastIndexOf('\n\n') + 1;
  if (end < 1 || note.length > NOTE_CHARS_MAX || !note.endsWith('\n') || CONTROL.test(note)) return malformed;
  const text = note.slice(0, end);
  const head = readHead(text);
  const lines = note.slice(end + 1, -1).split('\n');
  if (head === undefined || lines.length > LINES_MAX) return malformed;
  const signedBy = new Set<NoteKey>();
  for (const line of lines) {
    const [, name = '', encoded = ''] = /^\u2014 ([^\s+]+) (\S+)$/u.exec(line) ?? [];
    const bytes = fromBase64(encoded);
    if (name === '' || bytes === undefined || bytes.length <= ID_BYTES) return malformed;
    const known = keys.find((key) => key.name === name && equal(key.id, bytes.subarray(0, ID_BYTES)));
    if (known === undefined) continue;
    if (!isSigned(known, text, bytes.subarray(ID_BYTES), crypto))
      return { ok: false, code: 'checkpoint-signature' };
    signedBy.add(known);
  }
  return { ok: true, head, signedBy };
}

function readHead(text: string): Head | undefined {
  const [origin = '', sizeText = '', rootText = '', ...extensions] = text.slice(0, -1).split('\n');
  const size = /^(?:0|[1-9]\d{0,15})$/.test(sizeText) ? Number(sizeText) : NaN;
  const root = fromBase64(rootText);
  if (origin === '' || !Number.isSafeInteger(size) || root?.length !== HASH_BYTES || extensions.includes(''))
    return undefined;
  return { origin, size, root };
}

function isSigned({ key, type }: NoteKey, text: string, bytes: Uint8Array, crypto: ProofCrypto): boolean {
  if (type === 1) return crypto.verifyEd25519(key, utf8(text), bytes);
  if (bytes.length !== TIME_BYTES + SIGNATURE_BYTES) return false;
  const time = BigInt(`0x${toHex(bytes.subarray(0, TIME_BYTES))}`);
  if (time >= 1n << 63n) return false;
  const message = utf8(`cosignature/v1\ntime ${time}\n${text}`);
  return crypto.verifyEd25519(key, message, bytes.subarray(TIME_BYTES));
}
