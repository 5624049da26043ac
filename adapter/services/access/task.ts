/**
 * A request as a FHIR Task: who asks, whose record, of which custodian, and as inputs what for, which types, which time and
 * why. The Task is the document that the requester signs.
 *
 * @see HL7 FHIR R4, Task
 */
import type { Task, TaskInput } from 'fhir/r4.js';
import { ACCESS_CODES, ACCESS_TASK } from '../../http/contract/index.js';
import { isJsonObject, isRecordType, parseJson } from '../../../mappings/index.js';
import { purposeCode } from '../tokens/index.js';
import { timeOf, unfit } from '../exceptional/documents.js';

/** What a request asks for. */
export interface AskedAccess {
  /** `Patient/…` at the facade. */
  readonly patient: string;
  /** Id of the requester's organisation. */
  readonly requester: string;
  /** Id of the custodian. */
  readonly custodian: string;
  /** v3-ActReason code. */
  readonly purpose: string;
  readonly types: readonly string[];
  readonly startMs: number;
  readonly endMs: number;
  /** Free text; never on the log. */
  readonly reason: string;
  readonly authoredMs: number;
}

/** A Task with its signature: a detached JWS over its RFC 8785 form without `id` and `meta`. */
export interface SignedTask {
  readonly document: Task;
  readonly jws: string;
}

const TYPES_MAX = 100;
const REASON_CHARS_MAX = 1000;
/** Longer than a year is asked for anew. */
const PERIOD_MS_MAX = 366 * 86_400_000;
const PATIENT = /^Patient\/[A-Za-z0-9.-]{1,64}$/;
const ORGANISATION = /^Organization\/([A-Za-z0-9.-]{1,64})$/;
const MEMBERS = new Set([
  'resourceType',
  'identifier',
  'status',
  'intent',
  'code',
  'for',
  'authoredOn',
  'requester',
  'owner',
  'input',
]);

/** @throws AdapterError ADAPTER_UNPROCESSABLE naming the element that is at fault; MappingError for what is no JSON. */
export function readSignedTask(body: Buffer): SignedTask {
  const value = parseJson(body);
  const document = isJsonObject(value) ? value['document'] : undefined;
  const jws = isJsonObject(value) ? value['jws'] : undefined;
  if (!isJsonObject(document) || typeof jws !== 'string')
    throw unfit('send {"document": Task, "jws": …}', 'document');
  return { document: document as unknown as Task, jws };
}

/** What the Task asks for. @throws AdapterError ADAPTER_UNPROCESSABLE */
export function askedBy(task: Task): AskedAccess {
  if (task.resourceType !== 'Task') throw unfit('a request is a Task', 'Task');
  for (const name of Object.keys(task))
    if (!MEMBERS.has(name)) throw unfit('an element that is not known', `Task.${name.slice(0, 64)}`);
  const isRequest = task.code?.coding?.some(
    ({ system, code }) => system === ACCESS_CODES && code === ACCESS_TASK,
  );
  if (isRequest !== true) throw unfit(`the code is ${ACCESS_CODES}|${ACCESS_TASK}`, 'Task.code');
  if (task.status !== 'requested' || task.intent !== 'proposal')
    throw unfit('status requested, intent proposal', 'Task.status');
  const patient = task.for?.reference ?? '';
  if (!PATIENT.test(patient)) throw unfit('a Patient of this server', 'Task.for');
  const { start, end } = inputOf(task, 'period').valuePeriod ?? {};
  const [startMs, endMs] = [timeOf(start ?? ''), timeOf(end ?? '')];
  if (!(endMs > startMs) || endMs - startMs > PERIOD_MS_MAX)
    throw unfit('a period has a start and an end, at most a year apart', 'Task.input');
  const reason = inputOf(task, 'reason').valueString?.trim() ?? '';
  if (reason === '' || reason.length > REASON_CHARS_MAX)
    throw unfit(`say why, in up to ${REASON_CHARS_MAX} characters`, 'Task.input');
  const { system, code } = inputOf(task, 'purpose').valueCoding ?? {};
  const purpose = purposeCode(`${system ?? ''}|${code ?? ''}`);
  if (purpose === undefined) throw unfit('a purpose is a v3-ActReason code', 'Task.input');
  const authoredMs = timeOf(task.authoredOn ?? '');
  if (Number.isNaN(authoredMs)) throw unfit('an instant', 'Task.authoredOn');
  return {
    patient,
    requester: organisationOf(task.requester?.reference, 'Task.requester'),
    custodian: organisationOf(task.owner?.reference, 'Task.owner'),
    purpose,
    types: typesOf(task),
    startMs,
    endMs,
    reason,
    authoredMs,
  };
}

function typesOf(task: Task): string[] {
  const types = (task.input ?? [])
    .filter((input) => isInput(input, 'type'))
    .map(({ valueCode }) => valueCode ?? '');
  if (types.length === 0 || types.length > TYPES_MAX || !types.every((type) => isRecordType(type)))
    throw unfit('name the resource types', 'Task.input');
  return [...new Set(types)];
}

function inputOf(task: Task, code: string): TaskInput {
  const found = (task.input ?? []).filter((input) => isInput(input, code));
  const [input] = found;
  if (input === undefined || found.length > 1) throw unfit(`one input ${code}`, 'Task.input');
  return input;
}

function isInput({ type }: TaskInput, code: string): boolean {
  return type.coding?.some((coding) => coding.system === ACCESS_CODES && coding.code === code) === true;
}

function organisationOf(reference: string | undefined, path: string): string {
  const id = ORGANISATION.exec(reference ?? '')?.[1];
  if (id === undefined) throw unfit('an Organization', path);
  return id;
}
