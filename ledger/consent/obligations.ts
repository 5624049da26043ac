import type { Obligation } from './policy.js';

/**
 * Several permits' obligations as one: each kind once, in a fixed order, with the elements of all.
 *
 * @throws TypeError for a kind that is not known: what cannot be carried out must not be permitted.
 */
export function joined(obligations: readonly Obligation[]): readonly Obligation[] {
  const elements = new Set<string>();
  let isRedacted = false;
  let isPseudonymised = false;
  let isKept = false;
  for (const obligation of obligations) {
    if (obligation.kind === 'redact') {
      isRedacted = true;
      for (const element of obligation.elements) elements.add(element);
    } else if (obligation.kind === 'pseudonymise') isPseudonymised = true;
    else if (obligation.kind === 'no-onward-use') isKept = true;
    else throw new TypeError('an obligation of no known kind');
  }
  const all: Obligation[] = [];
  if (isRedacted) all.push({ kind: 'redact', elements: Object.freeze([...elements].toSorted()) });
  if (isPseudonymised) all.push({ kind: 'pseudonymise' });
  if (isKept) all.push({ kind: 'no-onward-use' });
  return Object.freeze(all.map((one) => Object.freeze(one)));
}
