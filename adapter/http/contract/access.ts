/** Access requests, as those whom they concern see them. */
import type { Task } from 'fhir/r4.js';

/** Codes of ours: the Task itself, and what its inputs are. */
export const ACCESS_CODES = 'urn:firebreak:access-request';
export const ACCESS_TASK = 'access-request';

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
  }[];
}
