/** Finding what a facade's id names. Nothing is judged here, so nothing of this may leave by itself. */
import type { Store } from '../../../ledger/store.js';
import type { Instance } from '../../instance/instance.js';
import type { ListedVersion } from '../../instance/listings.js';
import type { ResourceState } from '../../instance/records.js';
import type { Subject } from '../../instance/subjects.js';
import type { KeptVersion } from './patient-gate.js';

/** Where things are looked up. */
export interface LookupOptions {
  readonly store: Store;
  readonly records: Instance['records'];
  readonly listings: Instance['listings'];
  readonly subjects: Instance['subjects'];
}

/** A resource with its patient. */
export interface FoundResource {
  readonly subject: Subject;
  readonly resourceKey: string;
  readonly state: ResourceState & { readonly handle: string };
}

/** The resource of an id, kept or deleted; `undefined` for one that was never kept or is erased. */
export async function findResource(
  { store, records, subjects }: LookupOptions,
  id: string,
): Promise<FoundResource | undefined> {
  const view = { get: (key: string) => store.getSync(key) };
  const resourceKey = records.facadeResource(view, id);
  const state = resourceKey === undefined ? undefined : records.state(view, resourceKey);
  if (resourceKey === undefined || state?.handle === undefined || state.status === 'erased') return undefined;
  const subject = await subjects.find(state.subjectKey);
  return subject === undefined
    ? undefined
    : { subject, resourceKey, state: { ...state, handle: state.handle } };
}

/** One kept version, or `undefined`. */
export function keptVersion(
  { store, records }: LookupOptions,
  subject: Subject,
  handle: string,
): KeptVersion | undefined {
  const value = store.getSync(records.rowKey(subject.key, handle));
  return value === undefined ? undefined : records.opened(subject, handle, value);
}

/** A row that was named by a listing is no more: the patient's records have changed since. */
export class RowGone extends Error {
  constructor() {
    super('a listed record was erased');
    this.name = 'RowGone';
  }
}

/** A version of a listing. Its row is read when it is needed: most readings find its form remembered. */
export function withRow(
  { store, records }: LookupOptions,
  subject: Subject,
  { handle, version, card }: ListedVersion,
): KeptVersion {
  let known: Buffer | undefined;
  return {
    handle,
    version,
    card,
    get row(): Buffer {
      known ??= store.getSync(records.rowKey(subject.key, handle))?.subarray(4);
      if (known === undefined) throw new RowGone();
      return known;
    },
  };
}

/** All kept versions of a patient's resources that came from its source and that are wanted. */
export async function* keptVersions(
  context: LookupOptions,
  subject: Subject,
  isWanted: (listed: ListedVersion) => boolean,
): AsyncGenerator<KeptVersion> {
  for (const listed of await context.listings.of(subject)) {
    if (isWanted(listed)) yield withRow(context, subject, listed);
  }
}

/** Whether a version is the one that its source shows now. */
export function isCurrent({ store, records }: LookupOptions, { card, handle }: KeptVersion): boolean {
  const resourceKey = records.resourceKey(card.source, card.gate.type, card.gate.id);
  const state = records.state({ get: (key) => store.getSync(key) }, resourceKey);
  return state?.status === 'current' && state.handle === handle;
}
