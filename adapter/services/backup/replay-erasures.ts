/** Erases again what was erased after the backup: an older backup must bring nothing of it back. */
import { join } from 'node:path';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import { x25519PublicKey } from '../../../ledger/vault/index.js';
import { Inbox } from '../../inbound/inbox.js';
import { Records } from '../../instance/records.js';
import type { RecordCardData, ResourceState } from '../../instance/records.js';
import { Subjects } from '../../instance/subjects.js';
import type { Subject } from '../../instance/subjects.js';
import { compactAway, prefixRange, probesOf } from '../erasure/compaction.js';
import type { ErasureRow } from '../erasure/evidence.js';
import { openTables } from '../erasure/tables.js';
import { OWN_SOURCE } from '../permitted-records.js';
import type { Since } from './since.js';

export interface ReplayInput {
  readonly store: Store;
  readonly dataDir: string;
  readonly keys: InstanceKeys;
  readonly origin: string;
  readonly since: Since;
  /** Rows that are about to be written: what they say of a resource is newer than the store. */
  readonly pending: readonly StoreWrite[];
  readonly nowMs: () => number;
}

export interface Replayed {
  readonly writes: readonly StoreWrite[];
  readonly records: number;
  /** Of whom nothing was left. */
  readonly patients: number;
  /** Drives the bytes off the disk, once the rows are written. */
  readonly compact: () => Promise<void>;
}

interface Kept {
  readonly handle: string;
  readonly card: RecordCardData;
  readonly resource: string | undefined;
}

/** What stands where the order to erase stood: it is lost, and with it the opening of the entry's commitment. */
const EVIDENCE = JSON.stringify({ ground: 'restored', note: 'erased by an entry newer than the backup' });

export async function replayErasures(input: ReplayInput): Promise<Replayed> {
  const { store, dataDir, keys, origin, since } = input;
  const nothing = { writes: [], records: 0, patients: 0, compact: async () => undefined };
  if (since.erased.size === 0) return nothing;
  const records = new Records(keys, origin);
  // Nothing is made here: subjects are only read.
  const subjects = new Subjects(
    store,
    keys,
    { kid: '', x25519Public: x25519PublicKey(keys.instanceX25519) },
    () => {
      throw new Error('a restore makes no subjects');
    },
  );
  const writes: StoreWrite[] = [];
  const found = { records: 0, patients: 0 };
  const owners = new Set<string>();
  for await (const key of store.keys({ gte: 'vault/', lt: 'vault/~' })) {
    const [, subject = '', handle = ''] = key.split('/');
    if (since.erased.has(handle)) owners.add(subject);
  }
  for (const key of owners) {
    const subject = await subjects.find(key);
    if (subject === undefined) continue;
    const kept: Kept[] = [];
    for await (const { handle, card } of records.cards(store, subject)) {
      const own = card.source === OWN_SOURCE;
      const resource = own ? undefined : records.resourceKey(card.source, card.gate.type, card.gate.id);
      kept.push({ handle, card, resource });
    }
    const gone = kept.filter(({ handle }) => since.erased.has(handle));
    found.records += gone.length;
    writes.push(...eraseVersions(input, records, subject, gone));
    const isWhole = gone.length === kept.length;
    if (isWhole) {
      found.patients += 1;
      writes.push(...(await erasePatient(input, subjects, subject)));
    }
    writes.push(
      ...barResources(input, records, subject, kept),
      ...(await eraseEvents(input, subject, gone, isWhole)),
    );
  }
  writes.push(...barLost(input, records, writes));
  const probes = writes.flatMap(({ key }) => probesOf(store.getSync(key) ?? Buffer.alloc(0)));
  const compact = async (): Promise<void> => {
    await compactAway(store, join(dataDir, 'store'), RANGES, probes);
  };
  return { writes, ...found, compact };
}

const RANGES = ['vault/', 'deletion/', 'resource/', 'inbox/', 'subject/', 'score/', 'invitation/'].map(
  prefixRange,
);

function eraseVersions(
  { store, keys, since }: ReplayInput,
  records: Records,
  subject: Subject,
  gone: readonly Kept[],
): StoreWrite[] {
  const { erasures } = openTables(store, keys.storage);
  return gone.flatMap(({ handle, resource }) => {
    const at = since.erased.get(handle) ?? 0;
    const row: ErasureRow = {
      salt: '',
      evidence: EVIDENCE,
      at,
      ...(resource === undefined ? {} : { resource }),
    };
    const view = { get: (key: string) => store.getSync(key) };
    return [...records.eraseWrites(view, subject.key, handle), erasures.put(`${subject.key}/${handle}`, row)];
  });
}

/** Bars each resource of which no version is left; of the others the state forgets the erased one. */
function barResources(
  input: ReplayInput,
  records: Records,
  subject: Subject,
  kept: readonly Kept[],
): StoreWrite[] {
  const { since } = input;
  const resources = new Set(kept.flatMap(({ resource }) => resource ?? []));
  return [...resources].flatMap((resource) => {
    const versions = kept.filter((one) => one.resource === resource);
    const at = Math.max(...versions.map(({ handle }) => since.erased.get(handle) ?? 0));
    if (versions.every(({ handle }) => since.erased.has(handle)))
      return [records.bar(resource, subject.key, at)];
    const state = stateOf(input, records, resource);
    const isGone = state?.handle !== undefined && since.erased.has(state.handle);
    return state !== undefined && isGone ? [records.withoutCurrent(resource, state, at)] : [];
  });
}

/** Resources whose lost current version was erased, and whose kept ones were not. */
function barLost(input: ReplayInput, records: Records, done: readonly StoreWrite[]): StoreWrite[] {
  const { pending, since } = input;
  const known = new Set(done.map(({ key }) => key));
  return pending.flatMap(({ key }) => {
    if (!key.startsWith('resource/') || known.has(key)) return [];
    const state = stateOf(input, records, key);
    const at = state?.handle === undefined ? undefined : since.erased.get(state.handle);
    return state === undefined || at === undefined ? [] : [records.withoutCurrent(key, state, at)];
  });
}

function stateOf(
  { store, pending }: ReplayInput,
  records: Records,
  resource: string,
): ResourceState | undefined {
  const newer = pending.findLast(({ key }) => key === resource);
  const get = (key: string): Buffer | undefined => (newer?.type === 'put' ? newer.value : store.getSync(key));
  return records.state({ get }, resource);
}

/**
 * The log tells which versions were erased, not whether the patient was: one of whom nothing is left is barred as if.
 * Who is barred in error can be seen in the report; who is let back in error could not be undone.
 */
async function erasePatient(
  { store, keys, since }: ReplayInput,
  subjects: Subjects,
  subject: Subject,
): Promise<StoreWrite[]> {
  const { erased, invitations } = openTables(store, keys.storage);
  const at = Math.max(...since.erased.values());
  const writes: StoreWrite[] = [
    { type: 'del', key: `score/${subject.key}` },
    subjects.eraseWrite(subject),
    erased.put(subject.key, { at, evidence: EVIDENCE }),
  ];
  const releases = `release/${subject.key}/`;
  for (const key of await store.keys({ gte: releases, lt: `${releases}~` }).all())
    writes.push({ type: 'del', key });
  for await (const { name, value } of invitations.all())
    if (value.source === subject.source && value.patient === subject.patientId)
      writes.push(invitations.del(name));
  return writes;
}

/** What lay in the inbox of it when the backup was made. */
async function eraseEvents(
  { store, dataDir, keys, nowMs }: ReplayInput,
  subject: Subject,
  gone: readonly Kept[],
  isWhole: boolean,
): Promise<StoreWrite[]> {
  const inbox = await Inbox.open({
    store,
    keys: keys.storage,
    dataDir,
    diskReserveBytes: 0,
    partitions: 1,
    onDurable: () => undefined,
    nowMs,
  });
  try {
    const view = { get: (key: string) => store.getSync(key) };
    const names = new Set(gone.map(({ card }) => `${card.gate.type}/${card.gate.id}`));
    const writes: StoreWrite[] = [];
    for await (const held of inbox.about(subject.key)) {
      const { key, event } = held;
      const waits = key.includes(`/${subject.key}/`);
      if (event.source !== subject.source && !waits) continue;
      if (names.has(`${event.type}/${event.id}`) || (isWhole && waits))
        writes.push(...inbox.erase(view, held, subject.key));
    }
    return writes;
  } finally {
    await inbox.close();
  }
}
