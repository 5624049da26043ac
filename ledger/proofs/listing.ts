/**
 * What a source showed, as a tree that gives nothing away without its salt: one leaf a resource, in the order of its
 * bytes, so that the same set has the same root in whatever order it was read.
 */
import { concat, equal, toBase64url, utf8 } from './bytes.js';
import type { ProofCrypto } from './crypto.js';
import { hmacSha256 } from './hmac.js';
import { HASH_BYTES, leafHash } from './tree.js';

/** One resource of a listing. */
export interface ListingLine {
  readonly type: string;
  readonly id: string;
  /** `meta.versionId`; where the source gives none, `sha256:` and the hash of the resource's bytes, base64url. */
  readonly version: string;
}

/** Which resource it is: enough to find it by. */
const NAME_BYTES = 16;
/** Bytes of a leaf: 16 for the resource's name, 32 for this version of it. */
export const LISTING_LEAF_BYTES = NAME_BYTES + HASH_BYTES;

const NODE = Uint8Array.of(1);

/**
 * Makes the leaves of listings under a salt.
 *
 * @param salt - 32 bytes.
 * @returns A line's leaf: HMAC(salt, `name` ‖ LF ‖ [type, id]) cut to 16 bytes, then HMAC(salt, `version` ‖ LF ‖
 * [type, id, version]), each list as compact JSON.
 */
export function listingLeaves(salt: Uint8Array, crypto: ProofCrypto): (line: ListingLine) => Uint8Array {
  const keyed = hmacSha256(salt, crypto);
  return ({ type, id, version }) =>
    concat(
      keyed(utf8(`name\n${JSON.stringify([type, id])}`)).subarray(0, NAME_BYTES),
      keyed(utf8(`version\n${JSON.stringify([type, id, version])}`)),
    );
}

/** Root over leaves that come one after the other; memory does not grow with them. @see RFC 6962 section 2.1 */
export class ListingRoot {
  readonly #crypto: ProofCrypto;
  readonly #roots: Uint8Array[] = [];
  #count = 0;

  constructor(crypto: ProofCrypto) {
    this.#crypto = crypto;
  }

  get count(): number {
    return this.#count;
  }

  append(leaf: Uint8Array): void {
    let node = leafHash(this.#crypto, leaf);
    for (let at = this.#count; at % 2 === 1; at = (at - 1) / 2)
      node = this.#node(this.#roots.pop() ?? node, node);
    this.#roots.push(node);
    this.#count += 1;
  }

  /** 32 bytes. */
  root(): Uint8Array {
    const [last, ...rest] = this.#roots.toReversed();
    if (last === undefined) return this.#crypto.sha256(new Uint8Array());
    return rest.reduce((node, left) => this.#node(left, node), last);
  }

  #node(left: Uint8Array, right: Uint8Array): Uint8Array {
    return this.#crypto.sha256(concat(NODE, left, right));
  }
}

/** The leaves that stand in a row, one after the other. */
export function* leavesIn(row: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < row.length; at += LISTING_LEAF_BYTES) yield row.subarray(at, at + LISTING_LEAF_BYTES);
}

/** Order of leaves: by their bytes. */
export function compareLeaves(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < LISTING_LEAF_BYTES; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What a proof shows of a listing. */
export interface ShownListing {
  /** 32 bytes. */
  readonly salt: Uint8Array;
  readonly count: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** All leaves in order, where the file has them. */
  readonly leaves?: Uint8Array;
}

/** How somebody else's listing differs. Stable. */
export type ListingRefusal =
  /** A line names a resource twice. */
  | 'listing-line-twice'
  /** A line's version is not the one that the certificate has of that resource. */
  | 'listing-line-wrong'
  /** The certificate has resources for which there is no line. */
  | 'listing-line-missing'
  /** A line's resource is not in the certificate. */
  | 'listing-line-extra'
  /** It differs, and the file has no leaves that would tell where. */
  | 'listing-differs';

export type ListingVerdict =
  | { readonly ok: true; readonly lines: number }
  | {
      readonly ok: false;
      readonly code: ListingRefusal;
      readonly lines: number;
      readonly wrong: number;
      readonly missing: number;
      readonly extra: number;
      /** Number of the first line that the code is about, from 1; absent for what has no line. */
      readonly line?: number;
    };

/**
 * Compares a listing with what a certificate shows.
 *
 * @param lines - In any order. Takes 300 bytes of memory a line.
 */
export function checkListing(
  shown: ShownListing,
  lines: Iterable<ListingLine>,
  crypto: ProofCrypto,
): ListingVerdict {
  const leafOf = listingLeaves(shown.salt, crypto);
  const given = new Map<string, { readonly leaf: Uint8Array; readonly line: number }>();
  let count = 0;
  let twice: number | undefined;
  for (const line of lines) {
    count += 1;
    const leaf = leafOf(line);
    const name = nameIn(leaf);
    if (given.has(name)) twice ??= count;
    else given.set(name, { leaf, line: count });
  }
  const none = { lines: count, wrong: 0, missing: 0, extra: 0 };
  if (twice !== undefined) return { ok: false, code: 'listing-line-twice', ...none, line: twice };
  const tree = new ListingRoot(crypto);
  const sorted = [...given.values()].map(({ leaf }) => leaf).toSorted(compareLeaves);
  for (const leaf of sorted) tree.append(leaf);
  if (tree.count === shown.count && equal(tree.root(), shown.root)) return { ok: true, lines: count };
  if (shown.leaves === undefined) return { ok: false, code: 'listing-differs', ...none };
  return differences(shown.leaves, given, count);
}

function differences(
  leaves: Uint8Array,
  given: Map<string, { readonly leaf: Uint8Array; readonly line: number }>,
  lines: number,
): ListingVerdict {
  let [wrong, missing] = [0, 0];
  let firstWrong = Infinity;
  for (const leaf of leavesIn(leaves)) {
    const name = nameIn(leaf);
    const found = given.get(name);
    given.delete(name);
    if (found === undefined) missing += 1;
    else if (!equal(found.leaf, leaf)) {
      wrong += 1;
      firstWrong = Math.min(firstWrong, found.line);
    }
  }
  const extra = given.size;
  const counts = { lines, wrong, missing, extra };
  if (wrong > 0) return { ok: false, code: 'listing-line-wrong', ...counts, line: firstWrong };
  if (missing > 0) return { ok: false, code: 'listing-line-missing', ...counts };
  let line = Infinity;
  for (const one of given.values()) line = Math.min(line, one.line);
  return { ok: false, code: 'listing-line-extra', ...counts, line };
}

function nameIn(leaf: Uint8Array): string {
  return toBase64url(leaf.subarray(0, NAME_BYTES));
}
