import type { Action, Policy } from './policy.js';
import { EVERY_SUBJECT } from './policy.js';

/** What a custodian permits by enrolling a source or a requester. */
export interface CustodianPermission {
  /** Handle of the entry that shows the permission; the sequencer must know it as standing. */
  readonly handle: string;
  /** That entry's leaf. */
  readonly version: number;
  readonly dateTimeMs: number;
  /** Who is permitted, such as `Organization/x`; at least one. */
  readonly references: readonly string[];
  readonly actions: readonly Action[];
  /** Tokens; at least one. */
  readonly purposes: readonly string[];
  /** One patient; absent: all of the custodian's. */
  readonly subject?: string;
  /** Last ms of it; absent: until it is withdrawn. */
  readonly endMs?: number;
}

/**
 * The custodian's standing permission for a requester: the layer that makes a patient's consent effective, and
 * that permits nothing without one.
 */
export function custodianPolicy(permission: CustodianPermission): Policy {
  const { handle, version, dateTimeMs, endMs } = permission;
  return {
    kind: 'consent',
    layer: 'custodian',
    handle,
    version,
    identifier: `handle:${handle}`,
    dateTimeMs,
    subject: permission.subject ?? EVERY_SUBJECT,
    status: 'active',
    root: {
      type: 'permit',
      actors: permission.references.map((reference) => ({ reference })),
      actions: permission.actions,
      purposes: permission.purposes,
      ...(endMs === undefined ? {} : { period: { endMs } }),
      provisions: [],
    },
    unknown: [],
  };
}

/** Ties a patient's own references to the patient's data. */
export interface SelfPermission {
  /** Handle of the patient's enrolment; the sequencer must know it as standing. */
  readonly handle: string;
  readonly version: number;
  readonly dateTimeMs: number;
  readonly subject: string;
  /** The patient as actor, such as `Patient/x`; at least one. */
  readonly references: readonly string[];
}

/** The patient reads, exports and corrects the own record always, whatever else was signed. */
export function selfPolicy(permission: SelfPermission): Policy {
  const { handle, version, dateTimeMs, subject } = permission;
  return {
    kind: 'self',
    layer: 'patient',
    handle,
    version,
    identifier: `handle:${handle}`,
    dateTimeMs,
    subject,
    status: 'active',
    root: {
      type: 'permit',
      actors: permission.references.map((reference) => ({ reference })),
      actions: ['access', 'disclose', 'correct'],
      provisions: [],
    },
    unknown: [],
  };
}

/**
 * Makes a voice one that must permit, whether or not any consent of that voice is known: by itself it says nothing.
 *
 * @param voice - The patient that was found to be the same as the subject.
 */
export function voicePolicy(subject: string, voice: string): Policy {
  return {
    kind: 'consent',
    layer: 'patient',
    handle: '',
    version: 0,
    identifier: `voice:${voice}`,
    dateTimeMs: 0,
    subject,
    voice,
    status: 'draft',
    root: { type: 'deny', provisions: [] },
    unknown: [],
  };
}
