/** Access requests as their parties sign them. */
import { randomUUID } from 'node:crypto';
import type { Task } from 'fhir/r4.js';
import { ACCESS_CODES, ACCESS_TASK } from '../../adapter/http/contract/index.js';
import { DECISION_KIND, taskHashOf } from '../../adapter/services/access/index.js';
import type { DecisionDocument } from '../../adapter/services/access/index.js';
import { signDocument } from '../../ledger/consent/index.js';
import type { JsonObject } from '../../ledger/log/index.js';
import type { Signer } from './session.js';

/** What a request asks for. */
export interface Asking {
  /** `Patient/…` */
  readonly patient: string;
  /** Id of the custodian. */
  readonly custodian: string;
  readonly purpose: string;
  readonly types?: readonly string[];
  readonly reason?: string;
  readonly start?: Date;
  readonly end?: Date;
}

function input(code: string): { type: { coding: { system: string; code: string }[] } } {
  return { type: { coding: [{ system: ACCESS_CODES, code }] } };
}

export function taskOf(requester: { readonly id: string }, asking: Asking): Task {
  const { patient, custodian, purpose, types = ['Observation'], reason = 'Study 7' } = asking;
  const start = asking.start ?? new Date(Date.now() - 60_000);
  const end = asking.end ?? new Date(Date.now() + 86_400_000);
  return {
    resourceType: 'Task',
    identifier: [{ system: 'urn:ietf:rfc:3986', value: `urn:uuid:${randomUUID()}` }],
    status: 'requested',
    intent: 'proposal',
    code: { coding: [{ system: ACCESS_CODES, code: ACCESS_TASK }] },
    for: { reference: patient },
    authoredOn: new Date().toISOString(),
    requester: { reference: `Organization/${requester.id}` },
    owner: { reference: `Organization/${custodian}` },
    input: [
      {
        ...input('purpose'),
        valueCoding: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: purpose },
      },
      ...types.map((valueCode) => ({ ...input('type'), valueCode })),
      { ...input('period'), valuePeriod: { start: start.toISOString(), end: end.toISOString() } },
      { ...input('reason'), valueString: reason },
    ],
  };
}

export function signedTask(signer: Signer, task: Task): Buffer {
  const jws = signDocument(task as unknown as JsonObject, signer.seed, signer.fingerprint);
  return Buffer.from(JSON.stringify({ document: task, jws }));
}

export function signedDecision(
  signer: Signer,
  log: string,
  request: { readonly id: string; readonly task: Task },
  more: Pick<DecisionDocument, 'outcome'> & Partial<DecisionDocument>,
): Buffer {
  const document: DecisionDocument = {
    kind: DECISION_KIND,
    log,
    signer: signer.participant,
    at: new Date().toISOString(),
    request: request.id,
    task: taskHashOf(request.task as unknown as JsonObject),
    ...more,
  };
  const jws = signDocument(document as unknown as JsonObject, signer.seed, signer.fingerprint);
  return Buffer.from(JSON.stringify({ document, jws }));
}
