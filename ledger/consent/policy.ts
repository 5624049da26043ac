/**
 * What a signed consent, a custodian's permission or a duty by law comes down to: a tree of provisions over plain
 * tokens. A code is written `system|code`, a reference as its text; nothing here knows where they came from.
 */

/** Whose voice a policy is. Both layers must permit. */
export type PolicyLayer = 'patient' | 'custodian';

/**
 * - `consent`: a signed consent or refusal; also the custodian's standing permission.
 * - `self`: the patient's own reading, export and correction, which nobody else approves.
 * - `legal-basis`, `emergency`: signed by the custodian, coded and limited in time, where the law knows a duty or
 *   life is at stake; they stand in for the patient's answer.
 */
export type PolicyKind = 'consent' | 'self' | 'legal-basis' | 'emergency';

/**
 * State of the document itself. Only `active` can be in force; `inactive` is a withdrawal, `rejected` a refusal,
 * `draft` and `proposed` no answer yet, `entered-in-error` no document.
 */
export type PolicyStatus = 'draft' | 'proposed' | 'active' | 'rejected' | 'inactive' | 'entered-in-error';

export type ProvisionType = 'permit' | 'deny';

/** What is asked to be done, or allowed. */
export type Action = 'collect' | 'access' | 'use' | 'disclose' | 'correct';

/** All actions. */
export const ACTIONS: readonly Action[] = ['collect', 'access', 'use', 'disclose', 'correct'];

/**
 * Stands in a list, or for a reference, where the document says something that could not be read. Nobody knows
 * whether it matches: so it never makes a permit match, and always a denial.
 */
export const UNREADABLE = '?';

/** The subject of a custodian's policy that holds for all its patients. Means nothing in the patient's layer. */
export const EVERY_SUBJECT = '*';

/**
 * A stretch of time, ms since the epoch, both ends included; an absent end is open. A date without a zone has two
 * readings: `startMs` to `endMs` is where it holds in some zone, `sureStartMs` to `sureEndMs` where it holds in
 * all of them. A permit needs the second, a denial only the first. Absent `sure…` ends equal the others.
 */
export interface Span {
  readonly startMs?: number;
  readonly endMs?: number;
  readonly sureStartMs?: number;
  readonly sureEndMs?: number;
}

/** One actor of a provision: what it states must all hold. */
export interface ActorMatch {
  /** Such as `Organization/x`, or {@link UNREADABLE}. */
  readonly reference?: string;
  /** Tokens of which the actor must have one. */
  readonly roles?: readonly string[];
}

/** How the named data relates to what is asked for. */
export type DataMeaning = 'instance' | 'related' | 'dependents' | 'authoredby';

/** One datum of a provision. */
export interface DataMatch {
  readonly meaning: DataMeaning | typeof UNREADABLE;
  /** Such as `Encounter/x`, or {@link UNREADABLE}. */
  readonly reference: string;
}

/**
 * What whoever is permitted must do with the data first, or may not do with it after.
 *
 * - `redact`: leave elements out, each a path of member names from the resource's root, such as `note` or
 *   `name.family`; where it begins with a type's name, for that type alone.
 * - `pseudonymise`: leave out what names the person, and exchange the ids for pseudonyms.
 * - `no-onward-use`: the answer says that it may not be passed on.
 */
export type Obligation =
  | { readonly kind: 'redact'; readonly elements: readonly string[] }
  | { readonly kind: 'pseudonymise' }
  | { readonly kind: 'no-onward-use' };

/**
 * One rule. Elements are ANDed, the alternatives within one ORed, and an absent element constrains nothing: but an
 * empty list matches nothing.
 *
 * Nested provisions are exceptions. What they do not state they take from the rule around them; purposes and
 * labels they do state replace those around, everything else narrows further.
 */
export interface Provision {
  readonly type: ProvisionType;
  /** When the rule holds. */
  readonly period?: Span;
  readonly actors?: readonly ActorMatch[];
  readonly actions?: readonly (Action | typeof UNREADABLE)[];
  /** As written: a permit covers exactly these. */
  readonly purposes?: readonly string[];
  /**
   * The purposes and all that is subsumed under them: what a denial covers, and a permit whose document asks for that.
   * Absent: the purposes alone. A permit reaches break-glass only by naming it, whatever stands here.
   */
  readonly subsumedPurposes?: readonly string[];
  /** Confidentiality codes are a mark on a scale (permits reach down from it, denials up), others are plain tokens. */
  readonly securityLabels?: readonly string[];
  readonly classes?: readonly string[];
  readonly codes?: readonly string[];
  /** When the data came about. */
  readonly dataPeriod?: Span;
  readonly data?: readonly DataMatch[];
  /** Of a permit, those of the rules around it included; more than one permit that matches binds by all of theirs. */
  readonly obligations?: readonly Obligation[];
  readonly provisions: readonly Provision[];
}

/** One consent, permission or duty in one version. */
export interface Policy {
  readonly kind: PolicyKind;
  readonly layer: PolicyLayer;
  /** Names this consent on the log: 32 random bytes, base64url. */
  readonly handle: string;
  /** Index of the leaf that put it on the log. */
  readonly version: number;
  /** What its versions share: a later leaf with a later `dateTimeMs` and the same identifier replaces it. */
  readonly identifier: string;
  /** When it was signed, ms. */
  readonly dateTimeMs: number;
  /** Whose data it speaks of; {@link EVERY_SUBJECT} only in the custodian's layer. */
  readonly subject: string;
  /**
   * In the patient's layer, whose word it is where several patients turned out to be one: each voice that any policy
   * has must permit by itself. Absent: the subject's own.
   */
  readonly voice?: string;
  readonly status: PolicyStatus;
  /** Leaf of the withdrawal, where there is one. */
  readonly withdrawnAtLeaf?: number;
  /**
   * For `legal-basis` and `emergency` alone: whether it holds over a matching denial of the patient too. Absent:
   * it stands in for the patient's silence only.
   */
  readonly overRefusal?: boolean;
  readonly root: Provision;
  /** Paths of elements that could change the meaning and are not understood. With any of them the policy denies. */
  readonly unknown: readonly string[];
}
