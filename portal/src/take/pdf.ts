/** A record as a PDF file, made in this page: nobody else reads it on the way. */
import pdfMake from 'pdfmake/build/pdfmake.min.js';
import type { Content, Definition } from 'pdfmake/build/pdfmake.min.js';
import type { TFunction } from 'i18next';
import { medium, regular } from 'virtual:document-fonts';
import type { HeadFound } from '../ledger/head.js';
import type { DocumentTable, RecordDocument } from './document.js';
import { missingFrom } from './glyphs.js';
import type { SmallPictures } from './pictures.js';

export interface PdfParts {
  readonly document: RecordDocument;
  readonly pictures: SmallPictures;
  /** The log's head at that time; absent where it could not be read. */
  readonly head: HeadFound | undefined;
  readonly at: Date;
  readonly t: TFunction;
}

/** Points; a sheet of A4 is 595 by 842. */
const MARGIN = 48;
const WIDTH = 595 - 2 * MARGIN;
/** Of a cell, both sides. */
const PADDING = 16;
/** The widest there is, at the size of the text. */
const LETTER = 9;
/** Of a row; a page has some fifty. */
const LINES_MAX = 36;
/** A word that is longer is broken. */
const CHUNKS = /[\s\S]{1,20}/gu;
/** Of what stands above a picture, on the same page. */
const TITLE_CHARS_MAX = 300;
const PICTURE: readonly [number, number] = [240, 240];
const FILES = { normal: 'regular.ttf', bold: 'medium.ttf' } as const;

/** The file's bytes. @throws Error where the fonts cannot be loaded, or the text not be set. */
export async function pdfOf(parts: PdfParts): Promise<Blob> {
  const [normal, bold] = await Promise.all([fontAt(regular), fontAt(medium)]);
  const definition = definitionOf(parts, missingFrom(normal, textOf(parts)));
  const files = { [FILES.normal]: new Uint8Array(normal), [FILES.bold]: new Uint8Array(bold) };
  const written = pdfMake.createPdf(definition, undefined, { Roboto: FILES }, files).getStream();
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    written.on('data', (piece) => pieces.push(piece));
    written.on('end', () => resolve(new Blob(pieces, { type: 'application/pdf' })));
    written.on('error', reject);
    written.end();
  });
}

async function fontAt(address: string): Promise<ArrayBuffer> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`a font is not there: ${answer.status}`);
  return answer.arrayBuffer();
}

function textOf({ document, pictures }: PdfParts): string {
  const cells = document.tables.flatMap(({ rows }) => rows.flat());
  return plain(
    [document.name, document.from, ...cells, ...pictures.pictures.map(({ title }) => title)].join(' '),
  );
}

/** Letters with their accents as one, where there is one: a font has these. */
function plain(text: string): string {
  return text.normalize('NFC');
}

function definitionOf(parts: PdfParts, missing: readonly string[]): Definition {
  const { document, at, t } = parts;
  const { name, born, from, tables } = document;
  return {
    info: { title: `${t('take.document')}: ${plain(name)}`, creator: 'Firebreak', creationDate: at },
    language: 'en',
    displayTitle: true,
    pageSize: 'A4',
    pageMargins: [MARGIN, MARGIN, MARGIN, MARGIN + 12],
    defaultStyle: { font: 'Roboto', fontSize: 10, lineHeight: 1.15 },
    styles: {
      name: { fontSize: 18, bold: true },
      title: { fontSize: 13, bold: true },
      head: { bold: true },
      small: { fontSize: 8 },
    },
    footer: (page, pages) => ({
      text: `${plain(name)} · ${t('take.page', { page, pages })}`,
      style: 'small',
      alignment: 'center',
      margin: [MARGIN, 12, MARGIN, 0],
    }),
    // No title at the foot of a page, away from what it is of.
    pageBreakBefore: ({ headlineLevel }, following) => headlineLevel === 1 && following.length === 0,
    content: [
      { text: plain(name), style: 'name' },
      ...(born === undefined ? [] : [{ text: born }]),
      { text: plain(from), margin: [0, 4, 0, 4] },
      ...(missing.length === 0
        ? []
        : [{ text: t('take.missing', { count: missing.length }), style: 'head' }]),
      ...tables.map(tableOf),
      ...picturesOf(parts),
      ...headOf(parts),
    ],
  };
}

function titleOf(text: string): Content {
  return { text, style: 'title', headlineLevel: 1, margin: [0, 14, 0, 4] };
}

/** Its title is of its head, which each page repeats: neither stands at the foot of a page alone. */
function tableOf({ title, head, rows, widths }: DocumentTable): Content {
  const sum = widths.reduce((all, width) => all + width, 0);
  const points = widths.map((width) => (width * (WIDTH - PADDING * widths.length)) / sum);
  const titled = head.map((_, i): Content =>
    i === 0 ? { text: title, style: 'title', colSpan: head.length } : '',
  );
  return {
    layout: 'lightHorizontalLines',
    margin: [0, 10, 0, 0],
    table: {
      headerRows: 2,
      keepWithHeaderRows: 1,
      dontBreakRows: true,
      widths: points,
      body: [
        titled,
        head.map((text) => ({ text, style: 'head' })),
        ...rows.flatMap((row) => rowsOf(row, points)).map((row) => row.map((text) => ({ text }))),
      ],
    },
  };
}

/** A row as rows none of which is higher than a page: what is, would be cut off. */
function rowsOf(row: readonly string[], widths: readonly number[]): string[][] {
  const cells = row.map((text, i) => piecesOf(plain(text), widths[i] ?? 0));
  const height = Math.max(...cells.map(({ length }) => length));
  return Array.from({ length: height }, (_, i) => cells.map((pieces) => pieces[i] ?? ''));
}

function piecesOf(text: string, width: number): string[] {
  const aLine = Math.max(1, Math.floor(width / LETTER));
  const pieces: string[] = [];
  let [piece, room] = ['', LINES_MAX * aLine];
  for (const word of text.split(/(?<=\s)/u))
    for (const part of word.match(CHUNKS) ?? []) {
      // A line's end may leave the rest of a line empty.
      const takes = part.length + (/\n/.test(part) ? aLine : 0);
      if (takes > room && piece !== '') {
        pieces.push(piece);
        [piece, room] = ['', LINES_MAX * aLine];
      }
      piece += part;
      room -= takes;
    }
  return [...pieces, piece];
}

function picturesOf({ pictures: { pictures, leftOut }, t }: PdfParts): Content[] {
  if (pictures.length === 0) return [];
  return [
    titleOf(t('take.pictures')),
    ...pictures.map(({ title, jpeg }): Content => ({
      unbreakable: true,
      margin: [0, 0, 0, 10],
      stack: [
        { text: plain(title).slice(0, TITLE_CHARS_MAX) },
        jpeg === undefined ? { text: t('take.noPicture') } : { image: jpeg, fit: PICTURE },
      ],
    })),
    ...(leftOut === 0 ? [] : [{ text: t('take.leftOut', { count: leftOut }) }]),
  ];
}

/** Where the ledger stood: later heads can be shown to have grown from it. */
function headOf({ head, t }: PdfParts): Content[] {
  const title = titleOf(t('take.ledger'));
  if (head === undefined) return [title, { text: t('take.noHead') }];
  if (!head.ok) return [title, { text: t('take.badHead', { fault: head.fault }) }];
  const { size } = head.head;
  return [
    title,
    { text: t('take.head', { count: size }) },
    { text: head.note.trimEnd(), style: 'small', margin: [0, 4, 0, 0] },
  ];
}
