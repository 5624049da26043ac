/**
 * Making proof files of records. Whether something of the record's content may be shown is asked of the gate like any
 * other reading; without an opening the file shows that the version is on the log, and nothing of what it says.
 */
import { randomBytes } from 'node:crypto';
import { decide } from '../../ledger/consent/index.js';
import type { Permitted } from '../../ledger/consent/index.js';
import { openPermitted } from '../../ledger/custody/index.js';
import { canonicalBytes } from '../../ledger/log/index.js';
import { fingerprintOf } from '../../ledger/participants/index.js';
import { checkProof, proofTrust, writeProof } from '../../ledger/proofs/index.js';
import type { RecordOpening } from '../../ledger/proofs/index.js';
import type { Fact } from '../../ledger/vault/index.js';
import { commitmentOf, factsRoot, openFact, sealRow } from '../../ledger/vault/index.js';
import { factsOf, parseJson } from '../../mappings/index.js';
import type { JsonObject } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import type { Instance } from '../instance/instance.js';
import type { Subject } from '../instance/subjects.js';
import { nodeProofCrypto } from './proof-crypto.js';
import { ProofLeaves } from './proof-leaves.js';
import type { FoundEntry } from './proof-leaves.js';

/** What is to be proved. */
export interface ProveArgs {
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

const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|';
const HANDLE = /^[A-Za-z0-9_-]{43}$/;
const RECORD_TYPES: ReadonlySet<string> = new Set(['record.stored', 'score.issued']);

/**
 * Makes a proof file, and judges it as an outsider would before it is handed out.
 *
 * @returns The file's text.
 * @throws AdapterError ADAPTER_NOT_FOUND for a record that is not kept or not on the published log; ADAPTER_FORBIDDEN
 * when the gate does not permit to show its content; ADAPTER_USAGE for a name that is none, or a fact that the record
 * does not have; ADAPTER_CONFLICT for facts by another version of the table.
 */
export async function proveRecord(instance: Instance, args: ProveArgs): Promise<string> {
  if (args.open === true && args.fact !== undefined) {
    throw new AdapterError('ADAPTER_USAGE', 'a file shows the whole record or one fact of it, not both');
  }
  const { handle, subjectKey } = nameOf(instance, args);
  const leaves = new ProofLeaves(instance.store, instance.engine);
  const found = await leaves.find(
    `"handle":"${handle}"`,
    ({ type, body }) => RECORD_TYPES.has(type) && body['handle'] === handle,
  );
  if (found === undefined) throw notFound();
  const isOpened = args.open === true || args.fact !== undefined;
  const subject = isOpened ? await ownerOf(instance, handle, subjectKey) : undefined;
  const opening: RecordOpening =
    subject === undefined ? { kind: 'none' } : await openingOf(instance, args, subject, handle, found);
  const proof = {
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
  } as const;
  const file = writeProof(proof, (bytes) => base64url(bytes));
  const vkey = (await instance.engine.read('vkey'))?.toString('utf8').trim() ?? '';
  const trust = proofTrust({ vkeys: [vkey], caRoot: instance.authority.root }, nodeProofCrypto);
  const verdict = checkProof(file, trust);
  if (!verdict.ok) throw new Error(`the log does not bear the proof out: ${verdict.code}`);
  return Buffer.from(file).toString('utf8');
}

function nameOf(
  instance: Instance,
  { record, source }: ProveArgs,
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
  args: ProveArgs,
  subject: Subject,
  handle: string,
  { entry }: FoundEntry,
): Promise<RecordOpening> {
  for await (const kept of instance.records.cards(instance.store, subject)) {
    if (kept.handle !== handle) continue;
    const { version, row, card } = kept;
    const purpose = args.purpose ?? 'TREAT';
    const { permit, epoch } = await permitFor(instance, subject, card.gate, purpose);
    const receipt = (): Promise<void> =>
      writeReceipt(instance, subject, permit, epoch, {
        purpose,
        record: handle,
        shown: args.fact ?? 'whole',
      });
    const name = { recordKey: subject.recordKey, instance: instance.records.instance, handle, version, row };
    const { plaintext, salt } = openPermitted(permit, subject.key, name);
    if (args.fact === undefined) {
      await receipt();
      return { kind: 'whole', salt: Buffer.from(salt), plaintext };
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

/** The custodian's own question to the gate: reading this record for this purpose. */
async function permitFor(
  instance: Instance,
  subject: Subject,
  gate: ReturnType<Instance['records']['gate']>,
  purpose: string,
): Promise<{ permit: Permitted; epoch: number }> {
  const custodian = instance.sources.get(subject.source)?.custodian.id;
  const organisations = [instance.organisation.id, ...(custodian === undefined ? [] : [custodian])];
  const { policies, epoch } = await instance.consents.policies(subject);
  const decision = decide(
    {
      subject: subject.key,
      actor: { references: organisations.map((id) => `Organization/${id}`) },
      action: 'access',
      purposes: [purpose.includes('|') ? purpose : ACT_REASON + purpose],
      resource: { ...gate, labels: gate.labels },
    },
    policies,
    instance.nowMs(),
  );
  if (decision.outcome === 'permit') return { permit: decision.permit, epoch };
  throw new AdapterError('ADAPTER_FORBIDDEN', `the record may not be shown: ${decision.reason}`);
}

/**
 * Puts the receipt of a disclosure on the log, before anything leaves. A consent withdrawn meanwhile voids it.
 *
 * @throws AdapterError ADAPTER_FORBIDDEN; LedgerError when the log cannot take it, and then nothing is shown.
 */
async function writeReceipt(
  instance: Instance,
  subject: Subject,
  permit: Permitted,
  epoch: number,
  what: { readonly purpose: string; readonly record: string; readonly shown: string },
): Promise<void> {
  const handle = randomBytes(32).toString('base64url');
  const salt = randomBytes(32);
  const to = `Organization/${instance.sources.get(subject.source)?.custodian.id ?? instance.organisation.id}`;
  const receipt = JSON.stringify({ ...what, to, at: instance.nowMs(), consents: permit.standsOn });
  const commitment = commitmentOf(salt, Buffer.from(receipt, 'utf8')).toString('base64url');
  const key = `disclosure/${subject.key}/${handle}`;
  const plain = Buffer.from(JSON.stringify({ salt: salt.toString('base64url'), receipt }), 'utf8');
  const outcome = await instance.appender.append(permit, epoch, subject, () => ({
    drafts: [{ type: 'disclosure', body: { handle, commitment } }],
    writes: [{ type: 'put', key, value: sealRow(instance.keys.storage.indexKey, key, plain) }],
    value: undefined,
  }));
  if (outcome.outcome === 'permit-void') {
    throw new AdapterError('ADAPTER_FORBIDDEN', 'the record may not be shown: a consent was withdrawn');
  }
}

/** DER of the certificate that an actor had; a renewed one stands on the log. */
async function certificateOf(instance: Instance, leaves: ProofLeaves, actor: string): Promise<Buffer> {
  const { organisation } = instance;
  if (organisation.fingerprint === actor) return Buffer.from(organisation.certificate, 'base64');
  let der = Buffer.alloc(0);
  const found = await leaves.find('"type":"participant.', ({ body }) => {
    const { certificate } = body;
    der = Buffer.from(typeof certificate === 'string' ? certificate : '', 'base64');
    return fingerprintOf(der) === actor;
  });
  if (found === undefined) throw new Error('an actor whose certificate is not on the log');
  return der;
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

function notFound(): AdapterError {
  return new AdapterError('ADAPTER_NOT_FOUND', 'no such record is kept here');
}
