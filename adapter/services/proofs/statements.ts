/** Making the files of single facts. What they show of a patient is shown to the patient: see `leave.ts`. */
import type {
  AbsenceProof,
  AbsentKind,
  ConsentProof,
  DisclosureProof,
  Opening,
  ParticipantProof,
  WithdrawalProof,
} from '../../../ledger/proofs/index.js';
import { documentKid } from '../../../ledger/consent/index.js';
import { fingerprintOf } from '../../../ledger/participants/index.js';
import { commitmentOf, openRow } from '../../../ledger/vault/index.js';
import { attestedBundleParts, consentBundleParts, isJsonObject, parseJson } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { KeptDocument } from '../../instance/consents.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';
import { derOf } from '../ca/index.js';
import { ProofLeaves } from '../proof-leaves.js';
import type { FoundEntry } from '../proof-leaves.js';
import { AnchoredLog } from './anchored-log.js';
import { certificatesFor } from './certificates.js';
import { DISCLOSURE, showToPatient } from './leave.js';
import { ownerOfRow } from './subject.js';

const HANDLE = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** A name of 32 bytes, as the log has them. @throws AdapterError ADAPTER_USAGE */
function checkedHandle(name: string): string {
  if (HANDLE.test(name)) return name;
  throw new AdapterError(
    'ADAPTER_USAGE',
    `${name.slice(0, 64)} is no handle: 32 bytes in base64url are expected`,
  );
}

/**
 * This consent is in force.
 *
 * @param args - `open` shows the document; `size` names an anchor of the past, without it a fresh one is made.
 */
export async function consentProof(
  instance: Instance,
  args: { readonly handle: string; readonly open?: boolean; readonly size?: number },
): Promise<ConsentProof> {
  const handle = checkedHandle(args.handle);
  const kept = args.open === true ? await shownDocument(instance, handle, 'consent.signed') : undefined;
  return AnchoredLog.at(instance, args.size, async (log) => {
    const state = log.statement('consent', handle);
    if (state === undefined)
      throw new AdapterError('ADAPTER_NOT_FOUND', 'the log knows no such consent at that anchor');
    const actors = [log.anchoredBy()];
    let document: ConsentProof['document'];
    if (kept !== undefined) {
      const found = await consentEntry(log.leaves, handle, 'consent.signed');
      actors.push(found.entry.actor);
      document = { entry: log.leaves.proveSigned(found), ...kept.opening };
    }
    return {
      kind: 'consent',
      handle,
      size: log.anchor.size,
      checkpoint: log.leaves.checkpoint,
      certificates: await certificatesFor(instance, log.leaves, actors, kept?.signers),
      anchor: log.anchorLeaf(),
      state,
      ...(document === undefined ? {} : { document }),
    };
  });
}

/** This consent was withdrawn. @param args - `open` shows the document. */
export async function withdrawalProof(
  instance: Instance,
  args: { readonly handle: string; readonly open?: boolean },
): Promise<WithdrawalProof> {
  const handle = checkedHandle(args.handle);
  const kept = args.open === true ? await shownDocument(instance, handle, 'consent.withdrawn') : undefined;
  const { store, engine } = instance;
  const found = await consentEntry(new ProofLeaves(store, engine), handle, 'consent.withdrawn');
  const leaves = await ProofLeaves.covering(instance, found.index);
  return {
    kind: 'withdrawal',
    handle,
    leaf: found.index,
    checkpoint: leaves.checkpoint,
    certificates: await certificatesFor(instance, leaves, [found.entry.actor], kept?.signers),
    entry: leaves.proveSigned(found),
    ...(kept === undefined ? {} : { document: kept.opening }),
  };
}

/**
 * The log says nothing of this name.
 *
 * @param args - `size` names an anchor of the past, without it a fresh one is made.
 */
export async function absenceProof(
  instance: Instance,
  args: { readonly of: AbsentKind; readonly name: string; readonly size?: number },
): Promise<AbsenceProof> {
  const name = checkedHandle(args.name);
  return AnchoredLog.at(instance, args.size, async (log) => ({
    kind: 'absent',
    of: args.of,
    name,
    size: log.anchor.size,
    checkpoint: log.leaves.checkpoint,
    certificates: await certificatesFor(instance, log.leaves, [log.anchoredBy()]),
    anchor: log.anchorLeaf(),
    proof: log.prove(args.of, name).proof,
  }));
}

/** This disclosure was made. */
export async function disclosureProof(
  instance: Instance,
  args: { readonly handle: string },
): Promise<DisclosureProof> {
  const handle = checkedHandle(args.handle);
  const subject = await ownerOfRow(instance, DISCLOSURE, handle);
  const key = `${DISCLOSURE}${subject?.key ?? ''}/${handle}`;
  const sealed = subject === undefined ? undefined : instance.store.getSync(key);
  if (subject === undefined || sealed === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', 'no receipt of such a disclosure is kept here');
  const row = JSON.parse(openRow(instance.keys.storage.indexKey, key, sealed).toString('utf8')) as {
    salt: string;
    receipt: string;
  };
  await showToPatient(instance, subject, 'AuditEvent', { shown: 'receipt', disclosure: handle });
  const found = await new ProofLeaves(instance.store, instance.engine).find(
    `"handle":"${handle}"`,
    ({ type, body }) => type === 'disclosure' && body['handle'] === handle,
  );
  if (found === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'the log knows no such disclosure');
  const leaves = await ProofLeaves.covering(instance, found.index);
  const { to, purpose } = JSON.parse(row.receipt) as { to: string; purpose: string };
  return {
    kind: 'disclosure',
    handle,
    to,
    purpose,
    checkpoint: leaves.checkpoint,
    certificates: await certificatesFor(instance, leaves, [found.entry.actor]),
    entry: leaves.proveSigned(found),
    receipt: { salt: Buffer.from(row.salt, 'base64url'), bytes: Buffer.from(row.receipt, 'utf8') },
  };
}

/**
 * This certificate was the participant's at a leaf: by a fresh anchor, or, where the participant was renewed or
 * revoked since, by one that lies between. The first behind the leaf shows it if any does.
 *
 * @param args - `leaf`: without it, the newest before the anchor.
 */
export async function participantProof(
  instance: Instance,
  args: { readonly handle: string; readonly leaf?: number },
): Promise<ParticipantProof> {
  const handle = checkedHandle(args.handle);
  const { size } = instance.engine.head();
  const isLeaf = args.leaf === undefined || (Number.isSafeInteger(args.leaf) && args.leaf >= 0);
  if (!isLeaf || (args.leaf ?? 0) >= size)
    throw new AdapterError('ADAPTER_USAGE', `the log has the leaves 0 to ${size - 1}`);
  const patient = await patientOf(instance, handle);
  if (patient !== undefined)
    await showToPatient(instance, patient.subject, 'Person', { shown: 'certificate' });
  const fresh = await AnchoredLog.fresh(instance);
  const leaf = args.leaf ?? fresh.anchor.size - 1;
  if (leaf >= fresh.anchor.size)
    throw new AdapterError('ADAPTER_CONFLICT', 'that leaf is of the newest anchor: nothing was logged since');
  const by = async (log: AnchoredLog): Promise<ParticipantProof | undefined> =>
    participantBy(instance, log, handle, leaf, patient);
  if (fresh.statement('participant', handle) === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', 'the log knows no such participant');
  for (const log of fresh.behind(leaf)) {
    const proof = await by(log);
    if (proof !== undefined) return proof;
  }
  const proof = await fresh.firstBehind(leaf, by);
  if (proof !== undefined) return proof;
  throw new AdapterError(
    'ADAPTER_NOT_FOUND',
    'no anchor shows a certificate of this participant at that leaf: it was enrolled later, or renewed or revoked before the next anchor',
  );
}

/** The proof by one anchor, if what it says of the participant held at the leaf. */
async function participantBy(
  instance: Instance,
  log: AnchoredLog,
  handle: string,
  leaf: number,
  patient: PatientCertificates | undefined,
): Promise<ParticipantProof | undefined> {
  const state = log.statement('participant', handle);
  if (state === undefined) return undefined;
  const said = JSON.parse(Buffer.from(state.statement).toString('utf8')) as {
    status: string;
    leaf: number;
    commitment?: string;
  };
  if (said.status !== 'enrolled' || said.leaf > leaf) return undefined;
  const opened = patient?.byCommitment.get(said.commitment ?? '');
  const der = opened?.certificate ?? certificateAt(log.leaves.at(said.leaf));
  return {
    kind: 'participant',
    handle,
    certificate: fingerprintOf(der),
    leaf,
    size: log.anchor.size,
    checkpoint: log.leaves.checkpoint,
    certificates: await certificatesFor(instance, log.leaves, [log.anchoredBy()], [der]),
    at: log.leaf(leaf),
    anchor: log.anchorLeaf(),
    state,
    ...(opened === undefined ? {} : { salt: opened.salt }),
  };
}

function certificateAt(found: FoundEntry | undefined): Buffer {
  const certificate = found?.entry.body['certificate'];
  // A patient's is not on the log, and is no longer known here once all of the patient was erased.
  if (typeof certificate !== 'string')
    throw new AdapterError('ADAPTER_NOT_FOUND', 'the certificate of this participant is not kept here');
  return Buffer.from(certificate, 'base64');
}

/** A patient's certificates, each with the salt of its commitment, by that commitment. */
interface PatientCertificates {
  readonly subject: Subject;
  readonly byCommitment: ReadonlyMap<string, { readonly certificate: Buffer; readonly salt: Buffer }>;
}

/** A patient's certificates, where the participant is a patient. */
async function patientOf(instance: Instance, handle: string): Promise<PatientCertificates | undefined> {
  const key = `participant/${handle}`;
  const sealed = instance.store.getSync(key);
  // Folders of before keep organisations under the same name, in plain JSON.
  if (sealed === undefined || sealed[0] === '{'.charCodeAt(0)) return undefined;
  const row = JSON.parse(openRow(instance.keys.storage.indexKey, key, sealed).toString('utf8')) as {
    salt?: string;
    subject?: string;
  };
  const subject = row.subject === undefined ? undefined : await instance.subjects.find(row.subject);
  const certified = instance.certification.rows.get(handle);
  if (subject === undefined || row.salt === undefined || certified === undefined) return undefined;
  const salted = certified.certificates.map((one) => {
    const [certificate, salt] = [derOf(one), Buffer.from(one.salt ?? row.salt ?? '', 'base64url')];
    return [commitmentOf(salt, certificate).toString('base64url'), { certificate, salt }] as const;
  });
  return { subject, byCommitment: new Map(salted) };
}

/** A document of a consent's, shown to its patient, with the signer's certificate. */
async function shownDocument(
  instance: Instance,
  handle: string,
  type: KeptDocument['type'],
): Promise<{ readonly opening: Opening; readonly signers: readonly Buffer[] }> {
  const subject = await ownerOfRow(instance, 'consent/', handle);
  const documents = subject === undefined ? [] : await instance.consents.documents(subject.key);
  const kept = documents.find((one) => one.handle === handle && one.type === type);
  if (subject === undefined || kept === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', 'no such document is kept here');
  await showToPatient(instance, subject, 'Consent', { shown: type, consent: handle });
  return {
    opening: { salt: kept.salt, bytes: kept.bytes },
    signers: await signersOf(instance, subject, [kept.bytes]),
  };
}

/** Certificates by which documents of a patient were signed. */
export async function signersOf(
  instance: Instance,
  subject: Subject,
  documents: readonly Buffer[],
): Promise<readonly Buffer[]> {
  const { certification, representatives } = instance;
  const named = new Set(documents.flatMap(kidsOf));
  const { wallet, former } = subject;
  const own = wallet === undefined ? former : [...former, wallet.participant];
  const handles = new Set([...own, ...representatives.whoEverActed(subject.key)]);
  const known = [...handles].flatMap((handle) => certification.rows.get(handle) ?? []);
  // Staff of the hospital, who testify to what is on paper, are among the published.
  return [...known, ...(await certification.rows.organisations())]
    .flatMap(({ certificates }) => certificates)
    .map(derOf)
    .filter((der) => named.has(fingerprintOf(der)));
}

/** @param bytes - A Bundle, or another signed document, as it was received. */
function kidsOf(bytes: Buffer): string[] {
  const value = parseJson(bytes);
  const parts = consentBundleParts(value);
  const attested = parts.ok ? undefined : attestedBundleParts(value);
  const signatures: unknown[] =
    attested?.ok === true
      ? [...attested.signatures]
      : [parts.ok ? parts.jws : isJsonObject(value) ? value['jws'] : undefined];
  return signatures.flatMap((jws) => (typeof jws === 'string' ? (documentKid(jws) ?? []) : []));
}

async function consentEntry(
  leaves: ProofLeaves,
  handle: string,
  type: KeptDocument['type'],
): Promise<FoundEntry> {
  const found = await leaves.find(
    `"handle":"${handle}"`,
    (entry) => entry.type === type && entry.body['handle'] === handle,
  );
  if (found !== undefined) return found;
  const what = type === 'consent.signed' ? 'consent' : 'withdrawal';
  throw new AdapterError('ADAPTER_NOT_FOUND', `the log knows no such ${what}`);
}
