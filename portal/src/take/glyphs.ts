/** Which characters a font can draw. */

/** A sub-table of code points up to U+FFFF, in segments. @see OpenType 1.9, cmap, format 4 */
const SEGMENTS = 4;
/** A font has some twenty tables, and a few encodings. */
const TABLES_MAX = 64;

/** The characters of a text that a TrueType font has no glyph for, each once. */
export function missingFrom(font: ArrayBuffer, text: string): string[] {
  const has = charactersOf(font);
  const missing = new Set<string>();
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    // Line ends are no glyphs.
    if (code >= 32 && !has(code)) missing.add(char);
  }
  return [...missing];
}

function charactersOf(font: ArrayBuffer): (code: number) => boolean {
  const view = new DataView(font);
  const at = segmentsOf(view);
  if (at === undefined) return () => false;
  const bytes = view.getUint16(at + 6);
  const ends = at + 14;
  const starts = ends + bytes + 2;
  const deltas = starts + bytes;
  const offsets = deltas + bytes;
  return (code) => {
    for (let i = 0; i < bytes; i += 2) {
      if (code > view.getUint16(ends + i)) continue;
      const start = view.getUint16(starts + i);
      if (code < start) return false;
      const offset = view.getUint16(offsets + i);
      const glyph = offset === 0 ? code : view.getUint16(offsets + i + offset + 2 * (code - start));
      return glyph !== 0 && ((glyph + view.getUint16(deltas + i)) & 0xffff) !== 0;
    }
    return false;
  };
}

function segmentsOf(view: DataView): number | undefined {
  const CMAP = 0x636d6170;
  for (let i = 0; i < Math.min(view.getUint16(4), TABLES_MAX); i++) {
    const entry = 12 + 16 * i;
    if (view.getUint32(entry) !== CMAP) continue;
    const cmap = view.getUint32(entry + 8);
    for (let j = 0; j < Math.min(view.getUint16(cmap + 2), TABLES_MAX); j++) {
      const table = cmap + view.getUint32(cmap + 8 + 8 * j);
      if (view.getUint16(table) === SEGMENTS) return table;
    }
  }
  return undefined;
}
