/**
 * Making proof files of records. Whether something of the record's content may be shown is asked of the gate like any
 * other reading; without an opening the file shows that the version is on the log, and nothing of what it says.
 */
import type { Permitted } from '../../../ledger/consent/index.js';
import { openLargePermitted, openPermitted } from '../../../ledger/custody/index.js';
import { canonicalBytes } from '../../../ledger/log/index.js';
import { documentKid } from '../../../ledger/consent/index.js';
import { readCertificate } from '../../../ledger/participants/index.js';
import { CertifiedRows, derOf } from '../ca/index.js';
import type { RecordOpening, RecordProof, RecordSignature } from '../../../ledger/proofs/index.js';
import type { Fact, RecordName } from '../../../ledger/vault/index.js';
import { factsRoot, isLargeRow, openFact } from '../../../ledger/vault/index.js';
import { factsOf, JsonOutline, parseJson } from '../../../mappings/index.js';
import type { JsonObject } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import type { RecordCardData } from '../../instance/records.js';
import type { Subject } from '../../instance/subjects.js';
import { ProofLeaves } from '../proof-leaves.js';
import type { FoundEntry } from '../proof-leaves.js';
import { certificateOf } from './certificates.js';
import { ACT_REASON, askLeave, writeReceipt } from './leave.js';

/** Which record, and what of it. */
export interface RecordArgs {
  /** Handle of a record version, or `Type/id` of a source's resource, whose current version is meant. */
  readonly record: string;
  /** Source of the resource; needed where several have one of that name. */
  readonly source?: string;
  /** Shows the exact bytes. */
  readonly open?: boolean;
  /** Shows the fact of this name. */
  readonly fact?: string;
  /** Purpose of use that the gate is asked for, as `system|code` or a code of v3-ActReason; treatment without it. */
  readonly purpose?: string;
}

const HANDLE = /^[A-Za-z0-9_-]{43}$/;
const RECORD_TYPES: ReadonlySet<string> = new Set(['record.stored', 'score.issued']);

/**
 * A record version is on the log, unaltered.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND for a record that is not kept or not on the published log; ADAPTER_FORBIDDEN
 * when the gate does not permit to show its content; ADAPTER_USAGE for a name that is none, or a fact that the record
 * does not have; ADAPTER_CONFLICT for facts by another version of the table.
 */
export async function recordProof(instance: Instance, args: RecordArgs): Promise<RecordProof> {
  if (args.open === true && args.fact !== undefined) {
    throw new AdapterError('ADAPTER_USAGE', 'a file shows the whole record or one fact of it, not both');
  }
  const { handle, subjectKey } = nameOf(instance, args);
  const found = await new ProofLeaves(instance.store, instance.engine).find(
    `"handle":"${handle}"`,
    ({ type, body }) => RECORD_TYPES.has(type) && body['handle'] === handle,
  );
  if (found === undefined) throw notFound();
  const isOpened = args.open === true || args.fact !== undefined;
  const subject = isOpened ? await ownerOf(instance, handle, subjectKey) : undefined;
  const opening: RecordOpening =
    subject === undefined ? { kind: 'none' } : await openingOf(instance, args, subject, handle, found);
  const leaves = await ProofLeaves.covering(instance, found.index);
  return {
    kind: 'record',
    handle,
    checkpoint: leaves.checkpoint,
    entry: leaves.prove(found),
    submission: leaves.submissionOf(found),
    certificates: {
      actor: await certificateOf(instance, leaves, found.entry.actor),
      issuing: instance.authority.issuing,
    },
    opening,
  };
}

function nameOf(
  instance: Instance,
  { record, source }: RecordArgs,
): { readonly handle: string; readonly subjectKey?: string } {
  if (HANDLE.test(record)) return { handle: record };
  const [, type, id] = /^([A-Z][A-Za-z]{0,63})\/([A-Za-z0-9.-]{1,64})$/.exec(record) ?? [];
  if (type === undefined || id === undefined) {
    throw new AdapterError('ADAPTER_USAGE', 'a record is named by its handle, or as Type/id');
  }
  const view = { get: (key: string) => instance.store.getSync(key) };
  const known = instance.sources
    .list()
    .filter((one) => source === undefined || one.id === source)
    .map((one) => instance.records.state(view, instance.records.resourceKey(one.id, type, id)))
    .filter((state) => state?.handle !== undefined);
  if (known.length > 1) throw new AdapterError('ADAPTER_USAGE', 'several sources have it: name one');
  const state = known[0];
  if (state?.handle === undefined) throw notFound();
  return { handle: state.handle, subjectKey: state.subjectKey };
}

/** The patient of a record version; a handle alone tells nobody whose it is, so it is looked for among all. */
async function ownerOf(instance: Instance, handle: string, known: string | undefined): Promise<Subject> {
  const view = { get: (key: string) => instance.store.getSync(key) };
  let subjectKey = known;
  if (subjectKey === undefined) {
    for await (const key of instance.subjects.keys()) {
      if (!instance.records.isKept(view, key, handle)) continue;
      subjectKey = key;
      break;
    }
  }
  const subject = subjectKey === undefined ? undefined : await instance.subjects.find(subjectKey);
  if (subject === undefined) throw notFound();
  return subject;
}

async function openingOf(
  instance: Instance,
  args: RecordArgs,
  subject: Subject,
  handle: string,
  { entry }: FoundEntry,
): Promise<RecordOpening> {
  for await (const kept of instance.records.cards(instance.store, subject)) {
    if (kept.handle !== handle) continue;
    const { version, row, card } = kept;
    const purpose = args.purpose ?? 'TREAT';
    const organisations = organisationsOf(instance, subject);
    const leave = await askLeave(instance, subject, {
      actor: { references: organisations },
      action: 'access',
      purposes: [purpose.includes('|') ? purpose : ACT_REASON + purpose],
      resource: { ...card.gate, labels: card.gate.labels },
    });
    const receipt = (): Promise<void> =>
      writeReceipt(instance, subject, leave, {
        purpose,
        record: handle,
        shown: args.fact ?? 'whole',
        to: organisations.at(-1) ?? '',
      });
    const name = { recordKey: subject.recordKey, instance: instance.records.instance, handle, version, row };
    const { plaintext, salt } = await openedRecord(instance, args, subject, leave.permit, name);
    if (args.fact === undefined) {
      await receipt();
      const signature = signatureOf(instance, card, entry.at);
      return {
        kind: 'whole',
        salt: Buffer.from(salt),
        plaintext,
        ...(signature === undefined ? {} : { signature }),
      };
    }
    const facts = factsOf(parseJson(plaintext) as JsonObject, card.gate.type, plaintext) as readonly Fact[];
    if (factsRoot(salt, facts).toString('base64url') !== entry.body['facts']) {
      throw new AdapterError('ADAPTER_CONFLICT', 'its facts were set by another version of the table');
    }
    if (!facts.some((fact) => fact.name === args.fact)) {
      const names = facts.map((fact) => fact.name).join(', ');
      throw new AdapterError('ADAPTER_USAGE', `no fact of that name; it has ${names}`);
    }
    await receipt();
    const { leaf, index, count, proof } = openFact(salt, facts, args.fact);
    const inclusion = proof.map((hash) => Buffer.from(hash, 'base64url'));
    return { kind: 'fact', leaf: canonicalBytes({ ...leaf }), index, count, inclusion };
  }
  throw notFound();
}

/** The hospital's signature; none where it gave none, or its certificate had ended when the record was logged. */
function signatureOf(
  { store, keys }: Instance,
  { signed }: RecordCardData,
  atMs: number,
): RecordSignature | undefined {
  if (signed === undefined) return undefined;
  const kid = documentKid(signed.jws);
  const certified = new CertifiedRows(store, keys.storage.indexKey).get(signed.participant);
  const certificate = certified?.certificates
    .map(derOf)
    .find((der) => readCertificate(der).fingerprint === kid);
  if (certificate === undefined) return undefined;
  const { notBefore, notAfter } = readCertificate(certificate);
  if (atMs < notBefore || atMs > notAfter) return undefined;
  const { source, jws, count, index, salt, root, inclusion } = signed;
  return {
    source,
    jws,
    count,
    index,
    salt: fromText(salt),
    root: fromText(root),
    inclusion: inclusion.map(fromText),
    certificate,
  };
}

function fromText(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}

/** The bytes of a record; of an image, when a fact is asked for, the resource without its data. */
async function openedRecord(
  instance: Instance,
  { fact }: RecordArgs,
  subject: Subject,
  permit: Permitted,
  name: RecordName & { readonly row: Buffer },
): Promise<{ plaintext: Buffer; salt: Buffer }> {
  if (!isLargeRow(name.row)) return openPermitted(permit, subject.key, name);
  const { salt, card, body } = openLargePermitted(permit, subject.key, name, instance.bodies.blobs);
  const { contentType } = JSON.parse(card.toString('utf8')) as RecordCardData;
  if (fact === undefined || contentType !== undefined) {
    await body.return(undefined);
    throw new AdapterError(
      'ADAPTER_USAGE',
      'this image is too large for a proof file; without opening it the file shows that it is on the log',
    );
  }
  const outline = new JsonOutline();
  for await (const piece of body) outline.push(piece);
  return { plaintext: outline.end(), salt };
}

/** Who asks: the custodian, by the instance that acts for it. The recipient is the last. */
function organisationsOf(instance: Instance, subject: Subject): string[] {
  const custodian = instance.sources.get(subject.source)?.custodian.id;
  return [instance.organisation.id, ...(custodian === undefined ? [] : [custodian])].map(
    (id) => `Organization/${id}`,
  );
}

function notFound(): AdapterError {
  return new AdapterError('ADAPTER_NOT_FOUND', 'no such record is kept here');
}
