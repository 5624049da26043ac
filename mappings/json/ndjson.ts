import { MappingError } from '../errors.js';
import type { ByteRange } from './bundle.js';

/** Longest line: one resource, with attachments in it. A line without end must not fill the memory. */
export const NDJSON_LINE_BYTES_MAX = 64 * 1024 * 1024;

const LF = 0x0a;

/**
 * The lines of an NDJSON text that hold something, without their line ends (LF or CR LF) and the white space
 * around them.
 *
 * @see FHIR Bulk Data Access, NDJSON
 */
export function sliceNdjson(bytes: Buffer): ByteRange[] {
  const lines: ByteRange[] = [];
  for (let from = 0; from < bytes.length;) {
    const lf = bytes.indexOf(LF, from);
    const end = lf === -1 ? bytes.length : lf;
    const range = trimmed(bytes, from, end);
    if (range !== undefined) lines.push(range);
    from = end + 1;
  }
  return lines;
}

/** Bounds of {@link ndjsonLines}. */
export interface NdjsonOptions {
  /** Default {@link NDJSON_LINE_BYTES_MAX}. */
  readonly lineBytesMax?: number;
}

/**
 * The lines of an NDJSON stream, as {@link sliceNdjson} cuts them, with no more than one line and one chunk in
 * memory. A line may share its memory with its chunk: copy what is kept.
 *
 * @param chunks - The bytes in order, in pieces of any size: a file's read stream, or an answer's body.
 * @throws MappingError MAPPING_LINE_TOO_LONG.
 */
export async function* ndjsonLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: NdjsonOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const lineBytesMax = options.lineBytesMax ?? NDJSON_LINE_BYTES_MAX;
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const piece of chunks) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let from = 0;
    for (let lf = chunk.indexOf(LF); lf !== -1; lf = chunk.indexOf(LF, from)) {
      const tail = chunk.subarray(from, lf);
      if (heldBytes + tail.length > lineBytesMax) throw tooLong(lineBytesMax);
      const line = heldBytes === 0 ? tail : Buffer.concat([...held, tail]);
      held = [];
      heldBytes = 0;
      from = lf + 1;
      const range = trimmed(line, 0, line.length);
      if (range !== undefined) yield line.subarray(range.start, range.end);
    }
    if (from < chunk.length) {
      // The reader of the stream may use the chunk's memory again.
      held.push(Buffer.from(chunk.subarray(from)));
      heldBytes += chunk.length - from;
      if (heldBytes > lineBytesMax) throw tooLong(lineBytesMax);
    }
  }
  const line = Buffer.concat(held);
  const range = trimmed(line, 0, line.length);
  if (range !== undefined) yield line.subarray(range.start, range.end);
}

function trimmed(bytes: Buffer, start: number, end: number): ByteRange | undefined {
  while (start < end && isSpace(bytes[start])) start++;
  while (end > start && isSpace(bytes[end - 1])) end--;
  return start === end ? undefined : { start, end };
}

function isSpace(c: number | undefined): boolean {
  return c === 0x20 || c === 0x0d || c === 0x09;
}

function tooLong(lineBytesMax: number): MappingError {
  return new MappingError('MAPPING_LINE_TOO_LONG', `a line is longer than ${lineBytesMax} bytes`);
}
