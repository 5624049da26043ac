/**
 * What a finished export offers, as its server lists it.
 *
 * @see https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status
 */
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import type { JsonObject, JsonValue } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';

/** `output` holds resources, `deleted` transaction Bundles of deletions, `error` OperationOutcomes. */
export type FileKind = 'output' | 'deleted' | 'error';

export interface ExportFile {
  readonly kind: FileKind;
  /** The one type of resource in it. */
  readonly type: string;
  readonly url: string;
  /** Lines, where the server says so. */
  readonly count?: number;
}

export interface Manifest {
  /** Up to when the server says that it is complete: its text, and ms. */
  readonly transactionTime: string;
  readonly transactionTimeMs: number;
  readonly requiresAccessToken: boolean;
  /** In the order in which they are read, by {@link rankOf}. */
  readonly files: readonly ExportFile[];
}

/** Files of one export; a file of a single resource each, as some servers write them, is 200,000 resources. */
const FILES_MAX = 200_000;
const URL_CHARS_MAX = 16_384;
const TYPE = /^[A-Z][A-Za-z]{1,63}$/;
/** A FHIR instant. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const KINDS: readonly FileKind[] = ['output', 'deleted', 'error'];

/**
 * Reads a manifest.
 *
 * @param requestUrl - Where it was read: what its links are relative to.
 * @throws AdapterError ADAPTER_SOURCE_REFUSED for what is no manifest, or one too large.
 */
export function parseManifest(bytes: Buffer, requestUrl: string): Manifest {
  let found: JsonValue;
  try {
    found = parseJson(bytes);
  } catch (cause) {
    throw refused('is not JSON', cause);
  }
  if (!isJsonObject(found)) throw refused('is no object');
  const { transactionTime, requiresAccessToken, link } = found;
  if (typeof transactionTime !== 'string' || !INSTANT.test(transactionTime))
    throw refused('has no transactionTime');
  const transactionTimeMs = Date.parse(transactionTime);
  if (Number.isNaN(transactionTimeMs)) throw refused('has no transactionTime');
  // Part of an export would be taken for all of it.
  if (Array.isArray(link) && link.some((one) => isJsonObject(one) && one['relation'] === 'next'))
    throw refused('is in parts, which we did not ask for');
  const files = KINDS.flatMap((kind) => filesOf(found, kind, requestUrl));
  if (files.length > FILES_MAX) throw refused(`names more than ${FILES_MAX} files`);
  return {
    transactionTime,
    transactionTimeMs,
    // What does not say that anybody may have its files keeps them to itself.
    requiresAccessToken: requiresAccessToken !== false,
    files: files.toSorted((a, b) => rankOf(a) - rankOf(b)),
  };
}

function filesOf(manifest: JsonObject, kind: FileKind, requestUrl: string): ExportFile[] {
  const listed = manifest[kind];
  if (listed === undefined && kind !== 'output') return [];
  if (!Array.isArray(listed)) throw refused(`has no list of ${kind}`);
  return listed.map((one: JsonValue) => {
    const { type, url, count } = isJsonObject(one) ? one : {};
    if (typeof type !== 'string' || !TYPE.test(type)) throw refused(`has a file in ${kind} of no type`);
    if (typeof url !== 'string' || url.length > URL_CHARS_MAX || !URL.canParse(url, requestUrl))
      throw refused(`has a file in ${kind} without address`);
    const hasCount = typeof count === 'number' && Number.isSafeInteger(count) && count >= 0;
    return { kind, type, url: new URL(url, requestUrl).href, ...(hasCount ? { count } : {}) };
  });
}

/**
 * What is read before what: patients first, for what refers to one should find it there; deletions after all that was
 * there; errors last.
 */
export function rankOf({ kind, type }: ExportFile): number {
  if (kind !== 'output') return 1 + KINDS.indexOf(kind);
  return type === 'Patient' ? 0 : 1;
}

function refused(why: string, cause?: unknown): AdapterError {
  return new AdapterError('ADAPTER_SOURCE_REFUSED', `the export's manifest ${why}`, { cause });
}
