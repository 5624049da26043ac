/** The check of a reconciliation certificate: it is on the log, and its leaves are those of the committed root. */
import { equal } from './bytes.js';
import { CertificateBook } from './certificate-book.js';
import { foundOn, holderOf, judgeOpening, judgeSigned, require } from './judge.js';
import type { Judging } from './judge.js';
import { compareLeaves, leavesIn, LISTING_LEAF_BYTES, ListingRoot } from './listing.js';
import { hashBytes, readReconciliation } from './reconciliation.js';
import type { ReconciliationProof } from './statements.js';
import type { ReconciliationFound } from './verdict.js';

/** @throws Refused */
export function checkReconciliation(proof: ReconciliationProof, judging: Judging): ReconciliationFound {
  const { handle, leaves } = proof;
  const { crypto } = judging.trust;
  const book = new CertificateBook(proof.certificates, judging.trust);
  const { entry, found, actor } = judgeSigned(proof.entry, judging, book);
  require(entry.type === 'source.reconciled' && entry.body['handle'] === handle, 'statement-mismatch');
  judgeOpening(proof.document, entry.body['commitment'], judging);
  const document = readReconciliation(proof.document.bytes);
  require(document !== undefined, 'opening-reconciliation');
  const { count, root, salt } = document.listing;
  if (leaves !== undefined) {
    require(leaves.length === count * LISTING_LEAF_BYTES, 'listing-leaves');
    const tree = new ListingRoot(crypto);
    let before: Uint8Array | undefined;
    for (const leaf of leavesIn(leaves)) {
      require(before === undefined || compareLeaves(before, leaf) < 0, 'listing-leaves');
      tree.append(leaf);
      before = leaf;
    }
    require(equal(tree.root(), hashBytes(root)), 'listing-leaves');
  }
  book.requireAllUsed();
  return {
    ...foundOn(judging),
    kind: 'reconciliation',
    statement: { kind: 'reconciliation', handle },
    entry: found,
    receivedFrom: holderOf(actor),
    document,
    listing: {
      salt: hashBytes(salt),
      count,
      root: hashBytes(root),
      ...(leaves === undefined ? {} : { leaves }),
    },
  };
}
