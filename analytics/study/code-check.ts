const LOINC = 'http://loinc.org';
const SNOMED = 'http://snomed.info/sct';

/** In use with a digit that the rule does not give: inhaled oxygen concentration, as US Core's pulse oximetry has it. */
const LOINC_EXCEPTIONS: ReadonlySet<string> = new Set(['3150-6']);

/** The dihedral group's table and the permutation of Verhoeff's scheme, by which SNOMED CT identifiers check themselves. */
const TIMES = [
  '0123456789',
  '1234067895',
  '2340178956',
  '3401289567',
  '4012395678',
  '5987604321',
  '6598710432',
  '7659821043',
  '8765932104',
  '9876543210',
];
const PERMUTED = [
  '0123456789',
  '1576283094',
  '5803796142',
  '8916043527',
  '9453126870',
  '4286573901',
  '2793806415',
  '7046913258',
];

/**
 * Whether a code can be one of its system, by the check digit that LOINC and SNOMED CT give each; of other systems
 * nothing is known.
 *
 * @see LOINC Users' Guide, appendix on check digits (modulus 10); SNOMED CT, "Check-digit" (Verhoeff)
 */
export function canBeCode(system: string, code: string): boolean {
  if (system === LOINC) return LOINC_EXCEPTIONS.has(code) || isLoinc(code);
  return system === SNOMED ? /^[1-9][0-9]{5,17}$/.test(code) && verhoeff(code) === 0 : true;
}

function isLoinc(code: string): boolean {
  const [, digits, check] = /^([1-9][0-9]{0,7})-([0-9])$/.exec(code) ?? [];
  if (digits === undefined) return false;
  let total = 0;
  digits
    .split('')
    .toReversed()
    .forEach((digit, i) => {
      const value = Number(digit) * (i % 2 === 0 ? 2 : 1);
      total += value > 9 ? value - 9 : value;
    });
  return (10 - (total % 10)) % 10 === Number(check);
}

function verhoeff(code: string): number {
  let check = 0;
  code
    .split('')
    .toReversed()
    .forEach((digit, i) => {
      check = Number(TIMES[check]?.[Number(PERMUTED[i % 8]?.[Number(digit)])]);
    });
  return check;
}
