/** Histories: of one resource, or of a patient's resources of one type; newest first, each version judged by itself. */
import type { SortKey } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Subject } from '../../instance/subjects.js';
import type { Caller } from '../tokens/index.js';
import type { Attempt } from './answer.js';
import { FORBIDDEN, gateOf, NONE } from './context.js';
import type { FacadeContext } from './context.js';
import { readListing } from './listing.js';
import type { ListingQuery } from './listing.js';
import { findResource, keptVersion, keptVersions } from './lookup.js';
import { cutPage } from './pages.js';
import type { Page, PlacedVersion } from './pages.js';
import { lastUpdatedOf } from './patient-gate.js';
import type { KeptVersion, PermittedVersion } from './patient-gate.js';
import { historyEntry } from './serving.js';

/** By time, then by number. */
const NEWEST_FIRST: readonly SortKey[] = [
  { field: '_lastUpdated', isDescending: true },
  { field: '_lastUpdated', isDescending: true },
];

/**
 * What a history asks.
 *
 * @throws AdapterError ADAPTER_BAD_REQUEST
 */
export function historyOf({ id, parameters }: Page): ListingQuery {
  if (id !== undefined) return readListing(parameters, ['_since', '_count']);
  const query = readListing(parameters, ['_since', '_count', 'patient']);
  if (query.patient === undefined)
    throw new AdapterError('ADAPTER_BAD_REQUEST', 'too costly: name the patient');
  return query;
}

/** One page of a history. */
export async function history(
  context: FacadeContext,
  caller: Caller,
  page: Page,
  { sinceMs, count, patient }: ListingQuery,
): Promise<Attempt> {
  const { type, id } = page;
  const found = id === undefined ? undefined : await findResource(context, id);
  const subject = id === undefined ? await context.subjects.findByFacadeId(patient ?? '') : found?.subject;
  const gate = await gateOf(context, caller, subject);
  const placed: PlacedVersion[] = [];
  if (gate === undefined) context.decoy.work(context.nowMs());
  else {
    const versions =
      found === undefined
        ? keptVersions(context, gate.subject, ({ card }) => card.gate.type === type)
        : versionsOf(context, gate.subject, found.state.handle);
    for await (const kept of versions) {
      const version = kept.card.gate.type === type ? gate.judge(kept) : undefined;
      if (version !== undefined) placed.push(...entriesOf(context, version));
    }
  }
  if (placed.length === 0 && id !== undefined) return page.after === undefined ? NONE : FORBIDDEN;
  const listed = sinceMs === undefined ? placed : placed.filter(({ values: [at] }) => Number(at) >= sinceMs);
  return cutPage(context, caller, page, listed, {
    order: NEWEST_FIRST,
    count,
    bundle: 'history',
    entry: ({ version, deletedAt }) => historyEntry(context, version, deletedAt),
  });
}

/** Kept versions of the resource that one version is of, that one first. */
export async function* versionsOf(
  context: FacadeContext,
  subject: Subject,
  handle: string,
): AsyncGenerator<KeptVersion> {
  const present = keptVersion(context, subject, handle);
  if (present === undefined) return;
  yield present;
  const { source, gate } = present.card;
  yield* keptVersions(context, subject, ({ card, handle: other }) => {
    const isSame = card.source === source && card.gate.type === gate.type && card.gate.id === gate.id;
    return isSame && other !== handle;
  });
}

/** A version's entries: itself, and its deletion. */
function entriesOf({ records, store }: FacadeContext, version: PermittedVersion): PlacedVersion[] {
  const { card, handle } = version;
  const entries: PlacedVersion[] = [{ version, values: [lastUpdatedOf(card), version.version, handle] }];
  const resourceKey = records.resourceKey(card.source, card.gate.type, card.gate.id);
  const state = records.state({ get: (key) => store.getSync(key) }, resourceKey);
  if (state?.status === 'deleted' && state.handle === handle && state.deletedAt !== undefined) {
    const { deletedAt } = state;
    entries.push({ version, deletedAt, values: [deletedAt, version.version + 1, handle] });
  }
  return entries;
}
