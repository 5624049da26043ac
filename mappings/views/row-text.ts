import type { ViewColumnInfo } from './column-info.js';
import type { Cell } from './plan.js';

/** Letters that a spreadsheet takes for the beginning of a formula. */
const FORMULA = /^[=+\-@\t\r\n]/;
const NEEDS_QUOTES = /[",\r\n]/;
/** Neither of both, which is what most texts are. */
const PLAIN = /^[^=+\-@\t\r\n",][^\r\n",]*$/;
/** A text that is a number is one to a spreadsheet too, and does nothing: -5. */
const NUMBER = /^[+-]?[0-9]+(?:\.[0-9]+)?$/;

/** A line of NDJSON is built from these; the names are written once. */
export interface RowWriter {
  /** What comes before the first row; empty for NDJSON. */
  readonly head: string;
  /** A row with its line end. */
  readonly row: (row: readonly Cell[]) => string;
}

/**
 * CSV with a head line, lines ended by CR LF. No value is an empty field, the empty text is `""`, lists and objects
 * are JSON. A text that a spreadsheet would run as a formula gets an apostrophe before it.
 *
 * @see RFC 4180
 */
export function csvWriter(columns: readonly ViewColumnInfo[]): RowWriter {
  return {
    head: `${columns.map(({ name }) => name).join(',')}\r\n`,
    row: (row) => {
      let line = csvField(row[0] ?? null);
      for (let i = 1; i < row.length; i++) line += `,${csvField(row[i] ?? null)}`;
      return `${line}\r\n`;
    },
  };
}

/** NDJSON: an object a row, all columns in their order, `null` where there is no value. */
export function ndjsonWriter(columns: readonly ViewColumnInfo[]): RowWriter {
  const names = columns.map(({ name }, i) => `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`);
  return {
    head: '',
    row: (row) => {
      let line = '';
      for (let i = 0; i < names.length; i++) line += `${names[i] ?? ''}${JSON.stringify(row[i] ?? null)}`;
      return `${line}}\n`;
    },
  };
}

function csvField(value: Cell): string {
  if (value === null) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (PLAIN.test(text)) return text;
  if (text === '') return '""';
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return NEEDS_QUOTES.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
