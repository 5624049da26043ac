import type { Policy, PolicyLayer } from './policy.js';
import { EVERY_SUBJECT } from './policy.js';

/** The policies on one patient, sorted by what they still are. */
export interface Register {
  readonly inForce: readonly Policy[];
  /** Withdrawn, replaced or rejected: they permit nothing, but show that the patient has spoken. */
  readonly lapsed: readonly Policy[];
  /** Versions of one consent of which none is certainly the latest. */
  readonly contested: readonly (readonly Policy[])[];
}

/**
 * Sorts a patient's policies of one layer: of those that share an identifier the one with a later leaf and a later
 * `dateTime` than every other replaces them, whatever its status; where there is none they are contested.
 *
 * @throws TypeError when a policy's layer is neither.
 */
export function register(policies: readonly Policy[], layer: PolicyLayer, subject: string): Register {
  const latest = new Map<string, Policy>();
  let shared: Map<string, Policy[]> | undefined;
  for (const policy of policies) {
    if (policy.layer !== layer) {
      if (policy.layer !== 'patient' && policy.layer !== 'custodian')
        throw new TypeError('a policy of no layer');
      continue;
    }
    if (policy.subject !== subject && (layer !== 'custodian' || policy.subject !== EVERY_SUBJECT)) continue;
    const other = latest.get(policy.identifier);
    if (other === undefined) {
      latest.set(policy.identifier, policy);
    } else if (other !== policy) {
      shared ??= new Map();
      const versions = shared.get(policy.identifier);
      if (versions === undefined) shared.set(policy.identifier, [other, policy]);
      else versions.push(policy);
    }
  }

  const inForce: Policy[] = [];
  const lapsed: Policy[] = [];
  const contested: (readonly Policy[])[] = [];
  for (const policy of latest.values()) {
    const versions = shared?.get(policy.identifier);
    if (versions === undefined) {
      (stands(policy) ? inForce : lapsed).push(policy);
      continue;
    }
    const last = versions.reduce((a, b) => (b.version > a.version ? b : a));
    if (!versions.every((version) => version === last || replaces(last, version))) {
      contested.push(versions);
      continue;
    }
    for (const version of versions) (version === last && stands(version) ? inForce : lapsed).push(version);
  }
  return { inForce, lapsed, contested };
}

function stands(policy: Policy): boolean {
  return policy.status === 'active' && policy.withdrawnAtLeaf === undefined;
}

/** Both orders must agree: with equal or crossing ones nobody can say which the patient meant last. */
function replaces(later: Policy, earlier: Policy): boolean {
  return later.version > earlier.version && later.dateTimeMs > earlier.dateTimeMs;
}
