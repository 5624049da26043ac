/** A patient's consents, as the custodian keeps them. */
import type { Consent } from 'fhir/r4.js';
import type { Policy } from '../../../ledger/consent/index.js';
import { bundledConsent, obligationWords, parseJson, purposeWords } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import { ownerOfRow, patientNamed } from '../proofs/subject.js';

export interface ListedConsent {
  readonly handle: string;
  readonly state: 'in force' | 'withdrawn' | 'replaced' | 'ended' | 'not begun';
  readonly signedAt: string;
  readonly type: 'permit' | 'deny';
  /** References; empty: anybody. */
  readonly recipients: readonly string[];
  readonly purposes: readonly string[];
  readonly actions: readonly string[];
  readonly obligations: readonly string[];
  /** Exceptions at any depth. */
  readonly exceptions: number;
  readonly endsAt?: string;
  readonly identifier: string;
}

export interface ShownConsent extends ListedConsent {
  readonly document: Consent;
}

/**
 * A patient's consents, the latest first.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_USAGE as `patientNamed` does.
 */
export async function listConsents(
  instance: Instance,
  { patient, source }: { readonly patient: string; readonly source?: string },
): Promise<ListedConsent[]> {
  const subject = await patientNamed(instance, patient, source);
  const { policies } = await instance.consents.policies(subject);
  const now = instance.nowMs();
  return policies
    .filter(({ layer }) => layer === 'patient')
    .toSorted((a, b) => b.version - a.version)
    .map((policy) => listed(policy, policies, now));
}

/** One consent with its document. @throws AdapterError ADAPTER_NOT_FOUND */
export async function showConsent(instance: Instance, handle: string): Promise<ShownConsent> {
  const subject = /^[A-Za-z0-9_-]{43}$/.test(handle)
    ? await ownerOfRow(instance, 'consent/', handle)
    : undefined;
  if (subject === undefined) throw notFound();
  const { policies } = await instance.consents.policies(subject);
  const policy = policies.find((one) => one.handle === handle);
  const kept = (await instance.consents.documents(subject.key)).find(
    (one) => one.handle === handle && one.type === 'consent.signed',
  );
  const document = kept === undefined ? undefined : bundledConsent(parseJson(kept.bytes));
  if (policy === undefined || document === undefined) throw notFound();
  return { ...listed(policy, policies, instance.nowMs()), document };
}

function listed(policy: Policy, policies: readonly Policy[], nowMs: number): ListedConsent {
  const { handle, identifier, root, dateTimeMs } = policy;
  const endMs = root.period?.endMs;
  return {
    handle,
    state: stateOf(policy, policies, nowMs),
    signedAt: new Date(dateTimeMs).toISOString(),
    type: root.type,
    recipients: (root.actors ?? []).map(({ reference, roles }) => reference ?? roles?.join(' or ') ?? '?'),
    purposes: (root.purposes ?? []).map(purposeWords),
    actions: root.actions ?? [],
    obligations: (root.obligations ?? []).map(obligationWords),
    exceptions: countWithin(root) - 1,
    ...(endMs === undefined ? {} : { endsAt: new Date(endMs).toISOString() }),
    identifier,
  };
}

function stateOf(policy: Policy, policies: readonly Policy[], nowMs: number): ListedConsent['state'] {
  const { identifier, version, root } = policy;
  if (policies.some((one) => one.identifier === identifier && one.version > version)) return 'replaced';
  if (policy.status !== 'active' || policy.withdrawnAtLeaf !== undefined) return 'withdrawn';
  if ((root.period?.endMs ?? Infinity) < nowMs) return 'ended';
  return (root.period?.startMs ?? -Infinity) > nowMs ? 'not begun' : 'in force';
}

function countWithin({ provisions }: Policy['root']): number {
  return 1 + provisions.reduce((sum, one) => sum + countWithin(one), 0);
}

function notFound(): AdapterError {
  return new AdapterError('ADAPTER_NOT_FOUND', 'no such consent is kept here');
}
