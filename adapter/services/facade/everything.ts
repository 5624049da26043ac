/**
 * All of a patient that a caller may see: how the patient's next hospital takes the record over.
 *
 * @see HL7 FHIR R4, Patient/$everything
 */
import { isInScope } from '../tokens/index.js';
import type { Caller } from '../tokens/index.js';
import type { Attempt } from './answer.js';
import { Includes } from './includes.js';
import { FORBIDDEN, gateOf, NONE, unknown } from './context.js';
import type { FacadeContext } from './context.js';
import { readListing } from './listing.js';
import type { ListingQuery } from './listing.js';
import { isCurrent, keptVersions } from './lookup.js';
import { cutPage } from './pages.js';
import type { Page, PlacedVersion } from './pages.js';
import { lastUpdatedOf } from './patient-gate.js';
import type { KeptVersion } from './patient-gate.js';
import { withoutProof } from './proving.js';
import { searchEntry } from './serving.js';

/** @throws AdapterError ADAPTER_BAD_REQUEST */
export function everythingOf({ parameters }: Page): ListingQuery {
  return readListing(withoutProof(parameters), ['_type', '_since', 'start', 'end', '_count']);
}

/**
 * One page, the Patient first, and what it refers to in the directory; types that the token does not reach are left out.
 */
export async function everything(
  context: FacadeContext,
  caller: Caller,
  page: Page,
  query: ListingQuery,
): Promise<Attempt> {
  const subject = await context.subjects.findByFacadeId(page.id ?? '');
  const gate = await gateOf(context, caller, subject);
  if (gate === undefined) return page.after === undefined ? unknown(context) : FORBIDDEN;
  const placed: PlacedVersion[] = [];
  for await (const kept of keptVersions(context, gate.subject)) {
    const { type } = kept.card.gate;
    if (!isInScope(caller.scopes, type, 'r') || !isListed(kept, query) || !isCurrent(context, kept)) continue;
    const version = gate.judge(kept);
    if (version !== undefined)
      placed.push({ version, values: [type === 'Patient' ? 0 : 1, type, version.id] });
  }
  if (placed.length === 0) return page.after === undefined ? NONE : FORBIDDEN;
  const includes = new Includes();
  const isWanted = (type: string): boolean =>
    isInScope(caller.scopes, type, 'r') && (query.types?.has(type) ?? true);
  return cutPage(context, caller, page, placed, {
    order: [],
    count: query.count,
    bundle: 'searchset',
    entry: ({ version }) => searchEntry(context, version, includes.note),
    besides: () => includes.entries(context, caller, isWanted),
  });
}

function isListed({ card }: KeptVersion, { types, sinceMs, startMs, endMs }: ListingQuery): boolean {
  const { type, period } = card.gate;
  if (types !== undefined && !types.has(type)) return false;
  if (sinceMs !== undefined && lastUpdatedOf(card) < sinceMs) return false;
  if (period === undefined) return true;
  return (
    (startMs === undefined || period.endMs >= startMs) && (endMs === undefined || period.startMs <= endMs)
  );
}
