/**
 * Moves over JSON text without building anything. All take text that {@link parseJson} accepts; on other text
 * they stop at its end at the latest.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Index of the first byte at or after `at` that is not white space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let c = bytes[at];
  while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) c = bytes[++at];
  return at;
}

/** Index behind the string whose opening quote is at `at`. */
export function skipString(bytes: Uint8Array, at: number): number {
  let c = bytes[++at];
  while (c !== QUOTE && c !== undefined) {
    if (c === BACKSLASH) at++;
    c = bytes[++at];
  }
  return Math.min(at + 1, bytes.length);
}

/** Index behind the value that begins at `at`: an object or array whole, a string, or a number or word. */
export function skipValue(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first === QUOTE) return skipString(bytes, at);
  if (first !== 0x7b && first !== 0x5b) return skipScalar(bytes, at);
  let depth = 0;
  for (let c = bytes[at]; c !== undefined; c = bytes[++at]) {
    if (c === QUOTE) {
      at = skipString(bytes, at) - 1;
    } else if (c === 0x7b || c === 0x5b) {
      depth++;
    } else if ((c === 0x7d || c === 0x5d) && --depth === 0) {
      return at + 1;
    }
  }
  return bytes.length;
}

/** Index behind the number, `true`, `false` or `null` that begins at `at`. */
export function skipScalar(bytes: Uint8Array, at: number): number {
  for (let c = bytes[at]; c !== undefined; c = bytes[++at]) {
    if (c === 0x2c || c === 0x7d || c === 0x5d || c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09)
      return at;
  }
  return at;
}
