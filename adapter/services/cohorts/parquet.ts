/** A table as Parquet: made in a folder of its own, read back, and gone from there. */
import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TextTable } from '../../../analytics/anonymity/index.js';
import { openParquetOutput } from '../../cli/view-parquet.js';

/** All columns are text, as the table's classes are. */
export async function parquetOf({ columns, rows }: TextTable, dataDir: string): Promise<Buffer> {
  const parent = join(dataDir, 'exports');
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(parent, 'table-'));
  try {
    const file = join(folder, 'table.parquet');
    const output = await openParquetOutput(
      file,
      columns.map((name) => ({ name, type: 'string', collection: false, kind: 'text' })),
    );
    for (const row of rows) {
      output.row(row);
      await output.flush();
    }
    await output.finish();
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
