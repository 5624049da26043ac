/**
 * The gate: may this be done to this patient's data, now? The rules are those of `weigh()`; a permit is made here and
 * nowhere else.
 */
import type { Decision } from './decision.js';
import { takeMint } from './permitted.js';
import type { Policy } from './policy.js';
import type { AccessRequest } from './request.js';
import { requestHash } from './request.js';
import { because, weigh } from './weigh.js';

const mint = takeMint();

/**
 * Judges a request. Pure and total: it never throws, and the order of the policies does not matter.
 *
 * @param request - One purpose of use; see {@link AccessRequest}.
 * @param policies - All policies that may concern the patient, of both layers and in all versions: leaving out one
 * that was replaced or withdrawn cannot widen the answer, but can turn `refused` into `no-answer`.
 * @param nowMs - Time of the request, ms since the epoch.
 */
export function decide(request: AccessRequest, policies: readonly Policy[], nowMs: number): Decision {
  try {
    const weighed = weigh(request, policies, nowMs);
    const reasons = weighed.answers.map(because);
    if (weighed.outcome === 'deny') return { outcome: 'deny', reason: weighed.reason, because: reasons };
    const { subject, action } = request;
    const standsOn = weighed.answers.map(({ policy: { handle, version } }) => ({ handle, version }));
    const { obligations } = weighed;
    const permit = mint({ requestHash: requestHash(request), subject, action, standsOn, obligations });
    return { outcome: 'permit', permit, because: reasons, obligations };
  } catch {
    // What cannot be named cannot be permitted.
    return { outcome: 'deny', reason: 'error', because: [] };
  }
}
