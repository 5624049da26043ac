/** Pages of those who work for an organisation: role, address, name; the first of a role is where it begins. */
export const WORK = [
  ['clinician', '/patients', 'work.patients'],
  ['staff', '/desk', 'work.desk'],
  ['officer', '/authority', 'work.authority'],
  ['authority', '/research', 'nav.research'],
  ['authority', '/access', 'access.title'],
  ['payer', '/claims', 'work.claims'],
  ['payer', '/access', 'access.title'],
] as const;
