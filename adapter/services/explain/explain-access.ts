/**
 * Why a requester sees a patient's records or not, and what would change if the patient signed something: judged by the
 * same rules as a reading, and nothing is opened or shown.
 */
import type { Consent } from 'fhir/r4.js';
import { ACTIONS, selfPolicy } from '../../../ledger/consent/index.js';
import type { Action, Policy } from '../../../ledger/consent/index.js';
import { compileConsent, explainDecision } from '../../../mappings/index.js';
import type { Explanation } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';
import { OWN_SOURCE } from '../permitted-records.js';
import { patientNamed } from '../proofs/subject.js';
import { purposeCode, purposeCoding } from '../tokens/purpose.js';

export interface ExplainArgs {
  /** Id at the source or at the facade. */
  readonly patient: string;
  /** The source, where several have such a patient. */
  readonly source?: string;
  /** A client's id, a reference such as `Organization/x`, or `patient` for the patient. */
  readonly requester: string;
  /** A code of v3-ActReason. */
  readonly purpose: string;
  /** Default: access. */
  readonly action?: string;
  /** `Type/id` at the facade or at the source; absent: all current records. */
  readonly record?: string;
  /** A Consent that the patient might sign, not signed: what then? */
  readonly unsigned?: unknown;
  /** Or the policies that an approval would be. */
  readonly unsignedPolicies?: readonly Policy[];
}

export interface ExplainedRecord extends Explanation {
  /** `Type/id` at the facade. */
  readonly reference: string;
}

/** What would be so if the patient signed. */
export interface IfSigned {
  readonly visible: number;
  /** References that the requester would see and does not now. */
  readonly gained: readonly string[];
  /** References that the requester sees now and would not. */
  readonly lost: readonly string[];
  /** Records that would be seen with other parts taken out than now. */
  readonly changed: readonly string[];
  readonly records: readonly ExplainedRecord[];
}

export interface ExplainedAccess {
  /** `Patient/id` at the facade. */
  readonly patient: string;
  readonly requester: string;
  readonly purpose: string;
  readonly action: Action;
  readonly visible: number;
  readonly records: readonly ExplainedRecord[];
  readonly ifSigned?: IfSigned;
}

/** No log has as many leaves: what would be signed comes after all there is. */
const LAST = Number.MAX_SAFE_INTEGER;
const UNSIGNED_HANDLE = 'not-signed';

/**
 * Explains what a requester may see of a patient now.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND for a patient or record that is not kept here, ADAPTER_USAGE for a purpose or an
 * action that is none, ADAPTER_UNPROCESSABLE for a Consent that would not be taken, naming the element.
 */
export async function explainAccess(instance: Instance, args: ExplainArgs): Promise<ExplainedAccess> {
  const action = ACTIONS.find((one) => one === (args.action ?? 'access'));
  if (action === undefined)
    throw new AdapterError('ADAPTER_USAGE', `an action is one of ${ACTIONS.join(', ')}`);
  const code = purposeCode(args.purpose);
  if (code === undefined)
    throw new AdapterError('ADAPTER_USAGE', 'a purpose is a code of v3-ActReason, such as TREAT');
  const subject = await patientNamed(instance, args.patient, args.source);
  const { policies } = await instance.consents.policies(subject);
  const references = referencesOf(instance, subject, args.requester);
  const now = instance.nowMs();
  const all = [...policies, ...selfOf(subject)];
  const asked = { references, action, purpose: purposeCoding(code), record: args.record };
  const records = await judged(instance, subject, all, asked, now);
  if (args.record !== undefined && records.length === 0)
    throw new AdapterError('ADAPTER_NOT_FOUND', 'this patient has no such current record here');
  const more = [
    ...(args.unsigned === undefined ? [] : [ifSigned(subject, all, args.unsigned, now)]),
    ...(args.unsignedPolicies ?? []),
  ];
  const then = more.length === 0 ? undefined : await judged(instance, subject, [...all, ...more], asked, now);
  return {
    patient: `Patient/${subject.facadeId}`,
    requester: references[0] ?? args.requester,
    purpose: code,
    action,
    visible: visibleOf(records),
    records,
    ...(then === undefined ? {} : { ifSigned: compared(records, then) }),
  };
}

interface Asked {
  readonly references: readonly string[];
  readonly action: Action;
  readonly purpose: string;
  readonly record: string | undefined;
}

/** All current records, or the one that is named, each judged by itself. */
async function judged(
  instance: Instance,
  subject: Subject,
  policies: readonly Policy[],
  { references, action, purpose, record }: Asked,
  nowMs: number,
): Promise<ExplainedRecord[]> {
  const { records, store, clients } = instance;
  const nameOf = (reference: string): string | undefined =>
    reference === `Patient/${subject.facadeId}`
      ? 'the patient'
      : (clients.get(reference.replace(/^Organization\//, ''))?.name ??
        instance.sources.list().find(({ custodian }) => reference === `Organization/${custodian.id}`)
          ?.custodian.name);
  const found: ExplainedRecord[] = [];
  for await (const { handle, card } of records.cards(store, subject)) {
    const { gate, source } = card;
    if (source === OWN_SOURCE) continue;
    const key = records.resourceKey(source, gate.type, gate.id);
    const state = records.state({ get: (name) => store.getSync(name) }, key);
    if (state?.status !== 'current' || state.handle !== handle) continue;
    const reference = `${gate.type}/${records.facadeId(source, gate.type, gate.id)}`;
    if (record !== undefined && record !== reference && record !== `${gate.type}/${gate.id}`) continue;
    const request = {
      subject: subject.key,
      actor: { references },
      action,
      purposes: [purpose],
      resource: { ...gate, labels: gate.labels, references: [reference] },
    };
    found.push({ reference, ...explainDecision(request, policies, nowMs, nameOf) });
  }
  return found.toSorted((a, b) => (a.reference < b.reference ? -1 : 1));
}

/** By what names a requester is known to the policies: as at the facade. */
function referencesOf({ clients, sources }: Instance, subject: Subject, requester: string): string[] {
  if (requester === 'patient') return [`Patient/${subject.facadeId}`];
  const id = requester.replace(/^Organization\//, '');
  const client = clients.get(id);
  const reference = /^[A-Z][A-Za-z]+\//.test(requester) ? requester : `Organization/${requester}`;
  const custodian = client?.source === subject.source ? sources.get(subject.source)?.custodian.id : undefined;
  return custodian === undefined ? [reference] : [reference, `Organization/${custodian}`];
}

function selfOf({ wallet, key, facadeId }: Subject): Policy[] {
  if (wallet === undefined) return [];
  return [
    selfPolicy({
      handle: wallet.participant,
      version: 1,
      dateTimeMs: 0,
      subject: key,
      references: [`Patient/${facadeId}`],
    }),
  ];
}

/** The policy that a Consent would be, signed now. */
function ifSigned(subject: Subject, policies: readonly Policy[], document: unknown, nowMs: number): Policy {
  const compiled = compileConsent(document as Consent, {
    handle: UNSIGNED_HANDLE,
    version: LAST,
    subject: subject.key,
    layer: 'patient',
    nowMs,
    patientReference: `Patient/${subject.facadeId}`,
  });
  if (!compiled.ok) throw unprocessable(compiled.code, compiled.expression);
  const { policy } = compiled;
  const later = policies.some(
    (one) => one.identifier === policy.identifier && one.dateTimeMs >= policy.dateTimeMs,
  );
  if (later) throw unprocessable('a version as late is signed already', 'Consent.dateTime');
  return policy;
}

function compared(now: readonly ExplainedRecord[], then: readonly ExplainedRecord[]): IfSigned {
  const before = new Map(now.map((one) => [one.reference, one]));
  const gained: string[] = [];
  const lost: string[] = [];
  const changed: string[] = [];
  for (const { reference, outcome, obligations } of then) {
    const was = before.get(reference);
    if (was?.outcome === outcome) {
      if (JSON.stringify(was.obligations) !== JSON.stringify(obligations)) changed.push(reference);
    } else if (outcome === 'permit') gained.push(reference);
    else if (was !== undefined) lost.push(reference);
  }
  return { visible: visibleOf(then), gained, lost, changed, records: then };
}

function visibleOf(records: readonly ExplainedRecord[]): number {
  return records.filter(({ outcome }) => outcome === 'permit').length;
}

function unprocessable(what: string, expression: string): AdapterError {
  return new AdapterError(
    'ADAPTER_UNPROCESSABLE',
    `the consent would not be taken: ${what} at ${expression}`,
    {
      expression,
    },
  );
}
