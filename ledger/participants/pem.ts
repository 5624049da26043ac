/** PEM, DER as text, read more strictly than the certificate library does, which takes the first of several blocks. */

/**
 * The bytes of a text that holds one PEM block of that label and nothing else, or `undefined`. Takes time in proportion
 * to the text, whatever it holds.
 *
 * @see RFC 7468 section 3
 */
export function fromPem(label: string, text: string): Buffer | undefined {
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  const trimmed = text.trim();
  if (!trimmed.startsWith(begin) || !trimmed.endsWith(end) || trimmed.length < begin.length + end.length) {
    return undefined;
  }
  const base64 = trimmed.slice(begin.length, -end.length).replace(/\s/g, '');
  const bytes = Buffer.from(base64, 'base64');
  // Base64 has one form for given bytes; what is not it held other characters, a second block among them.
  return bytes.length > 0 && bytes.toString('base64') === base64 ? bytes : undefined;
}

/**
 * The bytes of each PEM block of that label in a text, which may hold others and what people write between them; or
 * `undefined` when one of them is none, or there are more than that.
 *
 * @see RFC 7468 section 2
 */
export function allFromPem(label: string, text: string, max: number): Buffer[] | undefined {
  const blocks = text.split(`-----BEGIN ${label}-----`).slice(1);
  if (blocks.length > max) return undefined;
  const end = `-----END ${label}-----`;
  const found: Buffer[] = [];
  for (const block of blocks) {
    const [body] = block.split(end);
    const bytes = block.includes(end)
      ? fromPem(label, `-----BEGIN ${label}-----${body ?? ''}${end}`)
      : undefined;
    if (bytes === undefined) return undefined;
    found.push(bytes);
  }
  return found;
}
