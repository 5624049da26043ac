/**
 * What keeps a policy from speaking to a request: for telling people, not for deciding.
 */
import type { Question, Truth } from './match.js';
import { labelHolds, narrows, purposeHolds, YES } from './match.js';
import type { Policy, Provision } from './policy.js';
import type { AccessRequest } from './request.js';

/** Elements of a provision by which it may not match. */
export type UnmetElement = (typeof NARROWING)[number] | 'purposes' | 'securityLabels';

const NARROWING = ['actors', 'actions', 'period', 'classes', 'codes', 'dataPeriod', 'data'] as const;

/**
 * The elements by which a policy misses a request: of its permits, those of the one that comes nearest.
 *
 * @returns Empty where a permit of it matches, or where it has none.
 */
export function unmetElements(
  policy: Policy,
  request: AccessRequest,
  nowMs: number,
): readonly UnmetElement[] {
  const question: Question = {
    request,
    purpose: request.purposes[0] ?? '',
    nowMs,
    anyTime: false,
    bound: undefined,
  };
  let nearest: readonly UnmetElement[] | undefined;
  const visit = (provision: Provision, around: readonly Provision[]): void => {
    const chain = [...around, provision];
    if (provision.type === 'permit') {
      const missing = missingIn(chain, question);
      if (nearest === undefined || missing.length < nearest.length) nearest = missing;
    }
    for (const nested of provision.provisions) visit(nested, chain);
  };
  visit(policy.root, []);
  return nearest ?? [];
}

function missingIn(chain: readonly Provision[], question: Question): UnmetElement[] {
  const missing = NARROWING.filter((name) =>
    chain.some((provision) => provision[name] !== undefined && isUnmet(provision, name, question)),
  ) as UnmetElement[];
  const purposes = chain.findLast((provision) => provision.purposes !== undefined);
  if (purposeHolds(purposes, 'permit', question.purpose) !== YES) missing.push('purposes');
  const labels = chain.findLast((provision) => provision.securityLabels !== undefined);
  if (labelHolds(labels, 'permit', question.request.resource.labels ?? []) !== YES)
    missing.push('securityLabels');
  return missing;
}

function isUnmet(provision: Provision, name: (typeof NARROWING)[number], question: Question): boolean {
  const alone: Provision = { type: provision.type, [name]: provision[name], provisions: [] };
  const truth: Truth = narrows(alone, question);
  return truth !== YES;
}
