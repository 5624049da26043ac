/** Reads a decrypted backup, frame by frame, and holds it against what it says of itself. */
import { createHash } from 'node:crypto';
import type { StoreWrite } from '../../../ledger/store.js';
import { BackupError } from './errors.js';
import {
  FRAME,
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  isSafePath,
  JSON_BYTES_MAX,
  MAGIC,
  MAGIC_ANY,
  readRows,
} from './format.js';
import type { BackupEnd, BackupHead, FileHead } from './format.js';
import { damaged } from './read-age.js';

/** A part of a backup. `end` comes last, and only when all that came before is whole. */
export type BackupPart =
  | { readonly kind: 'head'; readonly head: BackupHead }
  | { readonly kind: 'rows'; readonly rows: Extract<StoreWrite, { type: 'put' }>[] }
  | { readonly kind: 'file'; readonly file: FileHead }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end'; readonly end: BackupEnd };

/**
 * @param plain - What the encryption held.
 * @throws BackupError BACKUP_FOREIGN, BACKUP_VERSION, BACKUP_DAMAGED, and what the source throws.
 */
export async function* readBackup(
  plain: AsyncIterable<Uint8Array>,
): AsyncGenerator<BackupPart, void, undefined> {
  const source = new Pulled(plain);
  try {
    yield* partsOf(source);
  } finally {
    await source.close();
  }
}

async function* partsOf(source: Pulled): AsyncGenerator<BackupPart, void, undefined> {
  await readMagic(source);
  const seen = { rows: 0, files: 0 };
  let file: { left: number } = { left: 0 };
  for (let isFirst = true; ; isFirst = false) {
    // What was read up to here is what the last frame speaks of.
    const bytes = source.taken;
    const sha256 = source.digest();
    const head = await source.take(FRAME_HEAD_BYTES);
    const kind = head[0];
    const length = head.readUInt32BE(1);
    const isJson = kind === FRAME.head || kind === FRAME.file || kind === FRAME.end;
    if (length > (isJson ? JSON_BYTES_MAX : FRAME_BYTES_MAX)) throw malformed();
    const content = await source.take(length);
    if ((kind === FRAME.head) !== isFirst || (kind === FRAME.bytes) !== file.left > 0) throw malformed();
    if (kind === FRAME.head) {
      yield { kind: 'head', head: headOf(content) };
    } else if (kind === FRAME.rows) {
      const rows = readRows(content);
      if (rows === undefined) throw malformed();
      seen.rows += rows.length;
      yield { kind: 'rows', rows };
    } else if (kind === FRAME.file) {
      const found = fileOf(content);
      file = { left: found.bytes };
      seen.files += 1;
      yield { kind: 'file', file: found };
    } else if (kind === FRAME.bytes) {
      if (length === 0 || length > file.left) throw malformed();
      file.left -= length;
      yield { kind: 'bytes', bytes: content };
    } else if (kind === FRAME.end) {
      const end = endOf(content);
      if (end.bytes !== bytes || end.sha256 !== sha256) throw damaged('its hash is another');
      if (end.rows !== seen.rows || end.files !== seen.files) throw damaged('its counts are others');
      await source.expectZeros();
      yield { kind: 'end', end };
      return;
    } else {
      throw malformed();
    }
  }
}

async function readMagic(source: Pulled): Promise<void> {
  const line = (await source.take(MAGIC.length)).toString('latin1');
  if (line === MAGIC) return;
  if (!line.startsWith(MAGIC_ANY))
    throw new BackupError('BACKUP_FOREIGN', 'what this file holds is no backup of Firebreak’s');
  const version = /^\d+/.exec(line.slice(MAGIC_ANY.length))?.[0] ?? '?';
  throw new BackupError(
    'BACKUP_VERSION',
    `this backup has format version ${version}, and this Firebreak reads version 1: restore it with the Firebreak that made it`,
  );
}

function headOf(content: Buffer): BackupHead {
  const head = parse(content) as BackupHead;
  const isGood =
    head.format === 'firebreak/backup/v1' &&
    [head.origin, head.vkey, head.root, head.checkpoint, head.period].every(
      (one) => typeof one === 'string',
    ) &&
    typeof head.demo === 'boolean' &&
    Number.isSafeInteger(head.size) &&
    Number.isSafeInteger(head.madeAt);
  if (!isGood) throw malformed();
  return head;
}

function fileOf(content: Buffer): FileHead {
  const file = parse(content) as FileHead;
  const isGood =
    typeof file.path === 'string' &&
    isSafePath(file.path) &&
    Number.isSafeInteger(file.bytes) &&
    file.bytes >= 0 &&
    Number.isInteger(file.mode);
  if (!isGood) throw malformed();
  return { path: file.path, mode: file.mode & 0o700, bytes: file.bytes };
}

function endOf(content: Buffer): BackupEnd {
  return parse(content) as BackupEnd;
}

function parse(content: Buffer): object {
  try {
    const value: unknown = JSON.parse(content.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  throw malformed();
}

function malformed(): BackupError {
  return damaged('its frames do not fit');
}

/** Takes so many bytes at a time from a stream, hashing them. */
class Pulled {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #sum = createHash('sha256');
  #parts: Buffer[] = [];
  #held = 0;
  /** Bytes given so far. */
  taken = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Nothing more is wanted. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  /** base64 SHA-256 of all that was given. */
  digest(): string {
    return this.#sum.copy().digest('base64');
  }

  /** Grows as bytes come, so that a length alone never takes memory. */
  async take(length: number): Promise<Buffer> {
    while (this.#held < length && (await this.#pull()));
    if (this.#held < length) throw damaged('it ends within a frame');
    const all = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    const bytes = (all ?? Buffer.alloc(0)).subarray(0, length);
    const rest = (all ?? Buffer.alloc(0)).subarray(length);
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#held = rest.length;
    this.taken += length;
    this.#sum.update(bytes);
    return bytes;
  }

  /** Nothing but zeros may follow. */
  async expectZeros(): Promise<void> {
    do {
      if (this.#parts.some((part) => part.some((byte) => byte !== 0)))
        throw new BackupError('BACKUP_TRAILING', 'something stands behind the end of this backup');
      this.#parts = [];
      this.#held = 0;
    } while (await this.#pull());
  }

  async #pull(): Promise<boolean> {
    const { done, value } = await this.#source.next();
    if (done === true) return false;
    this.#parts.push(Buffer.from(value.buffer, value.byteOffset, value.length));
    this.#held += value.length;
    return true;
  }
}
