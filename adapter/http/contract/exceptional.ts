/** Emergencies and duties by law, as they are shown to who is signed in. */

/** An emergency: to its patient, to who opened it, and to the hospital. */
export interface ShownEmergency {
  readonly id: string;
  /** `Patient/<id>` at the facade. */
  readonly patient: string;
  /** Who opened it: the id in the certificate, and the organisation's name. */
  readonly by: { readonly id: string; readonly organisation: string };
  readonly reason: string;
  /** ISO 8601. */
  readonly opened: string;
  readonly until: string;
  readonly state: 'open' | 'over' | 'reviewed';
  /** By when it is to be reviewed, ISO 8601. */
  readonly reviewBy: string;
  readonly isOverdue: boolean;
  readonly review?: { readonly outcome: string; readonly text: string; readonly at: string };
}

/** What a law commands to tell an authority. */
export interface ShownDuty {
  readonly id: string;
  readonly source: string;
  readonly basis: string;
  readonly recipient: string;
  readonly purpose: string;
  readonly types: readonly string[];
  readonly codes: readonly string[];
  readonly start: string;
  readonly end: string;
  readonly state: 'in-force' | 'not-yet' | 'over' | 'ended';
}
