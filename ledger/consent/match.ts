/**
 * Whether one element of a provision holds for a request. Three answers, for what is not known must never help a
 * permit nor hinder a denial.
 */
import type { ActorMatch, DataMatch, Obligation, Provision, ProvisionType, Span } from './policy.js';
import { UNREADABLE } from './policy.js';
import type { AccessRequest, RequestActor, RequestResource } from './request.js';
import {
  BREAK_THE_GLASS,
  confidentialityRank,
  isUnrankedConfidentiality,
  RANK_UNLABELLED,
} from './vocabulary.js';

/** No, not known, yes: ordered, so that AND is the least of them and OR the greatest. */
export type Truth = 0 | 1 | 2;
export const NO = 0;
export const NOT_KNOWN = 1;
export const YES = 2;

/** One judging: what is the same for all policies. */
export interface Question {
  readonly request: AccessRequest;
  readonly purpose: string;
  readonly nowMs: number;
  /** Leaves the provisions' own periods out: to tell "at another time" from "never". */
  readonly anyTime: boolean;
  /** Obligations of the permits that the last policy answered by; of a policy that denies they mean nothing. */
  bound: Obligation[] | undefined;
}

/**
 * The elements that narrow what nested provisions can match: period, actor, action, class, code, dataPeriod, data.
 *
 * @see HL7 FHIR R4, Consent.provision: elements are ANDed, repetitions ORed, absent constrains nothing
 */
export function narrows(provision: Provision, question: Question): Truth {
  const { request } = question;
  const { actions, actors, classes, codes, data, dataPeriod, period } = provision;
  let truth: Truth = YES;
  if (actions !== undefined) {
    truth = least(truth, inList(actions, request.action));
    if (truth === NO) return NO;
  }
  if (actors !== undefined) {
    truth = least(truth, anyActor(actors, request.actor));
    if (truth === NO) return NO;
  }
  if (period !== undefined && !question.anyTime)
    truth = least(truth, within(period, question.nowMs, question.nowMs));
  if (classes !== undefined) truth = least(truth, meets(classes, request.resource.classes));
  if (codes !== undefined) truth = least(truth, meets(codes, request.resource.codes));
  if (truth === NO) return NO;
  if (dataPeriod !== undefined) {
    const { period: came } = request.resource;
    truth = least(truth, came === undefined ? NOT_KNOWN : within(dataPeriod, came.startMs, came.endMs));
  }
  if (data !== undefined) truth = least(truth, anyData(data, request.resource));
  return truth;
}

/**
 * Whether the purpose matches.
 *
 * @param stating - The provision that states purposes: the one judged, or the nearest around it that does.
 * @param as - Type of the provision judged. A permit takes purposes exactly as written, unless its document says
 * that narrower ones are meant, and reaches break-glass only by its name; a denial takes them as the stating provision
 * means them.
 */
export function purposeHolds(stating: Provision | undefined, as: ProvisionType, purpose: string): Truth {
  const written = stating?.purposes;
  if (stating === undefined || written === undefined) {
    return as === 'permit' && purpose === BREAK_THE_GLASS ? NO : YES;
  }
  // A permit within a denial covers what the denial names, no more.
  if (as === 'permit' && (stating.type !== 'permit' || purpose === BREAK_THE_GLASS))
    return inList(written, purpose);
  return inList(stating.subsumedPurposes ?? written, purpose);
}

/**
 * Whether the labels match. A confidentiality code is a mark: a permit covers it and what is below, a denial it and
 * what is above. What has no confidentiality label counts as restricted, and what has no label at all, or one that
 * is not known ({@link UNREADABLE}), may have any other.
 *
 * @param stating - As in {@link purposeHolds}. A permit within a labelled denial must fit both readings.
 * @see HL7 FHIR R4, Consent.provision.securityLabel (high water mark)
 */
export function labelHolds(
  stating: Provision | undefined,
  as: ProvisionType,
  labels: readonly string[],
): Truth {
  const stated = stating?.securityLabels;
  if (stating === undefined || stated === undefined) return YES;
  const meant = labelRead(stated, stating.type, labels);
  return as === 'permit' && stating.type !== 'permit'
    ? least(meant, labelRead(stated, 'permit', labels))
    : meant;
}

function labelRead(stated: readonly string[], as: ProvisionType, labels: readonly string[]): Truth {
  const rank = rankOf(labels);
  let truth: Truth = NO;
  for (const token of stated) {
    const mark = confidentialityRank(token);
    if (mark !== undefined) {
      if (as === 'permit' ? rank <= mark : rank >= mark) return YES;
    } else if (token === UNREADABLE || isUnrankedConfidentiality(token)) {
      truth = NOT_KNOWN;
    } else if (labels.includes(token)) {
      return YES;
    } else if (labels.length === 0 || labels.includes(UNREADABLE)) {
      truth = NOT_KNOWN;
    }
  }
  return truth;
}

/** The highest confidentiality a resource is labelled with; an unknown code of that system is above all. */
function rankOf(labels: readonly string[]): number {
  let highest = -1;
  for (const token of labels) {
    const rank = confidentialityRank(token);
    if (rank !== undefined) {
      if (rank > highest) highest = rank;
    } else if (isUnrankedConfidentiality(token)) {
      return Infinity;
    }
  }
  return highest === -1 ? RANK_UNLABELLED : highest;
}

/** Wholly within the sure span: yes; beyond the span: no; anything between is not known. */
function within(span: Span, fromMs: number, toMs: number): Truth {
  const startMs = span.startMs ?? -Infinity;
  const endMs = span.endMs ?? Infinity;
  if (!(toMs >= startMs && fromMs <= endMs)) return NO;
  return fromMs >= (span.sureStartMs ?? startMs) && toMs <= (span.sureEndMs ?? endMs) ? YES : NOT_KNOWN;
}

function anyActor(actors: readonly ActorMatch[], actor: RequestActor): Truth {
  let truth: Truth = NO;
  for (const match of actors) {
    let one: Truth = match.reference === undefined ? YES : named(match.reference, actor.references);
    if (match.roles !== undefined && one !== NO) {
      one = least(one, actor.roles === undefined ? NOT_KNOWN : meets(match.roles, actor.roles));
    }
    // An actor that states nothing is nobody that can be resolved.
    if (match.reference === undefined && match.roles === undefined) one = NOT_KNOWN;
    if (one === YES) return YES;
    if (one > truth) truth = one;
  }
  return truth;
}

function anyData(data: readonly DataMatch[], resource: RequestResource): Truth {
  let truth: Truth = NO;
  for (const { meaning, reference } of data) {
    const one = datum(meaning, reference, resource);
    if (one === YES) return YES;
    if (one > truth) truth = one;
  }
  return truth;
}

/**
 * `related` reaches in both directions: FHIR's definition means what the datum refers to, IHE PCF's cases what
 * refers to it (the data of an encounter).
 */
function datum(meaning: DataMatch['meaning'], reference: string, resource: RequestResource): Truth {
  if (meaning === UNREADABLE || reference === UNREADABLE) return NOT_KNOWN;
  if (meaning === 'authoredby') return listed(reference, resource.authors);
  const itself = isItself(reference, resource);
  if (itself === YES || meaning === 'instance') return itself;
  const refersTo = listed(reference, resource.refersTo);
  if (meaning === 'dependents') return greatest(itself, refersTo);
  return greatest(itself, greatest(refersTo, listed(reference, resource.referredBy)));
}

function isItself(reference: string, resource: RequestResource): Truth {
  if (resource.references?.includes(reference) === true) return YES;
  if (resource.id === undefined) return reference.startsWith(`${resource.type}/`) ? NOT_KNOWN : NO;
  return reference === `${resource.type}/${resource.id}` ? YES : NO;
}

function named(reference: string, references: readonly string[]): Truth {
  if (reference === UNREADABLE) return NOT_KNOWN;
  return references.includes(reference) ? YES : NO;
}

function listed(reference: string, references: readonly string[] | undefined): Truth {
  if (references === undefined) return NOT_KNOWN;
  return references.includes(reference) ? YES : NO;
}

function inList(list: readonly string[], value: string): Truth {
  if (list.includes(value)) return YES;
  return list.includes(UNREADABLE) ? NOT_KNOWN : NO;
}

function meets(list: readonly string[], values: readonly string[]): Truth {
  for (const value of values) if (list.includes(value)) return YES;
  return list.includes(UNREADABLE) ? NOT_KNOWN : NO;
}

function least(a: Truth, b: Truth): Truth {
  return a < b ? a : b;
}

function greatest(a: Truth, b: Truth): Truth {
  return a > b ? a : b;
}
