/** The table of a cohort: rows of de-identified patients, made k-anonymous, with what it cost and what it risks. */
import {
  anonymise,
  AnonymityError,
  refuseUndeclared,
  reidentify,
  riskReport,
} from '../../../analytics/anonymity/index.js';
import type { Anonymised, Attack, RiskReport, TextTable } from '../../../analytics/anonymity/index.js';
import { AdapterError } from '../../errors.js';
import { hierarchiesOf } from './definition.js';
import type { CohortTable } from './definition.js';

const SUPPRESSED_MAX = 0.2;

export interface MadeTable {
  readonly table: TextTable;
  readonly report: {
    readonly k: number;
    readonly levels: Readonly<Record<string, number>>;
    readonly loss: Anonymised['loss'];
    readonly risk: RiskReport;
    /** Someone who knows all quasi-identifiers of all patients looks for them. */
    readonly attack: Attack;
  };
}

/**
 * @param table - One row a patient.
 * @throws AdapterError ADAPTER_UNPROCESSABLE ANONYMITY_…: a quasi-identifier that is not declared, a k not to be reached, or
 * an attack that finds somebody.
 */
export function makeTable(table: TextTable, asked: CohortTable): MadeTable {
  const { k, sensitive = [], suppressedMax = SUPPRESSED_MAX } = asked;
  try {
    const quasiIdentifiers = hierarchiesOf(asked);
    refuseUndeclared(table, { quasiIdentifiers: [...quasiIdentifiers.keys()], sensitive });
    const made = anonymise(table, { k, quasiIdentifiers, suppressedMax });
    const risk = riskReport(made.table, [...quasiIdentifiers.keys()], {
      table,
      quasiIdentifiers,
      levels: made.levels,
    });
    const attack = reidentify(table, made.table, quasiIdentifiers);
    if (attack.singledOut > 0 || risk.k < k)
      throw new AnonymityError('ANONYMITY_K_NOT_REACHABLE', 'our own attack on the table found somebody');
    const { levels, loss } = made;
    return {
      table: made.table,
      report: { k: risk.k, levels: Object.fromEntries(levels), loss, risk, attack },
    };
  } catch (error) {
    if (!(error instanceof AnonymityError)) throw error;
    throw new AdapterError('ADAPTER_UNPROCESSABLE', `${error.code}: ${error.message}`, { cause: error });
  }
}

/** CSV as RFC 4180 has it; what a spreadsheet would take for a formula is led by an apostrophe. */
export function csvOf({ columns, rows }: TextTable): string {
  return [columns, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');
}

function csvCell(text: string): string {
  const isNumber = /^-?\d+(\.\d+)?$/.test(text);
  const safe = !isNumber && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function ndjsonOf({ columns, rows }: TextTable): string {
  return rows
    .map((row) => `${JSON.stringify(Object.fromEntries(columns.map((name, i) => [name, row[i] ?? ''])))}\n`)
    .join('');
}
