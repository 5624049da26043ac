/**
 * The gate's rules: may this be done to this patient's data, at that time? Nothing here makes a permit, and nothing is
 * Node's: who only wants to know the answer, such as a checker of proofs in a browser, asks here.
 *
 * They deny unless the custodian's layer and the patient's layer both permit; a matched denial in either wins over
 * every permit of that layer; what does not match is not applicable; what cannot be understood, told apart or
 * evaluated denies.
 */
import type { Because, DenyReason } from './decision.js';
import { answering, pathOf } from './evaluate.js';
import type { Question } from './match.js';
import { joined } from './obligations.js';
import type { Obligation, Policy, Provision } from './policy.js';
import { ACTIONS, EVERY_SUBJECT } from './policy.js';
import type { AccessRequest } from './request.js';
import type { Register } from './supersession.js';
import { register } from './supersession.js';

/** A policy, and the provision of it that answered. */
export interface Answer {
  readonly policy: Policy;
  readonly provision: Provision;
}

/** What the rules say, and the provisions that they say it by. */
export type Weighed =
  | {
      readonly outcome: 'permit';
      readonly answers: readonly Answer[];
      readonly obligations: readonly Obligation[];
    }
  | { readonly outcome: 'deny'; readonly reason: DenyReason; readonly answers: readonly Answer[] };

/** A layer's denial, and why. */
interface Denial {
  readonly reason: Extract<DenyReason, 'unknown-element' | 'ambiguous' | 'refused' | 'custodian'>;
  readonly answer: Answer;
}

/** What a layer says. */
interface Verdict {
  denial: Denial | undefined;
  permit: Answer | undefined;
  self: Answer | undefined;
  /** A duty by law or an emergency. */
  exceptional: Answer | undefined;
  /** Of all permits that would hold; those of the exceptional ones apart. */
  bound: Obligation[] | undefined;
  boundExceptional: Obligation[] | undefined;
}

/**
 * Judges a request. Pure and total: it never throws, and the order of the policies does not matter.
 *
 * @param request - One purpose of use; see {@link AccessRequest}.
 * @param policies - All policies that may concern the patient, of both layers and in all versions: leaving out one
 * that was replaced or withdrawn cannot widen the answer, but can turn `refused` into `no-answer`.
 * @param nowMs - Time of the request, ms since the epoch.
 */
export function weigh(request: AccessRequest, policies: readonly Policy[], nowMs: number): Weighed {
  try {
    return judge(request, policies, nowMs);
  } catch {
    // A failure while judging is a denial: the caller has nothing to go on.
    return deny('error', []);
  }
}

function judge(request: AccessRequest, policies: readonly Policy[], nowMs: number): Weighed {
  const { subject, purposes } = request;
  const purpose = purposes[0];
  if (purposes.length !== 1 || typeof purpose !== 'string' || purpose === '') return deny('one-purpose', []);
  if (typeof subject !== 'string' || subject === '' || subject === EVERY_SUBJECT) return deny('error', []);
  if (!ACTIONS.includes(request.action) || !Number.isFinite(nowMs)) return deny('error', []);

  const question: Question = { request, purpose, nowMs, anyTime: false, bound: undefined };
  const ofPatients = voicesOf(policies, subject).map((voice) => register(voice, 'patient', subject));
  const ofCustodian = register(policies, 'custodian', subject);
  const patients = ofPatients.map((layer) => hear(layer, question, 'refused'));
  // The subject's own voice comes first: nobody else's reach is the patient's own.
  const self = patients[0]?.self;
  if (self !== undefined) return permit([self], undefined, undefined);
  const patient = together(patients);

  const custodian = hear(ofCustodian, question, 'custodian');
  const { exceptional } = custodian;
  if (exceptional !== undefined && custodian.denial === undefined) {
    const silenced = patient.denial === undefined || exceptional.policy.overRefusal === true;
    if (silenced) return permit([exceptional], custodian.boundExceptional, undefined);
  }
  const denial = patient.denial ?? custodian.denial;
  if (denial !== undefined) return deny(denial.reason, [denial.answer]);
  if (custodian.permit !== undefined && patient.permits.length === patients.length) {
    return permit([custodian.permit, ...patient.permits], custodian.bound, patient.bound);
  }
  const silent = ofPatients.find((_layer, i) => patients[i]?.permit === undefined) ?? ofPatients[0];
  if (silent === undefined) return deny('error', []);
  const isHeard = patient.permits.length === patients.length;
  return explainAbsence(silent, question, isHeard ? patient.permits[0] : undefined, custodian.permit);
}

/** The policies of each patient's voice: the subject's own, and those of whoever turned out to be the same. */
function voicesOf(policies: readonly Policy[], subject: string): (readonly Policy[])[] {
  const others = new Set<string>();
  for (const { layer, voice, subject: of } of policies)
    if (layer === 'patient' && voice !== undefined && of === subject) others.add(voice);
  if (others.size === 0) return [policies];
  // In one order, so that the answer does not hang on theirs.
  const voices = [undefined, ...[...others].toSorted((a, b) => (a < b ? -1 : 1))];
  return voices.map((voice) => policies.filter((policy) => policy.voice === voice));
}

/** What the patients say together: a denial of one is a denial, and a permit takes each of them. */
function together(verdicts: readonly Verdict[]): {
  denial: Denial | undefined;
  permits: readonly Answer[];
  bound: readonly Obligation[] | undefined;
} {
  let denial: Denial | undefined;
  let bound: Obligation[] | undefined;
  const permits: Answer[] = [];
  for (const verdict of verdicts) {
    if (verdict.denial !== undefined) denial = stronger(denial, verdict.denial);
    if (verdict.permit !== undefined) permits.push(verdict.permit);
    if (verdict.bound !== undefined) bound = [...(bound ?? []), ...verdict.bound];
  }
  return { denial, permits, bound };
}

/** What a layer says to a question: its denial, and the permits that would hold without one. */
function hear(layer: Register, question: Question, refusal: 'refused' | 'custodian'): Verdict {
  const verdict: Verdict = {
    denial: undefined,
    permit: undefined,
    self: undefined,
    exceptional: undefined,
    bound: undefined,
    boundExceptional: undefined,
  };
  for (const policy of layer.inForce) {
    if (policy.unknown.length > 0) {
      // It might mean anything, also that another consent does not hold.
      verdict.denial = stronger(verdict.denial, {
        reason: 'unknown-element',
        answer: { policy, provision: policy.root },
      });
      continue;
    }
    const provision = answering(policy, question);
    if (provision === undefined) continue;
    const { bound } = question;
    const answer = { policy, provision };
    if (provision.type !== 'permit') {
      verdict.denial = stronger(verdict.denial, { reason: refusal, answer });
    } else if (policy.kind === 'consent') {
      verdict.permit = newer(verdict.permit, answer);
      if (bound !== undefined) (verdict.bound ??= []).push(...bound);
    } else if (policy.kind === 'self') {
      if (isSelf(policy)) verdict.self = newer(verdict.self, answer);
    } else if (isExceptional(policy)) {
      verdict.exceptional = exceptionalOf(verdict.exceptional, answer);
      if (bound !== undefined) (verdict.boundExceptional ??= []).push(...bound);
    }
  }
  for (const versions of layer.contested) {
    const answer = newest(versions, { ...question, anyTime: true });
    if (answer !== undefined) verdict.denial = stronger(verdict.denial, { reason: 'ambiguous', answer });
  }
  return verdict;
}

/**
 * Why there is no permit although nothing denies. `no-answer` only when the patient never spoke to this: what was
 * withdrawn, replaced or rejected is an answer.
 */
function explainAbsence(
  patient: Register,
  question: Question,
  patientPermit: Answer | undefined,
  custodianPermit: Answer | undefined,
): Weighed {
  if (patientPermit === undefined) {
    const anyTime: Question = { ...question, anyTime: true };
    const takenBack = newest(patient.lapsed.filter(isConsent), anyTime);
    if (takenBack !== undefined) return deny('refused', [takenBack]);
    const atAnotherTime = newest(patient.inForce.filter(isConsent), anyTime);
    if (atAnotherTime !== undefined) {
      return deny(isOver(atAnotherTime.policy, question.nowMs) ? 'expired' : 'not-yet-valid', [
        atAnotherTime,
      ]);
    }
  }
  return custodianPermit === undefined ? deny('custodian', []) : deny('no-answer', []);
}

/** Of the policies that speak to a question, the newest. */
function newest(policies: readonly Policy[], question: Question): Answer | undefined {
  let found: Answer | undefined;
  for (const policy of policies) {
    const answer = spoken(policy, question);
    if (answer !== undefined) found = newer(found, answer);
  }
  return found;
}

/**
 * What a policy says, or once said, to a question. Drafts, proposals and errors say nothing. A withdrawal says
 * what it takes back, so only permits count in it: without provisions of its own it would speak to everything.
 */
function spoken(policy: Policy, question: Question): Answer | undefined {
  const { status } = policy;
  if (status !== 'active' && status !== 'inactive' && status !== 'rejected') return undefined;
  const provision = answering(policy, question);
  if (provision === undefined || (status === 'inactive' && provision.type !== 'permit')) return undefined;
  return { policy, provision };
}

function isConsent(policy: Policy): boolean {
  return policy.kind === 'consent';
}

function isOver(policy: Policy, nowMs: number): boolean {
  const { period } = policy.root;
  return !((period?.sureStartMs ?? period?.startMs ?? -Infinity) > nowMs);
}

/** The patient's own reach is tied to the patient's references: without any it would be everybody's. */
function isSelf(policy: Policy): boolean {
  const { actors, actions } = policy.root;
  if (policy.layer !== 'patient' || actors === undefined || actions === undefined) return false;
  return actions.every((action) => action === 'access' || action === 'disclose' || action === 'correct');
}

/** Signed by the custodian, for somebody, coded, and limited in time; otherwise it does not hold. */
function isExceptional(policy: Policy): boolean {
  const { actors, period, purposes } = policy.root;
  if (policy.kind !== 'legal-basis' && policy.kind !== 'emergency') return false;
  return (
    policy.layer === 'custodian' &&
    actors !== undefined &&
    purposes !== undefined &&
    period?.endMs !== undefined
  );
}

/** The choice among several must not hang on their order: the newest, then the greatest handle. */
function newer(a: Answer | undefined, b: Answer): Answer {
  if (a === undefined) return b;
  if (a.policy.version !== b.policy.version) return a.policy.version > b.policy.version ? a : b;
  return a.policy.handle >= b.policy.handle ? a : b;
}

function exceptionalOf(a: Answer | undefined, b: Answer): Answer {
  if (a === undefined) return b;
  const over = a.policy.overRefusal === true;
  if (over !== (b.policy.overRefusal === true)) return over ? a : b;
  return newer(a, b);
}

const DENIAL_ORDER: readonly Denial['reason'][] = ['unknown-element', 'ambiguous', 'refused', 'custodian'];

function stronger(a: Denial | undefined, b: Denial): Denial {
  if (a === undefined) return b;
  if (a.reason !== b.reason) return DENIAL_ORDER.indexOf(a.reason) < DENIAL_ORDER.indexOf(b.reason) ? a : b;
  return newer(a.answer, b.answer) === a.answer ? a : b;
}

const UNBOUND: readonly Obligation[] = Object.freeze([]);

function permit(
  answers: readonly Answer[],
  a: readonly Obligation[] | undefined,
  b: readonly Obligation[] | undefined,
): Weighed {
  const obligations = a === undefined && b === undefined ? UNBOUND : joined([...(a ?? []), ...(b ?? [])]);
  return { outcome: 'permit', answers, obligations };
}

function deny(reason: DenyReason, answers: readonly Answer[]): Weighed {
  return { outcome: 'deny', reason, answers };
}

/** Names an answer for those who have the documents. */
export function because({ policy, provision }: Answer): Because {
  return { handle: policy.handle, path: pathOf(policy.root, provision) };
}
