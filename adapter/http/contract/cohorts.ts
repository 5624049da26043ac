/** Cohorts, as their requester and the hospitals see them. */

export type ShownCohortState = 'defined' | 'requested' | 'approved' | 'refused' | 'ended' | 'expired';

/** What one hospital was asked, and said. */
export interface ShownCohortApproval {
  /** Id of the hospital. */
  readonly custodian: string;
  readonly name: string;
  readonly state: 'requested' | 'approved' | 'refused' | 'ended';
  /** ISO 8601. */
  readonly at: string;
}

export interface ShownCohort {
  readonly id: string;
  readonly state: ShownCohortState;
  readonly requester: { readonly id: string; readonly name: string };
  /** As it was given, as JSON. */
  readonly definition: object;
  /** base64url SHA-256 of the definition's RFC 8785 form: requests and decisions name it. */
  readonly definitionHash: string;
  readonly definedAt: string;
  readonly approvals: readonly ShownCohortApproval[];
  readonly exports: readonly ShownExport[];
}

export interface ShownExport {
  readonly id: string;
  readonly state: 'queued' | 'building' | 'done' | 'failed' | 'deleted' | 'expired';
  readonly begunAt: string;
  readonly doneAt?: string;
  readonly expiresAt: string;
  /** Why it failed. */
  readonly error?: string;
  readonly patients?: number;
  /** Files that can be had; the manifest has their hashes. */
  readonly files?: readonly ShownExportFile[];
}

export interface ShownExportFile {
  readonly name: string;
  readonly mediaType: string;
  /** Resource type, or `table`, `dictionary`, `report`, `manifest`. */
  readonly type: string;
  readonly count: number;
  readonly bytes: number;
  /** Lower-case hex SHA-256. */
  readonly sha256: string;
}

/** A noisy answer. `null`: too small to be shown. */
export interface AggregateAnswer {
  /** Handle on the log. */
  readonly id: string;
  /** By bin; of a contingency table by `row|column`. */
  readonly counts: Readonly<Record<string, number | null>>;
  /** The answer of the first time, which cost nothing now. */
  readonly repeated: boolean;
  readonly epsilon: number;
  /** What is left of the data set's budget. */
  readonly left: number;
}

/** What may be asked of a cohort without rows. */
export interface AggregateQuestion {
  readonly kind: 'count' | 'histogram' | 'table';
  readonly view?: string;
  /** Of a histogram one, of a table two. */
  readonly columns?: readonly string[];
  /** All bins of each column, said in advance: texts, or the lower ends of bands of numbers. */
  readonly bins?: readonly (readonly (string | number)[])[];
  readonly epsilon: number;
}
