/**
 * What the files of the other statements hold. A statement on the state holds at an anchor: a `state.anchored` entry
 * that names the root of the state map after the log's first `size` entries.
 */
import type { AccessRequest } from '../consent/request.js';
import type { LeafProof, SignedLeaf } from './members.js';

/** What every file of these has. */
interface Shared {
  /** The signed note. */
  readonly checkpoint: string;
  /** DER, each once: of who signed the entries and documents, and of the authorities that issued those. */
  readonly certificates: readonly Uint8Array[];
}

/** The opening of a commitment: SHA-256(salt ‖ SHA-256(bytes)). */
export interface Opening {
  /** 32 bytes. */
  readonly salt: Uint8Array;
  readonly bytes: Uint8Array;
}

/** What the state map says of a consent or participant. */
export interface StatementProof {
  /** RFC 8785 form of the statement whose hash is the value. */
  readonly statement: Uint8Array;
  /** From the key to the anchored root, as `encodeStateProof` writes it. */
  readonly proof: Uint8Array;
}

/** This consent was in force at the anchor of size N. */
export interface ConsentProof extends Shared {
  readonly kind: 'consent';
  readonly handle: string;
  readonly size: number;
  readonly anchor: SignedLeaf;
  readonly state: StatementProof;
  /** The document with its signature, and the entry that commits to it. */
  readonly document?: Opening & { readonly entry: SignedLeaf };
}

/** This consent was withdrawn at leaf i. */
export interface WithdrawalProof extends Shared {
  readonly kind: 'withdrawal';
  readonly handle: string;
  readonly leaf: number;
  readonly entry: SignedLeaf;
  readonly document?: Opening;
}

/** What the state map has keys for. */
export type AbsentKind = 'consent' | 'participant' | 'tag';

/** The log's first N entries say nothing of this handle, or this tag. */
export interface AbsenceProof extends Shared {
  readonly kind: 'absent';
  readonly of: AbsentKind;
  readonly name: string;
  readonly size: number;
  readonly anchor: SignedLeaf;
  readonly proof: Uint8Array;
}

/** This disclosure was made, to this recipient, for this purpose. */
export interface DisclosureProof extends Shared {
  readonly kind: 'disclosure';
  readonly handle: string;
  readonly to: string;
  readonly purpose: string;
  readonly entry: SignedLeaf;
  readonly receipt: Opening;
}

/** This certificate was the participant's, and valid, at leaf i. */
export interface ParticipantProof extends Shared {
  readonly kind: 'participant';
  readonly handle: string;
  /** base64url SHA-256 of the DER; it is among the certificates. */
  readonly certificate: string;
  readonly leaf: number;
  readonly size: number;
  /** The leaf itself: it says what time it was. */
  readonly at: LeafProof;
  readonly anchor: SignedLeaf;
  readonly state: StatementProof;
  /** A patient's certificate is on the log as a commitment: its salt. */
  readonly salt?: Uint8Array;
}

/** A complete list: tags 0 … k−1 with the entries that bear them, and the absence of tag k. */
export interface TagList {
  /** 32 bytes. Whoever has it finds the patient's entries, in the future too. */
  readonly tagKey: Uint8Array;
  readonly count: number;
  readonly size: number;
  readonly anchor: SignedLeaf;
  /** State proofs of the tags 0 … k. */
  readonly tags: readonly Uint8Array[];
  /** In the order of the log, each once. */
  readonly entries: readonly LeafProof[];
}

/** These are all the entries tagged for me at the anchor of size N. */
export interface EntriesProof extends Shared, TagList {
  readonly kind: 'entries';
}

/** What is asked of the consents; the subject is the patient of the list. */
export type DenialRequest = Omit<AccessRequest, 'subject' | 'actor' | 'resource'> & {
  readonly actor: { readonly references: readonly string[] };
  readonly resource: Pick<
    AccessRequest['resource'],
    'type' | 'id' | 'classes' | 'codes' | 'period' | 'labels'
  >;
};

/** None of my consents permits this at the anchor of size N. */
export interface DenialProof extends Shared, TagList {
  readonly kind: 'denial';
  readonly request: DenialRequest;
  /** One for each consent entry of the list, in its order: document and signature. */
  readonly documents: readonly Opening[];
}

/** A source was reconciled, with these findings. */
export interface ReconciliationProof extends Shared {
  readonly kind: 'reconciliation';
  readonly handle: string;
  readonly entry: SignedLeaf;
  /** Canonical JSON of the findings. */
  readonly document: Opening;
  /** The leaves of what the source showed, in order and one after the other: they name lines that differ. */
  readonly leaves?: Uint8Array;
}

/** One line of an export, opened by its own salt. */
export interface ExportedRow {
  /** Place among all lines of the export. */
  readonly index: number;
  readonly salt: Uint8Array;
  /** The line, without its end. */
  readonly bytes: Uint8Array;
  /** Sibling hashes up to the root that the manifest names. */
  readonly path: readonly Uint8Array[];
}

/** A cohort was exported, with this manifest. */
export interface ExportProof extends Shared {
  readonly kind: 'export';
  readonly handle: string;
  readonly entry: SignedLeaf;
  /** RFC 8785 form of the manifest's document. */
  readonly manifest: Opening;
  /** Lines that are opened: to an auditor, or the own ones to a patient. */
  readonly rows?: readonly ExportedRow[];
}

/** A fact of a record, opened. */
export interface OpenedFact {
  /** RFC 8785 form of {name, salt, value}. */
  readonly leaf: Uint8Array;
  readonly index: number;
  readonly count: number;
  readonly inclusion: readonly Uint8Array[];
}

/** A claim was compared with the record, and this was found. */
export interface ClaimProof extends Shared {
  readonly kind: 'claim';
  readonly handle: string;
  readonly entry: SignedLeaf;
  /** Canonical JSON of what was attested. */
  readonly document: Opening;
  /** What supported lines rest on. */
  readonly records: readonly { readonly entry: SignedLeaf; readonly facts: readonly OpenedFact[] }[];
}

/** All files but a record's. */
export type StatementFile =
  | ConsentProof
  | WithdrawalProof
  | AbsenceProof
  | DisclosureProof
  | ParticipantProof
  | EntriesProof
  | DenialProof
  | ReconciliationProof
  | ExportProof
  | ClaimProof;
