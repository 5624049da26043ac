import type { ShownExport } from '../../http/contract/index.js';
import type { ExportRow } from './rows.js';

/** Patients below which their number is not told. */
const SMALL_CELL = 11;

/** An export as its requester sees it. */
export function showExport(row: ExportRow): ShownExport {
  const { id, state, begunAt, doneAt, expiresAt, error, files, patients } = row;
  return {
    id,
    state,
    begunAt: new Date(begunAt).toISOString(),
    ...(doneAt === undefined ? {} : { doneAt: new Date(doneAt).toISOString() }),
    expiresAt: new Date(expiresAt).toISOString(),
    ...(error === undefined ? {} : { error }),
    ...(patients === undefined || patients < SMALL_CELL ? {} : { patients }),
    ...(files === undefined
      ? {}
      : {
          files: files.map(({ name, mediaType, type, count, bytes, sha256 }) => ({
            name,
            mediaType,
            type,
            count,
            bytes,
            sha256,
          })),
        }),
  };
}
