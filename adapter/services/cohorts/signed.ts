/** Signed documents of cohorts: the requester's request, and what a custodian says to it. */
import { verifyDocument } from '../../../ledger/consent/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import type { Logger } from '../../logger.js';
import { presentOf } from '../ca/index.js';
import type { Certified, CertifiedRows } from '../ca/index.js';
import { unfit } from '../exceptional/documents.js';
import { notAllowed } from '../exceptional/signing.js';

export const COHORT_REQUEST_KIND = 'firebreak cohort request';
export const COHORT_DECISION_KIND = 'firebreak cohort decision';

export interface CohortDocument {
  readonly kind: typeof COHORT_REQUEST_KIND | typeof COHORT_DECISION_KIND;
  /** Origin of the instance's log. */
  readonly log: string;
  /** Handle or id of who signs. */
  readonly signer: string;
  /** When, ISO 8601; it is taken within two minutes. */
  readonly at: string;
  readonly cohort: string;
  /** The definition's hash: what is changed has to be asked for anew. */
  readonly definition: string;
  /** Of a decision. */
  readonly outcome?: 'approved' | 'refused' | 'ended';
}

export interface SignedCohortDocument {
  readonly document: CohortDocument;
  readonly jws: string;
}

const MEMBERS: readonly string[] = ['kind', 'log', 'signer', 'at', 'cohort', 'definition'];
const TEXT_CHARS_MAX = 512;
const OUTCOMES = ['approved', 'refused', 'ended'] as const;

/** @throws AdapterError ADAPTER_UNPROCESSABLE naming the member at fault; MappingError for what is no JSON. */
export function readCohortDocument(body: Buffer, kind: CohortDocument['kind']): SignedCohortDocument {
  const value = parseJson(body);
  const document = isJsonObject(value) ? value['document'] : undefined;
  const jws = isJsonObject(value) ? value['jws'] : undefined;
  if (!isJsonObject(document) || typeof jws !== 'string')
    throw unfit('send {"document": …, "jws": …}', 'document');
  if (document['kind'] !== kind) throw unfit(`the kind is “${kind}”`, 'document.kind');
  const isDecision = kind === COHORT_DECISION_KIND;
  for (const name of isDecision ? [...MEMBERS, 'outcome'] : MEMBERS) {
    const text: unknown = document[name];
    if (typeof text !== 'string' || text === '' || text.length > TEXT_CHARS_MAX)
      throw unfit(`${name} is missing, empty or too long`, `document.${name}`);
  }
  for (const name of Object.keys(document))
    if (!MEMBERS.includes(name) && !(isDecision && name === 'outcome'))
      throw unfit('a member that is not known', `document.${name.slice(0, 64)}`);
  if (isDecision && !OUTCOMES.some((one) => one === document['outcome']))
    throw unfit('approved, refused or ended', 'document.outcome');
  return { document: document as unknown as CohortDocument, jws };
}

export interface CohortSigner {
  readonly certified: Certified;
  readonly fingerprint: string;
  /** The organisation for which it speaks. */
  readonly organisation: Certified;
}

/** Who signed. @throws AdapterError ADAPTER_FORBIDDEN, the same whatever is wrong. */
export async function cohortSigner(
  rows: CertifiedRows,
  { document, jws }: SignedCohortDocument,
  logger: Logger,
): Promise<CohortSigner> {
  const organisations = await rows.organisations();
  const certified =
    organisations.find(({ id, handle }) => id === document.signer || handle === document.signer) ??
    rows.get(document.signer);
  if (certified === undefined) throw notAllowed(logger, 'unknown-signer');
  const { publicKey, fingerprint } = presentOf(certified);
  const verdict = verifyDocument(document as unknown as JsonObject, jws, publicKey, fingerprint);
  if (verdict !== 'ok') throw notAllowed(logger, verdict);
  const organisation =
    certified.memberOf === undefined ? certified : organisations.find(({ id }) => id === certified.memberOf);
  if (organisation === undefined || organisation.revoked !== undefined || certified.group === 'patient')
    throw notAllowed(logger, 'organisation');
  return { certified, fingerprint, organisation };
}
