/**
 * What a kick-off of an export asks for.
 *
 * @see HL7 FHIR Bulk Data Access 2.0, "Bulk Data Kick-off Request"
 */
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import { timeOf } from '../exceptional/documents.js';
import type { ExportParameters } from './rows.js';

type Pairs = readonly (readonly [name: string, value: string])[];

const FORMATS = ['application/fhir+ndjson', 'application/ndjson', 'ndjson'];
/** What the specification knows and this server does not do. */
const UNSUPPORTED = ['patient', 'includeAssociatedData', 'organizeOutputBy', 'allowPartialManifests'];
const VALUES_MAX = 200;

/** @param isLenient - What is not known is passed over; what would show what is hidden never is. */
export function readKickOff(pairs: Pairs, request: string, isLenient: boolean): ExportParameters {
  const types: string[] = [];
  const elements: string[] = [];
  const typeFilters: string[] = [];
  let sinceMs: number | undefined;
  for (const [name, value] of pairs) {
    switch (name) {
      case '_outputFormat':
        if (!FORMATS.includes(value)) throw bad('NDJSON alone is made', name);
        break;
      case '_since':
        sinceMs = timeOf(value);
        if (Number.isNaN(sinceMs)) throw bad('an instant', name);
        break;
      case '_type':
        types.push(...listOf(value, /^[A-Z][A-Za-z]+$/, name));
        break;
      case '_elements':
        elements.push(...listOf(value, /^(?:[A-Z][A-Za-z]+\.)?[a-z][A-Za-z]*$/, name));
        break;
      case '_typeFilter':
        typeFilters.push(...value.split(/,(?=[A-Z][A-Za-z]+\?)/).map((one) => filterOf(one)));
        break;
      default:
        if (isLenient) continue;
        throw new AdapterError(
          UNSUPPORTED.includes(name) ? 'ADAPTER_NOT_SUPPORTED' : 'ADAPTER_BAD_REQUEST',
          UNSUPPORTED.includes(name) ? `${name} is not done here` : 'a parameter that is not known',
          { expression: name.slice(0, 64) },
        );
    }
  }
  for (const filter of typeFilters) {
    const type = filter.slice(0, filter.indexOf('?'));
    if (types.length > 0 && !types.includes(type)) throw bad(`${type} is not among _type`, '_typeFilter');
  }
  return {
    request,
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(types.length === 0 ? {} : { types: [...new Set(types)] }),
    ...(elements.length === 0 ? {} : { elements: [...new Set(elements)] }),
    ...(typeFilters.length === 0 ? {} : { typeFilters }),
  };
}

/** Names and values of a Parameters resource. @throws AdapterError ADAPTER_BAD_REQUEST; MappingError */
export function pairsOfParameters(body: Buffer): Pairs {
  const value = parseJson(body);
  const parameters = isJsonObject(value) ? value['parameter'] : undefined;
  if (!isJsonObject(value) || value['resourceType'] !== 'Parameters')
    throw bad('the body is a Parameters resource', 'Parameters');
  if (parameters === undefined) return [];
  if (!Array.isArray(parameters)) throw bad('a list', 'Parameters.parameter');
  return (parameters as readonly unknown[]).map((one) => {
    const name = isObject(one) ? one['name'] : undefined;
    const found = isObject(one)
      ? Object.entries(one).find(([member]) => /^value[A-Z]/.test(member))?.[1]
      : undefined;
    if (typeof name !== 'string' || typeof found !== 'string')
      throw bad('a name and a text', 'Parameters.parameter');
    return [name, found] as const;
  });
}

/** Of a filter only codes are looked at: other elements may be hidden, and what is found would tell of them. */
function filterOf(text: string): string {
  const [, type, query] = /^([A-Z][A-Za-z]+)\?(.+)$/.exec(text) ?? [];
  if (type === undefined || query === undefined) throw bad('such as Observation?code=…', '_typeFilter');
  const names = [...new URLSearchParams(query).keys()];
  if (names.some((name) => name !== 'code'))
    throw new AdapterError('ADAPTER_NOT_SUPPORTED', 'filters are by code alone', {
      expression: '_typeFilter',
    });
  return text;
}

function listOf(text: string, form: RegExp, name: string): string[] {
  const values = text.split(',').map((one) => one.trim());
  if (values.length > VALUES_MAX || !values.every((one) => form.test(one)))
    throw bad('a list of names', name);
  return values;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bad(message: string, expression: string): AdapterError {
  return new AdapterError('ADAPTER_BAD_REQUEST', message, { expression });
}
