/**
 * The few codes that the rules themselves name. Everything else is compared as it comes.
 */

const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|';

/** Confidentiality, least first. @see HL7 v3 Confidentiality, and FHIR R4 Consent.provision.securityLabel */
const ORDER = ['U', 'L', 'M', 'N', 'R', 'V'] as const;

const RANKS: ReadonlyMap<string, number> = new Map(ORDER.map((code, rank) => [CONFIDENTIALITY + code, rank]));

/** Rank of R: what nobody labelled counts as restricted. */
export const RANK_UNLABELLED = ORDER.indexOf('R');

/** Rank of a confidentiality token, 0 (U) to 5 (V); `undefined` for any other token. */
export function confidentialityRank(token: string): number | undefined {
  return RANKS.get(token);
}

/** Whether a token is of the confidentiality system but no code of it: its rank is not known. */
export function isUnrankedConfidentiality(token: string): boolean {
  return token.startsWith(CONFIDENTIALITY) && !RANKS.has(token);
}

/** Break the glass: a permit reaches it only by naming it. */
export const BREAK_THE_GLASS = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|BTG';
