/** A patient's current records as the gate lets them through for a purpose, each judged by itself before it is opened. */
import { decide } from '../../ledger/consent/index.js';
import type { Decision, Permitted } from '../../ledger/consent/index.js';
import { openPermitted } from '../../ledger/custody/index.js';
import { isLargeRow } from '../../ledger/vault/index.js';
import { carryOut, parseJson } from '../../mappings/index.js';
import type { PolicySet } from '../instance/consents.js';
import type { Instance } from '../instance/instance.js';
import type { RecordCardData } from '../instance/records.js';
import type { Subject } from '../instance/subjects.js';

/** The source name under which our own resources are kept. */
export const OWN_SOURCE = 'firebreak';

/** The class of a resource type, as consents name it. */
export const RISK_ASSESSMENT_CLASS = 'http://hl7.org/fhir/resource-types|RiskAssessment';

export interface PermittedRecord {
  /** Of the record's version. */
  readonly handle: string;
  readonly card: RecordCardData;
  readonly resource: unknown;
}

/**
 * Some versions of a patient's records, current or not, opened again where that is permitted still: what a model was
 * fitted on is judged as if it were asked for the first time.
 *
 * @param handles - Of the versions.
 * @returns `erased` where one is no more, `not-permitted` where one may not be used any more.
 */
export async function permittedVersions(
  instance: Instance,
  subject: Subject,
  purpose: string,
  handles: readonly string[],
): Promise<unknown[] | 'erased' | 'not-permitted'> {
  const policies = await instance.consents.policies(subject);
  const nowMs = instance.nowMs();
  const resources: unknown[] = [];
  for (const handle of handles) {
    const value = instance.store.getSync(instance.records.rowKey(subject.key, handle));
    if (value === undefined) return 'erased';
    const { version, row, card } = instance.records.opened(subject, handle, value);
    const answer = judge(instance, subject, policies, purpose, nowMs, card.gate);
    if (answer.outcome !== 'permit' || isLargeRow(row)) return 'not-permitted';
    const name = { recordKey: subject.recordKey, instance: instance.records.instance, handle, version, row };
    resources.push(parseJson(openPermitted(answer.permit, subject.key, name, carryOut).plaintext));
  }
  return resources;
}

/** Whether all of these versions of a patient's records are kept and may be used for a purpose; nothing is opened. */
export async function mayUseVersions(
  instance: Instance,
  subject: Subject,
  purpose: string,
  handles: readonly string[],
): Promise<boolean> {
  const policies = await instance.consents.policies(subject);
  const nowMs = instance.nowMs();
  return handles.every((handle) => {
    const value = instance.store.getSync(instance.records.rowKey(subject.key, handle));
    if (value === undefined) return false;
    const { card } = instance.records.opened(subject, handle, value);
    return judge(instance, subject, policies, purpose, nowMs, card.gate).outcome === 'permit';
  });
}

/**
 * A patient's current records that may be used for a purpose, each judged by itself before it is opened.
 *
 * @returns Also the answer for the patient's own resource, which stands for making a new record of this kind.
 */
export async function permittedRecords(
  instance: Instance,
  subject: Subject,
  purpose: string,
): Promise<{ resources: PermittedRecord[]; permits: Permitted[]; decision: Decision; epoch: number }> {
  const policies = await instance.consents.policies(subject);
  const nowMs = instance.nowMs();
  const decision = judge(instance, subject, policies, purpose, nowMs, {
    type: 'RiskAssessment',
    id: 'new',
    classes: [RISK_ASSESSMENT_CLASS],
    codes: [],
  });
  const resources: PermittedRecord[] = [];
  const permits: Permitted[] = [];
  for await (const { handle, version, row, card } of instance.records.cards(instance.store, subject)) {
    if (card.source === OWN_SOURCE || !isCurrent(instance, card, handle)) continue;
    const answer = judge(instance, subject, policies, purpose, nowMs, card.gate);
    // What lies in a file is an image, and nothing that is reckoned with.
    if (answer.outcome !== 'permit' || isLargeRow(row)) continue;
    if (card.contentType !== undefined && answer.obligations.length > 0) continue;
    permits.push(answer.permit);
    const name = { recordKey: subject.recordKey, instance: instance.records.instance, handle, version, row };
    const { plaintext } = openPermitted(answer.permit, subject.key, name, carryOut);
    resources.push({ handle, card, resource: parseJson(plaintext) });
  }
  return { resources, permits, decision, epoch: policies.epoch };
}

function judge(
  instance: Instance,
  subject: Subject,
  { policies }: PolicySet,
  purpose: string,
  nowMs: number,
  gate: RecordCardData['gate'],
): Decision {
  return decide(
    {
      subject: subject.key,
      actor: { references: [`Organization/${instance.organisation.id}`, ...custodianOf(instance, subject)] },
      action: 'use',
      purposes: [purpose],
      resource: { ...gate, labels: gate.labels },
    },
    policies,
    nowMs,
  );
}

/** For care the instance acts for the hospital. */
function custodianOf(instance: Instance, subject: Subject): string[] {
  const custodian = instance.sources.get(subject.source)?.custodian.id;
  return custodian === undefined ? [] : [`Organization/${custodian}`];
}

function isCurrent(instance: Instance, card: RecordCardData, handle: string): boolean {
  const key = instance.records.resourceKey(card.source, card.gate.type, card.gate.id);
  const state = instance.records.state({ get: (name) => instance.store.getSync(name) }, key);
  return state?.status === 'current' && state.handle === handle;
}
