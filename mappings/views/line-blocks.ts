import { MappingError } from '../errors.js';
import { NDJSON_LINE_BYTES_MAX } from '../json/index.js';

const LF = 0x0a;

/**
 * Pieces that end where a line does, the last one excepted. A piece is good until the next is asked for: memory is used
 * again, for asking the system for fresh pages costs as much as reading a file.
 *
 * @param chunks - The bytes in order; their memory may be used again as well.
 * @throws MappingError MAPPING_LINE_TOO_LONG.
 */
export async function* blocksOfLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  // The line begun lies at the front.
  let joined = Buffer.alloc(0);
  let held = 0;
  const hold = (bytes: Buffer): void => {
    if (held + bytes.length > joined.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (held + bytes.length));
      joined.copy(larger, 0, 0, held);
      joined = larger;
    }
    bytes.copy(joined, held);
    held += bytes.length;
  };
  for await (const piece of chunks) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const cut = chunk.lastIndexOf(LF) + 1;
    if (held + (cut === 0 ? chunk.length : chunk.indexOf(LF)) > NDJSON_LINE_BYTES_MAX) {
      throw new MappingError('MAPPING_LINE_TOO_LONG', `a line is longer than ${NDJSON_LINE_BYTES_MAX} bytes`);
    }
    if (cut > 0) {
      const head = chunk.subarray(0, cut);
      if (held === 0) yield head;
      else {
        hold(head);
        const block = joined.subarray(0, held);
        held = 0;
        yield block;
      }
    }
    if (cut < chunk.length) hold(chunk.subarray(cut));
  }
  if (held > 0) yield joined.subarray(0, held);
}
