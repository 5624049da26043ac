/**
 * All of a patient that a caller may see: how the patient's next hospital takes the record over.
 *
 * @see HL7 FHIR R4, Patient/$everything
 */
import { rankOf } from '../../instance/listings.js';
import type { ListedVersion } from '../../instance/listings.js';
import { isInScope } from '../tokens/index.js';
import type { Caller } from '../tokens/index.js';
import type { Attempt } from './answer.js';
import { Includes } from './includes.js';
import { FORBIDDEN, gateOf, NONE, unknown } from './context.js';
import type { FacadeContext } from './context.js';
import { readListing } from './listing.js';
import type { ListingQuery } from './listing.js';
import { withRow } from './lookup.js';
import { cutPage, isAhead, pageCount } from './pages.js';
import type { Page, PlacedVersion } from './pages.js';
import { lastUpdatedOf } from './patient-gate.js';
import type { PatientGate, PermittedVersion } from './patient-gate.js';
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
  const { listings } = context;
  const versions = (await listings.of(gate.subject)).filter(
    (listed) =>
      listed.isCurrent && isListed(listed, query) && isInScope(caller.scopes, listed.card.gate.type, 'r'),
  );
  const placed = placedOf(context, gate, versions, page, query);
  if (placed.length === 0) return page.after === undefined ? NONE : FORBIDDEN;
  const includes = new Includes();
  const isWanted = (type: string): boolean =>
    isInScope(caller.scopes, type, 'r') && (query.types?.has(type) ?? true);
  return cutPage(context, caller, page, placed, {
    order: [],
    count: query.count,
    bundle: 'searchset',
    isInOrder: true,
    entry: ({ version }) => searchEntry(context, version, includes.note),
    besides: () => includes.entries(context, caller, isWanted),
  });
}

/**
 * The permitted versions that the page begins with, and one more where there is one: a version is judged when its turn
 * comes. Where a page has none ahead of it, one that was on a page before says whether any may still be seen.
 */
function placedOf(
  context: FacadeContext,
  gate: PatientGate,
  versions: readonly ListedVersion[],
  page: Page,
  { count }: ListingQuery,
): PlacedVersion[] {
  const enough = pageCount(page, count) + 1;
  const placed: PlacedVersion[] = [];
  const passed: ListedVersion[] = [];
  for (const listed of versions) {
    const values = [rankOf(listed), listed.card.gate.type, listed.facadeId];
    if (!isAhead(page, [], values)) {
      passed.push(listed);
      continue;
    }
    const version = judged(context, gate, listed);
    if (version !== undefined) placed.push({ version, values });
    if (placed.length >= enough) return placed;
  }
  for (const listed of placed.length === 0 ? passed : []) {
    const version = judged(context, gate, listed);
    if (version !== undefined)
      return [{ version, values: [rankOf(listed), listed.card.gate.type, listed.facadeId] }];
  }
  return placed;
}

function judged(
  context: FacadeContext,
  gate: PatientGate,
  listed: ListedVersion,
): PermittedVersion | undefined {
  return gate.judge(withRow(context, gate.subject, listed), listed.facadeId);
}

function isListed({ card }: ListedVersion, { types, sinceMs, startMs, endMs }: ListingQuery): boolean {
  const { type, period } = card.gate;
  if (types !== undefined && !types.has(type)) return false;
  if (sinceMs !== undefined && lastUpdatedOf(card) < sinceMs) return false;
  if (period === undefined) return true;
  return (
    (startMs === undefined || period.endMs >= startMs) && (endMs === undefined || period.startMs <= endMs)
  );
}
