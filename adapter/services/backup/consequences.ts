/**
 * What follows for a restored instance from the entries that are newer than its backup. One batch: either all of it is
 * known to the instance, or it stays unsettled.
 */
import {
  consentEpoch,
  consentEpochWrite,
  consentsLostWrite,
  consentStatusWrite,
  consentStanding,
  tagCount,
  tagCountWrite,
} from '../../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { tag } from '../../../ledger/vault/index.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import { readCertificate } from '../../../ledger/participants/index.js';
import { INSTANCE_ROW } from '../../instance/bootstrap.js';
import type { Organisation } from '../../instance/bootstrap.js';
import { certifiedClient } from '../../instance/clients.js';
import type { Client } from '../../instance/clients.js';
import type { ResourceState } from '../../instance/records.js';
import { certifiedSince } from '../ca/index.js';
import { backupPeriods, periodsWrite } from '../backup-periods.js';
import { SealedRows } from '../erasure/sealed-rows.js';
import { LOST_RECORDS } from '../vault-rows.js';
import { BackupError } from './errors.js';
import { replayErasures } from './replay-erasures.js';
import type { Since } from './since.js';

/** Of records whose content the restore could not bring back; they are read again from their sources. */
export const LOST = 'lost/';

/** What a restored instance was told of the time since its backup. */
export interface Consequences {
  /** Record versions of which only the log tells. */
  readonly recordsLost: number;
  /** Resources whose current version is lost, or that were deleted since. */
  readonly resourcesChanged: number;
  readonly consentsWithdrawn: number;
  /** Patients who signed since: what they permitted before is void, and they must sign again. */
  readonly patientsToSignAgain: number;
  readonly recordsErased: number;
  readonly patientsErased: number;
  readonly clientsRevoked: number;
}

export interface ConsequencesInput {
  readonly store: Store;
  readonly dataDir: string;
  readonly keys: InstanceKeys;
  readonly origin: string;
  readonly since: Since;
  /** Entries of the log when it was backed up, and now. */
  readonly from: number;
  readonly to: number;
  readonly nowMs: () => number;
}

/** Rows that are read, and written anew. */
interface Tables {
  readonly subjects: SealedRows<{ readonly tagKey: string }>;
  readonly consents: SealedRows<{ readonly withdrawnMs?: number }>;
  readonly resources: SealedRows<ResourceState>;
  readonly clients: SealedRows<Client>;
}

function tablesOf(store: Store, { storage: { indexKey } }: InstanceKeys): Tables {
  return {
    subjects: new SealedRows(store, indexKey, 'subject/'),
    consents: new SealedRows(store, indexKey, 'consent/'),
    resources: new SealedRows(store, indexKey, 'resource/'),
    clients: new SealedRows(store, indexKey, 'client/'),
  };
}

/** States how far the consequences were drawn, so that it is done once. */
const DRAWN = 'restore-drawn';

/**
 * Draws the consequences, unless they were drawn before.
 *
 * @returns `undefined` when they were.
 */
export async function drawConsequences(input: ConsequencesInput): Promise<Consequences | undefined> {
  const { store, keys, since, from, to } = input;
  const drawn = Buffer.from(`${from}-${to}`, 'latin1');
  if (store.getSync(DRAWN)?.equals(drawn) === true) return undefined;
  const rows = tablesOf(store, keys);
  const writes: StoreWrite[] = [];
  const owners = await countTags(store, rows, since, writes);
  const consents = drawConsents(store, rows, since, owners, writes);
  const resourcesChanged = await drawResources(rows, since, writes);
  const clientsRevoked = await drawParticipants(store, keys, rows, since, writes);
  const erased = await replayErasures({ ...input, pending: writes });
  writes.push(...erased.writes);
  let recordsLost = 0;
  for (const { handle, leaf } of since.stored) {
    if (since.erased.has(handle)) continue;
    recordsLost += 1;
    writes.push({ type: 'put', key: LOST_RECORDS + handle, value: Buffer.from(String(leaf), 'latin1') });
  }
  writes.push(...periodsSince(store, input.nowMs()), { type: 'put', key: DRAWN, value: drawn });
  await store.batch(writes, { sync: true });
  await erased.compact();
  const { records, patients } = erased;
  return {
    recordsLost,
    resourcesChanged,
    ...consents,
    recordsErased: records,
    patientsErased: patients,
    clientsRevoked,
  };
}

/**
 * Refuses to go on where the log says that this instance's keys are not the ones in force.
 *
 * @param known - The log's keys that the backup has, as vkeys.
 * @throws BackupError RESTORE_KEY_ENDED
 */
export function requireKeysInForce(store: Store, since: Since, known: readonly string[]): void {
  const organisation = organisationOf(store);
  if (organisation !== undefined && since.revoked.has(organisation.participant))
    throw new BackupError(
      'RESTORE_KEY_ENDED',
      'the published log revokes this instance: it must not come back',
    );
  const missing = since.logKeys.filter((vkey) => !known.includes(vkey));
  if (missing.length > 0)
    throw new BackupError(
      'RESTORE_KEY_ENDED',
      'the log’s key was replaced after this backup, and the new key is not in it: restore a newer backup',
    );
}

function organisationOf(store: Store): Organisation | undefined {
  const row = store.getSync(INSTANCE_ROW);
  return row === undefined ? undefined : (JSON.parse(row.toString('utf8')) as Organisation);
}

/**
 * Raises each patient's counter behind the tags that were used: used once more, a tag would link two entries, and break
 * the log.
 *
 * @returns Whose each tag is.
 */
async function countTags(
  store: Store,
  rows: Tables,
  { tags }: Since,
  writes: StoreWrite[],
): Promise<Map<string, string>> {
  const owners = new Map<string, string>();
  if (tags.size === 0) return owners;
  const view = { get: (key: string) => store.getSync(key) };
  for await (const { name: subject, value } of rows.subjects.all()) {
    const tagKey = Buffer.from(value.tagKey, 'base64url');
    const before = tagCount(view, subject);
    let count = before;
    for (let next = tag(tagKey, count); tags.has(next); next = tag(tagKey, count)) {
      owners.set(next, subject);
      count += 1;
    }
    if (count > before) writes.push(tagCountWrite(subject, count));
  }
  return owners;
}

/** A withdrawal counts as on the log. A document that was signed since is lost, and whatever it may have ended with it. */
function drawConsents(
  store: Store,
  rows: Tables,
  { signed, withdrawn, ended }: Since,
  owners: ReadonlyMap<string, string>,
  writes: StoreWrite[],
): Pick<Consequences, 'consentsWithdrawn' | 'patientsToSignAgain'> {
  const view = { get: (key: string) => store.getSync(key) };
  const epochs = new Map<string, number>();
  const ownerOf = (tags: readonly string[]): string | undefined =>
    tags.map((one) => owners.get(one)).find((owner) => owner !== undefined);
  const nextEpoch = (subject: string): number => {
    const epoch = (epochs.get(subject) ?? consentEpoch(view, subject)) + 1;
    epochs.set(subject, epoch);
    return epoch;
  };
  const unclear = new Set<string>();
  for (const { tags, replaces } of signed) {
    const subject = ownerOf(tags);
    if (subject === undefined) continue;
    const version = nextEpoch(subject);
    unclear.add(subject);
    if (replaces !== undefined && consentStanding(view, replaces) !== undefined)
      writes.push(consentStatusWrite(replaces, { version, status: 'replaced' }));
  }
  let consentsWithdrawn = 0;
  for (const { handle, tags, at } of withdrawn) {
    const subject = ownerOf(tags);
    const version = subject === undefined ? undefined : nextEpoch(subject);
    const standing = consentStanding(view, handle);
    if (standing === undefined) continue;
    consentsWithdrawn += 1;
    writes.push(
      consentStatusWrite(handle, { version: version ?? standing.version + 1, status: 'withdrawn' }),
    );
    const name = `${subject ?? ''}/${handle}`;
    const row = rows.consents.get(name);
    if (row !== undefined) writes.push(rows.consents.put(name, { ...row, withdrawnMs: at }));
  }
  // What is decided beside consents stands or falls with its status.
  for (const handle of ended) {
    const standing = consentStanding(view, handle);
    if (standing !== undefined) writes.push(consentStatusWrite(handle, { ...standing, status: 'withdrawn' }));
  }
  for (const [subject, epoch] of epochs) {
    writes.push(consentEpochWrite(subject, epoch));
    if (unclear.has(subject)) writes.push(consentsLostWrite(subject, epoch));
  }
  return { consentsWithdrawn, patientsToSignAgain: unclear.size };
}

/** The log knows newer versions than the vault: the next one that comes in must follow those. */
async function drawResources(
  rows: Tables,
  { superseded, deleted }: Since,
  writes: StoreWrite[],
): Promise<number> {
  if (superseded.size === 0 && deleted.size === 0) return 0;
  let changed = 0;
  for await (const { name, value: state } of rows.resources.all()) {
    const next = stateNow(state, superseded, deleted);
    if (next === undefined) continue;
    changed += 1;
    writes.push(rows.resources.put(name, next));
  }
  return changed;
}

function stateNow(
  state: ResourceState,
  superseded: ReadonlyMap<string, string>,
  deleted: ReadonlyMap<string, number>,
): ResourceState | undefined {
  const { handle, subjectKey, count, lastKept = handle } = state;
  if (handle === undefined || state.status === 'erased') return undefined;
  let current = handle;
  let steps = 0;
  for (let by = superseded.get(current); by !== undefined; by = superseded.get(current)) {
    current = by;
    steps += 1;
  }
  const deletedAt = deleted.get(current);
  if (steps === 0 && deletedAt === undefined) return undefined;
  // Nothing is known of a lost version but its handle: what comes next is in doubt, and the source is asked.
  const base: ResourceState =
    steps === 0
      ? state
      : {
          subjectKey,
          handle: current,
          count: count + steps,
          status: 'current',
          ...(lastKept === undefined ? {} : { lastKept }),
        };
  return deletedAt === undefined ? base : { ...base, status: 'deleted', deletedAt };
}

/** Clients that the log revokes are off; the instance's own certificate is the one on the log. */
async function drawParticipants(
  store: Store,
  keys: InstanceKeys,
  rows: Tables,
  since: Since,
  writes: StoreWrite[],
): Promise<number> {
  const { revoked, renewed, certified } = since;
  let count = 0;
  if (revoked.size > 0 || certified.size > 0)
    for await (const { name, value: client } of rows.clients.all()) {
      const at = client.revokedAt === undefined ? revoked.get(client.participant) : undefined;
      const more = certified.get(client.participant) ?? [];
      if (at === undefined && more.length === 0) continue;
      let now = client;
      for (const { by, certificate } of more)
        now = certifiedClient(now, readCertificate(Buffer.from(certificate, 'base64')), by === 'key.rotated');
      if (at !== undefined) count += 1;
      writes.push(rows.clients.put(name, at === undefined ? now : { ...now, revokedAt: at }));
    }
  writes.push(...certifiedSince(store, keys, since));
  const organisation = organisationOf(store);
  const certificate = organisation === undefined ? undefined : renewed.get(organisation.participant);
  if (organisation !== undefined && certificate !== undefined) {
    const { fingerprint } = readCertificate(Buffer.from(certificate, 'base64'));
    const now: Organisation = { ...organisation, certificate, fingerprint };
    writes.push({ type: 'put', key: INSTANCE_ROW, value: Buffer.from(JSON.stringify(now), 'utf8') });
  }
  return count;
}

/** Backups may have been made until the restore, and nobody here knows of them: each period counts as used to its end. */
function periodsSince(store: Store, nowMs: number): StoreWrite[] {
  const periods = backupPeriods(store);
  if (periods.length === 0) return [];
  return [
    periodsWrite(
      periods.map((one) =>
        one.destroyedAt === undefined
          ? { ...one, lastBackupAt: Math.max(one.lastBackupAt ?? 0, Math.min(one.until, nowMs)) }
          : one,
      ),
    ),
  ];
}
