/** Resources out of the files that are de-identified. */
import { MappingError } from '../../mappings/index.js';
import { DeidentifyError, readExact } from '../../mappings/deidentify/index.js';
import { isJsonObject, ndjsonLines } from '../../mappings/json/index.js';
import type { JsonObject, JsonValue } from '../../mappings/json/index.js';
import { AdapterError, codeOf } from '../errors.js';
import { chunksOf, documentOf, NDJSON_FILE } from './view-files.js';

/** Bundles within one another. */
const BUNDLE_DEPTH_MAX = 8;

/** A resource and, from a Bundle, the address by which other entries may refer to it. */
export interface Found {
  readonly resource: JsonObject;
  readonly fullUrl?: string;
}

/**
 * The resources of a file: NDJSON by its ending, else a resource or a Bundle, of which the resources come.
 *
 * @throws AdapterError ADAPTER_UNPROCESSABLE, which names the file and the line at fault and nothing of its content.
 */
export async function* resourcesOfFile(file: string): AsyncGenerator<Found, void, undefined> {
  let line = 0;
  try {
    if (!NDJSON_FILE.test(file)) yield* resourcesOf(readExact(await documentOf(file)), 0);
    else
      for await (const bytes of ndjsonLines(chunksOf(file))) {
        line++;
        yield* resourcesOf(readExact(bytes), 0);
      }
  } catch (error) {
    if (!(error instanceof MappingError) && !(error instanceof DeidentifyError)) throw error;
    const place = line > 0 ? `${file}, resource ${line}` : file;
    throw new AdapterError('ADAPTER_UNPROCESSABLE', `${place}: ${error.message} (${codeOf(error)})`, {
      cause: error,
    });
  }
}

function* resourcesOf(value: JsonValue, depth: number, fullUrl?: string): Generator<Found> {
  if (!isJsonObject(value) || typeof value['resourceType'] !== 'string')
    throw new DeidentifyError('DEIDENTIFY_NOT_FHIR', 'the JSON is no FHIR resource');
  if (value['resourceType'] !== 'Bundle') {
    yield { resource: value, ...(fullUrl === undefined ? {} : { fullUrl }) };
    return;
  }
  if (depth === BUNDLE_DEPTH_MAX)
    throw new DeidentifyError('DEIDENTIFY_NOT_FHIR', 'Bundles lie too deep within one another');
  const { entry } = value;
  for (const one of Array.isArray(entry) ? (entry as readonly JsonValue[]) : []) {
    const resource = isJsonObject(one) ? one['resource'] : undefined;
    if (!isJsonObject(one) || resource === undefined) continue;
    yield* resourcesOf(resource, depth + 1, typeof one['fullUrl'] === 'string' ? one['fullUrl'] : undefined);
  }
}
