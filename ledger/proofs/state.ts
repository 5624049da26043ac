/** What an anchored state says. @see ledger/state, whose map this is the reader of */
import { checkStateProof } from '../state/proof.js';
import type { StateProofRefusal } from '../state/proof.js';
import { concat, equal, utf8 } from './bytes.js';
import { hasExactly, isObject, parseCanonical } from './canonical.js';
import type { Members } from './canonical.js';
import type { CertificateBook } from './certificate-book.js';
import type { Certificate } from './certificate.js';
import type { ProofCrypto } from './crypto.js';
import { hashIn, isInLog, judgeSubmission, readEntry, Refused, require } from './judge.js';
import type { Judging } from './judge.js';
import type { SignedLeaf } from './members.js';
import type { AbsentKind, StatementProof } from './statements.js';
import type { FoundAnchor, ProofRefusal } from './verdict.js';

/** A good anchor. */
export interface Anchor {
  readonly root: Uint8Array;
  readonly found: FoundAnchor;
  readonly actor: Certificate;
}

const CODES: Readonly<Record<StateProofRefusal, ProofRefusal>> = {
  malformed: 'state-malformed',
  'wrong-path': 'state-path',
  'wrong-root': 'state-root',
};

/** The anchor of a size: on the log, behind the entries it speaks of, signed. @throws Refused */
export function judgeAnchor(leaf: SignedLeaf, size: number, judging: Judging, book: CertificateBook): Anchor {
  require(isInLog(leaf, judging), 'anchor-not-included');
  const entry = readEntry(leaf.bytes, 'anchor-malformed');
  const root = hashIn(entry.body['root']);
  require(entry.type === 'state.anchored' && root !== undefined, 'anchor-malformed');
  require(entry.body['size'] === size && leaf.index >= size, 'anchor-mismatch');
  const actor = judgeSubmission(leaf, leaf.submission, entry, judging, (name, atMs) =>
    book.certify(name, atMs),
  );
  return { root, found: { size, leaf: leaf.index, at: entry.at }, actor };
}

/** The value of a key at an anchor; `undefined` where the map has none. @throws Refused */
export function valueAt(
  { root }: Anchor,
  key: Uint8Array,
  proof: Uint8Array,
  { sha256 }: ProofCrypto,
): Uint8Array | undefined {
  const checked = checkStateProof(root, key, proof, sha256);
  if (!checked.ok) throw new Refused(CODES[checked.code]);
  return checked.present ? checked.value : undefined;
}

/** Key of a name: SHA-256("firebreak/state/v1/" ‖ kind ‖ LF ‖ name). @param name - 32 bytes. */
export function keyOf(kind: AbsentKind, name: Uint8Array, { sha256 }: ProofCrypto): Uint8Array {
  return sha256(concat(utf8(`firebreak/state/v1/${kind}\n`), name));
}

/** What the map says of a consent or participant. @throws Refused */
export function statementAt(
  anchor: Anchor,
  kind: 'consent' | 'participant',
  handle: string,
  { statement, proof }: StatementProof,
  crypto: ProofCrypto,
): Members {
  const key = keyOf(kind, hashIn(handle) ?? new Uint8Array(), crypto);
  const value = valueAt(anchor, key, proof, crypto);
  require(value !== undefined, 'state-absent');
  require(equal(crypto.sha256(statement), value), 'state-value');
  const said = parseCanonical(statement);
  require(isObject(said), 'state-value');
  return said;
}

/** Whether a statement has these members, and its `leaf` is an index before the anchored size. @throws Refused */
export function leafOfStatement(said: Members, members: readonly string[], { found }: Anchor): number {
  const { leaf } = said;
  require(hasExactly(said, members), 'state-value');
  const isIndex = typeof leaf === 'number' && Number.isSafeInteger(leaf) && leaf >= 0 && leaf < found.size;
  require(isIndex, 'state-value');
  return leaf;
}

/** The leaf index that a tag's value is: behind 26 zero bytes, or `undefined`. */
export function leafOfTag(value: Uint8Array): number | undefined {
  if (value.length !== 32 || value.subarray(0, 26).some((byte) => byte !== 0)) return undefined;
  let leaf = 0;
  for (const byte of value.subarray(26)) leaf = leaf * 256 + byte;
  return leaf;
}
