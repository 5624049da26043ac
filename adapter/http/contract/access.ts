/** Access requests, as those whom they concern see them. */
import type { Task } from 'fhir/r4.js';

/** Codes of ours: the Task itself, and what its inputs are. */
export const ACCESS_CODES = 'urn:firebreak:access-request';
export const ACCESS_TASK = 'access-request';

/** A patient says in advance what is answered to requests; takes such a rule back. Signed, sent as `{document, jws}`. */
export const ACCESS_RULE_KIND = 'firebreak access rule';
export const ACCESS_RULE_END_KIND = 'firebreak access rule end';

interface RuleDocument {
  /** Origin of the log. */
  readonly log: string;
  /** Handle of who signs. */
  readonly signer: string;
  /** ISO 8601; it is taken within two minutes. */
  readonly at: string;
  /** `Patient/…`, of whose record. */
  readonly patient: string;
}

/** Refuses a group or one requester; or lets one requester read, for one purpose, some types, up to a day. */
export interface AccessRuleDocument extends RuleDocument {
  readonly kind: typeof ACCESS_RULE_KIND;
  readonly answer: 'refuse' | 'allow';
  readonly group?: string;
  /** Id of the organisation. */
  readonly requester?: string;
  /** v3-ActReason code. */
  readonly purpose?: string;
  readonly types?: readonly string[];
  /** ISO 8601. */
  readonly until?: string;
}

export interface AccessRuleEndDocument extends RuleDocument {
  readonly kind: typeof ACCESS_RULE_END_KIND;
  /** Handle of the rule. */
  readonly rule: string;
}

/** A rule as its patient sees it. */
export interface ShownRule extends Omit<AccessRuleDocument, 'kind' | keyof RuleDocument> {
  readonly id: string;
  readonly state: 'in-force' | 'ended';
  /** ISO 8601. */
  readonly madeAt: string;
}

export type ShownAccessState =
  'requested' | 'custodian-approved' | 'in-force' | 'refused' | 'withdrawn' | 'cancelled' | 'expired';

export interface ShownAccess {
  /** Handle of the request. */
  readonly id: string;
  readonly state: ShownAccessState;
  readonly requester: { readonly id: string; readonly name: string; readonly group: string };
  /** As the requester signed it. */
  readonly task: Task;
  /** base64url SHA-256 of the Task as it was signed: a decision names it. */
  readonly taskHash: string;
  readonly purpose: string;
  readonly reason: string;
  /** What would be, or is, permitted: as narrowed so far. */
  readonly types: readonly string[];
  /** ISO 8601. */
  readonly start: string;
  readonly end: string;
  readonly requestedAt: string;
  /** Until when it may be answered. */
  readonly answerBy: string;
  readonly decisions: readonly {
    readonly by: 'requester' | 'custodian' | 'patient';
    readonly outcome: 'approved' | 'refused' | 'ended';
    readonly at: string;
    /** Told to the patient alone: the rule of theirs that answered. */
    readonly rule?: string;
  }[];
}
