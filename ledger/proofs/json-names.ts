/** Names given twice in one JSON object: a parser keeps one of them, and which is not agreed on. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Whether no object in a text names a member twice. @param text - That `JSON.parse` has taken. @see RFC 8259 section 4 */
export function hasNamesOnce(text: string): boolean {
  const objects: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === OPEN) objects.push(new Set());
    else if (code === CLOSE) objects.pop();
    if (code !== QUOTE) continue;
    const end = endOf(text, at);
    if (isName(text, end)) {
      // Two spellings of one name are one name.
      const name = JSON.parse(text.slice(at, end)) as string;
      const names = objects.at(-1);
      if (names === undefined || names.has(name)) return false;
      names.add(name);
    }
    at = end - 1;
  }
  return true;
}

/**
 * Behind the closing quote of a text that opens at `start`; the end where it is not closed. Bodies are long and free of
 * escapes, so the quotes are looked for.
 */
export function endOf(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return at + 1;
  }
  return text.length;
}

function isName(text: string, end: number): boolean {
  for (let at = end; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COLON) return true;
    // Space, tab, line feed and carriage return may stand between a name and its colon.
    if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return false;
  }
  return false;
}
