/**
 * The check of what was attested of a claim: the document is the one that the log commits to, each record that a line
 * rests on is on the log, and each opened fact is the record's and says what the claim says.
 */
import { hasExactly, isObject, parseCanonical } from './canonical.js';
import { CertificateBook } from './certificate-book.js';
import { CLAIM_FORMAT, readClaimDocument } from './claim.js';
import type { AttestedLine, ClaimDocument } from './claim.js';
import { foundOn, hashIn, holderOf, judgeOpening, judgeSigned, require } from './judge.js';
import type { Judging } from './judge.js';
import type { ClaimProof, OpenedFact } from './statements.js';
import { isIncluded, leafHash } from './tree.js';
import type { ClaimFound } from './verdict.js';

/** @throws Refused */
export function checkClaim(proof: ClaimProof, judging: Judging): ClaimFound {
  const { handle, records } = proof;
  const book = new CertificateBook(proof.certificates, judging.trust);
  const { entry, found, actor } = judgeSigned(proof.entry, judging, book);
  require(entry.type === 'claim.attested' && entry.body['handle'] === handle, 'statement-mismatch');
  judgeOpening(proof.document, entry.body['commitment'], judging);
  const document = readClaimDocument(proof.document.bytes);
  require(document !== undefined, 'opening-claim');
  const opened = new Map<string, ReadonlyMap<string, unknown>>();
  for (const record of records) {
    const of = judgeSigned(record.entry, judging, book);
    const { handle: name, facts } = of.entry.body;
    const root = hashIn(facts);
    require(of.entry.type === 'record.stored' && typeof name === 'string', 'opening-claim');
    require(root !== undefined && !opened.has(name) && of.found.index < found.index, 'opening-claim');
    const values = record.facts.map((fact) => factIn(fact, root, judging));
    const byName = new Map(values);
    require(byName.size === values.length, 'opening-fact');
    opened.set(name, byName);
  }
  if (document.format === CLAIM_FORMAT) requireSame(document, opened);
  else require(opened.size === 0, 'opening-claim');
  book.requireAllUsed();
  return {
    ...foundOn(judging),
    kind: 'claim',
    statement: { kind: 'claim', handle },
    entry: found,
    receivedFrom: holderOf(actor),
    document,
  };
}

function factIn(
  { leaf, index, count, inclusion }: OpenedFact,
  root: Uint8Array,
  { trust: { crypto } }: Judging,
): readonly [name: string, value: unknown] {
  const place = { index, size: count, path: inclusion };
  require(isIncluded(crypto, leafHash(crypto, leaf), place, root), 'opening-fact');
  const fact = parseCanonical(leaf);
  require(isObject(fact) && hasExactly(fact, ['name', 'salt', 'value']), 'opening-fact');
  const { name, salt, value } = fact;
  require(typeof name === 'string' && hashIn(salt) !== undefined, 'opening-fact');
  return [name, value];
}

/** Every record of the document is in the file and the other way round, and so is every opened fact. @throws Refused */
function requireSame(
  document: ClaimDocument,
  opened: ReadonlyMap<string, ReadonlyMap<string, unknown>>,
): void {
  require(document.records.length === opened.size, 'opening-claim');
  const named = new Map<string, Set<string>>();
  for (const line of document.lines) {
    if (line.record === null) continue;
    const facts = opened.get(line.record);
    require(facts !== undefined, 'opening-claim');
    const names = named.get(line.record) ?? new Set<string>();
    named.set(line.record, names);
    for (const name of line.opened) {
      names.add(name);
      require(facts.has(name) && isClaimed(name, facts.get(name), line, document), 'opening-claim');
    }
  }
  for (const [handle, facts] of opened) require(facts.size === named.get(handle)?.size, 'opening-claim');
}

/** Whether a fact says nothing but what the claim says. */
function isClaimed(
  name: string,
  value: unknown,
  { codes, start, end }: AttestedLine,
  { provider }: ClaimDocument,
): boolean {
  switch (name) {
    case 'type':
    case 'code':
      return (
        Array.isArray(value) &&
        value.length > 0 &&
        value.every((one: unknown) => codes.some((code) => code === one))
      );
    case 'start':
      return value === start;
    case 'end':
      return value === end;
    case 'serviceProvider':
      return value === provider;
    case 'performer':
      return value === provider || (Array.isArray(value) && value.length === 1 && value[0] === provider);
    default:
      return false;
  }
}
