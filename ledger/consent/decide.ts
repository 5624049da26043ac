/**
 * The gate: may this be done to this patient's data, now? The rules are those of `weigh()`; a permit is made here and
 * nowhere else.
 */
import type { Because, Decision } from './decision.js';
import type { StandsOn } from './permitted.js';
import { takeMint } from './permitted.js';
import type { Policy } from './policy.js';
import type { AccessRequest } from './request.js';
import { RequestNames } from './request.js';
import type { RequestResource } from './request.js';
import { mattersOf, sameAnswerKey } from './same-answer.js';
import { because, weigh } from './weigh.js';
import type { Weighed } from './weigh.js';

const mint = takeMint();

/** What all requests of one caller for one patient's data share. */
export type Asking = Omit<AccessRequest, 'resource'>;

/**
 * Judges a request. Pure and total: it never throws, and the order of the policies does not matter.
 *
 * @param request - One purpose of use; see {@link AccessRequest}.
 * @param policies - All policies that may concern the patient, of both layers and in all versions: leaving out one
 * that was replaced or withdrawn cannot widen the answer, but can turn `refused` into `no-answer`.
 * @param nowMs - Time of the request, ms since the epoch.
 */
export function decide(request: AccessRequest, policies: readonly Policy[], nowMs: number): Decision {
  const grounds = groundsOf(weigh(request, policies, nowMs));
  try {
    return pronounced(request, request.resource, grounds, new RequestNames(request));
  } catch {
    return CANNOT_BE_NAMED;
  }
}

/**
 * The gate for many resources of one patient, asked about by one caller at one time: it answers what {@link decide}
 * answers to each. Resources that differ in nothing that any policy looks at are weighed once.
 *
 * @returns Judges one resource.
 */
export function decider(
  asking: Asking,
  policies: readonly Policy[],
  nowMs: number,
): (resource: RequestResource) => Decision {
  const matters = mattersOf(policies);
  const known = new Map<string, Grounds>();
  const names = new RequestNames(asking);
  return (resource) => {
    const key = sameAnswerKey(matters, resource);
    let grounds = key === undefined ? undefined : known.get(key);
    if (grounds === undefined) {
      grounds = groundsOf(weigh({ ...asking, resource }, policies, nowMs));
      if (key !== undefined && grounds !== undefined) known.set(key, grounds);
    }
    try {
      return pronounced(asking, resource, grounds, names);
    } catch {
      return CANNOT_BE_NAMED;
    }
  };
}

/** What a decision rests on, whatever the resource is called. */
interface Grounds {
  readonly weighed: Weighed;
  readonly reasons: readonly Because[];
  readonly standsOn: readonly StandsOn[];
}

function groundsOf(weighed: Weighed): Grounds | undefined {
  try {
    const standsOn = weighed.answers.map(({ policy: { handle, version } }) =>
      Object.freeze({ handle, version }),
    );
    return { weighed, reasons: weighed.answers.map(because), standsOn: Object.freeze(standsOn) };
  } catch {
    return undefined;
  }
}

/** @throws TypeError where the request cannot be named. */
function pronounced(
  asking: Asking,
  resource: RequestResource,
  grounds: Grounds | undefined,
  names: RequestNames,
): Decision {
  if (grounds === undefined) return CANNOT_BE_NAMED;
  const { weighed, reasons, standsOn } = grounds;
  if (weighed.outcome === 'deny') return { outcome: 'deny', reason: weighed.reason, because: reasons };
  names.check(resource);
  const { subject, action } = asking;
  const { obligations } = weighed;
  const requestText = (): string => names.textOf(resource);
  const permit = mint({ requestText, subject, action, standsOn, obligations });
  return { outcome: 'permit', permit, because: reasons, obligations };
}

/** What cannot be named cannot be permitted. */
const CANNOT_BE_NAMED: Decision = Object.freeze({
  outcome: 'deny',
  reason: 'error',
  because: Object.freeze([]),
});
