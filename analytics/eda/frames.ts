import type { DataFrame } from 'danfojs-node';
import { BOOLEAN_MISSING, type ViewColumn, type ViewColumns } from '../../mappings/views/index.js';
import type { FeatureTable } from '../features/index.js';
import type { EdaReport, Summary } from './report.js';

/** The frames that an exploratory analysis is handed on as. */
export interface EdaFrames {
  /** One row a predictor: kind, unit, counts, missing values, differences. */
  readonly features: DataFrame;
  /** One row a predictor and group (all, events, others): the distribution. */
  readonly summaries: DataFrame;
}

/** The library takes a second to load, so it is loaded by whoever asks for a frame. */
async function danfo(): Promise<typeof import('danfojs-node')> {
  return import('danfojs-node');
}

/**
 * The table as a danfo DataFrame: column `key`, one column a predictor (a category's codes as its names), and `outcome`.
 *
 * @param table - Missing values stay NaN; a category's become undefined.
 */
export async function toDataFrame(table: FeatureTable): Promise<DataFrame> {
  const { DataFrame } = await danfo();
  const columns: Record<string, unknown[]> = { key: [...table.keys] };
  for (const { name, kind, levels, values } of table.columns) {
    columns[name] = kind === 'category' ? Array.from(values, (code) => levels[code]) : Array.from(values);
  }
  columns['outcome'] = Array.from(table.outcome);
  return new DataFrame(columns);
}

/**
 * A view's columns as a danfo DataFrame.
 *
 * @param view - Missing numbers are NaN in the frame, missing booleans and texts undefined; lists are JSON texts.
 */
export async function viewFrame(view: ViewColumns): Promise<DataFrame> {
  const { DataFrame } = await danfo();
  return new DataFrame(Object.fromEntries(view.columns.map((column) => [column.name, cellsOf(column)])));
}

function cellsOf(column: ViewColumn): unknown[] {
  switch (column.kind) {
    case 'number':
      return Array.from(column.values);
    case 'boolean':
      return Array.from(column.values, (v) => (v === BOOLEAN_MISSING ? undefined : v === 1));
    case 'json':
      return column.values.map((v) => (v === null ? undefined : JSON.stringify(v)));
    case 'text':
    default:
      return column.values.map((v) => v ?? undefined);
  }
}

/**
 * An exploratory analysis as danfo DataFrames. The numbers are those of the report; nothing is computed by the library.
 */
export async function edaFrames(report: EdaReport): Promise<EdaFrames> {
  const { DataFrame } = await danfo();
  const features = report.features.map((f) => ({
    name: f.name,
    kind: f.kind,
    unit: f.unit,
    count: f.all.count,
    missing: f.all.missing,
    standardisedDifference: f.standardisedDifference ?? NaN,
    missingDifference: f.missingDifference ?? NaN,
    aloneAuroc: f.aloneAuroc ?? NaN,
  }));
  const summaries = report.features.flatMap((f) => [
    row(f.name, 'all', f.all),
    row(f.name, 'events', f.events),
    row(f.name, 'nonEvents', f.nonEvents),
  ]);
  return { features: new DataFrame(features), summaries: new DataFrame(summaries) };
}

function row(name: string, group: string, summary: Summary): Record<string, string | number> {
  return {
    name,
    group,
    count: summary.count,
    missing: summary.missing,
    mean: summary.mean ?? NaN,
    sd: summary.sd ?? NaN,
    min: summary.min ?? NaN,
    q25: summary.q25 ?? NaN,
    median: summary.median ?? NaN,
    q75: summary.q75 ?? NaN,
    max: summary.max ?? NaN,
  };
}
