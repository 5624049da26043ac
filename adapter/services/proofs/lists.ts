/** Making the files of complete lists. They hold the patient's tag key, so they are for the patient alone. */
import { tagCount } from '../../../ledger/custody/index.js';
import { LIST_MAX } from '../../../ledger/proofs/index.js';
import type {
  DenialProof,
  DenialRequest,
  EntriesProof,
  LeafProof,
  Opening,
  TagList,
} from '../../../ledger/proofs/index.js';
import { readTagValue } from '../../../ledger/state/index.js';
import { tag } from '../../../ledger/vault/index.js';
import { ACTIONS } from '../../../ledger/consent/index.js';
import { RESOURCE_TYPES_SYSTEM } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';
import type { FoundEntry } from '../proof-leaves.js';
import { AnchoredLog } from './anchored-log.js';
import { certificatesFor } from './certificates.js';
import { ACT_REASON, showToPatient } from './leave.js';
import { signersOf } from './statements.js';
import { patientNamed } from './subject.js';

/** Whose list. */
export interface ListArgs {
  readonly patient: string;
  readonly source?: string;
}

/** All entries of a patient at a fresh anchor, the receipt of this very file included. */
export async function entriesProof(instance: Instance, args: ListArgs): Promise<EntriesProof> {
  const subject = await patientNamed(instance, args.patient, args.source);
  await showToPatient(instance, subject, 'AuditEvent', { shown: 'entries' });
  const log = await AnchoredLog.fresh(instance);
  return {
    kind: 'entries',
    checkpoint: log.leaves.checkpoint,
    certificates: await certificatesFor(instance, log.leaves, [log.anchoredBy()]),
    ...listOf(instance, subject, log).list,
  };
}

/** What a denial is asked of; codes as `system|code`. */
export interface DenialArgs extends ListArgs {
  /** References of who would ask, such as `Organization/x`. */
  readonly actor: readonly string[];
  readonly action?: string;
  /** As `system|code`, or a code of v3-ActReason. */
  readonly purpose: string;
  /** Resource type; `Observation` without it. */
  readonly type?: string;
  readonly id?: string;
  readonly code?: readonly string[];
  readonly label?: readonly string[];
}

/** None of a patient's consents permits this, at a fresh anchor. */
export async function denialProof(instance: Instance, args: DenialArgs): Promise<DenialProof> {
  const request = requestOf(args);
  const subject = await patientNamed(instance, args.patient, args.source);
  await showToPatient(instance, subject, 'Consent', { shown: 'denial' });
  const log = await AnchoredLog.fresh(instance);
  const { list, found } = listOf(instance, subject, log);
  const documents = await documentsOf(instance, subject, found);
  return {
    kind: 'denial',
    checkpoint: log.leaves.checkpoint,
    certificates: await certificatesFor(
      instance,
      log.leaves,
      [log.anchoredBy()],
      await signersOf(
        instance,
        subject,
        documents.map(({ bytes }) => Buffer.from(bytes)),
      ),
    ),
    ...list,
    request,
    documents,
  };
}

function requestOf(args: DenialArgs): DenialRequest {
  const { actor, purpose, type = 'Observation', id, code = [], label } = args;
  const action = ACTIONS.find((one) => one === (args.action ?? 'access'));
  if (action === undefined)
    throw new AdapterError('ADAPTER_USAGE', `an action is one of ${ACTIONS.join(', ')}`);
  if (actor.length === 0 || purpose === '')
    throw new AdapterError('ADAPTER_USAGE', 'a denial is of somebody, for a purpose');
  return {
    actor: { references: actor },
    action,
    purposes: [purpose.includes('|') ? purpose : ACT_REASON + purpose],
    resource: {
      type,
      ...(id === undefined ? {} : { id }),
      classes: [`${RESOURCE_TYPES_SYSTEM}|${type}`],
      codes: code,
      labels: label,
    },
  };
}

/** The list at an anchor. What was logged behind the anchor is not of it. */
function listOf(
  instance: Instance,
  subject: Subject,
  log: AnchoredLog,
): { readonly list: TagList; readonly found: readonly FoundEntry[] } {
  const tags: Uint8Array[] = [];
  const indexes = new Set<number>();
  const known = tagCount({ get: (key) => instance.store.getSync(key) }, subject.key);
  for (let i = 0; ; i++) {
    const { proof, value } = log.prove('tag', tag(subject.tagKey, i));
    tags.push(proof);
    if (value === undefined) break;
    if (i === LIST_MAX || i >= known)
      throw new AdapterError('ADAPTER_CONFLICT', `a list has at most ${LIST_MAX} entries`);
    const index = readTagValue(value);
    if (index === undefined) throw new Error('the state map has lost a tag');
    indexes.add(index);
  }
  const found = [...indexes]
    .toSorted((a, b) => a - b)
    .map((index) => {
      const entry = log.leaves.at(index);
      if (entry === undefined) throw new Error('a leaf that is not published');
      return entry;
    });
  const entries: LeafProof[] = found.map((one) => log.leaves.prove(one));
  const list: TagList = {
    tagKey: subject.tagKey,
    count: tags.length - 1,
    size: log.anchor.size,
    anchor: log.anchorLeaf(),
    tags,
    entries,
  };
  return { list, found };
}

/** The documents behind the consent entries, in their order. */
async function documentsOf(
  instance: Instance,
  subject: Subject,
  found: readonly FoundEntry[],
): Promise<Opening[]> {
  const kept = await instance.consents.documents(subject.key);
  return found
    .filter(({ entry: { type } }) => type === 'consent.signed' || type === 'consent.withdrawn')
    .map(({ entry: { type, body } }) => {
      const document = kept.find((one) => one.handle === body['handle'] && one.type === type);
      if (document === undefined)
        throw new AdapterError('ADAPTER_NOT_FOUND', 'a document of the patient’s is no longer kept');
      return { salt: document.salt, bytes: document.bytes };
    });
}
