/** Searches: which versions they are about, and which of those the gate lets through and the parameters match. */
import { isDirectoryType, matchesFilters, readQuery, sortValues } from '../../../mappings/index.js';
import type { SearchQuery } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { ListedVersion } from '../../instance/listings.js';
import type { Subject } from '../../instance/subjects.js';
import type { Caller } from '../tokens/index.js';
import type { Attempt } from './answer.js';
import { gateOf } from './context.js';
import type { FacadeContext } from './context.js';
import { DirectoryGate, findListed, listedCandidate, listedEntry } from './listed.js';
import type { ListedResource } from './listed.js';
import { badParameter } from './listing.js';
import { findResource, isCurrent, keptVersion, keptVersions } from './lookup.js';
import { cutPage, isAhead, pageCount } from './pages.js';
import type { Page, Placed, PlacedListed } from './pages.js';
import { lastUpdatedOf } from './patient-gate.js';
import type { KeptVersion, PatientGate, PermittedVersion } from './patient-gate.js';
import { withoutProof } from './proving.js';
import { elementsOf, nameOf, searchEntry } from './serving.js';

/** Patients of one search. */
const PATIENTS_MAX = 20;

/**
 * What a search asks.
 *
 * @throws AdapterError ADAPTER_BAD_REQUEST for what is not understood, or goes over the records of all patients.
 */
export function searchOf({ baseUrl }: FacadeContext, { type, parameters }: Page): SearchQuery {
  const read = readQuery(type, withoutProof(parameters), baseUrl());
  if (!read.ok) throw badParameter(read.parameter, read.refusal);
  const { query } = read;
  if ((query.patients?.size ?? 0) > PATIENTS_MAX) throw badParameter('patient', 'too-many-values');
  if (query.ids === undefined && query.patients === undefined && type !== 'Patient' && !isDirectoryType(type))
    throw new AdapterError('ADAPTER_BAD_REQUEST', 'too costly: name the patient, or the resources by _id');
  return query;
}

/** One page of a search. */
export async function search(
  context: FacadeContext,
  caller: Caller,
  page: Page,
  query: SearchQuery,
): Promise<Attempt> {
  const { sort: order, count } = query;
  const isOverAll = query.ids === undefined && query.patients === undefined;
  // All patients are looked through in the order of their ids, and no further than the page goes.
  const enough = isOverAll && order.length === 0 ? pageCount(page, count) + 1 : Infinity;
  const placed: Placed[] = await listedMatches(context, caller, page, query, enough);
  for await (const version of candidates(context, caller, page, query)) {
    const one = await match(context, version, query, page.type);
    if (one === undefined || (isOverAll && !isAhead(page, order, one.values))) continue;
    placed.push(one);
    if (placed.length >= enough) break;
  }
  return cutPage(context, caller, page, placed, {
    order,
    count,
    bundle: 'searchset',
    entry: ({ version, listed }) =>
      version === undefined ? listedEntry(context, listed, 'match') : searchEntry(context, version),
  });
}

/**
 * Permitted resources of the directory that match: those of the ids, or of a type of which no patient has any, those of
 * all sources. Whom a source's custodian permits nothing, that source's directory is not looked through for.
 *
 * @param enough - So many of each source are enough.
 */
async function listedMatches(
  context: FacadeContext,
  caller: Caller,
  page: Page,
  { ids, patients, filters, sort: order }: SearchQuery,
  enough: number,
): Promise<PlacedListed[]> {
  if (patients !== undefined) return [];
  const { sources, directory, store } = context;
  const matches: PlacedListed[] = [];
  const take = (listed: ListedResource): boolean => {
    const candidate = listedCandidate(context, listed);
    if (!matchesFilters(filters, candidate)) return false;
    const values = sortValues(order, candidate, page.type, listed.facadeId);
    matches.push({ listed, values });
    return true;
  };
  if (ids !== undefined) {
    for (const id of ids) {
      const listed = findListed(context, caller, page.type, id);
      if (listed !== undefined) take(listed);
    }
    return matches;
  }
  if (!isDirectoryType(page.type)) return matches;
  for (const { id: source } of sources.list()) {
    const gate = new DirectoryGate(context, source, caller);
    if (!gate.isReachable) continue;
    let count = 0;
    for await (const resource of directory.ofType(store, source, page.type, startOf(page, order))) {
      const listed = gate.judge(resource);
      if (listed !== undefined && take(listed)) count++;
      if (count >= enough) break;
    }
  }
  return matches;
}

/** The id behind which a listing in the order of ids goes on. */
function startOf({ after }: Page, order: SearchQuery['sort']): string {
  const last = after?.at(-1);
  return order.length === 0 && typeof last === 'string' ? last : '';
}

/** Permitted current versions of the type, of the patients or resources that are named. */
async function* candidates(
  context: FacadeContext,
  caller: Caller,
  page: Page,
  query: SearchQuery,
): AsyncGenerator<PermittedVersion> {
  const { ids, patients } = query;
  if (isDirectoryType(page.type)) return;
  if (page.type === 'Patient' || ids !== undefined) {
    for await (const { subject, handle } of named(context, page, query)) {
      if (patients !== undefined && !patients.has(subject.facadeId)) continue;
      const gate = await gateOf(context, caller, subject);
      const kept = gate === undefined ? undefined : keptVersion(context, subject, handle);
      const version = kept === undefined ? undefined : judged(context, gate, kept, page.type);
      if (version !== undefined && (ids === undefined || ids.has(version.id))) yield version;
    }
    return;
  }
  for (const id of [...(patients ?? [])].toSorted()) {
    const gate = await gateOf(context, caller, await context.subjects.findByFacadeId(id));
    if (gate === undefined) {
      context.decoy.work(context.nowMs());
      continue;
    }
    const isWanted = ({ card, isCurrent: isPresent }: ListedVersion): boolean =>
      isPresent && card.gate.type === page.type;
    for await (const kept of keptVersions(context, gate.subject, isWanted)) {
      const version = gate.judge(kept);
      if (version !== undefined) yield version;
    }
  }
}

/** Versions that are named by their ids; without ids, the Patient of every patient. */
async function* named(
  context: FacadeContext,
  page: Page,
  { ids, sort }: SearchQuery,
): AsyncGenerator<{ readonly subject: Subject; readonly handle: string }> {
  const { records, store, subjects } = context;
  if (ids !== undefined) {
    for (const id of [...ids].toSorted()) {
      const found = await findResource(context, id);
      if (found === undefined) context.decoy.work(context.nowMs());
      else yield { subject: found.subject, handle: found.state.handle };
    }
    return;
  }
  for await (const [, key] of store.iterator({ gte: `facade/${startOf(page, sort)}`, lt: 'facade/~' })) {
    const subject = await subjects.find(key.toString('latin1'));
    if (subject === undefined) continue;
    const resourceKey = records.resourceKey(subject.source, 'Patient', subject.patientId);
    const state = records.state({ get: (name) => store.getSync(name) }, resourceKey);
    if (state?.handle !== undefined) yield { subject, handle: state.handle };
  }
}

function judged(
  context: FacadeContext,
  gate: PatientGate | undefined,
  kept: KeptVersion,
  type: string,
): PermittedVersion | undefined {
  if (kept.card.gate.type !== type || !isCurrent(context, kept)) return undefined;
  return gate?.judge(kept);
}

/** Nothing is matched before it is permitted: whoever searches learns nothing of what is hidden. */
async function match(
  context: FacadeContext,
  version: PermittedVersion,
  { filters, sort }: SearchQuery,
  type: string,
): Promise<Placed | undefined> {
  const readsBody =
    filters.some(({ kind }) => kind !== 'lastUpdated') || sort.some(({ field }) => field === 'date');
  const { card } = version;
  const candidate = {
    resource: readsBody ? await elementsOf(context, version) : {},
    lastUpdatedMs: lastUpdatedOf(card),
    nameOf: (reference: string) => nameOf(context, card, reference),
  };
  if (!matchesFilters(filters, candidate)) return undefined;
  return { version, values: sortValues(sort, candidate, type, version.id) };
}
