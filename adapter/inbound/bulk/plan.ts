/** What is asked for, by what is wanted and what was exported before. */
import { AdapterError } from '../../errors.js';
import type { ExportAsked, ExportJob, ExportJobs } from './job.js';

/** What is wanted; each that is absent is as it was in the export under way. */
export interface ExportWanted {
  /** Of the operation, such as `$export`. */
  readonly path?: string;
  readonly types?: readonly string[];
  /** A FHIR instant. */
  readonly since?: string;
  /** All that there is, whatever was exported before. */
  readonly full?: boolean;
}

/** Exported again before the end of the last one, ms: servers make late commits visible late. */
const OVERLAP_MS = 120_000;

/** The next export of a source. */
export function plan(
  source: string,
  wanted: ExportWanted & { readonly path: string },
  jobs: ExportJobs,
): ExportAsked {
  const { path, full = false } = wanted;
  const types = wanted.types?.toSorted();
  const common = { path, ...(types === undefined ? {} : { types }) };
  const mark = jobs.mark(source, path, types);
  if (wanted.since !== undefined) {
    // What lies between the mark and a later beginning would never be asked for again.
    const isContinuous = mark !== undefined && Date.parse(wanted.since) <= Date.parse(mark);
    return { ...common, since: wanted.since, isContinuous };
  }
  // Whoever joins a group brings what is older than the joining.
  if (full || mark === undefined || path.startsWith('Group/')) return { ...common, isContinuous: true };
  return { ...common, since: new Date(Date.parse(mark) - OVERLAP_MS).toISOString(), isContinuous: true };
}

/** Whether an export cannot be gone on with: of another server, or its files are gone by now. */
export function isLost({ baseUrl, expiresAt }: ExportJob, ownUrl: string, nowMs: number): boolean {
  return baseUrl !== ownUrl || (expiresAt !== undefined && expiresAt <= nowMs);
}

/** @throws AdapterError ADAPTER_CONFLICT when another export is under way than is wanted. */
export function requireSame(job: ExportJob, wanted: ExportWanted): void {
  const isOther =
    (wanted.path !== undefined && wanted.path !== job.path) ||
    (wanted.types !== undefined && wanted.types.toSorted().join() !== (job.types ?? []).join()) ||
    (wanted.since !== undefined && wanted.since !== job.since) ||
    (wanted.full === true && job.since !== undefined);
  if (!isOther) return;
  throw new AdapterError(
    'ADAPTER_CONFLICT',
    'another export of this source is under way; go on with it without further wishes, or end it with --cancel',
  );
}
