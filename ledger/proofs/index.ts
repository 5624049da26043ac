export { PROOF_BYTES_MAX, PROOF_FORMAT, PROOF_MEDIA_TYPE, writeProof } from './format.js';
export type { FormatRefusal, Proof } from './format.js';
export type { LeafProof, SignedLeaf } from './members.js';
export type { RecordOpening, RecordProof } from './record-format.js';
export { LIST_MAX, LISTING_BYTES_MAX } from './statement-format.js';
export type { RecordSignature } from './record-signature.js';
export type {
  AbsenceProof,
  AbsentKind,
  ClaimProof,
  ConsentProof,
  DenialProof,
  DenialRequest,
  DisclosureProof,
  EntriesProof,
  ExportedRow,
  ExportProof,
  OpenedFact,
  Opening,
  ParticipantProof,
  ReconciliationProof,
  StatementFile,
  StatementProof,
  TagList,
  WithdrawalProof,
} from './statements.js';
export { checkProof } from './check.js';
export type {
  AbsenceFound,
  ClaimFound,
  ConsentFound,
  DenialFound,
  DisclosureFound,
  EntriesFound,
  ExportFound,
  FoundAnchor,
  FoundEntry,
  ParticipantFound,
  ProofFound,
  ProofRefusal,
  ProofVerdict,
  ReceivedFrom,
  ReconciliationFound,
  RecordFound,
  ShownContent,
  ShownDocument,
  WithdrawalFound,
} from './verdict.js';
export type { CertificateRefusal } from './certificate.js';
export { portableCrypto } from './crypto.js';
export type { ProofCrypto } from './crypto.js';
export type {
  DocumentContext,
  ReadConsent,
  ReadConsentDocument,
  ReadDocument,
  ReadEnd,
} from './documents.js';
export { ProofError } from './errors.js';
export type { ProofErrorCode } from './errors.js';
export { checkListing, compareLeaves, LISTING_LEAF_BYTES, listingLeaves, ListingRoot } from './listing.js';
export type { ListingLine, ListingRefusal, ListingVerdict, ShownListing } from './listing.js';
export {
  FATES,
  isNothingMissed,
  READ_METHODS,
  readReconciliation,
  RECONCILIATION_FORMAT,
} from './reconciliation.js';
export type { Fate, ReadMethod, ReconciledSet, ReconciliationDocument } from './reconciliation.js';
export { CLAIM_FORMAT, EXPENSES_FORMAT, LINE_VERDICTS, readClaimDocument } from './claim.js';
export type { AttestedLine, ClaimDocument, ExpensesDocument, LineSays, RecordOrigin } from './claim.js';
export { proofSchema } from './schema.js';
export { proofTrust } from './trust.js';
export type { ProofPolicy, ProofTrust, ProofTrustInput } from './trust.js';
export { fromBase64url, textOf, toBase64url, utf8 } from './bytes.js';
export { canonicalText } from './canonical.js';
export { isConsistent } from './consistency.js';
export type { Growth } from './consistency.js';
export { openHead, readVkey } from './note.js';
export type { Head, NoteKey, OpenedHead } from './note.js';
export { TiledLog } from './tiled-log.js';
export type { ReadTile } from './tiled-log.js';
export { isIncluded, leafHash } from './tree.js';
export type { Place } from './tree.js';
