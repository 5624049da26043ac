/**
 * Writing at the bedside: what a clinician signs is sent on to the own hospital's FHIR server, with the credential that the
 * hospital gave for it, and nowhere else. Nothing is stored here: it comes back from that server as an event and takes the
 * way of all events, by the same gate.
 */
import { createHash } from 'node:crypto';
import { decide } from '../../../ledger/consent/index.js';
import { isErased } from '../../../ledger/custody/index.js';
import { isJsonObject, parseJson, RESOURCE_TYPES_SYSTEM } from '../../../mappings/index.js';
import type { JsonObject } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import { CLINICAL_WRITE_KIND, WRITTEN_TYPES } from '../../http/contract/index.js';
import type { ClinicalWriteDocument, Written, WrittenType } from '../../http/contract/index.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';
import { readSignedForm, requireFresh, unfit } from '../exceptional/documents.js';
import { personReference } from '../exceptional/index.js';
import { notAllowed, requireCertified, signerOf } from '../exceptional/signing.js';
import type { DocumentSigner } from '../exceptional/signing.js';
import { purposeCoding } from '../tokens/index.js';

const URI_SYSTEM = 'urn:ietf:rfc:3986';
/** Names a participant by the id in its certificate. */
const PARTICIPANT_SYSTEM = 'urn:firebreak:participant';
const ANSWER_BYTES_MAX = 1024 * 1024;
/** What the server sets: whoever sends it wants something else than to write. */
const SET_HERE = ['id', 'meta', 'subject', 'identifier', 'author', 'performer', 'informationSource'];
const CREATED = 201;
const FOUND = 200;

export class ClinicalWriting {
  readonly #instance: Instance;
  readonly #catchUp: (source: string) => void;

  /** @param catchUp - Reads what is new at a source. */
  constructor(instance: Instance, catchUp: (source: string) => void) {
    this.#instance = instance;
    this.#catchUp = catchUp;
  }

  /**
   * Writes one resource. One that is sent again under the same signature is not written twice where the hospital's server
   * knows conditional creation.
   *
   * @param body - JSON {@link ClinicalWrite}.
   * @throws AdapterError ADAPTER_FORBIDDEN for who is no clinician, and the same for a patient who is not there, is another
   * hospital's, or has not permitted it; ADAPTER_UNPROCESSABLE; ADAPTER_CONFLICT where the hospital's server takes no
   * writes; ADAPTER_SOURCE_REFUSED, ADAPTER_SOURCE_UNREACHABLE.
   */
  async write(body: Buffer): Promise<Written> {
    const { certification, logger, identity, nowMs } = this.#instance;
    const signed = readSignedForm<ClinicalWriteDocument>(body, CLINICAL_WRITE_KIND, {
      patient: 'text',
      resource: 'text',
    });
    const signer = await signerOf(certification.rows, signed, logger);
    if (signer.role !== 'clinician') throw notAllowed(logger, 'role');
    requireFresh(signed.document, identity.origin, nowMs());
    const text = textOf(body);
    if (createHash('sha256').update(text, 'utf8').digest('base64url') !== signed.document.resource)
      throw unfit('another resource was signed', 'document.resource');
    const { type, resource } = readResource(text);
    const subject = await this.#permitted(signed.document.patient, signer, type);
    const source = this.#instance.sources.get(subject.source);
    const client = source?.takesWrites === true ? this.#instance.sourceClients.of(subject.source) : undefined;
    if (client === undefined || source?.state !== 'active')
      throw new AdapterError(
        'ADAPTER_CONFLICT',
        'the hospital’s server takes no writes from here: source add --allow-writes permits it',
      );
    if (!creates(await client.capabilities(), type))
      throw new AdapterError('ADAPTER_CONFLICT', `the hospital’s server does not let ${type} be created`);
    const identifier = identifierOf(signed.jws);
    await this.#requireInForce(signer);
    const whole = {
      ...resource,
      identifier: [{ system: URI_SYSTEM, value: identifier }],
      subject: { reference: `Patient/${subject.patientId}` },
      ...authorship(type, signer),
    };
    const { status } = await client.request({
      url: type,
      method: 'POST',
      headers: {
        'content-type': 'application/fhir+json',
        'if-none-exist': `identifier=${URI_SYSTEM}|${identifier}`,
        prefer: 'return=minimal',
      },
      body: JSON.stringify(whole),
      bytesMax: ANSWER_BYTES_MAX,
    });
    if (status !== CREATED && status !== FOUND)
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', `the hospital’s server refused it with ${status}`);
    logger.info('written at the hospital', { source: subject.source, type, by: signer.id });
    this.#catchUp(subject.source);
    return { type, identifier };
  }

  /** @throws AdapterError ADAPTER_FORBIDDEN, the same for all that a clinician is not to learn. */
  async #permitted(patient: string, signer: DocumentSigner, type: WrittenType): Promise<Subject> {
    const { subjects, sources, consents, store, logger, nowMs } = this.#instance;
    const name = /^Patient\/([A-Za-z0-9.-]{1,64})$/.exec(patient)?.[1];
    if (name === undefined) throw unfit('patient is Patient/…', 'document.patient');
    const subject = await subjects.findByFacadeId(name);
    const custodian = subject === undefined ? undefined : sources.get(subject.source)?.custodian.id;
    const isOwn = custodian !== undefined && custodian === signer.organisation;
    const isGone = subject === undefined || isErased({ get: (key) => store.getSync(key) }, subject.key);
    if (subject === undefined || isGone || !isOwn) throw notAllowed(logger, 'patient');
    const { policies } = await consents.policies(subject);
    const decision = decide(
      {
        subject: subject.key,
        actor: { references: [`Organization/${custodian}`, personReference(signer.id)] },
        action: 'collect',
        purposes: [purposeCoding('TREAT')],
        resource: {
          type,
          id: 'new',
          classes: [`${RESOURCE_TYPES_SYSTEM}|${type}`],
          codes: [],
          labels: undefined,
        },
      },
      policies,
      nowMs(),
    );
    if (decision.outcome !== 'permit') throw notAllowed(logger, decision.reason);
    return subject;
  }

  /** Asked in the turn of the writer, so that no revocation comes between. */
  async #requireInForce(signer: DocumentSigner): Promise<void> {
    const { appender, certification, logger, nowMs } = this.#instance;
    await appender.writeRows((view) => {
      requireCertified(certification.rows, signer, nowMs(), view, logger);
      return { writes: [], value: undefined };
    });
  }
}

function textOf(body: Buffer): string {
  const value = parseJson(body);
  const text = isJsonObject(value) ? value['resource'] : undefined;
  if (typeof text !== 'string') throw unfit('send the resource as a text beside the document', 'resource');
  return text;
}

function readResource(text: string): { readonly type: WrittenType; readonly resource: JsonObject } {
  const value = parseJson(Buffer.from(text, 'utf8'));
  if (!isJsonObject(value)) throw unfit('the resource is a JSON object', 'resource');
  const type = WRITTEN_TYPES.find((one) => one === value['resourceType']);
  if (type === undefined) throw unfit(`the resource is a ${WRITTEN_TYPES.join(', ')}`, 'resource');
  const set = SET_HERE.find((name) => Object.hasOwn(value, name));
  if (set !== undefined) throw unfit(`${set} is set by the server`, `${type}.${set}`);
  return { type, resource: value };
}

/** A name of what was signed: the same signature has the same. @see RFC 9562 section 5.8 */
function identifierOf(jws: string): string {
  const hex = createHash('sha256').update(jws).digest('hex');
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Who wrote it, as its certificate says. */
function authorship(type: WrittenType, { id, name }: DocumentSigner): JsonObject {
  const who = { identifier: { system: PARTICIPANT_SYSTEM, value: id }, display: name };
  if (type === 'DocumentReference') return { author: [who] };
  return type === 'Procedure' ? { performer: [{ actor: who }] } : { informationSource: who };
}

/** Whether a server says that it creates resources of a type. */
function creates(statement: JsonObject, type: string): boolean {
  const { rest } = statement as {
    rest?: { resource?: { type?: string; interaction?: { code?: string }[] }[] }[];
  };
  const found = rest?.[0]?.resource?.find((one) => one.type === type);
  return found?.interaction?.some(({ code }) => code === 'create') === true;
}
