import { MappingError } from '../errors.js';

/** Longest outline: metadata with its narrative; what is larger hides something else than data. */
const OUTLINE_BYTES_MAX = 1 << 20;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** Longest key or type that is looked at. */
const TOKEN_BYTES_MAX = 64;

/** Characters that data may have between its quotes: ASCII that stands for itself. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte <= 0x7e && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);
/** What may follow a backslash in data: some writers escape the slash, and lines may be broken. */
const ESCAPED: ReadonlySet<number> = new Set(Buffer.from('/nrt', 'latin1'));

/** Where in the text the last byte stood. */
const TEXT = 0;
const STRING = 1;
const ESCAPE = 2;
const DATA = 3;
const DATA_ESCAPE = 4;

/**
 * Follows JSON text as it comes, and keeps all of it but what stands in members `data`: of a Binary or an attachment of
 * any size that leaves a few hundred bytes, which are JSON exactly when all of it is. The members stay, with an empty
 * text. Nothing is decoded, and memory does not grow with the data.
 */
export class JsonOutline {
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #at: typeof TEXT | typeof STRING | typeof ESCAPE | typeof DATA | typeof DATA_ESCAPE = TEXT;
  #depth = 0;
  /** The last text that ended, when it is short, and what has followed it. */
  #token: number[] = [];
  #key = '';
  #isKeyEnded = false;
  #type: string | undefined;
  readonly #onData: ((piece: Uint8Array) => void) | undefined;
  readonly #onDataEnd: (() => void) | undefined;

  /** @param data - Told of what is left out, as it is written, and of the end of each such text. */
  constructor(data?: { readonly on: (piece: Uint8Array) => void; readonly onEnd: () => void }) {
    this.#onData = data?.on;
    this.#onDataEnd = data?.onEnd;
  }

  /** The `resourceType` of the text itself, once it has come. */
  get resourceType(): string | undefined {
    return this.#type;
  }

  /**
   * Takes the next bytes; they are copied where they are kept.
   *
   * @throws MappingError MAPPING_LINE_TOO_LONG when more than 1 MiB is left without data; MAPPING_NOT_JSON for bytes that
   * cannot stand in data.
   */
  push(piece: Uint8Array): void {
    let from = 0;
    for (let i = 0; i < piece.length; i++) {
      const byte = piece[i] ?? 0;
      if (this.#at === DATA) {
        let end = i;
        while (end < piece.length && PLAIN[piece[end] ?? 0] === 1) end++;
        if (end > i) this.#onData?.(piece.subarray(i, end));
        i = end;
        if (end === piece.length) {
          from = end;
          break;
        }
        if (piece[end] === BACKSLASH) this.#at = DATA_ESCAPE;
        else if (piece[end] === QUOTE) {
          this.#at = TEXT;
          this.#onDataEnd?.();
          from = end;
        } else throw notData();
      } else if (this.#at === DATA_ESCAPE) {
        if (!ESCAPED.has(byte)) throw notData();
        this.#onData?.(Uint8Array.of(BACKSLASH, byte));
        this.#at = DATA;
      } else if (this.#at === ESCAPE) {
        this.#at = STRING;
        this.#take(byte);
      } else if (this.#at === STRING) {
        if (byte === BACKSLASH) {
          this.#at = ESCAPE;
          this.#take(byte);
        } else if (byte === QUOTE) this.#endString();
        else this.#take(byte);
      } else if (byte === QUOTE) {
        if (this.#isKeyEnded && this.#key === 'data') {
          this.#keep(piece.subarray(from, i + 1));
          this.#at = DATA;
          this.#clear();
          from = piece.length;
        } else {
          this.#at = STRING;
          this.#token = [];
        }
      } else this.#structure(byte);
    }
    if (this.#at !== DATA && this.#at !== DATA_ESCAPE) this.#keep(piece.subarray(from));
  }

  /** What was kept. Whether it is JSON is for who parses it. @throws MappingError MAPPING_NOT_JSON within data. */
  end(): Buffer {
    if (this.#at === DATA || this.#at === DATA_ESCAPE)
      throw new MappingError('MAPPING_NOT_JSON', 'the text ends within data');
    return Buffer.concat(this.#kept, this.#keptBytes);
  }

  #structure(byte: number): void {
    if (byte === COLON) this.#isKeyEnded = this.#key !== '';
    else if (byte > 0x20) {
      this.#clear();
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#depth++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) this.#depth--;
    }
  }

  #endString(): void {
    this.#at = TEXT;
    const text = this.#token.length > TOKEN_BYTES_MAX ? '' : Buffer.from(this.#token).toString('latin1');
    if (this.#isKeyEnded && this.#key === 'resourceType' && this.#depth === 1) this.#type ??= text;
    this.#key = this.#isKeyEnded ? '' : text;
    this.#isKeyEnded = false;
  }

  #clear(): void {
    this.#key = '';
    this.#isKeyEnded = false;
  }

  #take(byte: number): void {
    if (this.#token.length <= TOKEN_BYTES_MAX) this.#token.push(byte);
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#keptBytes += bytes.length;
    if (this.#keptBytes > OUTLINE_BYTES_MAX)
      throw new MappingError('MAPPING_LINE_TOO_LONG', 'more than 1 MiB beside the data');
    this.#kept.push(Buffer.from(bytes));
  }
}

function notData(): MappingError {
  return new MappingError('MAPPING_NOT_JSON', 'bytes that cannot stand in data');
}
