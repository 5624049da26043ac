/** Reads a file of JSON lines that an `AppendFile` wrote. */
import { createReadStream, truncateSync } from 'node:fs';
import { DemoError } from './errors.js';
import type { DemoErrorCode } from './errors.js';

const PIECE_BYTES = 1 << 20;
const LINE_FEED = 0x0a;

/**
 * Gives each line's value to `take`, in order. A torn last line was never acknowledged: it is cut off.
 *
 * @param code - Of the DemoError thrown when another line is not JSON.
 */
export async function readLines(
  path: string,
  code: DemoErrorCode,
  take: (value: unknown, number: number) => void | Promise<void>,
): Promise<void> {
  let number = 0;
  let wholeBytes = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
    const bytes = Buffer.concat([rest, piece as Buffer]);
    let from = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, from)) {
      const value = parseLine(bytes.toString('utf8', from, end), ++number, code);
      wholeBytes += end + 1 - from;
      from = end + 1;
      await take(value, number);
    }
    rest = bytes.subarray(from);
  }
  if (rest.length > 0) truncateSync(path, wholeBytes);
}

function parseLine(text: string, number: number, code: DemoErrorCode): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DemoError(code, `line ${number} is not JSON`, { cause });
  }
}
