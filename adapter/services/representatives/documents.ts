/** Documents that appoint a representative or end an appointment: their form, and who is to have signed them. */
import type { JsonObject } from '../../../ledger/log/index.js';
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import { ACTS, APPOINTMENT_END_KIND, APPOINTMENT_KIND, RELATIONSHIPS } from '../../http/contract/index.js';
import type { AppointmentDocument, AppointmentEndDocument } from '../../http/contract/index.js';
import { timeOf, unfit } from '../exceptional/documents.js';
import { readAttested } from '../wallets/attested.js';
import type { AttestedDocument } from '../wallets/attested.js';

/** A document by one key, or by two of a hospital's staff. */
export type Sent<D> = { readonly document: D } & (
  | { readonly jws: string; readonly attested?: never }
  | { readonly attested: AttestedDocument; readonly jws?: never }
);

const COMMON = ['kind', 'log', 'at', 'patient'];
const TEXT_CHARS_MAX = 512;
const DIGEST = /^[A-Za-z0-9_-]{43}$/;

/** @throws AdapterError ADAPTER_UNPROCESSABLE naming the member that is at fault; MappingError for what is no JSON. */
export function readAppointment(body: Buffer): Sent<AppointmentDocument> {
  const sent = readSent(body);
  const { document } = sent;
  const texts = ['representative', 'relationship', 'until'];
  requireMembers(document, APPOINTMENT_KIND, texts, ['acts', 'evidence']);
  const { acts, until, relationship, evidence } = document;
  const areActs =
    Array.isArray(acts) &&
    acts.length > 0 &&
    new Set(acts).size === acts.length &&
    acts.every((act) => ACTS.some((one) => one === act));
  if (!areActs) throw unfit(`acts are among ${ACTS.join(', ')}`, 'document.acts');
  if (typeof until !== 'string' || Number.isNaN(timeOf(until)))
    throw unfit('until is an instant, such as 2027-01-01T00:00:00Z', 'document.until');
  if (!RELATIONSHIPS.some((one) => one === relationship))
    throw unfit(`the relationship is one of ${RELATIONSHIPS.join(', ')}`, 'document.relationship');
  const isDigest = typeof evidence === 'string' && DIGEST.test(evidence);
  if (evidence === undefined ? sent.attested !== undefined : !isDigest)
    throw unfit('evidence is the SHA-256 of the paper that staff have seen, base64url', 'document.evidence');
  return sent as unknown as Sent<AppointmentDocument>;
}

/** @throws as {@link readAppointment} */
export function readAppointmentEnd(body: Buffer): Sent<AppointmentEndDocument> {
  const sent = readSent(body);
  requireMembers(sent.document, APPOINTMENT_END_KIND, ['appointment'], []);
  return sent as unknown as Sent<AppointmentEndDocument>;
}

function readSent(body: Buffer): Sent<JsonObject> {
  const value = parseJson(body);
  if (isJsonObject(value) && value['signatures'] !== undefined) {
    const attested = readAttested(body);
    return { document: attested.document, attested };
  }
  const { document, jws } = isJsonObject(value) ? value : {};
  if (!isJsonObject(document) || typeof jws !== 'string')
    throw unfit('send {"document": …, "jws": …}, or signatures of two staff in its place', 'document');
  return { document: document as JsonObject, jws };
}

function requireMembers(
  document: JsonObject,
  kind: string,
  texts: readonly string[],
  others: readonly string[],
): void {
  if (document['kind'] !== kind) throw unfit(`the kind is “${kind}”`, 'document.kind');
  for (const name of [...COMMON, ...texts]) {
    const text = document[name];
    if (typeof text !== 'string' || text === '' || text.length > TEXT_CHARS_MAX)
      throw unfit(`${name} is missing or too long`, `document.${name}`);
  }
  const known = new Set([...COMMON, ...texts, ...others]);
  for (const name of Object.keys(document))
    if (!known.has(name)) throw unfit('a member that is not known', `document.${name.slice(0, 64)}`);
}
