/** Cutting pages out of listings of permitted versions. What is hidden is not among them, so no page tells of it. */
import type { Permitted } from '../../../ledger/consent/index.js';
import { compareSorted } from '../../../mappings/index.js';
import type { SortKey, SortValue } from '../../../mappings/index.js';
import type { Caller } from '../tokens/index.js';
import type { Attempt } from './answer.js';
import { writeBundle } from './bundles.js';
import type { BundleEntry, BundleLink } from './bundles.js';
import { FORBIDDEN } from './context.js';
import type { FacadeContext } from './context.js';
import type { Pairs } from './listing.js';
import type { PageState } from './page-links.js';
import type { ListedResource } from './listed.js';
import type { PermittedVersion } from './patient-gate.js';
import { asksProof, PROVEN_BYTES_MAX, PROVEN_COUNT_MAX, provenances } from './proving.js';

/** A permitted version in its place. */
export interface PlacedVersion {
  readonly version: PermittedVersion;
  readonly values: readonly SortValue[];
  /** A history's entry that says that this version was deleted, and when. */
  readonly deletedAt?: number;
  readonly listed?: never;
}

/** A permitted resource of the directory in its place. */
export interface PlacedListed {
  readonly listed: ListedResource;
  readonly values: readonly SortValue[];
  readonly version?: never;
}

export type Placed = PlacedVersion | PlacedListed;

/** A page of a listing. */
export interface Page {
  readonly kind: PageState['kind'];
  readonly type: string;
  readonly id?: string;
  readonly parameters: Pairs;
  /** Where the page before ended. */
  readonly after?: readonly SortValue[];
  /** The address that was asked. */
  readonly self: string;
}

/** How a listing is ordered and shown. */
export interface Listing<P extends Placed> {
  readonly order: readonly SortKey[];
  /** As asked. */
  readonly count: number | undefined;
  readonly bundle: 'searchset' | 'history';
  readonly entry: (placed: P) => Promise<BundleEntry> | BundleEntry;
  /** Whether what is placed stands in its order already. */
  readonly isInOrder?: boolean;
  /** What goes with the page's resources from the directory, once they are made. */
  readonly besides?: () => { readonly entries: BundleEntry[]; readonly listed: readonly Permitted[] };
}

const COUNT_DEFAULT = 50;
const COUNT_MAX = 200;
const EVERYTHING_COUNT_MAX = 1000;
/** A page ends behind the resource that fills it. */
const PAGE_BYTES_MAX = 16 * 1024 * 1024;
/** Path below the base of a listing's next page. */
export const PAGE_PATH = '_page';

/** How many a page has at most. */
export function pageCount({ kind, parameters }: Page, count: number | undefined): number {
  if (asksProof(parameters)) return Math.min(count ?? PROVEN_COUNT_MAX, PROVEN_COUNT_MAX);
  if (kind === 'everything') return Math.min(count ?? EVERYTHING_COUNT_MAX, EVERYTHING_COUNT_MAX);
  return Math.min(count ?? COUNT_DEFAULT, COUNT_MAX);
}

/** Whether something stands behind where the page before ended. */
export function isAhead({ after }: Page, order: readonly SortKey[], values: readonly SortValue[]): boolean {
  return after === undefined || compareSorted(order, after, values) < 0;
}

/** The page of a listing, and what is on it. Opens what it shows. */
export async function cutPage<P extends Placed>(
  context: FacadeContext,
  caller: Caller,
  page: Page,
  placed: readonly P[],
  { order, count, bundle, entry, besides, isInOrder = false }: Listing<P>,
): Promise<Attempt> {
  // Something was on the page before: so much was permitted, and is no more.
  if (page.after !== undefined && placed.length === 0) return FORBIDDEN;
  const ahead = placed.filter(({ values }) => isAhead(page, order, values));
  const rest = isInOrder ? ahead : ahead.toSorted((a, b) => compareSorted(order, a.values, b.values));
  const countMax = pageCount(page, count);
  const isProven = asksProof(page.parameters);
  const bytesMax = isProven ? PROVEN_BYTES_MAX : PAGE_BYTES_MAX;
  const entries: BundleEntry[] = [];
  const shown: PermittedVersion[] = [];
  const listed: Permitted[] = [];
  let bytes = 0;
  for (const one of rest) {
    if (entries.length >= countMax || bytes >= bytesMax) break;
    const making = entry(one);
    // Most are remembered: a thousand turns of the loop would be waited for nothing.
    const made = making instanceof Promise ? await making : making;
    bytes += made.resource?.length ?? 0;
    entries.push(made);
    if (one.version === undefined) listed.push(one.listed.permit);
    else shown.push(one.version);
  }
  const links: BundleLink[] = [{ relation: 'self', url: page.self }];
  const last = rest[entries.length - 1];
  if (last !== undefined && entries.length < rest.length)
    links.push({ relation: 'next', url: nextUrl(context, caller, page, last.values) });
  const more = besides?.() ?? { entries: [], listed: [] };
  const proofs = isProven ? await provenances(context, shown) : [];
  const all = [...entries, ...more.entries, ...proofs];
  return {
    answer: { kind: 'bundle', bytes: writeBundle(bundle, links, all) },
    shown,
    listed: [...listed, ...more.listed],
  };
}

function nextUrl(
  { links, baseUrl }: FacadeContext,
  caller: Caller,
  { kind, type, id, parameters }: Page,
  after: readonly SortValue[],
): string {
  const state: PageState = { kind, type, ...(id === undefined ? {} : { id }), parameters, after };
  return `${baseUrl()}/${PAGE_PATH}/${links.seal(caller, state)}`;
}
