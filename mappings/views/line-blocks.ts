import { MappingError } from '../errors.js';
import { NDJSON_LINE_BYTES_MAX } from '../json/index.js';

const LF = 0x0a;

/**
 * Pieces that end where a line does, the last one excepted.
 *
 * @throws MappingError MAPPING_LINE_TOO_LONG.
 */
export async function* blocksOfLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const piece of chunks) {
    const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const cut = chunk.lastIndexOf(LF) + 1;
    if (heldBytes + (cut === 0 ? chunk.length : chunk.indexOf(LF)) > NDJSON_LINE_BYTES_MAX) {
      throw new MappingError('MAPPING_LINE_TOO_LONG', `a line is longer than ${NDJSON_LINE_BYTES_MAX} bytes`);
    }
    if (cut > 0) {
      const head = chunk.subarray(0, cut);
      yield held.length === 0 ? head : Buffer.concat([...held, head]);
      held = [];
      heldBytes = 0;
    }
    if (cut < chunk.length) {
      // The reader of the stream may use the chunk's memory again.
      held.push(Buffer.from(chunk.subarray(cut)));
      heldBytes += chunk.length - cut;
    }
  }
  if (heldBytes > 0) yield Buffer.concat(held);
}
