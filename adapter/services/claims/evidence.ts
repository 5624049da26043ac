/** The records that a claim may be judged by: current, and each permitted by the gate for this insurer and claim. */
import { decider } from '../../../ledger/consent/index.js';
import type { Obligation, Permitted, RequestResource } from '../../../ledger/consent/index.js';
import { openPermitted } from '../../../ledger/custody/index.js';
import { isLargeRow } from '../../../ledger/vault/index.js';
import type { Fact } from '../../../ledger/vault/index.js';
import { CLAIM_RECORD_TYPES, factsOf, parseJson, resolveReference } from '../../../mappings/index.js';
import type { JsonObject, ReadClaim, RecordToJudge } from '../../../mappings/index.js';
import type { Instance } from '../../instance/instance.js';
import type { RecordCardData } from '../../instance/records.js';
import { recordEpochOf } from '../../instance/served-forms.js';
import type { Subject } from '../../instance/subjects.js';
import { isCurrent, referencesAt } from '../facade/index.js';
import type { Caller } from '../tokens/index.js';

/** A record with what opens its facts one by one. */
export interface EvidenceRecord extends RecordToJudge {
  readonly permit: Permitted;
  readonly salt: Buffer;
  readonly all: readonly Fact[];
  readonly card: RecordCardData;
  readonly resourceKey: string;
}

export interface Evidence {
  readonly subject: Subject;
  readonly epoch: number;
  readonly recordEpoch: string;
  /** For the claim itself: without it nothing is told. */
  readonly permit: Permitted;
  readonly records: readonly EvidenceRecord[];
  /** Whether the insurer may be told of claims of others. */
  readonly coordinates: boolean;
}

const RESOURCE_TYPES = 'http://hl7.org/fhir/resource-types';
/** Elements that no fact is read from. */
const UNREAD: ReadonlySet<string> = new Set(['text', 'note']);

/** `undefined` where nobody permits this insurer to be told anything of this claim. */
export async function evidenceFor(
  instance: Instance,
  caller: Caller,
  subject: Subject,
  claim: ReadClaim,
): Promise<Evidence | undefined> {
  const { consents, records, sources, store } = instance;
  const recordEpoch = recordEpochOf(store, subject.key);
  const { policies, epoch } = await consents.policies(subject);
  const decide = decider(
    {
      subject: subject.key,
      actor: { references: referencesAt({ sources }, subject.source, caller) },
      action: 'disclose',
      purposes: [caller.purpose],
    },
    policies,
    instance.nowMs(),
  );
  const decision = decide(claimResource(instance, subject, claim));
  if (decision.outcome !== 'permit') return undefined;
  const found: EvidenceRecord[] = [];
  const related = { types: CLAIM_RECORD_TYPES, claim: claim.name };
  for await (const opened of permittedRecords(instance, subject, decide, related)) {
    const { card, handle, names, permit, plaintext, resource, salt } = opened;
    const { gate, source } = card;
    const all = factsOf(resource, gate.type, plaintext) as readonly Fact[];
    const encounter = referenceOf(resource['encounter']) ?? referenceOf(resource['context']);
    found.push({
      handle,
      type: gate.type,
      names,
      facts: new Map(all.map((fact) => [fact.name, fact.value])),
      ...(encounter === undefined ? {} : { encounter }),
      namesOf: (reference) => namesOf(instance, card, reference),
      permit,
      salt,
      all,
      card,
      resourceKey: records.resourceKey(source, gate.type, gate.id),
    });
  }
  const coordinates =
    decide({
      type: 'ClaimResponse',
      classes: [`${RESOURCE_TYPES}|ClaimResponse`],
      codes: [],
      labels: undefined,
      refersTo: [],
      referredBy: [],
    }).outcome === 'permit';
  return { subject, epoch, recordEpoch, permit: decision.permit, records: found, coordinates };
}

/** A record that the gate permits to look at. */
export interface PermittedRecord {
  readonly handle: string;
  readonly card: RecordCardData;
  /** All that a claim may call it by. */
  readonly names: ReadonlySet<string>;
  readonly permit: Permitted;
  readonly plaintext: Buffer;
  readonly salt: Buffer;
  readonly resource: JsonObject;
}

/** Current records of some types, each asked of the gate. @param related - With the claim that they are looked at for. */
export async function* permittedRecords(
  instance: Instance,
  subject: Subject,
  decide: ReturnType<typeof decider>,
  related: { readonly types: ReadonlySet<string>; readonly claim?: string },
): AsyncGenerator<PermittedRecord> {
  const { records, store } = instance;
  for await (const { handle, version, row, card } of records.cards(store, subject)) {
    const { gate, source } = card;
    if (!related.types.has(gate.type) || card.contentType !== undefined || isLargeRow(row)) continue;
    if (!isCurrent(instance, { card, handle, version, row })) continue;
    const id = records.facadeId(source, gate.type, gate.id);
    const names = [`${gate.type}/${id}`, `${gate.type}/${gate.id}`, `urn:uuid:${gate.id}`];
    // A line can only be judged by what the claim speaks of: such a record is one that the claim refers to.
    const answer = decide({
      ...gate,
      labels: gate.labels,
      references: names.slice(0, 1),
      ...(related.claim === undefined ? {} : { referredBy: [related.claim] }),
    });
    if (answer.outcome !== 'permit' || !answer.permit.obligations.every(isKept)) continue;
    const name = { recordKey: subject.recordKey, instance: records.instance, handle, version, row };
    const { plaintext, salt } = openPermitted(answer.permit, subject.key, name, (bytes) => bytes);
    const resource = parseJson(plaintext) as JsonObject;
    yield { handle, card, names: new Set(names), permit: answer.permit, plaintext, salt, resource };
  }
}

/** What the gate is asked about the claim: as it is kept, where the hospital sent it, else as something new. */
function claimResource({ records, store }: Instance, subject: Subject, { name }: ReadClaim): RequestResource {
  const [type = '', id = ''] = name.split('/');
  const fresh: RequestResource = {
    type,
    id,
    classes: [`${RESOURCE_TYPES}|${type}`],
    codes: [],
    labels: undefined,
    references: [name],
  };
  const view = { get: (key: string) => store.getSync(key) };
  const resourceKey = records.facadeResource(view, id);
  const state = resourceKey === undefined ? undefined : records.state(view, resourceKey);
  if (state?.handle === undefined || state.subjectKey !== subject.key) return fresh;
  const row = store.getSync(records.rowKey(subject.key, state.handle));
  if (row === undefined) return fresh;
  const { gate } = records.opened(subject, state.handle, row).card;
  return gate.type === type ? { ...gate, labels: gate.labels, references: [name] } : fresh;
}

/** Obligations that are kept by opening facts alone: none is read from what is redacted. */
function isKept(obligation: Obligation): boolean {
  return (
    obligation.kind === 'no-onward-use' ||
    (obligation.kind === 'redact' && obligation.elements.every((element) => UNREAD.has(element)))
  );
}

function referenceOf(value: unknown): string | undefined {
  const text = (value as { readonly reference?: unknown } | undefined)?.reference;
  return typeof text === 'string' ? text : undefined;
}

/** All that a reference of a source may be called by in a claim. */
export function namesOf(
  { records, sources }: Instance,
  { source, links = [] }: RecordCardData,
  reference: string,
): readonly string[] {
  const sourceBase = sources.get(source)?.baseUrl;
  const target = resolveReference(
    { reference },
    { urn: new Map(links), ...(sourceBase === undefined ? {} : { sourceBase }) },
  );
  if (target.kind !== 'local') return [reference];
  const { type, id } = target;
  return [reference, `${type}/${id}`, `urn:uuid:${id}`, `${type}/${records.facadeId(source, type, id)}`];
}
