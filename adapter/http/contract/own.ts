/** What a patient is told of the own record: consents, accesses, what waits. */
import type { Consent, FhirResource } from 'fhir/r4.js';

/** A consent that the patient signed. */
export interface OwnConsent {
  /** Names it on the log. */
  readonly handle: string;
  readonly standing: 'in-force' | 'withdrawn' | 'replaced';
  /** As it was signed. */
  readonly document: Consent;
}

/** A disclosure of the record, from its receipt. */
export interface OwnAccess {
  /** Names the receipt on the log. */
  readonly handle: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Reference of the recipient, such as `Organization/x`. */
  readonly to: string;
  /** What the recipient is called, where it is certified here. */
  readonly name?: string;
  /** v3-ActReason code. */
  readonly purpose: string;
  /** Such as `read` or `everything`. */
  readonly interaction?: string;
  readonly type?: string;
  /** Versions that were shown. */
  readonly records: number;
  /** What the recipient is bound to. */
  readonly obligations: readonly string[];
  /** Handles of the consents, or other grounds, that permitted it. */
  readonly under: readonly string[];
}

export interface OwnAccesses {
  /** The latest first. */
  readonly accesses: readonly OwnAccess[];
  readonly total: number;
}

/** Something that came for the record and waits for the patient's answer. */
export interface OwnWaiting {
  readonly kind: 'put' | 'delete' | 'fetch';
  readonly type: string;
  /** When it came, ms. */
  readonly at: number;
  /** As it came; absent where it is only known that something changed. */
  readonly resource?: FhirResource;
}

export interface OwnWaitingList {
  /** The latest first. */
  readonly waiting: readonly OwnWaiting[];
  readonly total: number;
}

/** What a requester sees, or would see, of the own record. */
export interface OwnSeen {
  readonly visible: number;
  readonly total: number;
  readonly types: readonly { readonly type: string; readonly visible: number; readonly hidden: number }[];
  /** Plain sentences, each with how many records it is about. */
  readonly reasons: readonly { readonly sentence: string; readonly count: number }[];
}

/** A dry run: today, and if the patient signed. */
export interface OwnExplained {
  readonly requester: string;
  readonly purpose: string;
  readonly now: OwnSeen;
  readonly signed?: OwnSeen;
  /** Records seen then and not now, now and not then, and with other parts taken out. */
  readonly gained?: number;
  readonly lost?: number;
  readonly changed?: number;
}

/** What an erasure of the whole record would destroy, or has destroyed. */
export interface OwnErasure {
  readonly outcome: 'planned' | 'erased';
  /** Versions of records. */
  readonly records: number;
  /** Scores, and published models, that were made from them and stay. */
  readonly scores: number;
  readonly models: number;
  /** A legal hold lies on the record: it cannot be erased now. */
  readonly isHeld: boolean;
  /** ms */
  readonly erasedAt?: number;
  /** Whether no byte is left in the live files; it is tried again until it is so. */
  readonly isGone?: boolean;
  /** Until when a backup may still hold it, ms. */
  readonly backupsUntil?: number;
}

export interface OwnHome {
  /** `Patient/…` */
  readonly patient: string;
  readonly hospital: { readonly reference: string; readonly display: string };
  readonly waiting: number;
}
