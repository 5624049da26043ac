import { LedgerError } from '../errors.js';
import { splitNote } from '../log/index.js';
import type { NoteVerifier } from '../log/index.js';

const KEY_ID_BYTES = 4;

/**
 * A note with one signature line of each of these keys, and no others. Anyone can put lines of unknown keys under
 * a checkpoint; what is kept must not grow with them, and one head must give one form.
 *
 * @param note - Opened with these keys before: their lines are good.
 * @throws LedgerError LEDGER_BAD_NOTE when it is no note.
 */
export function keepSignatures(note: Buffer, verifiers: readonly NoteVerifier[]): Buffer {
  const parts = splitNote(note);
  if (parts === undefined) throw new LedgerError('LEDGER_BAD_NOTE', 'not a note');
  const lines = verifiers.flatMap(({ name, keyId }) => {
    const line = parts.signatures.find(
      (signature) => signature.name === name && keyId.equals(signature.bytes.subarray(0, KEY_ID_BYTES)),
    );
    return line === undefined ? [] : [`\u2014 ${name} ${line.bytes.toString('base64')}\n`];
  });
  return Buffer.from(`${parts.text}\n${lines.join('')}`, 'utf8');
}

/** A note with more lines under its signatures. @param lines - Without line feeds. */
export function withSignatures(note: Buffer, lines: readonly string[]): Buffer {
  return Buffer.concat([note, Buffer.from(lines.map((line) => `${line}\n`).join(''), 'utf8')]);
}
