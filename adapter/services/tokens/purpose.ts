/** Purposes of use that a token is bound to: exactly one each. */

const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason';
const ACT_REASON_OID = 'urn:oid:2.16.840.1.113883.5.8';

/** What a group may ask for at all; a client's registration may say less. */
export const GROUP_PURPOSES = {
  provider: ['TREAT', 'ETREAT', 'CLINTRL', 'COC', 'HOPERAT'],
  authority: ['HRESCH', 'CLINTRCH', 'DSRCH', 'POPHRCH', 'PUBHLTH'],
  payer: ['HPAYMT', 'CLMATTCH', 'COVAUTH', 'COVERAGE', 'ELIGDTRM', 'ELIGVER', 'ENROLLM', 'REMITADV'],
} as const;

/**
 * The code of a purpose: bare, behind the code system's address, or as UDAP writes it behind its OID.
 *
 * @returns `undefined` for a purpose of another code system, and for what is none.
 */
export function purposeCode(text: string): string | undefined {
  for (const prefix of ['', `${ACT_REASON}|`, `${ACT_REASON_OID}#`, `${ACT_REASON_OID}|`]) {
    const code = text.startsWith(prefix) ? text.slice(prefix.length) : '';
    if (/^[A-Z][A-Z0-9_-]{1,31}$/.test(code)) return code;
  }
  return undefined;
}

/** A purpose as policies name it: code system and code. */
export function purposeCoding(code: string): string {
  return `${ACT_REASON}|${code}`;
}
