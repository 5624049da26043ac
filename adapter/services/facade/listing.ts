/** The parameters of listings that are no searches: `$everything` and histories. */
import { isRecordType, isFhirId, readTimeTest } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';

/** Names and values in their order, percent-decoded. */
export type Pairs = readonly (readonly [name: string, value: string])[];

/** What a listing is narrowed to. */
export interface ListingQuery {
  /** Types; absent: all. */
  readonly types?: ReadonlySet<string>;
  /** Changed since, ms. */
  readonly sinceMs?: number;
  /** Care that was not over by then, ms. */
  readonly startMs?: number;
  /** Care that had begun by then, ms. */
  readonly endMs?: number;
  /** Id of the patient. */
  readonly patient?: string;
  readonly count?: number;
}

type Name = '_type' | '_since' | 'start' | 'end' | '_count' | 'patient';

const COUNT = /^[1-9]\d{0,8}$/;

/**
 * Reads a listing's parameters.
 *
 * @throws AdapterError ADAPTER_BAD_REQUEST for one that is not among `allowed`, is given twice, or cannot be read.
 */
export function readListing(pairs: Pairs, allowed: readonly Name[]): ListingQuery {
  const query: { -readonly [K in keyof ListingQuery]: ListingQuery[K] } = {};
  const seen = new Set<string>();
  for (const [name, value] of pairs) {
    if (!(allowed as readonly string[]).includes(name)) throw badParameter(name, 'unknown-parameter');
    if (seen.has(name)) throw badParameter(name, 'repeated');
    seen.add(name);
    switch (name as Name) {
      case '_type': {
        const types = value.split(',');
        if (!types.every(isRecordType)) throw badParameter(name, 'bad-value');
        query.types = new Set(types);
        break;
      }
      case '_since':
        query.sinceMs = startOf(name, value);
        break;
      case 'start':
        query.startMs = startOf(name, value);
        break;
      case 'end':
        query.endMs = timeOf(name, value).endMs;
        break;
      case '_count':
        if (!COUNT.test(value)) throw badParameter(name, 'bad-count');
        query.count = Number(value);
        break;
      case 'patient': {
        const id = value.replace(/^Patient\//, '');
        if (!isFhirId(id)) throw badParameter(name, 'bad-value');
        query.patient = id;
        break;
      }
    }
  }
  return query;
}

function startOf(name: string, value: string): number {
  return timeOf(name, value).startMs;
}

function timeOf(name: string, value: string): { startMs: number; endMs: number } {
  const test = /^\d/.test(value) ? readTimeTest(value) : undefined;
  if (test === undefined) throw badParameter(name, 'bad-value');
  return test.range;
}

/** A refusal that names the parameter as far as it is fit to be shown, and never its value. */
export function badParameter(name: string, refusal: string): AdapterError {
  const shown = /^[A-Za-z0-9_:.-]{1,64}$/.test(name) ? name : '?';
  return new AdapterError('ADAPTER_BAD_REQUEST', `parameter ${shown}: ${refusal}`);
}
