import type { Question, Truth } from './match.js';
import { labelHolds, narrows, NO, NOT_KNOWN, purposeHolds, YES } from './match.js';
import type { Policy, Provision } from './policy.js';

const NO_LABELS: readonly string[] = [];

/**
 * The provision of a policy that answers a question: the deepest match wins over what is around it, among
 * siblings a denial wins.
 *
 * @param question - Gets the obligations of all permits that answer alike.
 * @returns `undefined` when nothing matches: the policy is not applicable.
 */
export function answering(policy: Policy, question: Question): Provision | undefined {
  const { root } = policy;
  question.bound = undefined;
  return deepest(root, YES, undefined, undefined, question);
}

/**
 * Exceptions are looked at even where the purpose or the labels of the rule around them do not match, since they
 * may state their own in their place (IHE PCF nests break-glass under treatment, and restricted under normal);
 * an actor, period, action, class, code, dataPeriod or datum that does not match shuts out all below.
 *
 * @param around - Whether what narrows holds so far.
 * @param purposesFrom - The nearest provision around that states purposes; likewise `labelsFrom`.
 */
function deepest(
  provision: Provision,
  around: Truth,
  purposesFrom: Provision | undefined,
  labelsFrom: Provision | undefined,
  question: Question,
): Provision | undefined {
  const here = narrows(provision, question);
  const truth = here < around ? here : around;
  if (truth === NO) return undefined;
  const purposes = provision.purposes === undefined ? purposesFrom : provision;
  const labels = provision.securityLabels === undefined ? labelsFrom : provision;

  let exception: Provision | undefined;
  for (const nested of provision.provisions) {
    const found = deepest(nested, truth, purposes, labels, question);
    if (found === undefined) continue;
    // Whatever is not plainly a permit denies.
    if (found.type !== 'permit') return found;
    exception ??= found;
  }
  if (exception !== undefined) return exception;

  const as = provision.type === 'permit' ? 'permit' : 'deny';
  let match: Truth = purposeHolds(purposes, as, question.purpose);
  if (match > truth) match = truth;
  if (match !== NO) {
    const label = labelHolds(labels, as, question.request.resource.labels ?? NO_LABELS);
    if (label < match) match = label;
  }
  if (match !== YES && (match !== NOT_KNOWN || as !== 'deny')) return undefined;
  if (as === 'permit' && provision.obligations !== undefined)
    (question.bound ??= []).push(...provision.obligations);
  return provision;
}

/** Path of a provision from its policy's root, such as `provision.provision[1]`. */
export function pathOf(root: Provision, wanted: Provision): string {
  return find(root, wanted, 'provision') ?? 'provision';
}

function find(provision: Provision, wanted: Provision, path: string): string | undefined {
  if (provision === wanted) return path;
  for (const [i, nested] of provision.provisions.entries()) {
    const found = find(nested, wanted, `${path}.provision[${i}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}
