/** A patient's word on requests that are yet to come: signed documents of their own kinds. */
import { ACCESS_RULE_END_KIND, ACCESS_RULE_KIND } from '../../http/contract/index.js';
import type { AccessRuleDocument, AccessRuleEndDocument } from '../../http/contract/index.js';
import { isJsonObject, isRecordType, parseJson } from '../../../mappings/index.js';
import { timeOf, unfit } from '../exceptional/documents.js';
import { purposeCode } from '../tokens/index.js';

export interface SignedRule<D> {
  readonly document: D;
  readonly jws: string;
}

const GROUPS = ['provider', 'authority', 'payer'];
const PATIENT = /^Patient\/[A-Za-z0-9.-]{1,64}$/;
const ORGANISATION = /^[A-Za-z0-9.-]{1,64}$/;
const TEXT_CHARS_MAX = 1000;
const TYPES_MAX = 100;
/** Leave that is given in advance is given anew each year. */
const ALLOWED_MS_MAX = 366 * 86_400_000;

const RULE_MEMBERS = new Set([
  'kind',
  'log',
  'signer',
  'at',
  'patient',
  'answer',
  'group',
  'requester',
  'purpose',
  'types',
  'until',
]);
const END_MEMBERS = new Set(['kind', 'log', 'signer', 'at', 'patient', 'rule']);

/**
 * Reads a rule, or the end of one.
 *
 * @param body - JSON `{document, jws}`.
 * @throws AdapterError ADAPTER_UNPROCESSABLE naming the member that is at fault; MappingError for what is no JSON.
 */
export function readRule(body: Buffer): SignedRule<AccessRuleDocument | AccessRuleEndDocument> {
  const value = parseJson(body);
  const document = isJsonObject(value) ? value['document'] : undefined;
  const jws = isJsonObject(value) ? value['jws'] : undefined;
  if (!isJsonObject(document) || typeof jws !== 'string')
    throw unfit('send {"document": …, "jws": …}', 'document');
  const isEnd = document['kind'] === ACCESS_RULE_END_KIND;
  if (!isEnd && document['kind'] !== ACCESS_RULE_KIND)
    throw unfit(`the kind is “${ACCESS_RULE_KIND}” or “${ACCESS_RULE_END_KIND}”`, 'document.kind');
  const members = isEnd ? END_MEMBERS : RULE_MEMBERS;
  for (const name of Object.keys(document))
    if (!members.has(name)) throw unfit('a member that is not known', `document.${name.slice(0, 64)}`);
  for (const name of ['log', 'signer', 'at', 'patient', isEnd ? 'rule' : 'answer'] as const) {
    const text: unknown = document[name];
    if (typeof text !== 'string' || text === '' || text.length > TEXT_CHARS_MAX)
      throw unfit(`${name} is missing or too long`, `document.${name}`);
  }
  const known = document as unknown as AccessRuleDocument | AccessRuleEndDocument;
  if (!PATIENT.test(known.patient)) throw unfit('a Patient of this server', 'document.patient');
  if (known.kind === ACCESS_RULE_KIND) requireRule(known);
  return { document: known, jws };
}

/** Refusing may be wide and without end; leave names one requester, one purpose, what, and an end. */
function requireRule({ answer, group, requester, purpose, types, until, at }: AccessRuleDocument): void {
  if (answer !== 'refuse' && answer !== 'allow')
    throw unfit('the answer is refuse or allow', 'document.answer');
  if ((group === undefined) === (requester === undefined))
    throw unfit('either a group or one requester', 'document.requester');
  if (group !== undefined && !GROUPS.includes(group))
    throw unfit(`a group is one of ${GROUPS.join(', ')}`, 'document.group');
  if (requester !== undefined && (typeof requester !== 'string' || !ORGANISATION.test(requester)))
    throw unfit('the id of an organisation', 'document.requester');
  if (purpose !== undefined && (typeof purpose !== 'string' || purposeCode(purpose) !== purpose))
    throw unfit('a purpose is a v3-ActReason code', 'document.purpose');
  if (types !== undefined && !areTypes(types)) throw unfit('types are resource types', 'document.types');
  const isText = until === undefined || typeof until === 'string';
  const untilMs = until === undefined ? undefined : isText ? timeOf(until) : Number.NaN;
  if (untilMs !== undefined && !(untilMs > timeOf(at)))
    throw unfit('until is a later instant', 'document.until');
  if (answer === 'refuse') {
    if (types !== undefined) throw unfit('a refusal is of all types', 'document.types');
    return;
  }
  if (requester === undefined) throw unfit('leave is given to one requester', 'document.requester');
  if (purpose === undefined) throw unfit('leave is given for one purpose', 'document.purpose');
  if (types === undefined) throw unfit('leave names the types', 'document.types');
  if (untilMs === undefined || untilMs - timeOf(at) > ALLOWED_MS_MAX)
    throw unfit('leave has an end, at most a year ahead', 'document.until');
}

function areTypes(types: unknown): boolean {
  return (
    Array.isArray(types) &&
    types.length > 0 &&
    types.length <= TYPES_MAX &&
    types.every((type) => typeof type === 'string' && isRecordType(type))
  );
}
