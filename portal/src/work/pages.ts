/** Pages of those who work for an organisation: role, address, name. */
export const WORK = [
  ['clinician', '/patients', 'work.patients'],
  ['staff', '/desk', 'work.desk'],
  ['officer', '/authority', 'work.authority'],
  ['authority', '/research', 'nav.research'],
  ['payer', '/claims', 'work.claims'],
] as const;
