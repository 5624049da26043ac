/** How a Consent states what a permit is bound to. */
import type { Obligation } from '../../ledger/consent/index.js';

/**
 * A permit's obligations are modifier extensions: who does not know them must not take the permit for more than it is.
 * Each has a `code`, and for a redaction one `element` or more.
 */
export const OBLIGATION = 'urn:firebreak:consent:obligation';

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';

/** HL7 v3 ActCode, ObligationPolicy and RefrainPolicy. */
export const OBLIGATION_CODES = {
  redact: `${ACT_CODE}|REDACT`,
  pseudonymise: `${ACT_CODE}|PSEUD`,
  'no-onward-use': `${ACT_CODE}|NORDSCLCD`,
} as const satisfies Record<Obligation['kind'], string>;

/** The extension that states an obligation in a Consent's provision. */
export function obligationExtension(obligation: Obligation): object {
  const token = OBLIGATION_CODES[obligation.kind];
  const at = token.lastIndexOf('|');
  const code = { url: 'code', valueCoding: { system: token.slice(0, at), code: token.slice(at + 1) } };
  const elements = obligation.kind === 'redact' ? obligation.elements : [];
  return {
    url: OBLIGATION,
    extension: [code, ...elements.map((element) => ({ url: 'element', valueString: element }))],
  };
}
