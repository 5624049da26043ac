/** A request to read one patient's record, as a FHIR Task that the requester signs. */
import { ACCESS_CODES, ACCESS_TASK } from '../../../adapter/http/contract/index.js';
import type { Task, TaskInput } from 'fhir/r4.js';
import { askToEnd } from '../session/ask.js';
import { detachedJws, documentBytes } from '../wallet/detached-jws.js';
import { fingerprintOf } from '../wallet/wallet.js';
import type { Wallet } from '../wallet/wallet.js';

/** What the form asks for. */
export interface Asking {
  /** `Patient/…` */
  readonly patient: string;
  /** Id of the hospital that keeps the record. */
  readonly hospital: string;
  /** v3-ActReason code. */
  readonly purpose: string;
  readonly types: readonly string[];
  /** Last day, `YYYY-MM-DD`. */
  readonly until: string;
  readonly reason: string;
}

const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason';

/** What each group asks for, the usual one first; the server knows more. */
export const ASKED_PURPOSES = {
  provider: ['TREAT'],
  authority: ['HRESCH', 'PUBHLTH'],
  payer: ['CLMATTCH', 'HPAYMT'],
} as const;

/** Types of records that are of use to all. */
const ASKED_TYPES = [
  'Condition',
  'Encounter',
  'Procedure',
  'MedicationRequest',
  'Observation',
  'DiagnosticReport',
  'AllergyIntolerance',
  'Immunization',
  'DocumentReference',
] as const;

/** Types of records that the form offers. Who was not let ask about claims has none compared with the record. */
export function askedTypes(group: keyof typeof ASKED_PURPOSES): readonly string[] {
  return group === 'payer' ? ['Claim', ...ASKED_TYPES] : ASKED_TYPES;
}

function input(code: string, value: Omit<TaskInput, 'type'>): TaskInput {
  return { type: { coding: [{ system: ACCESS_CODES, code }] }, ...value };
}

function taskOf(requester: string, asking: Asking): Task {
  const now = new Date().toISOString();
  return {
    resourceType: 'Task',
    identifier: [{ system: 'urn:ietf:rfc:3986', value: `urn:uuid:${crypto.randomUUID()}` }],
    status: 'requested',
    intent: 'proposal',
    code: { coding: [{ system: ACCESS_CODES, code: ACCESS_TASK }] },
    for: { reference: asking.patient },
    authoredOn: now,
    requester: { reference: `Organization/${requester}` },
    owner: { reference: `Organization/${asking.hospital}` },
    input: [
      input('purpose', { valueCoding: { system: ACT_REASON, code: asking.purpose } }),
      ...asking.types.map((valueCode) => input('type', { valueCode })),
      input('period', { valuePeriod: { start: now, end: `${asking.until}T23:59:59Z` } }),
      input('reason', { valueString: asking.reason }),
    ],
  };
}

/** Signs and sends. @throws Refusal */
export async function askForAccess(wallet: Wallet, asking: Asking): Promise<void> {
  const document = taskOf(wallet.certificate?.id ?? '', asking);
  const jws = detachedJws(wallet.keys, fingerprintOf(wallet) ?? '', documentBytes(document));
  await askToEnd('/requests', { method: 'POST', body: JSON.stringify({ document, jws }) });
}
