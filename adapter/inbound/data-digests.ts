/** SHA-1 of base64 data as they come, so that an attachment's `hash` can be checked without holding what it is of. */
import { createHash } from 'node:crypto';

const BACKSLASH = 0x5c;
const SLASH = 0x2f;
const GROUP = 4;
/** More texts of data than that are not looked at. */
const TEXTS_MAX = 1000;

/** Takes data as `JsonOutline` tells of them: as written, escapes included. */
export class DataDigests {
  /** base64, in the order in which the texts ended. */
  readonly taken: string[] = [];
  #hash = createHash('sha1');
  /** Characters that do not fill a group yet. */
  #rest = '';

  readonly on = (piece: Uint8Array): void => {
    const text = textOf(piece);
    const all = this.#rest + text;
    const whole = all.length - (all.length % GROUP);
    this.#hash.update(all.slice(0, whole), 'base64');
    this.#rest = all.slice(whole);
  };

  readonly onEnd = (): void => {
    if (this.taken.length < TEXTS_MAX)
      this.taken.push(this.#hash.update(this.#rest, 'base64').digest('base64'));
    this.#hash = createHash('sha1');
    this.#rest = '';
  };
}

function textOf(piece: Uint8Array): string {
  if (piece[0] === BACKSLASH) return piece[1] === SLASH ? '/' : '';
  const text = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('latin1');
  // Groups are of four characters; blanks between them would shift them.
  return text.includes(' ') ? text.replaceAll(' ', '') : text;
}
