/** What an erasure will destroy, looked up before anything is written. */
import type { StateView } from '../../../ledger/custody/index.js';
import { tagCount } from '../../../ledger/custody/index.js';
import type { ErasureTarget } from '../../../ledger/custody/index.js';
import type { Store } from '../../../ledger/store.js';
import { AdapterError } from '../../errors.js';
import type { Inbox } from '../../inbound/inbox.js';
import { deletionKey } from '../../instance/records.js';
import type { RecordCardData, Records } from '../../instance/records.js';
import { subjectRowKey } from '../../instance/subjects.js';
import type { Subject } from '../../instance/subjects.js';
import { OWN_SOURCE } from '../permitted-records.js';
import { reEnrolments } from '../wallets/re-enrolment.js';
import { rulesRowKey } from '../access/index.js';
import { prefixRange, rowRange, rowRanges } from './compaction.js';
import type { KeyRange } from './compaction.js';
import type { ErasureScope, VersionName } from './evidence.js';
import type { Named } from './names.js';

/** A kept version that is meant. */
export interface PlannedVersion extends VersionName {
  readonly card: RecordCardData;
}

export interface ErasurePlan {
  readonly scope: ErasureScope;
  readonly subject: Subject;
  /** The patient's tags on the log when this was looked up: another count then means that it must be looked up again. */
  readonly tags: number;
  readonly versions: readonly PlannedVersion[];
  /** For a signed request: the names by which a patient may mean the versions. */
  readonly targets: 'all' | readonly ErasureTarget[];
  /** `Type/id` of the resources, by which events are found. */
  readonly names: ReadonlySet<string>;
}

export interface PlanOptions {
  readonly store: Store;
  readonly records: Records;
  readonly inbox: Inbox;
}

/**
 * Looks up what a name means.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND for a version that is not kept; ADAPTER_CONFLICT for one that cannot be
 * kept out if it is delivered again.
 */
export async function planErasure(
  options: PlanOptions,
  subject: Subject,
  named: Named,
): Promise<ErasurePlan> {
  const { store, records } = options;
  const tags = tagCount({ get: (key) => store.getSync(key) }, subject.key);
  const versions: PlannedVersion[] = [];
  for await (const { handle, card } of records.cards(store, subject)) {
    const isOwn = card.source === OWN_SOURCE;
    const resource = isOwn ? undefined : records.resourceKey(card.source, card.gate.type, card.gate.id);
    const isMeant =
      named.kind === 'patient' ||
      (named.kind === 'record' ? named.resource === resource : named.handle === handle);
    if (isMeant) versions.push({ handle, card, ...(resource === undefined ? {} : { resource }) });
  }
  if (named.kind !== 'patient' && versions.length === 0)
    throw new AdapterError('ADAPTER_NOT_FOUND', 'nothing of this record is kept here');
  const [first] = versions;
  if (named.kind === 'version' && first !== undefined) requireBarred(first);
  const names = versions.map(({ card: { gate } }) => `${gate.type}/${gate.id}`);
  if (named.kind === 'patient') names.push(`Patient/${subject.patientId}`);
  return {
    scope: named.kind,
    subject,
    tags,
    versions,
    targets: named.kind === 'patient' ? 'all' : versions.map((version) => targetOf(records, version)),
    names: new Set(named.kind === 'version' ? [] : names),
  };
}

/** A version that names itself is known again by its mark; one that does not cannot be told from a new one. */
function requireBarred({ card }: PlannedVersion): void {
  if (card.source === OWN_SOURCE || card.versionId !== undefined) return;
  throw new AdapterError(
    'ADAPTER_CONFLICT',
    'the source gives this version no number, so it could not be kept out when it comes again: erase the record by Type/id',
  );
}

function targetOf(records: Records, { handle, card }: PlannedVersion): ErasureTarget {
  const { source, gate } = card;
  const id = source === OWN_SOURCE ? gate.id : records.facadeId(source, gate.type, gate.id);
  return { handle, names: [`${gate.type}/${id}`] };
}

/** Where the rows lie, or have lain, that an erasure destroys. What has left the inbox has left its bytes there. */
export function rangesOf({ scope, subject, versions }: ErasurePlan): KeyRange[] {
  const resources = [...new Set(versions.flatMap(({ resource }) => resource ?? []))];
  const handles = versions.map(({ handle }) => handle);
  const common: KeyRange[] = [
    prefixRange('inbox/'),
    ...rowRanges('resource/', resources),
    ...rowRanges('deletion/', handles.map(deletionKey)),
    rowRange(`score/${subject.key}`),
  ];
  if (scope !== 'patient')
    return [
      ...common,
      ...rowRanges(
        `vault/${subject.key}/`,
        handles.map((one) => `vault/${subject.key}/${one}`),
      ),
    ];
  return [
    ...common,
    prefixRange(`vault/${subject.key}/`),
    prefixRange('invitation/'),
    prefixRange(reEnrolments(subject.key)),
    rowRange(subjectRowKey(subject.key)),
    rowRange(rulesRowKey(subject.key)),
  ];
}

/** Bytes of the rows that are about to go, as they lie. */
export function rowsOf(
  view: Pick<StateView, 'get'>,
  records: Records,
  { scope, subject, versions }: ErasurePlan,
): Buffer[] {
  const keys = versions.flatMap(({ handle, resource }) => [
    records.rowKey(subject.key, handle),
    deletionKey(handle),
    ...(resource === undefined || scope === 'version' ? [] : [resource]),
  ]);
  if (scope === 'patient') keys.push(subjectRowKey(subject.key));
  return [...new Set(keys)].flatMap((key) => view.get(key) ?? []);
}
