/**
 * Leave to show something of a patient in a proof file: a permit of the gate, and a receipt on the log before anything
 * leaves. What a patient has signed, and the list of the own entries, is shown for the patient alone: the permit is
 * the patient's own reach (kind `self`), whoever at the custodian asks for the file.
 */
import { decide, selfPolicy } from '../../../ledger/consent/index.js';
import type { AccessRequest, Permitted } from '../../../ledger/consent/index.js';
import { consentStanding, consentStatusWrite } from '../../../ledger/custody/index.js';
import { RESOURCE_TYPES_SYSTEM } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';
import { discloseTo } from '../disclosure.js';

/** A permit, and the epoch of the patient's consents that it was decided at. */
export interface Leave {
  readonly permit: Permitted;
  readonly epoch: number;
}

/** As whom a record is shown, and what that stands on. */
export interface Reader {
  readonly handle: string;
  readonly reference: string;
}

/** Purposes without a system are codes of this one. */
export const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|';
/** The patient asked for it. */
const PATIENT_REQUEST = `${ACT_REASON}PATRQT`;
/** An enrolment stands for the patient's own reach in this one version. */
const SELF_VERSION = 1;

/**
 * Decides a request by the patient's consents and the custodian's.
 *
 * @param request - Without its subject.
 * @throws AdapterError ADAPTER_FORBIDDEN
 */
export async function askLeave(
  instance: Instance,
  subject: Subject,
  request: Omit<AccessRequest, 'subject'>,
): Promise<Leave> {
  const { policies, epoch } = await instance.consents.policies(subject);
  const decision = decide({ ...request, subject: subject.key }, policies, instance.nowMs());
  // Altered bytes prove nothing, and unaltered ones the permit does not allow.
  if (decision.outcome === 'permit' && decision.obligations.length > 0)
    throw new AdapterError(
      'ADAPTER_FORBIDDEN',
      'it may be shown only with parts taken out, so not in a proof',
    );
  if (decision.outcome === 'permit') return { permit: decision.permit, epoch };
  throw new AdapterError('ADAPTER_FORBIDDEN', `it may not be shown: ${decision.reason}`);
}

/**
 * Shows something of the patient's own to the patient: decided, and on the log, when this resolves.
 *
 * @param type - Resource type of what is shown.
 * @param shown - Says in the receipt what is shown.
 * @param reader - A representative in the patient's place.
 * @throws AdapterError ADAPTER_FORBIDDEN for a patient without a wallet, to whom nothing can be handed; as
 * {@link writeReceipt} does.
 */
export async function showToPatient(
  instance: Instance,
  subject: Subject,
  type: string,
  shown: Readonly<Record<string, string>>,
  reader?: Reader,
): Promise<void> {
  const { wallet } = subject;
  const patient = `Patient/${subject.facadeId}`;
  const own = wallet === undefined ? undefined : { handle: wallet.participant, reference: patient };
  const by = reader ?? own;
  if (by === undefined)
    throw new AdapterError(
      'ADAPTER_FORBIDDEN',
      'the patient has no wallet here, so there is nobody to show it to',
    );
  const { handle, reference: to } = by;
  await standFor(instance, handle);
  const self = selfPolicy({
    handle,
    version: SELF_VERSION,
    dateTimeMs: 0,
    subject: subject.key,
    references: [to],
  });
  const { policies, epoch } = await instance.consents.policies(subject);
  const decision = decide(
    {
      subject: subject.key,
      actor: { references: [to] },
      action: 'access',
      purposes: [PATIENT_REQUEST],
      resource: { type, classes: [`${RESOURCE_TYPES_SYSTEM}|${type}`], codes: [], labels: undefined },
    },
    [...policies, self],
    instance.nowMs(),
  );
  if (decision.outcome === 'deny')
    throw new AdapterError('ADAPTER_FORBIDDEN', `it may not be shown: ${decision.reason}`);
  await writeReceipt(
    instance,
    subject,
    { permit: decision.permit, epoch },
    {
      purpose: 'PATRQT',
      ...shown,
      to,
    },
  );
}

/** The sequencer knows an enrolment as standing from its first use on. */
async function standFor(instance: Instance, participant: string): Promise<void> {
  await instance.appender.writeRows((view) => ({
    writes:
      consentStanding(view, participant) === undefined
        ? [consentStatusWrite(participant, { version: SELF_VERSION, status: 'in-force' })]
        : [],
    value: undefined,
  }));
}

/** What a receipt says of a disclosure, beside its time and the consents it stands on. */
export interface Receipt extends Readonly<Record<string, string>> {
  readonly purpose: string;
  /** Reference of the recipient. */
  readonly to: string;
}

/**
 * Puts the receipt of a disclosure on the log, before anything leaves. A consent withdrawn meanwhile voids it.
 *
 * @throws AdapterError ADAPTER_FORBIDDEN; LedgerError when the log cannot take it, and then nothing is shown.
 */
export async function writeReceipt(
  instance: Instance,
  subject: Subject,
  { permit, epoch }: Leave,
  what: Receipt,
): Promise<void> {
  if (await discloseTo(instance, { subject, permits: [permit], epoch }, what)) return;
  throw new AdapterError('ADAPTER_FORBIDDEN', 'it may not be shown: the patient has signed meanwhile');
}

export { DISCLOSURE } from '../disclosure.js';
