/** What a PDF file says, page by page: as much of the format as files with embedded fonts take that tests read. */
import assert from 'node:assert/strict';
import { inflateSync } from 'node:zlib';

export interface PdfRead {
  /** Text of each page, its words apart by one space. */
  readonly pages: readonly string[];
  /** Names of the fonts, each with the bytes that are embedded of it. */
  readonly fonts: ReadonlyMap<string, number>;
  readonly images: number;
}

interface PdfObject {
  readonly dictionary: string;
  readonly stream: Buffer | undefined;
}

/** @throws AssertionError for what is no such file. @see ISO 32000-1, 7.3, 9.10.3 */
export function readPdf(file: Buffer): PdfRead {
  assert.equal(file.subarray(0, 5).toString(), '%PDF-');
  assert.match(file.subarray(-16).toString('latin1'), /%%EOF\s*$/);
  const objects = objectsOf(file);
  const at = (number: string | undefined): PdfObject => {
    const found = objects.get(Number(number));
    assert.ok(found !== undefined, `object ${number}`);
    return found;
  };
  const all = [...objects.values()];
  const root = all.find(({ dictionary }) => /\/Type \/Pages\b/.test(dictionary));
  const kids = /\/Kids \[([^\]]*)\]/.exec(root?.dictionary ?? '')?.[1] ?? '';
  const letters = new Map<string, ReadonlyMap<string, string>>();
  const fonts = new Map<string, number>();
  for (const { dictionary } of all) {
    for (const [, name = '', number] of dictionary.matchAll(/\/(F\d+) (\d+) 0 R/g)) {
      const unicode = /\/ToUnicode (\d+) 0 R/.exec(at(number).dictionary)?.[1];
      if (unicode !== undefined) letters.set(name, lettersOf(at(unicode).stream?.toString('latin1') ?? ''));
    }
    const embedded = /\/FontFile\d? (\d+) 0 R/.exec(dictionary)?.[1];
    if (embedded !== undefined)
      fonts.set(/\/FontName \/(\S+)/.exec(dictionary)?.[1] ?? '', at(embedded).stream?.length ?? 0);
  }
  const pages = [...kids.matchAll(/(\d+) 0 R/g)].map(([, number]) => {
    const contents = /\/Contents (\d+) 0 R/.exec(at(number).dictionary)?.[1];
    return textOf(at(contents).stream?.toString('latin1') ?? '', letters);
  });
  return {
    pages,
    fonts,
    images: all.filter(({ dictionary }) => /\/Subtype \/Image\b/.test(dictionary)).length,
  };
}

function objectsOf(file: Buffer): Map<number, PdfObject> {
  const text = file.toString('latin1');
  const objects = new Map<number, PdfObject>();
  for (const [, number, body = ''] of text.matchAll(/^(\d+) 0 obj\n([\s\S]*?)\nendobj$/gm)) {
    const begin = body.indexOf('\nstream\n');
    const dictionary = begin === -1 ? body : body.slice(0, begin);
    const raw =
      begin === -1
        ? undefined
        : Buffer.from(body.slice(begin + 8, body.lastIndexOf('\nendstream')), 'latin1');
    const stream = raw !== undefined && dictionary.includes('/FlateDecode') ? inflateSync(raw) : raw;
    objects.set(Number(number), { dictionary, stream });
  }
  return objects;
}

/** Characters by glyph, both in hexadecimal digits. */
function lettersOf(map: string): Map<string, string> {
  const letters = new Map<string, string>();
  for (const [, first = '', list = ''] of map.matchAll(/<([0-9a-f]{4})> <[0-9a-f]{4}> \[([^\]]*)\]/gi))
    for (const [i, [, units = '']] of [...list.matchAll(/<([0-9a-f ]*)>/gi)].entries())
      letters.set(
        (Number.parseInt(first, 16) + i).toString(16).padStart(4, '0'),
        Buffer.from(units.replaceAll(' ', ''), 'hex').swap16().toString('utf16le'),
      );
  return letters;
}

function textOf(content: string, letters: ReadonlyMap<string, ReadonlyMap<string, string>>): string {
  const words: string[] = [];
  let font: ReadonlyMap<string, string> | undefined;
  for (const [, name, shown = ''] of content.matchAll(/\/(F\d+) [\d.]+ Tf|\[([^\]]*)\] TJ/g)) {
    if (name !== undefined) font = letters.get(name);
    else
      words.push(
        [...shown.matchAll(/<([0-9a-f]*)>/gi)]
          .flatMap(([, glyphs = '']) => glyphs.toLowerCase().match(/.{4}/g) ?? [])
          .map((glyph) => font?.get(glyph) ?? '\ufffd')
          .join(''),
      );
  }
  return words.join(' ').replaceAll(/\s+/g, ' ').trim();
}
