/** What `/events` tells of. */

/** Kept for who is away: each has a number, after which a stream goes on. */
export const NOTICE_KINDS = [
  'access-requested',
  'access-decided',
  'access-ended',
  'emergency-opened',
  'emergency-review',
  'emergency-reviewed',
  'legal-basis-used',
  'representative-appointed',
  'representative-ended',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** Told to who listens now, without a number: who comes later sees the things themselves. */
export const HINT_KINDS = [
  'record-waiting',
  'record-changed',
  'consent-changed',
  'claim-answered',
  'cohort-changed',
  'desk-changed',
  'patients-changed',
] as const;
export type HintKind = (typeof HINT_KINDS)[number];
