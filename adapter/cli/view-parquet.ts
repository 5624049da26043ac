/** Rows of a view as Parquet: gathered in a database file beside the output, which spills, and copied out when whole. */
import { rename, rm } from 'node:fs/promises';
import { DuckDBDataChunkWriter, DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBAppender, DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { ViewColumnInfo } from '../../mappings/views/index.js';
import { AdapterError, messageOf } from '../errors.js';
import type { ViewOutput } from './view-output.js';

/** What the database keeps in memory; the rest lies in its file. */
const MEMORY = '256MB';
/** Rows between two writes of the appender. */
const ROWS_AT_ONCE = 65_536;

const INTEGERS = new Set(['integer', 'positiveInt', 'unsignedInt']);

/**
 * Opens a Parquet file to write. Numbers are DOUBLE, FHIR's integers INTEGER, booleans BOOLEAN, integer64 BIGINT, all else
 * VARCHAR, lists and complex values as JSON; no value is NULL. The file takes its name when it is whole.
 *
 * @throws AdapterError ADAPTER_UNPROCESSABLE where the file cannot be written.
 */
export async function openParquetOutput(to: string, columns: readonly ViewColumnInfo[]): Promise<ViewOutput> {
  const part = `${to}.part-${process.pid}`;
  const file = `${part}.duckdb`;
  const failed = (cause: unknown): AdapterError =>
    new AdapterError('ADAPTER_UNPROCESSABLE', `cannot write ${to}: ${messageOf(cause)}`, { cause });
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;
  let appender: DuckDBAppender;
  try {
    instance = await DuckDBInstance.create(file, { memory_limit: MEMORY, threads: '1' });
    connection = await instance.connect();
    const declared = columns.map((column) => `${quoted(column.name, '"')} ${sqlType(column)}`);
    await connection.run(`CREATE TABLE rows (${declared.join(', ')})`);
    appender = await connection.createAppender('rows');
  } catch (cause) {
    throw failed(cause);
  }
  const writer = DuckDBDataChunkWriter.forAppender(appender);
  const types = columns.map(({ kind, type }) => ({ kind, wide: type === 'integer64' }));
  const cells: DuckDBValue[] = columns.map(() => null);
  let gathered = 0;
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (isOpen) {
      isOpen = false;
      connection.closeSync();
      instance.closeSync();
    }
    await rm(file, { force: true });
    await rm(`${file}.wal`, { force: true });
  };
  return {
    row: (row) => {
      for (let i = 0; i < types.length; i++) {
        const value = row[i] ?? null;
        const type = types[i];
        if (value === null || type === undefined) cells[i] = null;
        else if (type.kind === 'json' || typeof value === 'object') cells[i] = JSON.stringify(value);
        else cells[i] = type.wide && typeof value === 'number' ? BigInt(value) : value;
      }
      writer.appendRow(cells);
      gathered += 1;
    },
    flush: async () => {
      if (gathered < ROWS_AT_ONCE) return;
      gathered = 0;
      appender.flushSync();
      await Promise.resolve();
    },
    finish: async () => {
      try {
        writer.flush();
        appender.closeSync();
        await connection.run(`COPY rows TO ${quoted(part, "'")} (FORMAT parquet, COMPRESSION zstd)`);
        await close();
        await rename(part, to);
      } catch (cause) {
        throw failed(cause);
      }
    },
    discard: async () => {
      await close();
      await rm(part, { force: true });
    },
  };
}

function sqlType({ kind, type }: ViewColumnInfo): string {
  if (kind === 'boolean') return 'BOOLEAN';
  if (kind !== 'number') return 'VARCHAR';
  if (type === 'integer64') return 'BIGINT';
  return INTEGERS.has(type ?? '') ? 'INTEGER' : 'DOUBLE';
}

function quoted(text: string, mark: string): string {
  return `${mark}${text.replaceAll(mark, mark + mark)}${mark}`;
}
