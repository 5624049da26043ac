/**
 * Identifiers of pushed resources, so that a condition on one can be answered and a reference by one be tied: a source
 * that pushes cannot be asked. A row is named by keyed marks and holds the id sealed; a second one leads from the
 * resource to its rows, for the day on which it is erased.
 */
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { mark, openRow, sealRow } from '../../../ledger/vault/index.js';
import type { StorageKeys } from '../../../ledger/vault/index.js';
import { isJsonObject } from '../../../mappings/index.js';
import type { Directory } from '../../instance/directory.js';
import type { Records } from '../../instance/records.js';

/** Of a resource's identifiers so many are kept. */
const IDENTIFIERS_MAX = 16;

const BY_IDENTIFIER = 'push/i/';
const BY_RESOURCE = 'push/x/';

/** Names of a resource, or of one in what is asked. */
interface Named {
  readonly source: string;
  readonly type: string;
  readonly id: string;
}

/** A condition as `identifier=system|value`. */
export interface IdentifierCondition {
  readonly system: string;
  readonly value: string;
}

/**
 * Reads a condition; `undefined` for any other than one identifier with system and value.
 *
 * @param query - What follows the question mark.
 * @see HL7 FHIR R4, Search, token and escaping
 */
export function readCondition(query: string): IdentifierCondition | undefined {
  const parameters = [...new URLSearchParams(query.replace(/^\?/, ''))];
  const [name, text] = parameters[0] ?? [];
  if (parameters.length !== 1 || name !== 'identifier' || text === undefined) return undefined;
  const [system, value, ...more] = text.split(/(?<!\\)\|/).map(unescaped);
  if (system === undefined || system === '' || value === undefined || value === '') return undefined;
  // A comma is an "or".
  if (more.length > 0 || /(?<!\\),/.test(text)) return undefined;
  return { system, value };
}

function unescaped(text: string): string {
  return text.replaceAll(/\\([\\,$|])/g, '$1');
}

/** System and value of each identifier of a resource. */
export function identifiersOf(resource: object): IdentifierCondition[] {
  const { identifier } = resource as { identifier?: unknown };
  const list: unknown[] = Array.isArray(identifier) ? identifier : [identifier];
  return list
    .flatMap((one) => {
      if (!isJsonObject(one)) return [];
      const { system, value } = one;
      const isWhole =
        typeof system === 'string' && typeof value === 'string' && system !== '' && value !== '';
      return isWhole ? [{ system, value }] : [];
    })
    .slice(0, IDENTIFIERS_MAX);
}

export interface PushIdentifiersOptions {
  readonly store: Store;
  readonly keys: Pick<StorageKeys, 'markKey' | 'indexKey'>;
  readonly records: Pick<Records, 'resourceKey' | 'state'>;
  readonly directory: Pick<Directory, 'has'>;
}

export class PushIdentifiers {
  readonly #options: PushIdentifiersOptions;

  constructor(options: PushIdentifiersOptions) {
    this.#options = options;
  }

  /** Rows by which a resource is found by its identifiers. */
  writes(named: Named, identifiers: readonly IdentifierCondition[]): StoreWrite[] {
    const { indexKey } = this.#options.keys;
    const resource = this.#resourceMark(named);
    return identifiers.flatMap((identifier): StoreWrite[] => {
      const marked = this.#identifierMark(named.source, named.type, identifier);
      const key = `${BY_IDENTIFIER}${marked}/${resource}`;
      return [
        { type: 'put', key, value: sealRow(indexKey, key, Buffer.from(named.id, 'utf8')) },
        { type: 'put', key: `${BY_RESOURCE}${resource}/${marked}`, value: Buffer.alloc(0) },
      ];
    });
  }

  /** Ids of the resources of a type that have an identifier and are not deleted. At most two: several are no answer. */
  async find(source: string, type: string, condition: IdentifierCondition): Promise<string[]> {
    const { store, keys, records, directory } = this.#options;
    const prefix = `${BY_IDENTIFIER}${this.#identifierMark(source, type, condition)}/`;
    const view = { get: (key: string) => store.getSync(key) };
    const found: string[] = [];
    for await (const [key, row] of store.iterator({ gte: prefix, lt: `${prefix}~` })) {
      const id = openRow(keys.indexKey, key, row).toString('utf8');
      const state = records.state(view, records.resourceKey(source, type, id));
      if (state?.status === 'erased') continue;
      // The directory has no states: what was deleted there may have been made again.
      if (state?.status === 'deleted' && !directory.has(view, source, type, id)) continue;
      found.push(id);
      if (found.length > 1) break;
    }
    return found;
  }

  /** Rows that take a resource out, and what they held. */
  async eraseWrites(named: Named): Promise<{ writes: StoreWrite[]; rows: Buffer[] }> {
    const { store } = this.#options;
    const resource = this.#resourceMark(named);
    const prefix = `${BY_RESOURCE}${resource}/`;
    const writes: StoreWrite[] = [];
    const rows: Buffer[] = [];
    for await (const key of store.keys({ gte: prefix, lt: `${prefix}~` })) {
      const one = `${BY_IDENTIFIER}${key.slice(prefix.length)}/${resource}`;
      const row = store.getSync(one);
      if (row !== undefined) rows.push(row);
      writes.push({ type: 'del', key }, { type: 'del', key: one });
    }
    return { writes, rows };
  }

  #resourceMark({ source, type, id }: Named): string {
    return mark(this.#options.keys.markKey, 'pushed', source, type, id);
  }

  #identifierMark(source: string, type: string, { system, value }: IdentifierCondition): string {
    return mark(this.#options.keys.markKey, 'identifier', source, type, system, value);
  }
}

/** Of all rows here, for what rewrites tables. */
export const IDENTIFIERS_PREFIX = BY_IDENTIFIER;
