/** What a check says of a file. */
import type { DenyReason } from '../consent/decision.js';
import type { CertificateRefusal } from './certificate.js';
import type { ClaimDocument, ExpensesDocument } from './claim.js';
import type { FormatRefusal } from './format.js';
import type { ShownListing } from './listing.js';
import type { ReconciliationDocument } from './reconciliation.js';
import type { AbsentKind, DenialRequest } from './statements.js';

/** The first thing that fails, in the order of the checks. Stable. */
export type ProofRefusal =
  | FormatRefusal
  /** The checkpoint is none. */
  | 'checkpoint-malformed'
  /** A known key's signature on it fails. */
  | 'checkpoint-signature'
  /** No trusted log signed it under its own name. */
  | 'checkpoint-unknown-log'
  /** Too few of the policy's witnesses cosigned it. */
  | 'checkpoint-quorum'
  /** The entry is not in that tree at that place. */
  | 'entry-not-included'
  /** It is in the tree and no entry. */
  | 'entry-malformed'
  /** It is not the entry that the statement is about, or says something else. */
  | 'statement-mismatch'
  | 'submission-not-included'
  | 'submission-malformed'
  /** It is not the one that signs for the entry: other actor, origin or place. */
  | 'submission-mismatch'
  /** The entry is not what was signed. */
  | 'submission-draft'
  | CertificateRefusal
  /** The certificate is not that of who signed. */
  | 'certificate-mismatch'
  /** A certificate that nothing in the file asks for. */
  | 'certificate-unused'
  /** The actor did not sign. */
  | 'submission-signature'
  /** Salt and bytes do not give the entry's commitment. */
  | 'opening-commitment'
  /** The fact is not under the entry's root of facts, or is none. */
  | 'opening-fact'
  /** The record is not among what the hospital is said to have signed, or it did not sign that. */
  | 'opening-signature'
  /** The receipt is not compact JSON that names its recipient and purpose. */
  | 'opening-receipt'
  | 'opening-manifest'
  | 'opening-row'
  /** The findings of a reconciliation are none, or contradict each other. */
  | 'opening-reconciliation'
  /** What was attested of a claim is none, contradicts itself, or opens what the claim does not say. */
  | 'opening-claim'
  /** The leaves are not those of the listing's root. */
  | 'listing-leaves'
  /** The anchor is not in that tree at that place. */
  | 'anchor-not-included'
  /** It is no anchor of the state. */
  | 'anchor-malformed'
  /** It is of another size than stated, or stands before the entries that it speaks of. */
  | 'anchor-mismatch'
  /** The anchor's state does not reach to the leaf that the statement is about. */
  | 'anchor-too-early'
  /** A state proof is none, its path is no search for the key, or it does not lead to the anchored root. */
  | 'state-malformed'
  | 'state-path'
  | 'state-root'
  /** The map says nothing of the key although the statement does, or something although the statement denies it. */
  | 'state-absent'
  | 'state-present'
  /** What the file says the map says is not what the map says. */
  | 'state-value'
  /** The consent had been withdrawn or replaced. */
  | 'consent-not-active'
  /** The consent's time had not begun, or was over. */
  | 'consent-not-valid'
  /** The participant was revoked. */
  | 'participant-revoked'
  /** The certificate came on the log after the leaf. */
  | 'participant-later'
  /** The leaf whose time counts is not in the tree. */
  | 'leaf-not-included'
  /** Entries out of order, or twice. */
  | 'entries-order'
  /** A tag leads to an entry that the list does not have. */
  | 'entries-missing'
  /** A tag leads to an entry that does not bear it. */
  | 'entries-tag'
  /** An entry that bears none of the tags. */
  | 'entries-stray'
  /** The check was given no reader of consents. */
  | 'consent-compiler-missing'
  /** More or fewer documents than consent entries. */
  | 'documents-count'
  /** The document is no signed consent. */
  | 'document-malformed'
  /** Its signature is none, or fails. */
  | 'document-signature'
  /** Who signed it is no patient. */
  | 'document-signer'
  /** It speaks of another patient than the others do. */
  | 'document-patient'
  /** A withdrawal of a consent that the list does not have, or by a document that withdraws nothing, or another one. */
  | 'document-withdrawal'
  /** The question has no answer. */
  | 'request-malformed'
  /** The consents permit it. */
  | 'consent-permits';

/** Who put something on the log. What came by a channel without signatures was received, and signed by nobody. */
export interface ReceivedFrom {
  /** base64url SHA-256 of the certificate. */
  readonly fingerprint: string;
  readonly id: string;
  readonly organisation?: string;
  readonly group: string;
  readonly role?: string;
}

/** What a good file shows of a record's content. */
export type ShownContent =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'whole';
      readonly plaintext: Uint8Array;
      /** The hospital whose signature over these bytes is good; without it they were received, and no more is said. */
      readonly signedBy?: ReceivedFrom;
    }
  | { readonly kind: 'fact'; readonly name: string; readonly value: unknown };

/** A document that was shown. */
export interface ShownDocument {
  /** The exact bytes. */
  readonly bytes: Uint8Array;
  /** Whose signature under it is good; absent where the check has no reader of consents: then it was not judged. */
  readonly signedBy?: ReceivedFrom;
}

/** An entry and when it was logged, ms since the epoch. */
export interface FoundEntry {
  readonly type: string;
  readonly index: number;
  readonly at: number;
}

/** The anchor at which a statement on the state holds. */
export interface FoundAnchor {
  /** The state is that after so many entries. */
  readonly size: number;
  /** Leaf of the anchor, and its time, ms. */
  readonly leaf: number;
  readonly at: number;
}

interface Found {
  readonly ok: true;
  readonly log: { readonly origin: string; readonly size: number; readonly root: string };
  /** Names of the policy's witnesses that cosigned. */
  readonly witnesses: readonly string[];
}

/** This record version is on the log, unaltered. Says nothing on whether a later version replaced it. */
export interface RecordFound extends Found {
  readonly kind: 'record';
  readonly statement: { readonly kind: 'record'; readonly handle: string };
  readonly entry: FoundEntry;
  /** The instance that received the record and vouches for it. Its certificate was valid then; revocation is not judged. */
  readonly receivedFrom: ReceivedFrom;
  readonly content: ShownContent;
}

/** This consent was active, and valid at the anchor's time. */
export interface ConsentFound extends Found {
  readonly kind: 'consent';
  readonly statement: { readonly kind: 'consent'; readonly handle: string; readonly size: number };
  readonly anchor: FoundAnchor;
  readonly anchoredBy: ReceivedFrom;
  /** Leaf that put the consent there. */
  readonly leaf: number;
  /** ms since the epoch; null is unlimited. */
  readonly validity: { readonly start: number | null; readonly end: number | null };
  readonly document?: ShownDocument;
}

/** This consent was withdrawn at this leaf. */
export interface WithdrawalFound extends Found {
  readonly kind: 'withdrawal';
  readonly statement: { readonly kind: 'withdrawal'; readonly handle: string; readonly leaf: number };
  readonly entry: FoundEntry;
  readonly receivedFrom: ReceivedFrom;
  readonly document?: ShownDocument;
}

/** The entries before the anchor say nothing of this name. */
export interface AbsenceFound extends Found {
  readonly kind: 'absent';
  readonly statement: {
    readonly kind: 'absent';
    readonly of: AbsentKind;
    readonly name: string;
    readonly size: number;
  };
  readonly anchor: FoundAnchor;
  readonly anchoredBy: ReceivedFrom;
}

/** The custodian's instance logged that it was about to disclose something, to this recipient, for this purpose. */
export interface DisclosureFound extends Found {
  readonly kind: 'disclosure';
  readonly statement: {
    readonly kind: 'disclosure';
    readonly handle: string;
    readonly to: string;
    readonly purpose: string;
  };
  readonly entry: FoundEntry;
  readonly receivedFrom: ReceivedFrom;
  /** The whole receipt. */
  readonly receipt: Uint8Array;
}

/** At that leaf the participant's certificate was this one, issued under the trusted root, in its time, and not revoked. */
export interface ParticipantFound extends Found {
  readonly kind: 'participant';
  readonly statement: {
    readonly kind: 'participant';
    readonly handle: string;
    readonly certificate: string;
    readonly leaf: number;
    readonly size: number;
  };
  readonly anchor: FoundAnchor;
  readonly anchoredBy: ReceivedFrom;
  /** When the leaf was logged, ms. */
  readonly at: number;
  readonly participant: ReceivedFrom;
  /** Leaf that put the certificate there. */
  readonly since: number;
  /** ms since the epoch, the end exclusive. */
  readonly validity: { readonly start: number; readonly end: number };
}

/** These are all the entries with tags of this key among those before the anchor. */
export interface EntriesFound extends Found {
  readonly kind: 'entries';
  readonly statement: { readonly kind: 'entries'; readonly count: number; readonly size: number };
  readonly anchor: FoundAnchor;
  readonly anchoredBy: ReceivedFrom;
  /** base64url: whose entries they are is known by knowing whose key it is. */
  readonly tagKey: string;
  readonly entries: readonly FoundEntry[];
}

/**
 * None of the consents among those entries permits the request at the anchor's time, whatever the custodian permits.
 * Says nothing on duties by law and emergencies, which are not the patient's to permit.
 */
export interface DenialFound extends Found {
  readonly kind: 'denial';
  readonly statement: {
    readonly kind: 'denial';
    readonly request: DenialRequest;
    readonly count: number;
    readonly size: number;
  };
  readonly anchor: FoundAnchor;
  readonly anchoredBy: ReceivedFrom;
  readonly tagKey: string;
  /** How many consent documents were judged, withdrawals included. */
  readonly documents: number;
  /** Reference of the patient in all of them; absent where there is none. */
  readonly patient?: string;
  readonly reason: DenyReason;
  readonly entries: readonly FoundEntry[];
}

/** The custodian's instance compared a source with what it keeps, and put these findings on the log. */
export interface ReconciliationFound extends Found {
  readonly kind: 'reconciliation';
  readonly statement: { readonly kind: 'reconciliation'; readonly handle: string };
  readonly entry: FoundEntry;
  readonly receivedFrom: ReceivedFrom;
  readonly document: ReconciliationDocument;
  /** What the source showed, for `checkListing`. */
  readonly listing: ShownListing;
}

/** The custodian's instance exported a cohort; the manifest names its files by their hashes. */
export interface ExportFound extends Found {
  readonly kind: 'export';
  readonly statement: { readonly kind: 'export'; readonly handle: string };
  readonly entry: FoundEntry;
  readonly receivedFrom: ReceivedFrom;
  /** RFC 8785 form of the manifest. */
  readonly manifest: Uint8Array;
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
  /** Lines of the export that were opened. */
  readonly rows: readonly Uint8Array[];
}

/** The custodian's instance compared a claim with the record, or an amount with what is on record. */
export interface ClaimFound extends Found {
  readonly kind: 'claim';
  readonly statement: { readonly kind: 'claim'; readonly handle: string };
  readonly entry: FoundEntry;
  /** Whose word everything is that no opened fact shows. */
  readonly receivedFrom: ReceivedFrom;
  readonly document: ClaimDocument | ExpensesDocument;
}

/** What a good file shows. */
export type ProofFound =
  | RecordFound
  | ConsentFound
  | WithdrawalFound
  | AbsenceFound
  | DisclosureFound
  | ParticipantFound
  | EntriesFound
  | DenialFound
  | ReconciliationFound
  | ExportFound
  | ClaimFound;

/** What a check found. */
export type ProofVerdict = ProofFound | { readonly ok: false; readonly code: ProofRefusal };
