/** Finding what is meant: a patient, a resource or one version, kept or erased already. */
import { AdapterError } from '../../errors.js';
import type { Records } from '../../instance/records.js';
import type { Sources } from '../../instance/sources.js';
import type { Subjects } from '../../instance/subjects.js';
import type { Store } from '../../../ledger/store.js';

/** What a name means. */
export type Named =
  | { readonly kind: 'patient'; readonly subject: string }
  | { readonly kind: 'record'; readonly subject: string; readonly resource: string }
  | { readonly kind: 'version'; readonly subject: string; readonly handle: string };

export interface NamesOptions {
  readonly store: Store;
  readonly sources: Sources;
  readonly subjects: Subjects;
  readonly records: Records;
}

const HANDLE = /^[A-Za-z0-9_-]{43}$/;
const RESOURCE = /^([A-Z][A-Za-z]{0,63})\/([A-Za-z0-9.-]{1,64})$/;
const ID = /^[A-Za-z0-9.-]{1,64}$/;

/**
 * What a name means: 43 characters name a version by its handle; `Patient/<id>` or an id alone a patient, by the id at
 * the source or at our facade; any other `Type/<id>` a resource of a source, in all its versions.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_USAGE where several sources have it or it is no name.
 */
export async function findNamed(options: NamesOptions, name: string, source?: string): Promise<Named> {
  if (HANDLE.test(name)) return findVersion(options, name);
  const [, type = 'Patient', id = name] = RESOURCE.exec(name) ?? [];
  if (!ID.test(id))
    throw new AdapterError(
      'ADAPTER_USAGE',
      'name a patient, a resource as Type/id, or a version by its handle',
    );
  const sources = options.sources.list().filter((one) => source === undefined || one.id === source);
  return type === 'Patient'
    ? findPatient(options, id, sources, source)
    : findResource(options, type, id, sources);
}

async function findVersion({ store }: NamesOptions, handle: string): Promise<Named> {
  for (const prefix of ['vault/', 'erasure/']) {
    for await (const key of store.keys({ gte: prefix, lt: `${prefix}~` }))
      if (key.endsWith(`/${handle}`))
        return { kind: 'version', subject: key.slice(prefix.length, -handle.length - 1), handle };
  }
  throw new AdapterError('ADAPTER_NOT_FOUND', 'no such record is kept here');
}

async function findPatient(
  { store, subjects }: NamesOptions,
  id: string,
  sources: readonly { readonly id: string }[],
  source: string | undefined,
): Promise<Named> {
  const byFacade = source === undefined ? store.getSync(`facade/${id}`)?.toString('latin1') : undefined;
  const keys = byFacade === undefined ? sources.map((one) => subjects.keyOf(one.id, id)) : [byFacade];
  const found: string[] = [];
  for (const key of keys)
    if (subjects.isErased(key) || (await subjects.find(key)) !== undefined) found.push(key);
  return { kind: 'patient', subject: only(found, 'patient') };
}

function findResource(
  { store, records }: NamesOptions,
  type: string,
  id: string,
  sources: readonly { readonly id: string }[],
): Named {
  const view = { get: (key: string) => store.getSync(key) };
  const found = sources.flatMap((one) => {
    const resource = records.resourceKey(one.id, type, id);
    const state = records.state(view, resource);
    // Of a deletion that came before its resource nothing is kept, nor is it known whose it was.
    return state === undefined || state.subjectKey === '' ? [] : [{ resource, subject: state.subjectKey }];
  });
  return { kind: 'record', ...only(found, 'record') };
}

function only<T>(found: readonly T[], what: string): T {
  if (found.length > 1)
    throw new AdapterError('ADAPTER_USAGE', `several sources have such a ${what}: name one by --source`);
  const [one] = found;
  if (one === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', `no such ${what} is kept here`);
  return one;
}
