/** What a client would like, by its `Prefer` header: a server may leave it, and says what it has kept to. */

/** A preference: a token, and its value; empty where it has none. */
const PREFERENCE = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s;]*)))?\s*(?:;.*)?$/;

/**
 * Preferences by name; of one that is given twice the first counts.
 *
 * @param header - `respond-async, return=minimal`; names in any case.
 * @see RFC 7240 section 2
 */
export function preferencesOf(header: string | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const part of (header ?? '').split(',')) {
    const [, name, quoted, plain] = PREFERENCE.exec(part) ?? [];
    if (name !== undefined && !found.has(name.toLowerCase()))
      found.set(name.toLowerCase(), quoted ?? plain ?? '');
  }
  return found;
}
