/** Reading a source now, by whichever of its ways is asked for or fits. */
import type { ExportProgress, ExportResult } from '../inbound/bulk/index.js';
import type { HistoryProgress } from '../inbound/history.js';
import type { Instance } from '../instance/instance.js';
import { cancelSourceExport, exportSource, isReadByExport } from './source-export.js';
import type { ExportArgs } from './source-export.js';

export interface SyncArgs extends ExportArgs {
  readonly id: string;
  /** By export, whatever its channels are. */
  readonly bulk?: boolean;
  /** Ends the export under way instead. */
  readonly cancel?: boolean;
}

export type SyncProgress = HistoryProgress | ExportProgress;
export type SyncResult =
  HistoryProgress | ExportResult | { readonly id: string; readonly wasUnderWay: boolean };

/**
 * Reads what a source holds, or what is new.
 *
 * @param search - Reads it by searching.
 * @throws AdapterError as `exportSource` and `search` do.
 */
export async function syncAsAsked(
  instance: Instance,
  args: SyncArgs,
  onProgress: (progress: SyncProgress) => void,
  search: (id: string, onProgress: (progress: HistoryProgress) => void) => Promise<HistoryProgress>,
  signal?: AbortSignal,
): Promise<SyncResult> {
  const { id, bulk, cancel, ...how } = args;
  if (cancel === true) return cancelSourceExport(instance, id);
  if (bulk === true || isReadByExport(instance, id))
    return exportSource(instance, id, how, onProgress, signal);
  return search(id, onProgress);
}
