/** What custodian, patient and requester say of a request: a signed document of its own kind. */
import { isJsonObject, isRecordType, parseJson } from '../../../mappings/index.js';
import { timeOf, unfit } from '../exceptional/documents.js';

export const DECISION_KIND = 'firebreak access decision';

export interface DecisionDocument {
  readonly kind: typeof DECISION_KIND;
  /** Origin of the instance's log. */
  readonly log: string;
  /** Handle or id of who signs. */
  readonly signer: string;
  /** When, ISO 8601; it is taken within two minutes. */
  readonly at: string;
  /** Handle of the request. */
  readonly request: string;
  /** Hash of the Task as it was signed, base64url SHA-256: another request is not what was decided on. */
  readonly task: string;
  readonly outcome: 'approved' | 'refused' | 'ended';
  /** Of what is asked for, only these types. */
  readonly types?: readonly string[];
  /** Ends sooner than asked for, ISO 8601. */
  readonly until?: string;
}

export interface SignedDecision {
  readonly document: DecisionDocument;
  readonly jws: string;
}

const TEXTS = ['kind', 'log', 'signer', 'at', 'request', 'task', 'outcome'] as const;
const OUTCOMES = ['approved', 'refused', 'ended'] as const;
const TEXT_CHARS_MAX = 1000;
const TYPES_MAX = 100;

/** @throws AdapterError ADAPTER_UNPROCESSABLE naming the member that is at fault; MappingError for what is no JSON. */
export function readDecision(body: Buffer): SignedDecision {
  const value = parseJson(body);
  const document = isJsonObject(value) ? value['document'] : undefined;
  const jws = isJsonObject(value) ? value['jws'] : undefined;
  if (!isJsonObject(document) || typeof jws !== 'string')
    throw unfit('send {"document": …, "jws": …}', 'document');
  for (const name of TEXTS) {
    const text: unknown = document[name];
    if (typeof text !== 'string' || text === '' || text.length > TEXT_CHARS_MAX)
      throw unfit(`${name} is missing or too long`, `document.${name}`);
  }
  if (document['kind'] !== DECISION_KIND) throw unfit(`the kind is “${DECISION_KIND}”`, 'document.kind');
  if (!OUTCOMES.some((one) => one === document['outcome']))
    throw unfit('the outcome is approved, refused or ended', 'document.outcome');
  const { types, until } = document;
  const areTypes =
    types === undefined ||
    (Array.isArray(types) &&
      types.length > 0 &&
      types.length <= TYPES_MAX &&
      types.every((type) => typeof type === 'string' && isRecordType(type)));
  if (!areTypes) throw unfit('types are resource types', 'document.types');
  const isUntil = until === undefined || (typeof until === 'string' && !Number.isNaN(timeOf(until)));
  if (!isUntil) throw unfit('until is an instant', 'document.until');
  const isNarrowing = types !== undefined || until !== undefined;
  if (isNarrowing && document['outcome'] !== 'approved')
    throw unfit('only an approval is narrowed', 'document.outcome');
  const known = new Set<string>([...TEXTS, 'types', 'until']);
  for (const name of Object.keys(document))
    if (!known.has(name)) throw unfit('a member that is not known', `document.${name.slice(0, 64)}`);
  return { document: document as unknown as DecisionDocument, jws };
}
