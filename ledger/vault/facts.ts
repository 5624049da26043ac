/**
 * A record's facts under one root, so that one of them can be shown without the rest. Each leaf carries a salt of its
 * own drawn from the record's, so that a leaf hash of the proof cannot be guessed from likely values.
 */
import { canonicalBytes, canonicalize, leafHash, nodeHash, rootOf, rootOfEntries } from '../log/index.js';
import type { JsonValue } from '../log/index.js';
import { VaultError } from './errors.js';
import { hmac, hmacBytes } from './hmac.js';
import { SALT_BYTES } from './record-row.js';

/** One named fact of a record. */
export interface Fact {
  readonly name: string;
  readonly value: JsonValue;
}

/** One fact, shown, with what ties it to its root. */
export interface FactOpening {
  readonly leaf: {
    readonly name: string;
    readonly value: JsonValue;
    /** 32 bytes, base64url. */
    readonly salt: string;
  };
  /** Place among the leaves, from 0. */
  readonly index: number;
  /** How many leaves there are. */
  readonly count: number;
  /** Sibling hashes from the leaf up, base64url. */
  readonly proof: readonly string[];
}

/** A record has at most this many facts. */
export const FACTS_MAX = 16;

const HASH_BYTES = 32;
const HASH_CHARS = 43;
const INFO = 'firebreak/fact/v1\n';
/** HKDF-Extract without a salt of its own takes a key of zeros. @see RFC 5869 section 2.2 */
const EXTRACT_KEY = Buffer.alloc(HASH_BYTES);

/**
 * The RFC 6962 root over the facts' leaves, sorted by name (UTF-16 code units): the order given does not matter. A
 * leaf is the RFC 8785 form of {name, salt, value}, its salt HKDF-SHA-256 of the record's salt with the info
 * `firebreak/fact/v1`, a line feed and the name.
 *
 * @param salt - The record's, 32 bytes.
 * @param facts - At most 16, with names of their own.
 * @returns 32 bytes.
 * @throws VaultError VAULT_BAD_FACTS for too many facts or two of a name; VAULT_BAD_INPUT for another salt length.
 * @throws LedgerError LEDGER_NOT_CANONICAL for a value without a canonical form.
 * @see RFC 6962 section 2.1, RFC 8785, RFC 5869
 */
export function factsRoot(salt: Uint8Array, facts: readonly Fact[]): Buffer {
  return rootOfEntries(leaves(salt, sorted(facts)));
}

/**
 * Opens one fact.
 *
 * @param facts - All facts of the record, as they went into {@link factsRoot}.
 * @throws VaultError VAULT_BAD_FACTS when no fact has that name, and as {@link factsRoot} does.
 */
export function openFact(salt: Uint8Array, facts: readonly Fact[], name: string): FactOpening {
  const ordered = sorted(facts);
  const index = ordered.findIndex((fact) => fact.name === name);
  const fact = ordered[index];
  if (fact === undefined) throw new VaultError('VAULT_BAD_FACTS', 'no fact of that name');
  return {
    leaf: { name, value: fact.value, salt: factSalt(extract(salt), name) },
    index,
    count: ordered.length,
    proof: siblings(leaves(salt, ordered).map(leafHash), index).map((hash) => hash.toString('base64url')),
  };
}

/**
 * Whether an opening fits a root. Total: what is malformed just does not fit.
 *
 * @param root - 32 bytes.
 * @see RFC 9162 section 2.1.3.2
 */
export function verifyFact(root: Uint8Array, opening: FactOpening): boolean {
  try {
    const { leaf, index, count, proof } = opening;
    if (!Number.isSafeInteger(index) || index < 0 || index >= count || !(count <= FACTS_MAX)) return false;
    if (typeof leaf.name !== 'string' || hashBytes(leaf.salt) === undefined) return false;
    let node = leafHash(canonicalBytes({ name: leaf.name, salt: leaf.salt, value: leaf.value }));
    let at = index;
    let last = count - 1;
    for (const text of proof) {
      const sibling = hashBytes(text);
      if (sibling === undefined || last === 0) return false;
      if (at % 2 === 1 || at === last) {
        node = nodeHash(sibling, node);
        // A last node without a sibling rises as it is until it is a right child.
        while (at % 2 === 0 && at !== 0) {
          at >>= 1;
          last >>= 1;
        }
      } else {
        node = nodeHash(node, sibling);
      }
      at >>= 1;
      last >>= 1;
    }
    return last === 0 && node.equals(root);
  } catch {
    return false;
  }
}

function sorted(facts: readonly Fact[]): readonly Fact[] {
  if (facts.length > FACTS_MAX) throw new VaultError('VAULT_BAD_FACTS', `more than ${FACTS_MAX} facts`);
  const ordered = facts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (let i = 1; i < ordered.length; i++) {
    if (ordered[i - 1]?.name === ordered[i]?.name)
      throw new VaultError('VAULT_BAD_FACTS', 'two facts of one name');
  }
  return ordered;
}

function leaves(salt: Uint8Array, ordered: readonly Fact[]): Buffer[] {
  const pseudoRandomKey = extract(salt);
  return ordered.map(({ name, value }) => {
    // The canonical form of {name, salt, value}, whose names are in order and whose salt needs no escapes.
    const text = `{"name":${canonicalize(name)},"salt":"${factSalt(pseudoRandomKey, name)}","value":${canonicalize(value)}}`;
    return Buffer.from(text, 'utf8');
  });
}

function extract(salt: Uint8Array): Buffer {
  if (salt.length !== SALT_BYTES) throw new VaultError('VAULT_BAD_INPUT', 'a salt has 32 bytes');
  return hmacBytes(EXTRACT_KEY, salt);
}

/** HKDF-Expand to 32 bytes: one block, so one MAC over the info and the block's number. @see RFC 5869 section 2.3 */
function factSalt(pseudoRandomKey: Uint8Array, name: string): string {
  return hmac(pseudoRandomKey, `${INFO}${name}\u0001`, 'base64url');
}

/** The sibling hashes of a leaf, from it up. @see RFC 6962 section 2.1.1 */
function siblings(hashes: readonly Buffer[], index: number): Buffer[] {
  if (hashes.length <= 1) return [];
  let split = 1;
  while (split * 2 < hashes.length) split *= 2;
  const left = hashes.slice(0, split);
  const right = hashes.slice(split);
  return index < split
    ? [...siblings(left, index), rootOf(right)]
    : [...siblings(right, index - split), rootOf(left)];
}

/** 32 bytes out of their one base64url form, which leaves no bit of the last character free. */
function hashBytes(text: unknown): Buffer | undefined {
  if (typeof text !== 'string' || text.length !== HASH_CHARS) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === HASH_BYTES && bytes.toString('base64url') === text ? bytes : undefined;
}
