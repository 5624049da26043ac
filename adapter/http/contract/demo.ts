/** Whom a demo lets its visitor be. */
export const DEMO_ROLES = [
  'patient',
  'clinician',
  'staff',
  'officer',
  'second-officer',
  'authority',
  'payer',
] as const;

export type DemoRole = (typeof DEMO_ROLES)[number];
