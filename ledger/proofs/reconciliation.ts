/** The document behind a `source.reconciled` entry: what a source showed, and what became of each line of it. */
import { fromBase64url } from './bytes.js';
import { isObject, parseCanonical } from './canonical.js';
import { countOf, hashOf, listOf, Malformed, membersOf, nameOf, textIn } from './members.js';

/** First member of the document. */
export const RECONCILIATION_FORMAT = 'firebreak/reconciliation/v1';

/** How the present state of a type was read: its history, a search of all, or each id that was known. */
export const READ_METHODS = ['history', 'search', 'sweep'] as const;
export type ReadMethod = (typeof READ_METHODS)[number];

/** What became of the lines of a listing; together they are all of its lines. */
export const FATES = [
  /** Kept as the current version of a patient's record. */
  'stored',
  /** Kept in the custodian's directory: it belongs to no patient. */
  'directory',
  /** Received, and waiting for its patient's consent. */
  'waiting',
  /** Received, and discarded as its patient does not permit it. */
  'refused',
  /** Erased here: not brought back. */
  'erased',
  /** Received, and set aside with a reason: a dead letter. */
  'aside',
  /** None of these. */
  'missing',
] as const;
export type Fate = (typeof FATES)[number];

/** A set of lines. */
export interface ReconciledSet {
  readonly count: number;
  /** RFC 6962 root over its leaves, base64url. */
  readonly root: string;
}

export interface ReconciliationDocument {
  readonly format: typeof RECONCILIATION_FORMAT;
  readonly source: { readonly id: string; readonly name: string; readonly url: string };
  /** Of whoever made it. */
  readonly by: { readonly software: string; readonly version: string };
  /** Handle of the reconciliation before, or null for the first. */
  readonly former: string | null;
  /** When the one before began to read, or null for the first: what changed since is covered. RFC 3339. */
  readonly since: string | null;
  /** Between these, each line was seen at the source. What the source committed before `begun` is covered. */
  readonly begun: string;
  readonly ended: string;
  /** Types by how they were read. */
  readonly read: Readonly<Record<ReadMethod, readonly string[]>> & {
    /** Offered by the server, and not shown when asked for: what is said does not cover them. */
    readonly unread: readonly string[];
  };
  /** What the source showed, under this salt. */
  readonly listing: ReconciledSet & { readonly salt: string };
  /** What is kept as current, under the same salt. */
  readonly kept: ReconciledSet;
  readonly fates: Readonly<Record<Fate, number>>;
  /** Kept as current although the source shows it no longer: its deletion was not permitted, or not yet. */
  readonly unshown: number;
  /** What this reconciliation mended: versions fetched, deletions heard of. */
  readonly healed: { readonly fetched: number; readonly deleted: number };
}

const TYPES_MAX = 1024;
const TEXT_MAX = 2048;
const TYPE = /^[A-Z][A-Za-z]{1,63}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The document of its canonical bytes, or `undefined` for anything else; its counts agree with each other. */
export function readReconciliation(bytes: Uint8Array): ReconciliationDocument | undefined {
  try {
    return documentOf(parseCanonical(bytes));
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** Whether all that the source showed is kept, waits for consent, or was kept out for a reason that is told. */
export function isNothingMissed({
  fates,
  unshown,
  read,
}: Pick<ReconciliationDocument, 'fates' | 'unshown' | 'read'>): boolean {
  return fates.missing === 0 && unshown === 0 && read.unread.length === 0;
}

function documentOf(value: unknown): ReconciliationDocument {
  if (!isObject(value) || value['format'] !== RECONCILIATION_FORMAT) throw new Malformed();
  const file = membersOf(value, [
    'format',
    'source',
    'by',
    'former',
    'since',
    'begun',
    'ended',
    'read',
    'listing',
    'kept',
    'fates',
    'unshown',
    'healed',
  ]);
  const source = membersOf(file['source'], ['id', 'name', 'url']);
  const by = membersOf(file['by'], ['software', 'version']);
  const read = membersOf(file['read'], [...READ_METHODS, 'unread']);
  const listing = membersOf(file['listing'], ['salt', 'count', 'root']);
  const fates = membersOf(file['fates'], FATES);
  const healed = membersOf(file['healed'], ['fetched', 'deleted']);
  const document: ReconciliationDocument = {
    format: RECONCILIATION_FORMAT,
    source: {
      id: textIn(source['id'], TEXT_MAX),
      name: textIn(source['name'], TEXT_MAX),
      url: textIn(source['url'], TEXT_MAX),
    },
    by: { software: textIn(by['software'], TEXT_MAX), version: textIn(by['version'], TEXT_MAX) },
    former: file['former'] === null ? null : nameOf(file['former']),
    since: file['since'] === null ? null : timeOf(file['since']),
    begun: timeOf(file['begun']),
    ended: timeOf(file['ended']),
    read: {
      history: typesOf(read['history']),
      search: typesOf(read['search']),
      sweep: typesOf(read['sweep']),
      unread: typesOf(read['unread']),
    },
    listing: { ...setOf({ count: listing['count'], root: listing['root'] }), salt: nameOf(listing['salt']) },
    kept: setOf(file['kept']),
    fates: {
      stored: countOf(fates['stored']),
      directory: countOf(fates['directory']),
      waiting: countOf(fates['waiting']),
      refused: countOf(fates['refused']),
      erased: countOf(fates['erased']),
      aside: countOf(fates['aside']),
      missing: countOf(fates['missing']),
    },
    unshown: countOf(file['unshown']),
    healed: { fetched: countOf(healed['fetched']), deleted: countOf(healed['deleted']) },
  };
  if (!isConsistent(document)) throw new Malformed();
  return document;
}

/** Counts add up, time does not go back, and where all is kept and nothing besides, the two sets are one. */
function isConsistent({
  listing,
  kept,
  fates,
  unshown,
  begun,
  ended,
  since,
}: ReconciliationDocument): boolean {
  const all = FATES.reduce((sum, fate) => sum + fates[fate], 0);
  const current = fates.stored + fates.directory;
  if (all !== listing.count || begun > ended || (since !== null && since > begun)) return false;
  if (kept.count < current + unshown || kept.count > current + unshown + fates.missing) return false;
  const isAll = current === listing.count && unshown === 0;
  return !isAll || (kept.count === listing.count && kept.root === listing.root);
}

function setOf(value: unknown): ReconciledSet {
  const { count, root } = membersOf(value, ['count', 'root']);
  hashOf(root);
  return { count: countOf(count), root: String(root) };
}

function typesOf(value: unknown): readonly string[] {
  return listOf(value, TYPES_MAX, (type) => {
    if (typeof type !== 'string' || !TYPE.test(type)) throw new Malformed();
    return type;
  });
}

function timeOf(value: unknown): string {
  if (typeof value !== 'string' || !TIME.test(value) || Number.isNaN(Date.parse(value)))
    throw new Malformed();
  return value;
}

/** Bytes of a hash that {@link readReconciliation} took. */
export function hashBytes(text: string): Uint8Array {
  return fromBase64url(text) ?? new Uint8Array();
}
