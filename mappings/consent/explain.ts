/**
 * Why the gate answers as it does, as data and in plain sentences. It asks the same rules and makes no permit.
 */
import type {
  AccessRequest,
  DenyReason,
  Obligation,
  Policy,
  Provision,
  UnmetElement,
} from '../../ledger/consent/index.js';
import { because, unmetElements, weigh } from '../../ledger/consent/index.js';
import words from '../tables/consent-words.json' with { type: 'json' };

/** One policy's part in an answer. */
export interface ExplainedPolicy {
  readonly handle: string;
  readonly layer: Policy['layer'];
  readonly kind: Policy['kind'];
  readonly signedAt: string;
  readonly sentence: string;
}

/** A provision that the answer rests on. */
export interface ExplainedBecause extends ExplainedPolicy {
  /** Path of the provision, such as `provision.provision[0]`. */
  readonly path: string;
  readonly type: Provision['type'];
}

/** A policy that does not speak to the request, and by what it misses it. */
export interface ExplainedMiss extends ExplainedPolicy {
  readonly unmet: readonly (UnmetElement | 'status')[];
}

export interface Explanation {
  readonly outcome: 'permit' | 'deny';
  readonly reason?: DenyReason;
  /** The whole answer in one sentence. */
  readonly sentence: string;
  readonly because: readonly ExplainedBecause[];
  readonly obligations: readonly Obligation[];
  readonly misses: readonly ExplainedMiss[];
}

/** Says how somebody is called; absent or `undefined`: by the reference itself. */
export type NameOf = (reference: string) => string | undefined;

/**
 * Explains a decision.
 *
 * @param policies - As for `decide()`: the answer is the same.
 */
export function explainDecision(
  request: AccessRequest,
  policies: readonly Policy[],
  nowMs: number,
  nameOf: NameOf = () => undefined,
): Explanation {
  const weighed = weigh(request, policies, nowMs);
  const reasons = weighed.answers.map((answer): ExplainedBecause => {
    const { policy, provision } = answer;
    return { ...partOf(policy, saysOf(policy, provision)), path: because(answer).path, type: provision.type };
  });
  const spoken = new Set(weighed.answers.map(({ policy }) => policy));
  const misses = policies
    .filter((policy) => !spoken.has(policy))
    .map((policy) => missOf(policy, request, nowMs))
    .filter((miss) => miss !== undefined);
  const obligations = weighed.outcome === 'permit' ? weighed.obligations : [];
  const asked = askedOf(request, nameOf);
  const sentence =
    weighed.outcome === 'permit'
      ? `Yes: ${asked.may}, ${byWhom(reasons)}${bindings(obligations)}.`
      : `No: ${asked.mayNot}, because ${whyNot(weighed.reason, reasons, misses)}.`;
  return {
    outcome: weighed.outcome,
    ...(weighed.outcome === 'deny' ? { reason: weighed.reason } : {}),
    sentence,
    because: reasons,
    obligations,
    misses,
  };
}

/** What an obligation asks, in words. */
export function obligationWords(obligation: Obligation): string {
  if (obligation.kind === 'redact') return `without ${obligation.elements.join(', ')}`;
  return obligation.kind === 'pseudonymise' ? 'without what names the person' : 'not to be passed on';
}

/** What a purpose is called. */
export function purposeWords(token: string): string {
  const code = token.slice(token.lastIndexOf('|') + 1);
  return (words.purposes as Readonly<Record<string, string>>)[code] ?? code;
}

function askedOf(
  { actor, action, purposes, resource }: AccessRequest,
  nameOf: NameOf,
): Record<'may' | 'mayNot', string> {
  const [first = 'nobody'] = actor.references;
  const who = nameOf(first) ?? first;
  const purpose =
    purposes.length === 1 ? purposeWords(purposes[0] ?? '') : 'purposes that are not exactly one';
  const rest = `${words.actions[action]} this ${resource.type} for ${purpose}`;
  return { may: `${who} may ${rest}`, mayNot: `${who} may not ${rest}` };
}

function byWhom(reasons: readonly ExplainedBecause[]): string {
  return reasons.map(({ sentence }) => sentence).join(' and ');
}

function whyNot(
  reason: DenyReason,
  reasons: readonly ExplainedBecause[],
  misses: readonly ExplainedMiss[],
): string {
  const [first] = reasons;
  const what = first === undefined ? '' : ` (${first.sentence})`;
  switch (reason) {
    case 'one-purpose':
      return 'a request names exactly one purpose';
    case 'error':
      return 'the request or a policy could not be judged';
    case 'unknown-element':
      return `a consent holds something that is not understood${what}`;
    case 'ambiguous':
      return `it cannot be told which version of a consent is the last${what}`;
    case 'refused':
      return `the patient has said no, or has taken a consent back${what}`;
    case 'custodian':
      return first === undefined
        ? 'the hospital has not permitted it'
        : `the hospital does not permit it${what}`;
    case 'expired':
      return `the patient's consent has ended${what}`;
    case 'not-yet-valid':
      return `the patient's consent has not begun${what}`;
    case 'no-answer':
      break;
  }
  const nearest = misses
    .filter(
      ({ layer, kind, unmet }) => layer === 'patient' && kind === 'consent' && !unmet.includes('status'),
    )
    .toSorted((a, b) => a.unmet.length - b.unmet.length)[0];
  return nearest === undefined
    ? 'the patient has signed nothing on it'
    : `nothing that the patient signed reaches it: of the nearest consent, ${nearest.sentence}`;
}

function bindings(obligations: readonly Obligation[]): string {
  return obligations.length === 0 ? '' : `, ${obligations.map(obligationWords).join(', ')}`;
}

function saysOf(policy: Policy, { type }: Provision): string {
  const verb = type === 'permit' ? 'permits' : 'denies';
  return `${titleOf(policy)} ${verb} it`;
}

const TITLES = {
  consent: 'consent',
  self: 'right to the own record',
  'legal-basis': 'duty by law',
  emergency: 'emergency',
} as const satisfies Record<Policy['kind'], string>;

function titleOf({ layer, kind, dateTimeMs }: Policy): string {
  const day = dayOf(dateTimeMs);
  if (kind === 'self') return "the patient's right to the own record";
  if (layer === 'custodian' && kind === 'consent') return `the hospital's permission of ${day}`;
  return layer === 'patient' ? `the patient's ${TITLES[kind]} of ${day}` : `the ${TITLES[kind]} of ${day}`;
}

function missOf(policy: Policy, request: AccessRequest, nowMs: number): ExplainedMiss | undefined {
  if (policy.status !== 'active' || policy.withdrawnAtLeaf !== undefined)
    return { ...partOf(policy, 'it is no longer in force'), unmet: ['status'] };
  const unmet = unmetElements(policy, request, nowMs);
  if (unmet.length === 0) return undefined;
  return { ...partOf(policy, unmet.map((name) => words.unmet[name]).join(', ')), unmet };
}

function partOf(policy: Policy, sentence: string): ExplainedPolicy {
  const { handle, layer, kind, dateTimeMs } = policy;
  return { handle, layer, kind, signedAt: new Date(dateTimeMs).toISOString(), sentence };
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
